//! The machine's own scheduler: what systemd or cron is told about the extractors of a configuration.
//!
//! `systemd` and `cron` write texts and touch nothing; `places` finds out what they speak of; `files` and `managers`
//! change the machine. The host itself waits for no time of day.

pub(crate) mod cron;
pub(crate) mod files;
pub(crate) mod managers;
pub(crate) mod places;
pub(crate) mod systemd;

use std::borrow::Cow;
use std::time::Duration;

use crate::config::Scheduled;
use crate::program;

/// How a line begins that says which configuration a file was written for. It is the first one of the file.
const MARK: &str = "# host install: ";
/// The part of the time between two runs that they are spread over, and the longest such time.
const SPREAD: u32 = 10;
const MAX_SPREAD: Duration = Duration::from_secs(300);
/// What looks after the extractors: the host's command, and when it is due.
pub(crate) const WATCH: &str = "watch";
const WATCH_SCHEDULE: &str = "*/15 * * * *";

/// As whom extractors run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// As whoever installs, by the user's own scheduler.
    Own,
    /// As this user.
    User(String),
    /// As a user that systemd makes, with this landing directory, as it is called below `/var/lib`.
    Made(String),
}

/// What is to be installed. All paths are absolute, and texts without control characters.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The program.
    pub(crate) program: String,
    /// The configuration, and its folder.
    pub(crate) config: String,
    pub(crate) folder: String,
    /// The landing zone, and whether a run has to be told.
    pub(crate) landing: String,
    pub(crate) tell_landing: bool,
    /// The landing directory, where it is one.
    pub(crate) directory: Option<String>,
    pub(crate) account: Account,
    /// Whether something of it is in a home.
    pub(crate) in_homes: bool,
    /// Where the files of credentials are.
    pub(crate) credentials: String,
    pub(crate) jobs: Vec<Scheduled>,
    /// The folder of the metrics, where a file is kept for a collector.
    pub(crate) metrics: Option<String>,
    /// The credentials of whoever is told of staleness.
    pub(crate) told_credentials: Vec<String>,
    /// What sets this machine apart from others, so that they do not all ask at once.
    pub(crate) seed: u64,
}

impl Setup {
    /// The words of a command of the host's.
    fn command<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let mut command = vec![self.program.as_str()];
        command.extend(words);
        command.extend(["--config", &self.config]);
        if self.tell_landing {
            command.extend(["--landing", &self.landing]);
        }
        command
    }
}

/// What the second line of a file says.
fn advice() -> Cow<'static, str> {
    program::typed("Written by `host install`, which replaces it, and removed by `host uninstall`.")
}

/// Over how many seconds the runs of machines and extractors are spread that are due at the same time.
fn spread(spacing: Duration) -> u64 {
    (spacing / SPREAD).min(MAX_SPREAD).as_secs()
}

/// The configuration that a text was written for, where the host wrote it.
pub(crate) fn owner(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix(MARK)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn job(name: &str, schedule: &str, zone: Option<&str>) -> Scheduled {
        Scheduled {
            name: name.into(),
            component: format!("/srv/padel/{name}.wasm").into(),
            schedule: schedule.parse().expect("a schedule"),
            zone: zone.map(Into::into),
            timeout: Duration::from_secs(900),
            credentials: Vec::new(),
            variables: Vec::new(),
        }
    }

    pub(crate) fn setup(jobs: Vec<Scheduled>) -> Setup {
        Setup {
            program: "/usr/local/bin/host".into(),
            config: "/srv/padel/host.toml".into(),
            folder: "/srv/padel".into(),
            landing: "/srv/padel/data".into(),
            directory: Some("/srv/padel/data".into()),
            tell_landing: false,
            account: Account::User("padel".into()),
            in_homes: false,
            credentials: "/etc/credstore".into(),
            jobs,
            metrics: None,
            told_credentials: Vec::new(),
            seed: 7,
        }
    }

    #[test]
    fn runs_are_spread_over_a_tenth_of_the_time_between_them_and_five_minutes_at_most() {
        for (minutes, seconds) in [(1, 6), (15, 90), (60, 300), (24 * 60, 300)] {
            assert_eq!(spread(Duration::from_secs(minutes * 60)), seconds);
        }
    }

    #[test]
    fn what_the_host_wrote_says_for_which_configuration() {
        assert_eq!(owner("# host install: /srv/a b/host.toml\n[Unit]\n"), Some("/srv/a b/host.toml"));
        for foreign in ["", "[Unit]\n# host install: /srv/host.toml\n", "# hosts"] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }
}
