//! The programs by which schedulers are told: `systemctl` and `crontab`.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Kind};
use rules::text;

/// What is there while systemd manages this machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";
/// Most bytes of what a program says that are told.
const MAX_SAID: usize = 400;

/// Systemd's manager of the system, or of a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Systemctl {
    pub(crate) user: bool,
}

impl Systemctl {
    /// Whether there is one to talk to.
    pub(crate) fn is_there(self) -> bool {
        Path::new(BOOTED).is_dir()
    }

    /// The command, to be shown.
    pub(crate) fn shown(self, words: &[&str]) -> String {
        let user = if self.user { "--user " } else { "" };
        format!("systemctl {user}{}", words.join(" "))
    }

    /// Run it.
    pub(crate) fn run(self, words: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("systemctl");
        command.args(self.user.then_some("--user")).args(words).stdin(Stdio::null());
        let shown = self.shown(words);
        finished(&shown, command.output()).map(drop)
    }
}

/// The user's crontab; nothing where there is none.
pub(crate) fn crontab() -> Result<String, Error> {
    let output = Command::new("crontab").arg("-l").stdin(Stdio::null()).output();
    // A user without a crontab is told as an error, in words.
    if let Ok(output) = &output
        && !output.status.success()
        && String::from_utf8_lossy(&output.stderr).contains("no crontab for")
    {
        return Ok(String::new());
    }
    let output = finished("crontab -l", output)?;
    String::from_utf8(output.stdout)
        .map_err(|_| Error::usage("the crontab is not UTF-8, and stays as it is").hint("`crontab -e` changes it"))
}

/// Give the user another crontab.
pub(crate) fn set_crontab(text: &str) -> Result<(), Error> {
    let mut command = Command::new("crontab");
    let spawned = command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = spawned.and_then(|mut child| {
        if let Some(mut input) = child.stdin.take() {
            // One that reads nothing says why at its end.
            let _ = input.write_all(text.as_bytes());
        }
        child.wait_with_output()
    });
    finished("crontab -", output).map(drop)
}

fn finished(shown: &str, output: std::io::Result<Output>) -> Result<Output, Error> {
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(output),
        Ok(output) => match text::cut(&String::from_utf8_lossy(&output.stderr), MAX_SAID) {
            said if said.is_empty() => output.status.to_string(),
            said => said,
        },
        Err(error) if error.kind() == ErrorKind::NotFound => "there is no such program".into(),
        Err(error) => error.to_string(),
    };
    Err(Error::new(Kind::Failed, format!("`{shown}` failed: {reason}")))
}
