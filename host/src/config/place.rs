//! Where the configuration file is, and reading it. The first one that is found counts; none is merged with another.

use std::ffi::OsString;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::error::Error;

/// Its name in the working directory, and where it is made.
pub(super) const DEFAULT: &str = "host.toml";
/// The system's.
const SYSTEM: &str = "/etc/host/host.toml";
/// Largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// The byte order mark, which some editors put before a text.
pub(super) const MARK: char = '\u{feff}';
/// Permission to write, of the group and of everybody.
const GROUP: u32 = 0o020;
const OTHERS: u32 = 0o002;

/// Where a file is looked for that nobody named, in this order.
pub fn candidates(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let user = user.map(|directory| directory.join("host").join(DEFAULT));
    [Some(PathBuf::from(DEFAULT)), user, Some(PathBuf::from(SYSTEM))].into_iter().flatten().collect()
}

/// The file that was named, else the first that is there, else the one that would be made.
pub(super) fn find(named: Option<&Path>) -> PathBuf {
    if let Some(path) = named {
        return path.to_owned();
    }
    let all = candidates(|name| std::env::var_os(name));
    // A link that leads nowhere is there, and so is what may not be looked at: both are told when it is read.
    let there = |path: &PathBuf| !std::fs::symlink_metadata(path).is_err_and(|error| is_missing(&error));
    all.into_iter().find(there).unwrap_or_else(|| PathBuf::from(DEFAULT))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether a path leads to what the operator has the program read as it comes: `/dev/stdin`, or what a shell puts in the
/// place of `<(…)`.
pub(super) fn is_stream(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// The text of a configuration file. A pipe that somebody put in its place is refused: it would be waited for.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    if !is_stream(path) {
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }
    #[expect(clippy::disallowed_methods, reason = "the configuration is the operator's file, not the landing zone's")]
    let file = options.open(path)?;
    if !is_stream(path) {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        check_writers(&found, geteuid().as_raw())?;
    }
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is larger than the limit of {} MiB", MAX_FILE >> 20)));
    }
    String::from_utf8(text).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

/// Refuse a file that others may write: it says what may be reached, and which commands are run.
fn check_writers(found: &Metadata, user: u32) -> io::Result<()> {
    let refused = |reason: String| Err(io::Error::new(ErrorKind::PermissionDenied, reason));
    let (owner, group, mode) = (found.uid(), found.gid(), found.mode() & 0o7777);
    if owner != user && owner != 0 {
        return refused(format!("it belongs to the user {owner}, who is neither root nor the one that runs host"));
    }
    // Many systems give each user a group of the same number, and files that it may write.
    if mode & OTHERS != 0 || (mode & GROUP != 0 && group != owner) {
        return refused(format!("others may write it (its mode is {mode:04o})"));
    }
    Ok(())
}

/// What is wrong with the file at `path`, so that nothing was started.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    let wrong = Error::usage(format!("cannot read the configuration {shown}: {error}"));
    match error.to_string() {
        reason if reason.starts_with("others may write") => wrong.hint(format!("`chmod go-w {shown}` takes that away")),
        reason if reason.starts_with("it belongs to") => {
            wrong.hint("give it to root or to the user that runs host with `chown`")
        }
        _ => wrong.hint("name another with `--config FILE`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_directory_comes_first_then_the_users_folder_then_the_systems() {
        let found = |variables: &[(&str, &str)]| {
            let all = candidates(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
            all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let (own, system) = ("host.toml", "/etc/host/host.toml");
        assert_eq!(found(&[]), [own, system]);
        assert_eq!(found(&[("HOME", "/home/x")]), [own, "/home/x/.config/host/host.toml", system]);
        assert_eq!(found(&[("HOME", "/home/x"), ("XDG_CONFIG_HOME", "/c")]), [own, "/c/host/host.toml", system]);
        assert_eq!(found(&[("XDG_CONFIG_HOME", "relative")]), [own, system]);
    }
}
