//! Tokens on this machine: a file for each right, which its owner alone can read, replaced whole and synced.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use clock::Stopwatch;
use rustix::fs::OFlags;

use super::exchange::PATIENCE;
use super::kept::{Held, KeepError, Keeper, Kept, Turn};
use super::order::Got;
use crate::files;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// Bytes of room: more than two tokens of the greatest length take.
const ROOM: usize = 32 * 1024;
/// For how long an answer that was got is tried to be kept. Nobody else has it.
const KEEPING: Duration = Duration::from_secs(20);
/// How often that is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A file for the tokens of one right. A lock on another file beside it says whose turn it is, since it is replaced itself.
pub(super) struct TokenFile(pub(super) PathBuf);

impl TokenFile {
    fn at(&self, error: io::Error) -> KeepError {
        KeepError::Io { place: self.0.display().to_string(), error }
    }

    /// A file that keeps room on the disk.
    fn room(&self) -> PathBuf {
        self.0.with_extension("room")
    }

    #[expect(clippy::disallowed_methods, reason = "tokens are the operator's, and in no landing zone")]
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut text)?;
        Ok(Some(text))
    }

    /// The lock, once nobody else has it; `None` where that takes too long.
    #[expect(clippy::disallowed_methods, reason = "tokens are the operator's, and in no landing zone")]
    fn lock(&self) -> io::Result<Option<File>> {
        if let Some(directory) = self.0.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let lock = self.0.with_extension("lock");
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(lock)?;
        Ok(files::locked(&file, PATIENCE).then_some(file))
    }
}

impl Keeper for TokenFile {
    fn look(&self) -> Result<Option<Kept>, KeepError> {
        let Some(text) = self.read().map_err(|error| self.at(error))? else { return Ok(None) };
        let damaged = |_| KeepError::Damaged(self.0.display().to_string());
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    fn turn(&self, enough: &dyn Fn(&Kept) -> Option<Got>) -> Result<Turn<'_>, KeepError> {
        let busy = || KeepError::Busy(self.0.display().to_string());
        let lock = self.lock().map_err(|error| self.at(error))?.ok_or_else(busy)?;
        let kept = self.look()?.unwrap_or_default();
        Ok(match enough(&kept) {
            Some(got) => Turn::Enough(got),
            None => Turn::Ours(Box::new(Locked { file: self, kept, _lock: lock })),
        })
    }
}

/// A turn, which the system ends with the process.
struct Locked<'a> {
    file: &'a TokenFile,
    kept: Kept,
    _lock: File,
}

impl Held for Locked<'_> {
    fn kept(&self) -> &Kept {
        &self.kept
    }

    fn note(&mut self, kept: Kept) -> Result<(), KeepError> {
        let write = || {
            files::replace_privately(&self.file.0, &serde_json::to_vec(&kept)?)?;
            // Room for what comes next, which nobody can get a second time: others may fill the disk meanwhile.
            files::replace_privately(&self.file.room(), &[b' '; ROOM])
        };
        write().map_err(|error| self.file.at(error))?;
        self.kept = kept;
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "tokens are the operator's, and in no landing zone")]
    fn end(self: Box<Self>, kept: Option<Kept>) -> Result<(), KeepError> {
        // Where there is none, nothing was noted.
        let _ = std::fs::remove_file(self.file.room());
        let Some(kept) = kept else { return Ok(()) };
        let waited = Stopwatch::start();
        loop {
            let written = serde_json::to_vec(&kept).map_err(io::Error::from);
            match written.and_then(|text| files::replace_privately(&self.file.0, &text)) {
                Err(_) if waited.elapsed() < KEEPING => std::thread::sleep(PAUSE),
                ended => return ended.map_err(|error| self.file.at(error)),
            }
        }
    }
}
