//! How a path is opened beneath a directory, whatever anybody puts on the way: by `openat2(2)`, or, where that is not to
//! be had, one component after the other.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

use super::system::{THROUGH, open_beneath};

/// Longest path, as the kernel has it (`PATH_MAX`, with the NUL at its end).
const MAX_PATH: usize = 4096;

/// Which of the two. What they refuse is the same, with the same errors, but for `..`: the kernel lets it stay beneath
/// the directory, and steps refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In one call.
    Call,
    /// In steps.
    Steps,
}

impl Way {
    /// The way that this process has. macOS, Linux before 5.6 and gVisor do not have the call, and systemd's
    /// `RestrictSUIDSGID=` takes it away (ENOSYS); other filters forbid it (EPERM).
    pub(super) fn here(directory: impl AsFd) -> Result<Self> {
        match Self::Call.open(directory, ".", THROUGH, Mode::empty()) {
            Ok(_) => Ok(Self::Call),
            Err(Errno::NOSYS | Errno::PERM) => Ok(Self::Steps),
            Err(errno) => Err(errno),
        }
    }

    /// Open a path beneath a directory. A symbolic link anywhere in it is ELOOP, what leads out is EXDEV.
    pub(super) fn open(self, directory: impl AsFd, path: impl Arg, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let (directory, flags) = (directory.as_fd(), flags | OFlags::CLOEXEC);
        match self {
            Self::Call => open_beneath(directory, path, flags, mode),
            Self::Steps => path.into_with_c_str(|path| in_steps(directory, path, (flags, mode), THROUGH)),
        }
    }

