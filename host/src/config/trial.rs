//! Runs for tests: what they change, and what they need for that. Only flags make one, never a manifest or a file.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clock::{Clock, Moment};
use rustix::fs::OFlags;

use super::Flags;
use crate::error::Error;
use fetch::{HarError, MAX_HAR, Replay};

/// What sets a run for tests apart from ordinary ones; empty where it is an ordinary one.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// What is to be said of it, one sentence each.
    pub notes: Vec<String>,
    /// What answers in the place of the network.
    pub replay: Option<Arc<Replay>>,
    /// Where the exchanges are kept.
    pub record: Option<PathBuf>,
    /// The cursor that an earlier run is taken to have left.
    pub cursor: Option<String>,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// The run's clock.
    pub clock: Clock,
}

impl Trial {
    /// What the flags say.
    pub(super) fn resolve(flags: &Flags) -> Result<Self, Error> {
        let mut notes: Vec<String> = flags.mapped.iter().map(|mapping| format!("for this run, {mapping}")).collect();
        let mut origins: Vec<_> = flags.mapped.iter().map(|mapping| mapping.from().to_string()).collect();
        origins.sort_unstable();
        if let Some(twice) = origins.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(
                Error::usage(format!("`--map` leads {} to two origins", twice[0])).hint("leave one of them out")
            );
        }
        if let Some(path) = &flags.replay {
            notes.push(format!("for this run, all answers come from {}", path.display()));
        }
        let own_landing = flags.landing.is_some() && !flags.landing_from_environment;
        if !notes.is_empty() && !own_landing && !flags.dry_run {
            let flag = if flags.replay.is_some() { "--replay" } else { "--map" };
            let message = format!("a run with `{flag}` needs a landing directory of its own");
            return Err(Error::usage(message).hint("name one that is empty or for tests with `--landing DIR`"));
        }
        if let Some(path) = &flags.record {
            check_place(path)?;
        }
        let replay = flags.replay.as_deref().map(read).transpose()?;
        let clock = match &replay {
            // A file without any moment in it is still the same each time.
            Some(replay) => {
                let started = flags.started_at.or(replay.started());
                Clock::starting_at(started.unwrap_or(Moment::EPOCH).to_the_millisecond())
            }
            None => Clock::Machine,
        };
        let cursor = flags.cursor.clone();
        let (replay, record) = (replay.map(Arc::new), flags.record.clone());
        Ok(Self { notes, replay, record, cursor, dry_run: flags.dry_run, clock })
    }

    /// Whether it is a run for tests.
    pub fn is_one(&self) -> bool {
        !self.notes.is_empty()
    }
}

/// Refuse a place for a recording before anything runs.
fn check_place(path: &Path) -> Result<(), Error> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reason = match () {
        () if path.is_dir() => "it is a directory",
        () if path.exists() && !path.is_file() => "it is no regular file",
        () if !directory.is_dir() => "there is no such directory",
        () => return Ok(()),
    };
    Err(Error::usage(format!("cannot record into {}: {reason}", path.display()))
        .hint("name a file with `--record FILE`"))
}

/// Read a recording.
fn read(path: &Path) -> Result<Replay, Error> {
    let unusable = |reason: &dyn std::fmt::Display, hint: &str| {
        Err(Error::usage(format!("cannot replay {}: {reason}", path.display())).hint(hint))
    };
    let bytes = match bytes(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return unusable(&HarError::TooLarge, "record less of the source at once"),
        Err(error) => return unusable(&error, "`--record FILE` makes one of a live run"),
    };
    Replay::parse(&bytes).or_else(|error| {
        let hint = match error {
            HarError::TooLarge => "record less of the source at once",
            _ => "record it again with `--record FILE`, or save it again from the browser as \"HAR with content\"",
        };
        unusable(&error, hint)
    })
}

/// The bytes of a file; `None` where it is too large, which is known before it is read.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    // A pipe would be waited for.
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    #[expect(clippy::disallowed_methods, reason = "the recording is the operator's file, not the landing zone's")]
    let file = options.open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.len() > MAX_HAR {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MAX_HAR + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_HAR).then_some(bytes))
}
