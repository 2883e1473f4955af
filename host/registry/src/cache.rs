//! What was pulled, by its digest: manifests, components, signatures, and what is there of a component that is not whole yet.
//!
//! It owns its directory, mode 0700. A component is checked when it is written, and its digest is compared whenever it is
//! read, so that what a disk or somebody else changed is not run. What is here can be had again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::domain::Digest;
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};

use crate::bundle::MAX_BUNDLE;
use crate::error::RegistryError;
use crate::layout::{self, Layer};
use crate::signature::{Attached, MAX_PAYLOAD, MAX_SIGNATURES};

/// How long what is not whole is kept, since it was written last.
const UNFINISHED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// How often a file is opened that somebody else gives another name meanwhile.
const TURNS: usize = 10;

/// A directory of components.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
}

fn failed(action: &'static str, path: &Path, error: impl std::fmt::Display) -> RegistryError {
    RegistryError::Cache { action, path: path.display().to_string(), reason: error.to_string() }
}

impl Cache {
    /// That directory, which need not be there yet.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, digest: Digest, extension: &str) -> PathBuf {
        self.directory.join(format!("sha256-{digest}.{extension}"))
    }

    /// Make the directory where it is missing, and insist that nobody else may write there.
    fn ready(&self) -> Result<(), RegistryError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|error| failed("make", &self.directory, error))?;
        let found = fs::symlink_metadata(&self.directory).map_err(|error| failed("use", &self.directory, error))?;
        match found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0 {
            true => Ok(()),
            false => Err(failed("use", &self.directory, "others may write there, or it is somebody else's")),
        }
    }

    /// A small file; nothing where there is none, or it is too large.
    fn read(&self, path: &Path, most: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(most + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= most).then_some(bytes)
    }

    /// Write a small file, whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        self.ready()?;
        let temporary = self.temporary(path)?;
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        };
        write().map_err(|error| {
            // What could not be written is of no use.
            let _ = fs::remove_file(&temporary);
            failed("write", path, error)
        })
    }

    /// A name that nobody else has.
    fn temporary(&self, path: &Path) -> Result<PathBuf, RegistryError> {
        let mut random = [0; 8];
        clock::randomise(&mut random).map_err(|error| failed("write", path, error))?;
        Ok(path.with_extension(format!("tmp-{:016x}", u64::from_le_bytes(random))))
    }

    /// The manifest of this digest, where it is there and whole.
    pub fn manifest(&self, digest: Digest) -> Option<Vec<u8>> {
        let bytes = self.read(&self.path(digest, "json"), layout::MAX_MANIFEST)?;
        (layout::sha256(&bytes) == digest).then_some(bytes)
    }

    /// Keep a manifest.
    pub fn keep_manifest(&self, digest: Digest, bytes: &[u8]) -> Result<(), RegistryError> {
        self.write(&self.path(digest, "json"), bytes)
    }

    /// The signatures of a manifest, as far as they are there. Whoever reads them checks them.
    pub fn signatures(&self, manifest: Digest) -> Vec<Attached> {
        // JSON takes six bytes for some.
        let most = MAX_SIGNATURES as u64 * 6 * (MAX_PAYLOAD + MAX_BUNDLE);
        let bytes = self.read(&self.path(manifest, "signatures"), most);
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keep the signatures of a manifest.
    pub fn keep_signatures(&self, manifest: Digest, signatures: &[Attached]) -> Result<(), RegistryError> {
        let path = self.path(manifest, "signatures");
        let bytes = serde_json::to_vec(signatures).map_err(|error| failed("write", &path, error))?;
        self.write(&path, &bytes)
    }

    /// The file of a component, where it is there in its whole length. Whoever reads it compares its digest.
    pub fn component(&self, layer: Layer) -> Option<PathBuf> {
        let path = self.path(layer.digest, "wasm");
        fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == layer.size).then_some(path)
    }

    /// Remove a component that is not what it was.
    pub fn forget(&self, layer: Layer) -> Result<(), RegistryError> {
        let path = self.path(layer.digest, "wasm");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Begin to write a component, or go on where somebody stopped.
    pub(crate) fn part(&self, layer: Layer) -> Result<Part, RegistryError> {
        self.ready()?;
        self.sweep();
        let (path, whole) = (self.path(layer.digest, "part"), self.path(layer.digest, "wasm"));
        for _ in 0..TURNS {
            let file = open(&path).map_err(|error| failed("write", &path, error))?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                break;
            }
            // Whoever had the lock may have finished, and what was opened has its last name by now.
            if is_named(&file, &path) {
                return Part::go_on(file, path, whole, layer);
            }
        }
        // Somebody else is at it, and may take long or be stopped: both get it.
        let path = self.temporary(&path)?;
        let file = open(&path).map_err(|error| failed("write", &path, error))?;
        Part::go_on(file, path, whole, layer)
    }

    /// Remove what nobody finished for long. What stays is larger than it need be, and not worse.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let modified = fs::symlink_metadata(&path).and_then(|found| found.modified());
            let old = modified.is_ok_and(|modified| modified < clock::system() - UNFINISHED);
            if old && (extension == "part" || extension.starts_with("tmp-")) {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether a file has this name still.
fn is_named(file: &File, path: &Path) -> bool {
    let same =
        |found: fs::Metadata| file.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()));
    fs::symlink_metadata(path).is_ok_and(same)
}

