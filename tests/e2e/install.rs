//! `host install` and `host uninstall`: what they tell systemd and cron, and what they leave alone.

mod crontabs;
mod told;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use harness::{Environment, Ran, guest};

use crate::environment;

/// Two extractors with a schedule, and one without.
fn configuration() -> String {
    format!(
        "[extractor.prices]\ncomponent = {0:?}\nschedule = \"*/15 6-22 * * mon-fri\"\ntime-zone = \"Europe/Berlin\"\n\
         [extractor.rates]\ncomponent = {0:?}\nschedule = \"@daily\"\nbudget = {{ timeout = \"5m\" }}\n\
         [extractor.idle]\ncomponent = {0:?}\n",
        guest("mirror")
    )
}

/// A place with that configuration, and a landing directory.
fn prepared() -> Environment {
    let environment = environment();
    environment.write("host.toml", configuration());
    fs::create_dir(environment.landing()).expect("a directory");
    environment
}

/// Somebody who is not root, and reads this place's configuration: root's is everybody's to rely on.
pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    match String::from_utf8(output.stdout).expect("a name").trim() {
        "root" => "daemon".into(),
        name => name.into(),
    }
}

/// `host install` or `uninstall` below the folder `root`.
fn host(environment: &Environment, command: &str, more: &[&str]) -> Ran {
    let user = user();
    let mut arguments = vec![command, more[0], "--root", "root"];
    if command == "install" {
        arguments.extend(["--run-as", &user]);
    }
    arguments.extend(&more[1..]);
    environment.host(arguments)
}

/// All that is below a folder: what each file holds, and what each link leads to.
fn tree(environment: &Environment, folder: &str) -> BTreeMap<String, String> {
    let found = fs::read_dir(environment.path().join(folder)).into_iter().flatten();
    let text = |path: &std::path::Path| match fs::read_link(path) {
        Ok(target) => format!("-> {}", target.display()),
        Err(_) => fs::read_to_string(path).expect("a file"),
    };
    let entries = found.map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), text(&path))).collect()
}

const UNITS: &str = "root/etc/systemd/system";

