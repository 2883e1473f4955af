//! Taking away a file that landed: only where somebody has it erased, and nothing but a regular file.

use rustix::fs::{AtFlags, FileType, Mode, statat, unlinkat};
use rustix::io::Errno;

use super::{DIRECTORY, DiskError, Root, failed};
use rules::findings::is_listed;
use rules::text;

/// What became of a file that was to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It was not there, and neither is its directory.
    NoDirectory,
    /// It was not there.
    Missing,
    /// It is gone; the file has so many other names, which still hold its bytes.
    File(u64),
}

impl Root {
    /// Remove a file of a source. The caller has recorded that it is to be erased; the path may come out of a database that
    /// anybody wrote.
    pub fn erase(&self, recorded: &str) -> Result<Removed, DiskError> {
        let refused = |reason| DiskError::refused("erase", text::quoted(recorded), reason);
        let Some((above, own)) = recorded.rsplit_once('/').filter(|_| is_listed(recorded)) else {
            return Err(refused("it is no path of a file that landed"));
        };
        let above = match self.beneath(above, DIRECTORY, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(Removed::NoDirectory),
            Err(errno) => return Err(failed("open the directory", above)(errno)),
        };
        let stat = match statat(&above, own, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Removed::Missing),
            Err(errno) => return Err(failed("inspect", recorded)(errno)),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused("it is no regular file"));
        }
        match unlinkat(&above, own, AtFlags::empty()) {
            // Other types of machines have other types here.
            #[allow(clippy::unnecessary_cast, reason = "its type differs between machines")]
            Ok(()) => Ok(Removed::File((stat.st_nlink as u64).saturating_sub(1))),
            Err(Errno::NOENT) => Ok(Removed::Missing),
            Err(errno) => Err(failed("erase", recorded)(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_sources_are_erased() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(guard.path()).expect("a root");
        let write = |path: &str| {
            let path = guard.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, b"a").expect("a file");
        };
        assert_eq!(root.erase("x/2025/a").expect("nothing to do"), Removed::NoDirectory);
        write("x/2025/b");
        assert_eq!(root.erase("x/2025/a").expect("nothing to do"), Removed::Missing);
        std::fs::hard_link(guard.path().join("x/2025/b"), guard.path().join("copy")).expect("a link");
        assert_eq!(root.erase("x/2025/b").expect("no error"), Removed::File(1));
        assert!(!guard.path().join("x/2025/b").exists());
        write("x/2025/a");
        write(".quarantine/x/a");
        write(".state.sqlite");
        std::os::unix::fs::symlink(guard.path().join("x/2025"), guard.path().join("x/link")).expect("a link");
        std::os::unix::fs::symlink(guard.path().join("x/2025/a"), guard.path().join("x/2025/link")).expect("a link");
        for path in [
            "x/2025",
            "x/link",
            "x/link/a",
            "x/2025/link",
            "x/../x/2025/a",
            "x",
            "",
            "/x/2025/a",
            ".quarantine/x/a",
            ".state.sqlite",
            "copy",
        ] {
            assert!(root.erase(path).is_err(), "{path}");
        }
        assert!(guard.path().join("x/2025/a").exists() && guard.path().join("x/2025/link").exists());
    }
}
