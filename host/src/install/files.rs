//! The files of units and crontabs: what is there, what is to be there, and the change from one to the other.
//!
//! Only what carries the host's mark is changed or removed, and only where it names the same configuration.
#![expect(clippy::disallowed_methods, reason = "these files are the scheduler's, far from any landing zone")]

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::owner;
use crate::error::{Error, Kind};
use crate::{files, program};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// A file and what becomes of it; a side that is `None` is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Change {
    pub(crate) fn is_none(&self) -> bool {
        self.before == self.after
    }

    /// The last part of its path.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Make it.
    pub(crate) fn apply(&self) -> Result<(), Error> {
        let failed = |error: io::Error| {
            let to_do = if self.after.is_some() { "write" } else { "remove" };
            let failed = Error::new(Kind::Failed, format!("cannot {to_do} {}: {error}", self.path.display()));
            match error.kind() {
                ErrorKind::PermissionDenied => {
                    failed.hint("start it as root, or with `--user` for a scheduler of your own")
                }
                _ => failed,
            }
        };
        match &self.after {
            Some(text) => {
                if let Some(directory) = self.path.parent() {
                    fs::create_dir_all(directory).map_err(failed)?;
                }
                files::replace(&self.path, text.as_bytes()).map_err(failed)
            }
            None => fs::remove_file(&self.path).map_err(failed),
        }
    }
}

/// Have files come with the mode that schedulers want, whatever the umask is: cron takes none that a group may write.
pub(crate) fn with_usual_modes() {
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
}

/// The change to a file that is to hold `after`. One that the host did not write for this configuration is an error.
pub(crate) fn change(path: PathBuf, config: &str, after: String) -> Result<Change, Error> {
    let before = read(&path)?;
    match before.as_deref().map(owner) {
        None => {}
        Some(Some(other)) if other == config => {}
        Some(Some(other)) => {
            return Err(Error::usage(format!("{} is installed for {other}, and not for {config}", path.display()))
                .hint("give the extractor another name, or run `host uninstall --config` with the other one"));
        }
        Some(None) => {
            return Err(Error::usage(format!(
                "{} was not written by {}, and stays",
                path.display(),
                program::typed("`host install`")
            ))
            .hint("move it away, or give the extractor another name"));
        }
    }
    Ok(Change { path, before, after: Some(after) })
}

/// The removal of all files of a directory that the host wrote for this configuration, as far as their names are known
/// and not wanted.
pub(crate) fn removals(
    directory: &Path,
    config: &str,
    known: impl Fn(&str) -> bool,
    wanted: &[PathBuf],
) -> Result<Vec<Change>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut changes = Vec::new();
    for entry in entries.take(MAX_ENTRIES) {
        let path = entry.map_err(|error| unreadable(directory, &error))?.path();
        let is_known = path.file_name().and_then(|name| name.to_str()).is_some_and(&known);
        // A link, such as one of a unit that is enabled or masked, is not the host's.
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        if !is_known || !is_file || wanted.contains(&path) {
            continue;
        }
        let before = read(&path)?;
        if before.as_deref().and_then(owner) == Some(config) {
            changes.push(Change { path, before, after: None });
        }
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(changes)
}

/// The text of a file; `None` where there is none. What is no text has no mark, and is told as an empty one.
fn read(path: &Path) -> Result<Option<String>, Error> {
    let opened = fs::OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        // A link that leads nowhere is somebody's too.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(fs::symlink_metadata(path).is_ok().then(String::new));
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(Some(String::new()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(Some(String::from_utf8(bytes).unwrap_or_default()))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Failed, format!("cannot read {}: {error}", path.display()))
}
