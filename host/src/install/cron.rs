//! Lines of a crontab, as texts.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Account, MARK, Setup, WATCH, WATCH_SCHEDULE, advice, spread};
use crate::config::Scheduled;
use rules::text;

/// How the last line of a block begins in a user's crontab, which others write too.
const END: &str = "# host install ends: ";

/// The file of a system's cron.
pub(crate) fn file(setup: &Setup) -> String {
    format!("{MARK}{}\n# {}\n{}", setup.config, advice(), lines(setup))
}

/// A user's crontab with the lines of this configuration in the place of those that it had, or at its end. All else stays
/// byte for byte.
pub(crate) fn merged(crontab: &str, setup: &Setup) -> Result<String, String> {
    let block = format!("{}{END}{}\n", file(setup), setup.config);
    Ok(match find(crontab, &setup.config)? {
        Some(found) => format!("{}{block}{}", &crontab[..found.start], &crontab[found.end..]),
        None if crontab.is_empty() || crontab.ends_with('\n') => format!("{crontab}{block}"),
        None => format!("{crontab}\n{block}"),
    })
}

/// A user's crontab without the lines of a configuration.
pub(crate) fn without(crontab: &str, config: &str) -> Result<String, String> {
    Ok(match find(crontab, config)? {
        Some(found) => format!("{}{}", &crontab[..found.start], &crontab[found.end..]),
        None => crontab.to_owned(),
    })
}

/// Where the lines of a configuration are.
fn find(crontab: &str, config: &str) -> Result<Option<std::ops::Range<usize>>, String> {
    let (mut at, mut start) = (0, None);
    for line in crontab.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if start.is_none() && bare.strip_prefix(MARK) == Some(config) {
            start = Some(at);
        }
        at += line.len();
        if let Some(start) = start
            && bare.strip_prefix(END) == Some(config)
        {
            return Ok(Some(start..at));
        }
    }
    match start {
        None => Ok(None),
        Some(_) => Err(format!("`{MARK}{config}` begins lines of the host's, and no `{END}{config}` ends them")),
    }
}

/// Those by the machine's clock come first: a `CRON_TZ` counts for all lines behind it.
fn lines(setup: &Setup) -> String {
    let mut jobs: Vec<&Scheduled> = setup.jobs.iter().collect();
    jobs.sort_by_key(|job| &job.zone);
    let (mut lines, mut zone) = (line(setup, WATCH_SCHEDULE, 0, &setup.command(&[WATCH])), None);
    for job in jobs {
        if zone != job.zone.as_deref() {
            zone = job.zone.as_deref();
            lines += &format!("CRON_TZ={}\n", zone.unwrap_or_default());
        }
        let delay = delay(setup, job);
        let mut command = setup.command(&["run", &job.name]);
        command.push("--quiet");
        lines += &line(setup, &job.schedule.cron(), delay, &command);
    }
    lines
}

fn line(setup: &Setup, schedule: &str, delay: u64, command: &[&str]) -> String {
    let user = match &setup.account {
        Account::User(user) => format!(" {user}"),
        Account::Own | Account::Made(_) => String::new(),
    };
    let words: Vec<String> = command.iter().map(|word| text::shell(word)).collect();
    let delay = if delay == 0 { String::new() } else { format!("sleep {delay} && ") };
    let command = format!("cd {} && {delay}exec {}", text::shell(&setup.folder), words.join(" "));
    // Cron takes what is behind a `%` for the command's input.
    format!("{schedule}{user} {}\n", command.replace('%', "\\%"))
}

