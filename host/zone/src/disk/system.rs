//! The calls that not every system, kernel and file system has, and what stands in for them. Only here and in the two
//! files below is anything said of one kind of system: what it lacks comes back as the error of a kernel that lacks it,
//! so that the way without it is the same everywhere.

#[cfg_attr(target_os = "linux", path = "system/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "system/macos.rs")]
mod own;

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, RenameFlags, linkat, renameat_with, unlinkat};
use rustix::io::{Errno, Result};

pub(super) use own::{THROUGH, link_nameless, nameless, network, open_beneath, range_in_the_way, sync, take_range};

/// Give a file another name, which nothing may have; one that is taken is EEXIST.
pub(super) fn rename_to_free(above: impl AsFd, own: &str, to: impl AsFd, name: &str) -> Result<()> {
    match renameat_with(&above, own, &to, name, RenameFlags::NOREPLACE) {
        // The file system cannot rename without replacing; the file has both names for a moment.
        Err(errno) if lacks(errno) => {
            linkat(&above, own, &to, name, AtFlags::empty())?;
            unlinkat(&above, own, AtFlags::empty())
        }
        renamed => renamed,
    }
}

/// The ways in which kernels and file systems say that they do not have something.
pub(super) fn lacks(errno: Errno) -> bool {
    // The last two are one on some systems, and two on others.
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP].contains(&errno)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, openat};

    use super::*;

    #[test]
    fn a_free_name_is_taken_and_another_files_never() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let directory = openat(CWD, guard.path(), super::super::DIRECTORY, Mode::empty()).expect("a directory");
        for (name, content) in [("one", "1"), ("two", "2")] {
            std::fs::write(guard.path().join(name), content).expect("a file");
        }
        assert_eq!(rename_to_free(&directory, "one", &directory, "two"), Err(Errno::EXIST));
        assert_eq!(rename_to_free(&directory, "one", &directory, "three"), Ok(()));
        assert_eq!(rename_to_free(&directory, "one", &directory, "four"), Err(Errno::NOENT));
        let read = |name: &str| std::fs::read_to_string(guard.path().join(name)).ok();
        assert_eq!(["one", "two", "three"].map(read), [None, Some("2".into()), Some("1".into())]);
        assert!(sync(&directory).is_ok());
    }
}
