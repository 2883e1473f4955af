//! Services and timers, as texts.

use super::{Account, MARK, Setup, WATCH, WATCH_SCHEDULE, advice, spread};
use crate::config::Scheduled;

/// How long systemd waits after a run should have ended by its own clock.
const GRACE: u64 = 120;
/// How long looking for staleness may take.
const WATCH_SECONDS: u64 = 600;
/// Whom systemd makes.
const MADE: &str = "host-extractors";

/// What the kernel can be asked to forbid, whoever manages the unit.
const CALLS: &str = "\
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
";

/// What else the system's manager can take away. A user's may not, on most machines.
const MACHINE: &str = "\
CapabilityBoundingSet=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateUsers=yes
PrivateIPC=yes
RemoveIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
";

/// A unit: the name of its file, and what is in it.
pub(crate) type Unit = (String, String);

/// Whether a file of that name may be one of these units.
pub(crate) fn is_unit(name: &str) -> bool {
    name.starts_with("host-") && (name.ends_with(".service") || is_timer(name))
}

/// Whether it is a timer, which is what is started.
pub(crate) fn is_timer(name: &str) -> bool {
    name.ends_with(".timer")
}

/// A service and a timer for each extractor, and for looking after them.
pub(crate) fn units(setup: &Setup) -> Vec<Unit> {
    let mut units = Vec::new();
    for job in &setup.jobs {
        let description = format!("Run the extractor {}", job.name);
        let command = setup.command(&["run", &job.name]);
        let service = service(setup, &description, &command, job.timeout.as_secs() + GRACE, &job.credentials);
        units.push((format!("host-{}.service", job.name), service));
        units.push((format!("host-{}.timer", job.name), timer(setup, job)));
    }
    let description = "Look for stale extractors";
    let service = service(setup, description, &setup.command(&[WATCH]), WATCH_SECONDS, &setup.told_credentials);
    units.push((format!("host-{WATCH}.service"), service));
    units.push((format!("host-{WATCH}.timer"), watch_timer(setup)));
    units
}

fn head(setup: &Setup) -> String {
    format!("{MARK}{}\n# {}\n# `systemctl edit` keeps a change of your own.\n", setup.config, advice())
}

fn service(setup: &Setup, description: &str, command: &[&str], seconds: u64, credentials: &[String]) -> String {
    let system = setup.account != Account::Own;
    let mut text = format!("{}[Unit]\nDescription={description}\n", head(setup));
    if system {
        text += "Wants=network-online.target\nAfter=network-online.target\n";
    }
    let words: Vec<String> = command.iter().map(|word| word_of_a_command(word)).collect();
    text += &format!("\n[Service]\nType=oneshot\nExecStart={}\n", words.join(" "));
    text += &format!("WorkingDirectory={}\n", setup.folder.replace('%', "%%"));
    text += &format!("TimeoutStartSec={seconds}\nSuccessExitStatus=75\n");
    for credential in credentials {
        let path = format!("{credential}:{}/{credential}", setup.credentials);
        text += &format!("LoadCredential={}\n", word(&path));
    }
    text += "\n# As whom it runs, and what it may write: where the data lands, and compiled components.\n";
    text += &account(setup);
    text += "\n# What it may see of the machine and ask of the kernel.\n";
    if system {
        text += &format!("ProtectHome={}\n", if setup.in_homes { "read-only" } else { "yes" });
        text += MACHINE;
    }
    text + CALLS
}

