//! `expected/`: what must come out, as plain files that are read in a diff.
//!
//! `files/` has what lands, uncompressed; `cursor`, `warnings` and `error` are there where there are any.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::TestError;
use rules::gunzip::{Gunzip, Stop};

/// Most bytes of all files of a case.
pub(super) const MAX_TREE: u64 = 64 * 1024 * 1024;

/// Files by their path, with `/` between its parts.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

/// What is expected; nothing where there is no directory yet.
pub(super) fn read(directory: &Path, case: &str) -> Result<Tree, TestError> {
    let mut tree = Tree::new();
    if directory.is_dir() {
        collect(directory, "", &mut |path, file| {
            let mut bytes = Vec::new();
            file.take(MAX_TREE + 1).read_to_end(&mut bytes)?;
            tree.insert(path, bytes);
            Ok(())
        })?;
    }
    within_limit(&tree, case)?;
    Ok(tree)
}

/// What landed below a landing directory, uncompressed.
pub(super) fn landed(directory: &Path, case: &str) -> Result<Tree, TestError> {
    let (mut tree, mut left) = (Tree::new(), MAX_TREE);
    let mut too_large = false;
    collect(directory, "", &mut |path, file| {
        let content = unpacked(file, left)?;
        let Some(content) = content else {
            too_large = true;
            return Ok(());
        };
        left -= content.len() as u64;
        let plain = path.strip_suffix(".gz").unwrap_or(&path);
        tree.insert(format!("files/{plain}"), content);
        Ok(())
    })?;
    if too_large { Err(TestError::TooLarge(case.to_owned())) } else { Ok(tree) }
}

/// Have this be what is expected.
pub(super) fn write(directory: &Path, tree: &Tree) -> Result<(), TestError> {
    if directory.is_dir() {
        fs::remove_dir_all(directory).map_err(|error| TestError::File("replace", directory.to_owned(), error))?;
    }
    for (path, content) in tree {
        let path = directory.join(path);
        let written = fs::create_dir_all(path.parent().unwrap_or(directory)).and_then(|()| fs::write(&path, content));
        written.map_err(|error| TestError::File("write", path.clone(), error))?;
    }
    fs::create_dir_all(directory).map_err(|error| TestError::File("make", directory.to_owned(), error))
}

fn within_limit(tree: &Tree, case: &str) -> Result<(), TestError> {
    let size: u64 = tree.values().map(|content| content.len() as u64).sum();
    if size > MAX_TREE { Err(TestError::TooLarge(case.to_owned())) } else { Ok(()) }
}

/// See every regular file below a directory, but for names that begin with a dot.
fn collect(
    directory: &Path,
    below: &str,
    see: &mut dyn FnMut(String, fs::File) -> std::io::Result<()>,
) -> Result<(), TestError> {
    let failed = |error| TestError::File("read", directory.to_owned(), error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type().map_err(failed)?);
        if name.starts_with('.') {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if kind.is_dir() {
            collect(&entry.path(), &path, see)?;
        } else if kind.is_file() {
            let seen = fs::File::open(entry.path()).and_then(|file| see(path, file));
            seen.map_err(|error| TestError::File("read", entry.path(), error))?;
        }
    }
    Ok(())
}

/// What a gzip file holds; `None` where that is more than `most` bytes.
fn unpacked(mut file: fs::File, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let (mut decoder, mut content, mut buffer) = (Gunzip::default(), Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return decoder.finish().map(|_| Some(content)).map_err(std::io::Error::other);
        }
        let pushed = decoder.push(&buffer[..read], |piece| {
            content.extend_from_slice(piece);
            if content.len() as u64 > most { Err(()) } else { Ok(()) }
        });
        match pushed {
            Ok(()) => {}
            Err(Stop::Sink(())) => return Ok(None),
            Err(Stop::Gzip(error)) => return Err(std::io::Error::other(error)),
        }
    }
}
