//! Locks on ranges of bytes of one file, which end with the open file (fcntl(2), open file description locks). The
//! kernel itself finds out which ranges overlap, and says who is in the way; no byte of the file has to be there.

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use rustix::io::{Errno, Result};

/// Take a range alone; whether that came about. The file has to be open for writing.
pub(in super::super::super) fn take_range(file: impl AsFd, range: &Range<u64>) -> Result<bool> {
    match asked(file.as_fd(), libc::F_OFD_SETLK, range) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A range that somebody else has and that is in the way of taking this one; `None` where it is free. Nothing is taken
/// to find out.
pub(in super::super::super) fn range_in_the_way(file: impl AsFd, range: &Range<u64>) -> Result<Option<Range<u64>>> {
    let found = asked(file.as_fd(), libc::F_OFD_GETLK, range)?;
    if found.l_type == libc::F_UNLCK as libc::c_short {
        return Ok(None);
    }
    let start = u64::try_from(found.l_start).unwrap_or_default();
    // A length of 0 goes to the end of all files.
    let length = u64::try_from(found.l_len).ok().filter(|length| *length > 0).unwrap_or(u64::MAX);
    Ok(Some(start..start.saturating_add(length)))
}

/// Ask for an exclusive lock on a range; what the kernel says of it.
#[expect(unsafe_code, reason = "the function has C's interface")]
fn asked(file: BorrowedFd<'_>, command: libc::c_int, range: &Range<u64>) -> Result<libc::flock> {
    let number = |number: u64| libc::off_t::try_from(number).map_err(|_| Errno::OVERFLOW);
    let (l_start, l_len) = (number(range.start)?, number(range.end.saturating_sub(range.start))?);
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    (lock.l_start, lock.l_len) = (l_start, l_len);
    // SAFETY: the descriptor is open as long as it is borrowed, and these commands read and write this structure alone.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) } {
        0.. => Ok(lock),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn ranges_that_overlap_exclude_each_other_and_others_do_not() {
        let guard = tempfile::NamedTempFile::new().expect("a file");
        let open = || File::options().read(true).write(true).open(guard.path()).expect("a file");
        let (one, two, three) = (open(), open(), open());
        assert_eq!(take_range(&one, &(10..20)), Ok(true));
        assert_eq!(take_range(&two, &(20..30)), Ok(true));
        for range in [10..20, 0..11, 19..20, 12..13, 0..100] {
            assert_eq!(take_range(&three, &range), Ok(false), "{range:?}");
        }
        assert_eq!(range_in_the_way(&three, &(15..16)), Ok(Some(10..20)));
        assert_eq!(range_in_the_way(&three, &(25..26)), Ok(Some(20..30)));
        assert_eq!(range_in_the_way(&three, &(0..10)), Ok(None));
        // What the same open file has is not in its own way.
        assert_eq!(range_in_the_way(&one, &(0..20)), Ok(None));
        drop(one);
        assert_eq!(take_range(&three, &(0..20)), Ok(true));
        assert_eq!(take_range(&three, &(0..u64::MAX)), Err(Errno::OVERFLOW));
    }
}