fn account(setup: &Setup) -> String {
    let directory = setup.directory.iter().map(|directory| format!("ReadWritePaths={}\n", word(directory)));
    let directory: String = directory.collect();
    let (account, cache) = match &setup.account {
        Account::Own => (String::new(), "host".to_owned()),
        Account::User(user) => (
            // Where tokens are kept, since nothing of the user's own folder can be written.
            format!("User={user}\n{directory}StateDirectory=host-{user}\nStateDirectoryMode=0700\n"),
            format!("host-{user}"),
        ),
        Account::Made(state) => (
            format!(
                "User={MADE}\nDynamicUser=yes\nStateDirectory={} {MADE}-tokens\nStateDirectoryMode=0750\n",
                word(state)
            ),
            MADE.to_owned(),
        ),
    };
    // A folder that is not there yet keeps no run from starting.
    let metrics = setup.metrics.iter().filter(|_| setup.account != Account::Own);
    let metrics: String = metrics.map(|folder| format!("ReadWritePaths={}\n", word(&format!("-{folder}")))).collect();
    format!("{account}{metrics}CacheDirectory={}\nCacheDirectoryMode=0700\nUMask=0027\n", word(&cache))
}

fn timer(setup: &Setup, job: &Scheduled) -> String {
    let calendar = job.schedule.calendar(job.zone.as_deref());
    timer_text(setup, &format!("Run the extractor {}: {}", job.name, job.schedule), &calendar, job.schedule.spacing())
}

fn watch_timer(setup: &Setup) -> String {
    // It is a constant, and a test shows that it is a schedule.
    let Ok(schedule) = WATCH_SCHEDULE.parse::<rules::schedule::Schedule>() else { return String::new() };
    timer_text(setup, "Look for stale extractors", &schedule.calendar(None), schedule.spacing())
}

fn timer_text(setup: &Setup, description: &str, calendar: &[String], spacing: std::time::Duration) -> String {
    let mut text = format!("{}[Unit]\nDescription={description}\n\n[Timer]\n", head(setup));
    calendar.iter().for_each(|calendar| text += &format!("OnCalendar={calendar}\n"));
    text += "# What was missed while the machine was off is made up for.\nPersistent=true\n";
    let spread = spread(spacing);
    text += "# Machines and extractors do not all ask at once, and each keeps to its own moment.\n";
    text += &format!("RandomizedDelaySec={spread}\nFixedRandomDelay=true\nAccuracySec=1\n");
    text + "\n[Install]\nWantedBy=timers.target\n"
}