/// Cron itself has no spread: each extractor of each machine has a delay of its own, always the same.
fn delay(setup: &Setup, job: &Scheduled) -> u64 {
    let mut hasher = DefaultHasher::new();
    (setup.seed, &job.name).hash(&mut hasher);
    hasher.finish() % (spread(job.schedule.spacing()) + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{job, setup};
    use super::*;

    fn three() -> Setup {
        setup(vec![
            job("a", "0 6 * * *", Some("Europe/Berlin")),
            job("b", "@hourly", None),
            job("c", "0 6 13 * fri", Some("Europe/Berlin")),
        ])
    }

    fn without_delays(text: &str) -> String {
        let regex = regex::Regex::new("sleep [0-9]+ && ").expect("an expression");
        regex.replace_all(text, "").into_owned()
    }

    #[test]
    fn a_file_has_a_line_for_each() {
        let text = file(&three());
        assert_eq!(
            without_delays(&text),
            "# host install: /srv/padel/host.toml\n\
             # Written by `host install`, which replaces it, and removed by `host uninstall`.\n\
             */15 * * * * padel cd /srv/padel && exec /usr/local/bin/host watch --config /srv/padel/host.toml\n\
             0 * * * * padel cd /srv/padel && exec /usr/local/bin/host run b --config /srv/padel/host.toml --quiet\n\
             CRON_TZ=Europe/Berlin\n\
             0 6 * * * padel cd /srv/padel && exec /usr/local/bin/host run a --config /srv/padel/host.toml --quiet\n\
             0 6 13 * fri padel cd /srv/padel && exec /usr/local/bin/host run c --config /srv/padel/host.toml --quiet\n"
        );
        assert_eq!(text, file(&three()), "the delays are always the same");
    }

    #[test]
    fn delays_differ_between_extractors_and_machines_and_are_a_tenth_at_most() {
        let mut setup = three();
        let every = job("b", "*/15 * * * *", None);
        let delays: std::collections::BTreeSet<u64> = (0..200)
            .map(|seed| {
                setup.seed = seed;
                delay(&setup, &every)
            })
            .collect();
        assert!(delays.len() > 50 && delays.last() <= Some(&90), "{delays:?}");
        assert_ne!(delay(&setup, &every), delay(&setup, &job("other", "*/15 * * * *", None)));
    }

    #[test]
    fn what_others_wrote_stays_byte_for_byte() {
        let mut setup = three();
        setup.account = Account::Own;
        for others in ["", "MAILTO=me\n# a comment\n\t5 4 * * *  backup\n", "5 4 * * * backup 100\\%", "\r\n\n"] {
            let installed = merged(others, &setup).expect("a crontab");
            assert!(installed.starts_with(others), "{installed}");
            assert_eq!(merged(&installed, &setup).as_ref(), Ok(&installed), "a second time changes nothing");
            let behind = format!("{installed}1 2 * * * later\n");
            setup.jobs.truncate(1);
            let changed = merged(&behind, &setup).expect("a crontab");
            assert!(changed.starts_with(others) && changed.ends_with("\n1 2 * * * later\n"), "{changed}");
            assert_eq!(changed.matches("host run").count(), 1);
            let left = without(&changed, &setup.config).expect("a crontab");
            let end = if others.is_empty() || others.ends_with('\n') { "" } else { "\n" };
            assert_eq!(left, format!("{others}{end}1 2 * * * later\n"));
            setup = Setup { account: Account::Own, ..three() };
        }
    }

    #[test]
    fn lines_of_another_configuration_and_lines_without_an_end_are_left_alone() {
        let mut other = three();
        other.config = "/srv/other/host.toml".into();
        let crontab = merged("", &other).expect("a crontab");
        let both = merged(&crontab, &three()).expect("a crontab");
        assert!(both.starts_with(&crontab));
        assert_eq!(without(&both, "/srv/padel/host.toml").as_ref(), Ok(&crontab));
        let cut = "# host install: /srv/padel/host.toml\n5 4 * * * mine\n";
        assert!(merged(cut, &three()).is_err() && without(cut, "/srv/padel/host.toml").is_err());
    }

    #[test]
    fn no_path_says_anything_to_cron_or_the_shell() {
        let mut setup = three();
        setup.jobs.truncate(1);
        setup.folder = "/srv/50% $(off)".into();
        let text = file(&setup);
        assert!(text.contains(" cd '/srv/50\\% $(off)' && "), "{text}");
    }
}
