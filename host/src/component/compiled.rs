//! The store of compiled components, so that a component is compiled once and mapped ever after.
//!
//! It owns its directory: mode 0700, files written whole, synced and renamed, and nothing loaded that another user
//! could have written. Loading what is not exactly what the engine made would run arbitrary code.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::domain::Digest;

/// Most files that are kept; the oldest go first.
const MAX_FILES: usize = 64;

/// A directory of compiled components.
pub(super) struct Compiled<'a> {
    directory: &'a Path,
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

impl<'a> Compiled<'a> {
    pub(super) fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    /// The key says everything that the machine code depends on: the component and the engine's settings and version.
    fn path(&self, engine: &Engine, component: &Digest) -> PathBuf {
        let mut key = Sha(Sha256::new_with_prefix(component.0));
        engine.precompile_compatibility_hash().hash(&mut key);
        self.directory.join(format!("{}.cwasm", Digest(key.0.finalize().into())))
    }

    /// The component compiled earlier, if there is one.
    #[expect(unsafe_code, reason = "mapping machine code is what this store is for")]
    pub(super) fn load(&self, engine: &Engine, component: &Digest) -> Option<Component> {
        let path = self.path(engine, component);
        if !is_ours(self.directory) || !is_ours(&path) {
            return None;
        }
        // SAFETY: the file and its directory belong to this user and nobody else can write them; files get there only
        // by `store`, whole and synced, and are replaced by renaming, never changed in place.
        unsafe { Component::deserialize_file(engine, &path) }.ok()
    }

    /// Keep a component for the next run.
    pub(super) fn store(&self, engine: &Engine, digest: &Digest, component: &Component) -> anyhow::Result<()> {
        let code = component.serialize()?;
        DirBuilder::new().recursive(true).mode(0o700).create(self.directory)?;
        anyhow::ensure!(is_ours(self.directory), "{} can be written by others", self.directory.display());
        let path = self.path(engine, digest);
        // Not the process id, which repeats: what a killed process left must not be in the way for ever.
        let temporary = path.with_extension(format!("tmp-{:016x}", RandomState::new().build_hasher().finish()));
        let written = write_whole(&temporary, &code).and_then(|()| fs::rename(&temporary, &path));
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
        let age = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.mtime(), entry.path()))
        };
        let mut files: Vec<_> = entries.filter_map(age).collect();
        files.sort_unstable();
        for (_, path) in files.iter().rev().skip(MAX_FILES) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether nobody but this user, or root, can have written something.
fn is_ours(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        !metadata.file_type().is_symlink() && metadata.uid() == user && metadata.mode() & 0o022 == 0
    })
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    // A file torn by a power cut would be loaded as machine code.
    file.sync_all()
}