/// A word, quoted where that is necessary (systemd.syntax(7)).
fn word(text: &str) -> String {
    let text = text.replace('%', "%%");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text,
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// The same in a command, where variables count too (systemd.service(5)).
fn word_of_a_command(text: &str) -> String {
    word(text).replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{job, setup};
    use super::*;

    fn line<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
        text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
    }

    #[test]
    fn a_service_and_a_timer_are_written() {
        let mut prices = job("prices", "*/15 6-22 * * mon-fri", Some("Europe/Berlin"));
        prices.credentials = vec!["prices-token".into()];
        let units = units(&setup(vec![prices]));
        let names: Vec<&str> = units.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host-prices.service", "host-prices.timer", "host-watch.service", "host-watch.timer"]);
        let [(_, service), (_, timer), ..] = &units[..] else { panic!("{units:?}") };
        let (own, hardening) = service.split_once("\n# What it may see").expect("two parts");
        assert_eq!(
            own,
            "# host install: /srv/padel/host.toml\n\
             # Written by `host install`, which replaces it, and removed by `host uninstall`.\n\
             # `systemctl edit` keeps a change of your own.\n\
             [Unit]\n\
             Description=Run the extractor prices\n\
             Wants=network-online.target\n\
             After=network-online.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart=/usr/local/bin/host run prices --config /srv/padel/host.toml\n\
             WorkingDirectory=/srv/padel\n\
             TimeoutStartSec=1020\n\
             SuccessExitStatus=75\n\
             LoadCredential=prices-token:/etc/credstore/prices-token\n\
             \n\
             # As whom it runs, and what it may write: where the data lands, and compiled components.\n\
             User=padel\n\
             ReadWritePaths=/srv/padel/data\nStateDirectory=host-padel\nStateDirectoryMode=0700\n\
             CacheDirectory=host-padel\n\
             CacheDirectoryMode=0700\n\
             UMask=0027\n"
        );
        for setting in ["ProtectHome=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"] {
            assert!(hardening.lines().any(|line| line == setting), "{setting}");
        }
        assert_eq!(
            timer.split_once("[Unit]\n").expect("a head").1,
            "Description=Run the extractor prices: */15 6-22 * * mon-fri\n\
             \n\
             [Timer]\n\
             OnCalendar=Mon..Fri *-*-* 06..22:00/15:00 Europe/Berlin\n\
             # What was missed while the machine was off is made up for.\n\
             Persistent=true\n\
             # Machines and extractors do not all ask at once, and each keeps to its own moment.\n\
             RandomizedDelaySec=90\n\
             FixedRandomDelay=true\n\
             AccuracySec=1\n\
             \n\
             [Install]\n\
             WantedBy=timers.target\n"
        );
    }

    #[test]
    fn an_account_says_what_may_be_written() {
        let of = |account: Account| {
            let setup = Setup { account, in_homes: true, ..setup(vec![job("a", "@daily", None)]) };
            units(&setup).remove(0).1
        };
        let made = of(Account::Made("padel/data".into()));
        assert_eq!(line(&made, "DynamicUser"), ["yes"]);
        assert_eq!(
            (line(&made, "StateDirectory"), line(&made, "ProtectHome")),
            (vec!["padel/data host-extractors-tokens"], vec!["read-only"])
        );
        assert!(line(&made, "ReadWritePaths").is_empty());
        let own = of(Account::Own);
        for key in ["User", "DynamicUser", "Wants", "ReadWritePaths", "CapabilityBoundingSet", "ProtectSystem"] {
            assert!(line(&own, key).is_empty(), "{key}");
        }
        assert_eq!(line(&own, "NoNewPrivileges"), ["yes"]);
    }

    #[test]
    fn no_path_says_anything_to_systemd() {
        let mut setup = setup(vec![job("a", "@daily", None)]);
        setup.config = "/srv/50% off/$HOME/\"x\\y\"/host.toml".into();
        setup.folder = "/srv/50% off".into();
        setup.landing = "/srv/a b".into();
        setup.directory = Some("/srv/a b".into());
        setup.tell_landing = true;
        let service = units(&setup).remove(0).1;
        let quoted = "\"/srv/50%% off/$$HOME/\\\"x\\\\y\\\"/host.toml\"";
        let command = format!("/usr/local/bin/host run a --config {quoted} --landing \"/srv/a b\"");
        assert_eq!(line(&service, "ExecStart"), [command]);
        assert_eq!(line(&service, "WorkingDirectory"), ["/srv/50%% off"]);
        assert_eq!(line(&service, "ReadWritePaths"), ["\"/srv/a b\""]);
    }

    #[test]
    fn staleness_is_looked_for_by_a_timer_of_its_own() {
        let mut setup = setup(vec![job("a", "0 6 13 * fri", None)]);
        setup.told_credentials = vec!["webhook".into()];
        setup.metrics = Some("/var/lib/collector".into());
        let units = units(&setup);
        assert_eq!(line(&units[1].1, "OnCalendar"), ["*-*-13 06:00:00", "Fri *-*-* 06:00:00"]);
        assert_eq!((units[2].0.as_str(), units[3].0.as_str()), ("host-watch.service", "host-watch.timer"));
        assert_eq!(line(&units[2].1, "ExecStart"), ["/usr/local/bin/host watch --config /srv/padel/host.toml"]);
        assert_eq!(line(&units[2].1, "LoadCredential"), ["webhook:/etc/credstore/webhook"]);
        assert_eq!(line(&units[2].1, "ReadWritePaths"), ["/srv/padel/data", "-/var/lib/collector"]);
        assert_eq!(line(&units[3].1, "OnCalendar"), ["*-*-* *:00/15:00"]);
    }
}
