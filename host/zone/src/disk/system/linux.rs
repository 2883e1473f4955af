//! Linux.

mod ranges;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags, linkat, openat};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

pub(in super::super) use ranges::{range_in_the_way, take_range};

/// How a directory is opened that only leads on: it need not be readable.
pub(in super::super) const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Open a path beneath a directory, with no symbolic link in it.
pub(in super::super) fn open_beneath(above: impl AsFd, path: impl Arg, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    fs::openat2(above, path, flags, mode, resolve)
}

/// A file without a name.
pub(in super::super) fn nameless(directory: impl AsFd, mode: Mode) -> Result<OwnedFd> {
    openat(directory, ".", OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, mode)
}

/// Give a nameless file a name, which nothing may have.
pub(in super::super) fn link_nameless(file: &File, directory: impl AsFd, name: &str) -> Result<()> {
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, from, &directory, name, AtFlags::SYMLINK_FOLLOW) {
        // Without /proc the file is linked by its handle, which older kernels grant to root only.
        Err(Errno::NOENT) => linkat(file, "", &directory, name, AtFlags::EMPTY_PATH),
        linked => linked,
    }
}

/// Have what was written survive a power cut.
pub(in super::super) fn sync(handle: impl AsFd) -> Result<()> {
    fs::fsync(handle)
}

/// What kind of network file system something is on, as far as the kernel tells.
pub(in super::super) fn network(handle: impl AsFd) -> Result<Option<&'static str>> {
    Ok(kind(fs::fstatfs(handle)?.f_type as u64))
}

/// By the numbers of `linux/magic.h` and of the file systems' own headers.
fn kind(magic: u64) -> Option<&'static str> {
    // Some architectures sign the field, and extend it.
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414f => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        let (ext4, xfs, tmpfs) = (0xef53, 0x5846_5342, 0x0102_1994);
        assert_eq!([ext4, xfs, tmpfs].map(kind), [None; 3]);
        assert_eq!([0x6969, 0xffff_ffff_ff53_4d42].map(kind), [Some("NFS"), Some("CIFS")]);
        assert!(network(std::fs::File::open(".").expect("a directory")).is_ok());
    }
}