    /// What a name beneath a directory stands for, which is not opened: whatever it is, nobody waits for it.
    pub(super) fn stat(self, directory: impl AsFd, path: &str) -> Result<Stat> {
        let (above, own) = match path.rsplit_once('/') {
            None => (".", path),
            Some(("", _)) => return Err(Errno::XDEV),
            Some(parts) => parts,
        };
        if matches!(own, "" | "." | "..") {
            return Err(Errno::XDEV);
        }
        statat(self.open(directory, above, THROUGH, Mode::empty())?, own, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// Open a path by opening each directory on the way, as `through` says.
fn in_steps(root: BorrowedFd<'_>, path: &CStr, (flags, mode): (OFlags, Mode), through: OFlags) -> Result<OwnedFd> {
    let path = path.to_bytes();
    match path {
        [] => return Err(Errno::NOENT),
        [b'/', ..] => return Err(Errno::XDEV),
        _ if path.len() >= MAX_PATH => return Err(Errno::NAMETOOLONG),
        _ => {}
    }
    let mut names = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, [] | [b'.']));
    let last = names.next_back().unwrap_or(b".");
    if last == b".." {
        return Err(Errno::XDEV);
    }
    let mut above: Option<OwnedFd> = None;
    for name in names {
        if name == b".." {
            return Err(Errno::XDEV);
        }
        let at = above.as_ref().map_or(root, |above| above.as_fd());
        above = Some(step(at, name, through | OFlags::NOFOLLOW, Mode::empty())?);
    }
    step(above.as_ref().map_or(root, |above| above.as_fd()), last, flags | OFlags::NOFOLLOW, mode)
}

/// Open one name in a directory, where it is no symbolic link.
fn step(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let is_link = |kind| FileType::from_raw_mode(kind) == FileType::Symlink;
    match openat(directory, name, flags, mode) {
        // A link is no directory either. Which of the two it was decides about the error alone.
        Err(Errno::NOTDIR)
            if statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|it| is_link(it.st_mode)) =>
        {
            Err(Errno::LOOP)
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, fstat, renameat_with};

    use super::super::DIRECTORY;
    use super::*;

    /// Most tries until both were met often.
    const MANY: usize = 200_000;

    fn directory(path: &Path) -> OwnedFd {
        openat(CWD, path, DIRECTORY, Mode::empty()).expect("a directory")
    }

    /// A directory `in` with a file, links to itself and out of it, and a directory `out` beside it.
    fn planted() -> (tempfile::TempDir, OwnedFd) {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| guard.path().join(name);
        for name in ["in/a/b", "out/b"] {
            std::fs::create_dir_all(at(name)).expect("a directory");
            std::fs::write(at(name).join("file"), name).expect("a file");
        }
        for (name, target) in [
            ("in/out", at("out")),
            ("in/itself", "a".into()),
            ("in/dangling", at("out/new")),
            ("in/loop", "loop".into()),
            ("in/a/up", "../../out".into()),
            ("in/a/b/link", "file".into()),
            ("in/proc", "/proc/self/root".into()),
        ] {
            symlink(target, at(name)).expect("a link");
        }
        let handle = directory(&at("in"));
        (guard, handle)
    }

    fn mode(flags: OFlags) -> Mode {
        if flags.contains(OFlags::CREATE) { Mode::RUSR | Mode::WUSR } else { Mode::empty() }
    }

    #[test]
    fn all_ways_open_and_refuse_the_same() {
        let (guard, handle) = planted();
        if Way::here(&handle) != Ok(Way::Call) {
            eprintln!("skipped: this machine has no openat2");
            return;
        }
        let long_name = "x".repeat(256);
        let long_path = "a/../".repeat(1000);
        let kinds = [
            OFlags::RDONLY | OFlags::NONBLOCK,
            OFlags::RDONLY | OFlags::DIRECTORY,
            THROUGH,
            OFlags::RDWR | OFlags::CREATE,
        ];
        for (path, opens) in [
            (".", true),
            ("a", true),
            ("a/b/file", true),
            ("./a//b/./file", true),
            ("", false),
            ("none", false),
            ("none/file", false),
            ("a/b/file/under", false),
            ("out", false),
            ("out/b/file", false),
            ("itself", false),
            ("itself/b/file", false),
            ("a/up/b/file", false),
            ("a/b/link", false),
            ("dangling", false),
            ("loop", false),
            ("proc/etc/passwd", false),
            ("..", false),
            ("../out/b/file", false),
            ("a/../../out/b/file", false),
            ("/etc/passwd", false),
            ("a\0b", false),
            (&*long_name, false),
            (&*long_path, false),
        ] {
            for flags in kinds {
                // The last one is that of systems on which a directory has to be readable to lead on.
                let [call, steps, readable] = [Some(Way::Call), Some(Way::Steps), None].map(|way| {
                    let mut opened = Err(Errno::AGAIN);
                    // So the kernel answers to `..` while anybody renames anything, as another test does.
                    while matches!(opened, Err(Errno::AGAIN)) {
                        opened = match way {
                            Some(way) => way.open(&handle, path, flags, mode(flags)),
                            None => path.into_with_c_str(|path| {
                                in_steps(handle.as_fd(), path, (flags | OFlags::CLOEXEC, mode(flags)), DIRECTORY)
                            }),
                        };
                    }
                    // What one of them makes, the other one is not to find.
                    let _ = std::fs::remove_file(guard.path().join("in/none"));
                    opened.and_then(|opened| fstat(&opened)).map(|it| (it.st_dev, it.st_ino))
                });
                let made = path == "none" && flags.contains(OFlags::CREATE);
                assert!(made && readable.is_ok() || steps == readable, "{path} {flags:?}: {steps:?} {readable:?}");
                assert!(made && call.is_ok() && steps.is_ok() || call == steps, "{path} {flags:?}: {call:?} {steps:?}");
                assert!(opens || made || steps.is_err(), "{path} {flags:?}");
            }
            let able = kinds.map(|flags| Way::Steps.open(&handle, path, flags, mode(flags)).is_ok());
            let _ = std::fs::remove_file(guard.path().join("in/none"));
            assert_eq!(able.contains(&true), opens || path == "none", "{path}");
        }
        assert!(!guard.path().join("out/new").exists());
    }

    #[test]
    fn what_a_name_stands_for_is_told_without_opening_it_and_never_from_outside() {
        let (guard, handle) = planted();
        let kind = |way: Way, path: &str| way.stat(&handle, path).map(|it| FileType::from_raw_mode(it.st_mode));
        let here = Way::here(&handle).expect("a way");
        std::fs::set_permissions(guard.path().join("in/a/b/file"), PermissionsExt::from_mode(0o000)).expect("a mode");
        for (path, expected) in [
            ("a", Ok(FileType::Directory)),
            ("a/b/file", Ok(FileType::RegularFile)),
            ("a/b/link", Ok(FileType::Symlink)),
            ("out", Ok(FileType::Symlink)),
            ("none", Err(Errno::NOENT)),
            ("a/b/file/under", Err(Errno::NOTDIR)),
            ("out/b/file", Err(Errno::LOOP)),
            ("..", Err(Errno::XDEV)),
            ("a/..", Err(Errno::XDEV)),
            ("a/.", Err(Errno::XDEV)),
            ("a/", Err(Errno::XDEV)),
            ("", Err(Errno::XDEV)),
            ("../out/b", Err(Errno::XDEV)),
            ("/etc", Err(Errno::XDEV)),
            ("/etc/passwd", Err(Errno::XDEV)),
            ("a\0b", Err(Errno::INVAL)),
        ] {
            assert_eq!([kind(here, path), kind(Way::Steps, path)], [expected; 2], "{path}");
        }
    }

    #[test]
    fn steps_refuse_what_the_kernel_would_let_come_back() {
        let (_guard, handle) = planted();
        for path in ["a/..", "a/../a/b/file"] {
            let opened = Way::Steps.open(&handle, path, OFlags::RDONLY, Mode::empty());
            assert_eq!(opened.map(drop), Err(Errno::XDEV), "{path}");
        }
    }

    #[test]
    fn a_directory_that_changes_places_with_a_link_leads_nowhere() {
        let (guard, handle) = planted();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let handle = directory(&guard.path().join("in"));
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(&handle, "a", &handle, "out", RenameFlags::EXCHANGE).expect("an exchange");
                }
            });
            // What is read, and why not; nothing is asserted before the other thread was stopped.
            let mut met = std::collections::BTreeMap::new();
            for _ in 0..MANY {
                let opened = Way::Steps.open(&handle, "a/b/file", OFlags::RDONLY, Mode::empty());
                let read = opened.map(|opened| std::io::read_to_string(std::fs::File::from(opened)).expect("a file"));
                *met.entry(read.map_err(|errno| errno.to_string())).or_insert(0) += 1;
                if met.len() > 1 && met.values().all(|times| *times > 100) {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            let inside = met.remove(&Ok("in/a/b".to_owned()));
            // Between the two looks of a step the link may have become a directory.
            let refusals = [Errno::LOOP, Errno::NOTDIR].map(|errno| Err(errno.to_string()));
            assert!(met.keys().all(|met| refusals.contains(met)), "{met:?}");
            assert!(inside.is_some() && !met.is_empty(), "{inside:?} {met:?}");
        });
    }
}
