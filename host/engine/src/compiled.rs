//! The store of compiled components, so that a component is compiled once and mapped ever after.
//!
//! It owns its directory: mode 0700, files written whole, synced and renamed, bounded in number and bytes. Loading what
//! is not exactly what the engine made would run arbitrary code, so nothing is loaded that another user could have
//! written or that a disk has changed.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Crc;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::fit::CONTRACT;
use super::processes::path_of;
use rules::domain::Digest;

/// Most files that are kept; those that were not used for longest go first.
const MAX_FILES: usize = 64;
/// Most bytes that are kept.
const MAX_BYTES: u64 = 1 << 30;
/// How exact the time of the last use is. A write for each use would wake disks for nothing.
const USED: Duration = Duration::from_secs(60 * 60);
/// Nobody writes a file for longer than this, so that an older temporary one is a dead process's.
const WRITING: Duration = Duration::from_secs(60 * 60);
/// How the name of a compiled component ends.
const EXTENSION: &str = "cwasm";
/// How the extension of a file begins that is not whole yet.
const TEMPORARY: &str = "tmp-";
/// Bytes that are read at once to check a file.
const CHUNK: usize = 64 * 1024;

/// A directory of compiled components.
pub(super) struct Compiled<'a> {
    directory: &'a Path,
}

/// A component that was just compiled.
#[expect(unsafe_code, reason = "loading machine code is what this module is for")]
pub(super) fn from_memory(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code came through a pipe from this program itself, and nobody else has seen it.
    unsafe { Component::deserialize(engine, code) }
}

struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// It says everything that the machine code depends on: the component and the engine's settings and version; and the
/// contract, since only what fits it is here.
fn key(engine: &Engine, component: &Digest) -> Digest {
    let mut key = Sha(Sha256::new_with_prefix(component.0));
    key.0.update(CONTRACT);
    engine.precompile_compatibility_hash().hash(&mut key);
    Digest(key.0.finalize().into())
}

impl<'a> Compiled<'a> {
    pub(super) fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.directory.join(format!("{key}.{EXTENSION}"))
    }

    fn is_ours(&self) -> bool {
        fs::symlink_metadata(self.directory).is_ok_and(|found| found.is_dir() && is_ours(&found))
    }

    /// The component compiled earlier, if there is one.
    #[expect(unsafe_code, reason = "mapping machine code is what this module is for")]
    pub(super) fn load(&self, engine: &Engine, component: &Digest) -> Option<Component> {
        let key = key(engine, component);
        let path = self.path(&key);
        // Opening a pipe would wait for its other end.
        if !self.is_ours() || !fs::symlink_metadata(&path).ok()?.is_file() {
            return None;
        }
        let file = File::open(&path).ok()?;
        let found = file.metadata().ok()?;
        if !found.is_file() || !is_ours(&found) || !is_whole(&file, found.len(), &key).ok()? {
            return None;
        }
        note_use(&file, &found);
        // The file that was checked, whatever its name is by now.
        let checked = path_of(file.as_raw_fd());
        // SAFETY: the file and its directory belong to this user and nobody else can write them; files get there only
        // by `store`, whole and sealed, and are replaced by renaming, never changed in place.
        unsafe { Component::deserialize_file(engine, checked) }.ok()
    }

    /// Keep a component's machine code for the next run.
    pub(super) fn store(&self, engine: &Engine, component: &Digest, code: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.directory)?;
        if !self.is_ours() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let key = key(engine, component);
        let path = self.path(&key);
        // Not the process id, which repeats: what a killed process left must not be in the way for ever.
        let temporary = path.with_extension(format!("{TEMPORARY}{:016x}", RandomState::new().build_hasher().finish()));
        let written = write_whole(&temporary, code, &key).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        self.evict();
        Ok(())
    }

    /// Keep the store bounded. A failure only means that it stays larger than it need be.
    fn evict(&self) {
        let Ok(entries) = fs::read_dir(self.directory) else { return };
        let dead = clock::system() - WRITING;
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let Ok(found) = entry.metadata() else { continue };
            let Ok(modified) = found.modified() else { continue };
            if extension == EXTENSION {
                kept.push((modified, found.len(), path));
            } else if extension.starts_with(TEMPORARY) && modified < dead {
                let _ = fs::remove_file(path);
            }
        }
        kept.sort_unstable_by(|one, other| other.cmp(one));
        let mut bytes = 0;
        for (count, (_, size, path)) in kept.iter().enumerate() {
            bytes += size;
            if count >= MAX_FILES || bytes > MAX_BYTES {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Whether nobody but this user, or root, can have written something.
fn is_ours(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}

/// A file's last bytes: a CRC of its key and all that comes before. It is against disks that lose or change something,
/// not against this user, who can replace the host itself; SHA-256 would take most of the time of a load.
fn seal(key: &Digest) -> Crc {
    let mut crc = Crc::new();
    crc.update(&key.0);
    crc
}

fn is_whole(mut file: &File, size: u64, key: &Digest) -> io::Result<bool> {
    let mut found = [0; 4];
    let Some(code) = size.checked_sub(found.len() as u64) else { return Ok(false) };
    let (mut crc, mut left, mut buffer) = (seal(key), file.take(code), vec![0; CHUNK]);
    loop {
        match left.read(&mut buffer)? {
            0 => break,
            count => crc.update(&buffer[..count]),
        }
    }
    file.read_exact(&mut found)?;
    Ok(found == crc.sum().to_le_bytes())
}

/// Remember that a file was used, so that it is not among the first to go.
fn note_use(file: &File, found: &Metadata) {
    let now = clock::system();
    if found.modified().is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age > USED)) {
        // It is only a hint to `evict`.
        let _ = file.set_modified(now);
    }
}

fn write_whole(path: &Path, code: &[u8], key: &Digest) -> io::Result<()> {
    let mut crc = seal(key);
    crc.update(code);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(code)?;
    file.write_all(&crc.sum().to_le_bytes())?;
    // The seal would tell a file torn by a power cut, and the next run would compile again.
    file.sync_all()
}