/// A component that is not whole yet.
pub(crate) struct Part {
    file: File,
    path: PathBuf,
    whole: PathBuf,
    layer: Layer,
    size: u64,
    hasher: Sha256,
    /// Whether some of it was there before.
    pub(crate) resumed: bool,
}

impl Part {
    fn go_on(file: File, path: PathBuf, whole: PathBuf, layer: Layer) -> Result<Self, RegistryError> {
        let mut part = Self { file, path, whole, layer, size: 0, hasher: Sha256::new(), resumed: false };
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = part.file.read(&mut chunk).map_err(|error| failed("read", &part.path, error))?;
            part.hasher.update(&chunk[..read]);
            part.size += read as u64;
            if read == 0 || part.size > layer.size {
                break;
            }
        }
        part.resumed = part.size > 0;
        if part.size > layer.size {
            part.restart()?;
        }
        Ok(part)
    }

    /// How many bytes are there.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Begin anew.
    pub(crate) fn restart(&mut self) -> Result<(), RegistryError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|error| failed("write", &self.path, error))?;
        (self.size, self.hasher, self.resumed) = (0, Sha256::new(), false);
        Ok(())
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.file.write_all(bytes).map_err(|error| failed("write", &self.path, error))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// The digest of what is there.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hasher.clone().finalize().into())
    }

    /// Give it its name, once it is what it should be.
    pub(crate) fn finish(self) -> Result<PathBuf, RegistryError> {
        debug_assert_eq!(self.digest(), self.layer.digest, "only what is right gets its name");
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.whole)).and_then(|()| {
            let directory = self.whole.parent().unwrap_or(Path::new("."));
            File::open(directory)?.sync_all()
        });
        named.map_err(|error| failed("write", &self.whole, error))?;
        Ok(self.whole)
    }

    /// Throw away what is of no use.
    pub(crate) fn discard(self) {
        // It would be found to be wrong again.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(bytes: &[u8]) -> Layer {
        Layer { digest: layout::sha256(bytes), size: bytes.len() as u64 }
    }

    #[test]
    fn what_was_stopped_goes_on_and_two_at_once_do_not_meet() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().join("components"));
        let layer = layer(b"a component");
        let mut first = cache.part(layer).expect("a part");
        first.append(b"a comp").expect("room");
        let mut second = cache.part(layer).expect("another part");
        assert_eq!((second.size(), second.resumed), (0, false));
        second.append(b"a component").expect("room");
        drop(first);
        let mut first = cache.part(layer).expect("the first part again");
        assert_eq!((first.size(), first.resumed), (6, true));
        second.finish().expect("a component");
        first.append(b"onent").expect("room");
        assert_eq!(first.digest(), layer.digest);
        let path = first.finish().expect("the same component");
        assert_eq!(fs::read(path).expect("a file"), b"a component");
        let left: Vec<_> = fs::read_dir(directory.path().join("components")).expect("a directory").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_got_its_last_name_is_not_written_to() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, whole) = (directory.path().join("part"), directory.path().join("whole"));
        let file = open(&path).expect("a file");
        assert!(is_named(&file, &path));
        fs::rename(&path, &whole).expect("another name");
        assert!(!is_named(&file, &path) && is_named(&file, &whole));
        let another = open(&path).expect("a file");
        assert!(!is_named(&file, &path) && is_named(&another, &path));
    }

    #[test]
    fn what_is_longer_than_it_should_be_begins_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().to_owned());
        let layer = layer(b"short");
        let mut part = cache.part(layer).expect("a part");
        part.append(b"much longer than that").expect("room");
        drop(part);
        assert_eq!(cache.part(layer).expect("a part").size(), 0);
    }

    #[test]
    fn a_manifest_that_was_changed_is_not_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().to_owned());
        let digest = layout::sha256(b"{}");
        assert_eq!(cache.manifest(digest), None);
        cache.keep_manifest(digest, b"{}").expect("room");
        assert_eq!(cache.manifest(digest).as_deref(), Some(&b"{}"[..]));
        cache.keep_manifest(digest, b"[]").expect("room");
        assert_eq!(cache.manifest(digest), None);
    }

    #[test]
    fn a_directory_that_others_may_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("modes");
        let cache = Cache::new(directory.path().to_owned());
        let refused = cache.keep_manifest(layout::sha256(b"{}"), b"{}").expect_err("others").to_string();
        assert!(refused.contains("others may write there"), "{refused}");
    }
}
