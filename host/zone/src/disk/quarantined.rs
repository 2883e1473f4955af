//! What leaves the quarantine, where somebody decides so.

use rustix::fs::{AtFlags, Mode, unlinkat};
use rustix::io::Errno;

use super::{DIRECTORY, Directory, DiskError, Root, failed, system};
use rules::name::Quarantined;
use rules::text;

impl Root {
    /// Move a file from quarantine to a name that nothing has; `false` where something has it, or the file is gone.
    pub(crate) fn give(&self, quarantined: &str, to: &Directory, name: &str) -> Result<bool, DiskError> {
        let Some((above, own)) = self.above(quarantined)? else { return Ok(false) };
        match system::rename_to_free(&above.handle, own, &to.handle, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed("move out of quarantine", quarantined)(errno)),
        }
    }

    /// Remove a file from quarantine; one that is not there is left so. Whether there is the directory that it was in.
    pub(crate) fn remove(&self, quarantined: &str) -> Result<bool, DiskError> {
        let Some((above, own)) = self.above(quarantined)? else { return Ok(false) };
        match unlinkat(&above.handle, own, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(errno) => Err(failed("remove from quarantine", quarantined)(errno)),
        }
    }

    /// The directory of a file in quarantine, where it is there, and the file's own name. The path may come out of a
    /// database that anybody wrote.
    fn above<'a>(&self, quarantined: &'a str) -> Result<Option<(Directory, &'a str)>, DiskError> {
        let Some((above, own)) = Quarantined::parse(quarantined).and_then(|_| quarantined.rsplit_once('/')) else {
            return Err(DiskError::refused("touch", text::quoted(quarantined), "it is no path in quarantine"));
        };
        match self.beneath(above, DIRECTORY, Mode::empty()) {
            Ok(handle) => Ok(Some((Directory { handle, path: above.to_owned() }, own))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("open the directory", above)(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = ".quarantine/x/0123456789abcdef.csv.gz";

    #[test]
    fn what_is_in_quarantine_is_moved_once_or_removed_and_nothing_else_is() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(guard.path()).expect("a root");
        let write = |path: &str| {
            let path = guard.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, b"a").expect("a file");
        };
        let to = root.directory("x/2025").expect("a directory").0;
        assert!(!root.give(OWN, &to, "a").expect("no error"));
        assert!(!root.remove(OWN).expect("nothing to do"));
        write(OWN);
        write("x/2025/taken");
        assert!(!root.give(OWN, &to, "taken").expect("no error") && guard.path().join(OWN).exists());
        assert!(root.give(OWN, &to, "a").expect("no error") && !guard.path().join(OWN).exists());
        assert!(!root.give(OWN, &to, "b").expect("no error"));
        write(OWN);
        assert!(root.remove(OWN).expect("no error"));
        assert!(!guard.path().join(OWN).exists());
        for path in ["x/2025/a", ".quarantine/x/../../x/2025/a", "/etc/passwd", ".state.sqlite", ".quarantine/x/a"] {
            assert!(root.remove(path).is_err() && root.give(path, &to, "c").is_err(), "{path}");
        }
        assert!(guard.path().join("x/2025/a").exists());
    }

    #[test]
    fn no_link_leads_out_of_quarantine() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let outside = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(guard.path()).expect("a root");
        std::fs::write(outside.path().join("0123456789abcdef.csv.gz"), b"a").expect("a file");
        std::fs::create_dir(guard.path().join(".quarantine")).expect("a directory");
        std::os::unix::fs::symlink(outside.path(), guard.path().join(".quarantine/x")).expect("a link");
        assert!(root.remove(OWN).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).expect("a directory").count(), 1);
    }
}
