//! macOS, as far as it differs.

use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

use super::lacks;

/// What `sys/mount.h` calls MNT_LOCAL.
const LOCAL: u32 = 0x1000;

/// How a directory is opened that only leads on. It has to be readable here.
pub(in super::super) const THROUGH: OFlags = super::super::DIRECTORY;

/// There is no such call.
pub(in super::super) fn open_beneath(_: impl AsFd, _: impl Arg, _: OFlags, _: Mode) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// Here such locks and those of `flock` are in each other's way.
pub(in super::super) fn take_range(_: impl AsFd, _: &Range<u64>) -> Result<bool> {
    Err(Errno::INVAL)
}

/// There are none.
pub(in super::super) fn range_in_the_way(_: impl AsFd, _: &Range<u64>) -> Result<Option<Range<u64>>> {
    Err(Errno::INVAL)
}

/// There are no such files.
pub(in super::super) fn nameless(_: impl AsFd, _: Mode) -> Result<OwnedFd> {
    Err(Errno::OPNOTSUPP)
}

/// There are no such files.
pub(in super::super) fn link_nameless(_: &File, _: impl AsFd, _: &str) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// Have what was written survive a power cut. `fsync` leaves it in the disk's own memory here (fsync(2)); it has to do
/// where a file system has nothing more.
pub(in super::super) fn sync(handle: impl AsFd) -> Result<()> {
    match fs::fcntl_fullfsync(&handle) {
        Err(errno) if lacks(errno) || errno == Errno::NOTTY => fs::fsync(handle),
        synced => synced,
    }
}

/// Whether something is on a network file system, and how to call that.
pub(in super::super) fn network(handle: impl AsFd) -> Result<Option<&'static str>> {
    Ok((fs::fstatfs(handle)?.f_flags & LOCAL == 0).then_some("a network file system"))
}
