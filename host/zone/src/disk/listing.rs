//! What is below a source.

use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::{DIRECTORY, DiskError, Entry, Root, failed, spelled};

/// How deep a source's files are at most: source, year, month.
const SOURCE_DEPTH: usize = 3;

/// A file found by listing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Below the root.
    pub path: String,
    /// In bytes.
    pub stored_size: u64,
}

impl Root {
    /// All regular files of a source, in order; none where it does not exist. Hidden ones do not count.
    pub fn list(&self, source: &str) -> Result<Vec<Found>, DiskError> {
        let mut files = Vec::new();
        self.visit(source, SOURCE_DEPTH, &mut |path, entry| {
            let hidden = path.split('/').any(|part| part.starts_with('.'));
            if let Entry::File(stored_size) = entry
                && !hidden
            {
                files.push(Found { path, stored_size });
            }
        })?;
        files.sort_unstable();
        Ok(files)
    }

    fn visit(&self, directory: &str, depth: usize, see: &mut impl FnMut(String, Entry)) -> Result<(), DiskError> {
        let listing = || failed("list the directory", spelled(directory));
        let handle = match self.beneath(spelled(directory), DIRECTORY, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(errno) => return Err(listing()(errno)),
        };
        for entry in fs::Dir::read_from(&handle).map_err(listing())? {
            let entry = entry.map_err(listing())?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            // What is gone by now was somebody's temporary file.
            let Ok(stat) = fs::statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let text = name.to_string_lossy();
            let path = if directory.is_empty() { text.into_owned() } else { format!("{directory}/{text}") };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if depth > 1 => self.visit(&path, depth - 1, see)?,
                FileType::Directory => {}
                FileType::RegularFile => see(path, Entry::File(stat.st_size.unsigned_abs())),
                _ => see(path, Entry::Other),
            }
        }
        Ok(())
    }
}
