//! Tokens between runs: a file for each right, which its owner alone can read, replaced whole and synced.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clock::Stopwatch;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::order::Got;
use crate::files;
use rules::domain::Digest;
use rules::oauth::OAuth;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// How often a turn is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
pub struct Kept {
    /// The newest token.
    #[serde(flatten)]
    pub got: Option<Got>,
    /// What the next one is got with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Whether that was sent, and nothing is known of an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
}

/// The file of a right, below a directory. Other parts are another right, and so is somebody else's consent.
pub fn place(directory: &Path, oauth: &OAuth, parts: &BTreeMap<String, String>, whose: &str) -> PathBuf {
    let told = serde_json::json!([oauth, parts, whose]).to_string();
    let digest = Digest::of([told.as_bytes()]).to_string();
    let host = url::Url::parse(&oauth.token_url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    let host: String =
        host.unwrap_or_default().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.' || *c == '-').collect();
    directory.join(format!("{host}-{}.json", &digest[..16]))
}

/// What is kept there; nothing where nothing is.
#[expect(clippy::disallowed_methods, reason = "tokens are the operator's, and in no landing zone")]
pub fn read(path: &Path) -> io::Result<Option<Kept>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map(Some).map_err(|_| io::Error::other("it is damaged"))
}

/// Keep that there, durably.
pub fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    files::replace_privately(path, &serde_json::to_vec(kept)?)
}

/// Wait for the turn at a place, which lasts until what is returned is dropped.
#[expect(clippy::disallowed_methods, reason = "tokens are the operator's, and in no landing zone")]
pub fn turn(path: &Path, patience: Duration) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let waited = Stopwatch::start();
    let lock = path.with_extension("lock");
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(lock)?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if waited.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(io::Error::other("another process has been at it for too long")),
            // Where a file system has no locks, there is nothing to wait for.
            _ => return Ok(file),
        }
    }
}