#[test]
fn units_are_written_once_and_nobody_is_asked_twice() {
    let environment = prepared();
    let shown = host(&environment, "install", &["systemd", "--dry-run"]).exits(0).stdout;
    assert!(shown.contains("+OnCalendar=Mon..Fri *-*-* 06..22:00/15:00 Europe/Berlin\n"), "{shown}");
    assert!(shown.ends_with("nothing was changed, since this is a dry run\n"), "{shown}");
    host(&environment, "install", &["systemd"])
        .exits(2)
        .says("there is no terminal to ask at, and nothing was changed\nhint: the same with `--yes`");
    assert!(!environment.path().join("root").exists());

    let said = host(&environment, "install", &["systemd", "--yes"]).exits(0).stdout;
    let units = tree(&environment, UNITS);
    let names = ["prices", "rates", "watch"].map(|name| ["service", "timer"].map(|kind| format!("host-{name}.{kind}")));
    let names = names.concat();
    assert_eq!(units.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for name in &names {
        assert!(said.contains(&format!("wrote {UNITS}/{name}\n")), "{said}");
    }
    let place = environment.path().display().to_string();
    let command = format!(" run rates --config {place}/host.toml --landing {place}/landing\n");
    assert!(units["host-rates.service"].contains(&command), "{units:?}");
    assert!(units["host-rates.service"].contains("\nTimeoutStartSec=420\n"), "{units:?}");
    let user = format!("\nUser={}\nReadWritePaths={place}/landing\n", user());
    assert!(units["host-rates.service"].contains(&user), "{units:?}");

    let inode = |name: &String| fs::metadata(environment.path().join(UNITS).join(name)).expect("a file").ino();
    let inodes = || names.iter().map(inode).collect::<Vec<_>>();
    let before = inodes();
    let again = host(&environment, "install", &["systemd", "--yes"]).exits(0).stdout;
    assert_eq!((again.as_str(), inodes()), ("installed already; nothing to change\n", before));
}

#[test]
fn what_changed_is_shown_and_what_is_no_longer_scheduled_goes() {
    let environment = prepared();
    host(&environment, "install", &["systemd", "--yes"]).exits(0);
    let foreign = environment.write(&format!("{UNITS}/host-mine.timer"), "# mine\n");
    let other = environment.write(&format!("{UNITS}/host-other.timer"), "# host install: /srv/other/host.toml\n");
    let changed = configuration().replace("*/15 6-22", "0 6-22").replace("schedule = \"@daily\"\n", "");
    environment.write("host.toml", changed);
    let shown = host(&environment, "install", &["systemd", "--yes"]).exits(0).stdout;
    for line in [
        "-OnCalendar=Mon..Fri *-*-* 06..22:00/15:00 Europe/Berlin\n",
        "+OnCalendar=Mon..Fri *-*-* 06..22:00:00 Europe/Berlin\n",
        "removed root/etc/systemd/system/host-rates.service\n",
        "removed root/etc/systemd/system/host-rates.timer\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    assert!(!shown.contains("host-prices.service"), "{shown}");
    for (kept, text) in [(foreign, "# mine\n"), (other, "# host install: /srv/other/host.toml\n")] {
        assert_eq!(fs::read_to_string(kept).expect("a file"), text);
    }
}

#[test]
fn what_the_host_did_not_write_is_refused_and_kept() {
    for plant in [
        "[Timer]\nOnCalendar=hourly\n",
        "# host install: /srv/other/host.toml\n[Timer]\n",
        // Masked by the operator, and a link that leads nowhere.
        "-> /dev/null",
        "-> /nowhere/at/all",
    ] {
        let environment = prepared();
        let path = environment.path().join(UNITS).join("host-rates.timer");
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        match plant.strip_prefix("-> ") {
            Some(target) => symlink(target, &path).expect("a link"),
            None => fs::write(&path, plant).expect("a file"),
        }
        let ran = host(&environment, "install", &["systemd", "--yes"]).exits(2);
        let says = match plant.starts_with("# host install") {
            true => "is installed for /srv/other/host.toml, and not for ",
            false => "was not written by `host install`, and stays",
        };
        ran.says(says).says("hint: ");
        let kept = BTreeMap::from([("host-rates.timer".to_owned(), plant.to_owned())]);
        assert_eq!(tree(&environment, UNITS), kept, "nothing else is written either");
        host(&environment, "uninstall", &["systemd", "--yes"]).exits(0);
        assert_eq!(tree(&environment, UNITS), kept);
    }
}

#[test]
fn uninstall_takes_away_its_own_and_nothing_else() {
    let environment = prepared();
    host(&environment, "install", &["systemd", "--yes"]).exits(0);
    let mut foreign = BTreeMap::new();
    for (name, text) in [
        ("host-mine.service", "[Service]\nExecStart=/usr/bin/host example.org\n"),
        ("host-other.service", "# host install: /srv/other/host.toml\n"),
        ("mine.service", "# host install: nothing of the host's has this name\n"),
    ] {
        environment.write(&format!("{UNITS}/{name}"), text);
        foreign.insert(name.to_owned(), text.to_owned());
    }
    let before = tree(&environment, UNITS);
    host(&environment, "uninstall", &["systemd", "--dry-run"]).exits(0);
    assert_eq!(tree(&environment, UNITS), before);
    // It takes no configuration to take away what was written for one.
    fs::remove_file(environment.path().join("host.toml")).expect("a file");
    host(&environment, "uninstall", &["systemd", "--yes"]).exits(0);
    assert_eq!(tree(&environment, UNITS), foreign);
    let again = host(&environment, "uninstall", &["systemd", "--yes"]).exits(0).stdout;
    let place = environment.path().display();
    assert_eq!(again, format!("nothing is installed for {place}/host.toml\n"));
}

#[test]
fn a_unit_has_the_credentials_of_all_that_it_reads() {
    let environment = prepared();
    let more = "[notify.us]\non = [\"stale\"]\nwebhook = { credential = \"hook\" }\ntimeout = \"90s\"\n\
                [extractor.rates.secret.token]\nfrom = { credential = \"token\" }\nas = \"bearer\"\n\
                origins = [\"https://a.example\"]\n\
                [store]\ntoken-key = { credential = \"seal\" }\n\
                [extractor.rates.secret.more]\nas = \"bearer\"\norigins = [\"https://a.example\"]\n\
                parts = { client-secret = { credential = \"token\" } }\n\
                oauth = { grant = \"client-credentials\", client-id = \"me\", token-url = \"https://a.example/t\" }\n\
                [extractor.rates.secret.login]\nas = \"pair\"\norigins = [\"https://a.example\"]\n\
                parts = { user = { credential = \"login\" }, password = { credential = \"pass\" } }\n\
                [[extractor.rates.client-certificate]]\norigin = \"https://a.example\"\n\
                chain = { file = \"chain.pem\" }\nkey = { credential = \"key\" }\n";
    environment.write("host.toml", configuration() + more);
    host(&environment, "install", &["systemd", "--yes"]).exits(0);
    let units = tree(&environment, UNITS);
    let loaded = |name: &str| {
        let lines = units[name].lines().filter_map(|line| line.strip_prefix("LoadCredential="));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ["hook", "key", "login", "pass", "seal", "token"].map(|name| format!("{name}:/etc/credstore/{name}"));
    assert_eq!(loaded("host-rates.service"), all);
    assert_eq!((loaded("host-prices.service"), loaded("host-watch.service")), (all[..1].to_vec(), all[..1].to_vec()));
    // The budget, the grace, and the time to tell somebody.
    assert!(units["host-rates.service"].contains("\nTimeoutStartSec=510\n"), "{units:?}");
}

#[test]
fn files_have_the_modes_that_schedulers_want_whatever_the_umask_is() {
    for umask in ["000", "077"] {
        let environment = prepared();
        for scheduler in ["systemd", "cron"] {
            let user = user();
            let arguments = ["install", scheduler, "--root", "root", "--run-as", &user, "--yes"];
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
            let ran = harness::under(shell, &environment.command(arguments)).output().expect("sh");
            Ran::new(ran).exits(0);
        }
        for path in [format!("{UNITS}/host-rates.timer"), "root/etc/cron.d/host".into()] {
            let mode = fs::metadata(environment.path().join(&path)).expect("a file").permissions().mode() & 0o7777;
            assert_eq!(mode, 0o644, "{path}");
        }
    }
}

#[test]
fn what_could_never_run_is_refused_before_anything_is_written() {
    let environment = environment();
    fs::create_dir(environment.landing()).expect("a directory");
    let component = format!("component = {:?}\nschedule = \"@daily\"\n", guest("mirror"));
    let secret = |from: &str| {
        format!("secret.token = {{ from = {{ {from} }}, as = \"bearer\", origins = [\"https://example.org\"] }}\n")
    };
    for (scheduler, text, says) in [
        ("systemd", "[extractor.a]\n".into(), "no extractor in host.toml has a schedule\nhint: `schedule = "),
        (
            "systemd",
            "[extractor.a]\nschedule = \"@daily\"\n".into(),
            "host.toml: the extractor `a` has a schedule and no component\nhint: `component = \"FILE.wasm\"` under [extractor.a]",
        ),
        (
            "systemd",
            format!("[extractor.a]\n{}", component.replace("@daily", "daily")),
            "`daily` is no schedule: write `@daily`",
        ),
        ("systemd", format!("[extractor.watch]\n{component}"), "the extractor `watch` cannot be installed"),
        (
            "cron",
            format!("[extractor.a]\n{component}{}", secret("credential = \"prices-token\"")),
            "cron passes no credentials, and a has a secret in `prices-token`\nhint: `from = { file = \"PATH\" }`",
        ),
    ] {
        environment.write("host.toml", &text);
        host(&environment, "install", &[scheduler, "--yes"]).exits(2).says(says);
        assert!(!environment.path().join("root").exists(), "{text}");
    }
    environment.write("host.toml", format!("[extractor.a]\n{component}{}", secret("env = \"TOKEN\"")));
    host(&environment, "install", &["systemd", "--dry-run"])
        .exits(0)
        .says("warning: a: a secret is in the variable TOKEN, which nobody sets for what is scheduled");
    environment.write("host.toml", format!("[extractor.a]\n{component}[extractor.b]\nschedule = \"@daily\"\n"));
    host(&environment, "install", &["systemd", "--dry-run"])
        .exits(0)
        .says("warning: the extractor `b` has a schedule and no component, and is left out");
    let ran = host(&environment, "install", &["systemd", "--dry-run", "--run-as", "-x y"]);
    assert_eq!(ran.code, Some(2));
    let gone = environment.host(["install", "systemd", "--run-as", &user(), "--landing", "none", "--dry-run"]);
    gone.exits(2).says("there is no landing directory ").says("hint: `install -d -o ");
}
