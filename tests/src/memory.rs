//! What a process holds in memory, as the kernel keeps count of it.

use std::fs;
use std::process::Child;

/// The most memory that a process held so far, in KiB, without the pages of files that it has mapped, of which most are
/// the program itself: how many of those are there depends on how it was built, and on what the machine does besides.
/// Nothing where it has ended.
pub fn held(process: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let of = |name: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    Some(of("VmHWM:")?.saturating_sub(of("RssFile:")?))
}
