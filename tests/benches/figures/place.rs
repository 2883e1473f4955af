//! Where host and peers land what they land, and what is there to be landed.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use harness::Environment;
use harness::reply::{LINE, line};

/// Lines of a small file.
pub(crate) const SMALL: u64 = 20;

/// A place for the host, with nothing in it.
pub(crate) fn environment() -> Environment {
    Environment::new(env!("CARGO_BIN_EXE_host"))
}

/// `host run` of `mirror` for these URLs of one origin.
pub(crate) fn mirror(environment: &Environment, origin: &str, urls: &str) -> Command {
    environment.run_command("mirror", &["--allow-http", origin, "--param", &format!("url={urls}")])
}

/// Have a directory there and empty.
pub(crate) fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    Ok(fs::create_dir_all(directory)?)
}

/// Write lines of CSV into a file, from line `first` on, as of long ago: with the second of `age` as its time.
pub(crate) fn write_lines(path: &Path, first: u64, lines: u64, age: u64) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut file = BufWriter::with_capacity(64 * LINE, File::create(path)?);
    (first..first + lines).try_for_each(|number| file.write_all(&line(number)))?;
    let file = file.into_inner()?;
    Ok(file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + age))?)
}

/// The files that landed below a directory.
pub(crate) fn landed(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(landed(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The one file that landed below a directory.
pub(crate) fn only(directory: &Path) -> Result<PathBuf> {
    let mut files = landed(directory)?;
    anyhow::ensure!(files.len() == 1, "failed: {} files landed instead of one", files.len());
    Ok(files.remove(0))
}
