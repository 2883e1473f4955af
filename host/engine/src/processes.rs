//! What this process is to others: the program that it was started from, the one that started it, and what that one left
//! open. The one place here where systems differ.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Signal, getpid, getppid, getrlimit, kill_process};

use super::allocator;

/// The program of this process, whatever has its name by now.
const OWN: &str = "/proc/self/exe";
/// Where a process sees what it has open: Linux's own place, and the one of most systems.
const OPEN: [&str; 2] = ["/proc/self/fd", "/dev/fd"];
/// How often a process looks whether the one that started it is still there.
const LOOK: Duration = Duration::from_millis(100);
/// Most numbers of descriptors that are tried, one after the other, where nothing lists those that are open.
const MAX_NUMBERS: u64 = 1 << 20;

/// This program, to be started once more.
pub fn this_program() -> io::Result<Command> {
    Ok(Command::new(program(Path::new(OWN))?))
}

/// Without `/proc` the program has to go by its name, which may be another program's by now.
fn program(own: &Path) -> io::Result<PathBuf> {
    match own.symlink_metadata() {
        Ok(_) => Ok(own.to_owned()),
        Err(_) => std::env::current_exe(),
    }
}

/// The path of a file that is open, whatever its name is by now.
pub(super) fn path_of(number: i32) -> PathBuf {
    let there = OPEN.into_iter().map(Path::new).find(|place| place.exists());
    there.unwrap_or(Path::new(OPEN[0])).join(number.to_string())
}

/// Have this process ended by a signal once the one that started it has ended.
pub fn end_with_parent(signal: Signal) -> io::Result<()> {
    match told_by_the_kernel(signal) {
        Err(errno) if lacks(errno) => look_after_parent(signal),
        told => Ok(told?),
    }
}

#[cfg(target_os = "linux")]
fn told_by_the_kernel(signal: Signal) -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))
}

#[cfg(not(target_os = "linux"))]
fn told_by_the_kernel(_: Signal) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// The ways in which kernels say that they do not have a call, and filters that it is not allowed.
fn lacks(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::PERM)
}

/// Whoever has lost the process that started it has another one from then on.
fn look_after_parent(signal: Signal) -> io::Result<()> {
    let parent = getppid();
    let look = move || {
        while getppid() == parent {
            thread::sleep(LOOK);
        }
        // Nobody is left to tell.
        let _ = kill_process(getpid(), signal);
    };
    thread::Builder::new().name("parent".into()).spawn(look).map(drop)
}

/// Close what the starter of this process left open. The caller has opened nothing, and has no other thread.
pub(super) fn close_inherited() -> io::Result<()> {
    // The list is whole before the first one is closed, since it is read through a descriptor itself.
    let numbers = OPEN.iter().find_map(|place| listed(Path::new(place)).ok()).unwrap_or_else(possible);
    numbers.into_iter().filter(|number| *number > 2).for_each(close);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a list of this process's descriptors, no files")]
fn listed(place: &Path) -> io::Result<Vec<i32>> {
    let names = std::fs::read_dir(place)?.map(|entry| Ok(entry?.file_name()));
    let names: Vec<_> = names.collect::<io::Result<_>>()?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// All that there can be.
fn possible() -> Vec<i32> {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(MAX_NUMBERS).min(MAX_NUMBERS);
    (0..i32::try_from(most).unwrap_or(i32::MAX)).collect()
}

#[expect(unsafe_code, reason = "descriptors that nobody in this process owns are known by their numbers alone")]
fn close(number: i32) {
    // SAFETY: this process has one thread and has opened nothing but the list, which is closed already; what is open under
    // this number now came from outside, and nobody uses it.
    unsafe {
        if rustix::io::fcntl_getfd(BorrowedFd::borrow_raw(number)).is_ok() {
            rustix::io::close(number);
        }
    }
}

/// Limit the bytes of data that this process may hold: not its address space, much of which is never touched.
pub(super) fn limit_memory(bytes: u64) -> io::Result<()> {
    match limit_data(bytes) {
        Err(errno) if lacks(errno) => {
            allocator::limit(bytes);
            Ok(())
        }
        limited => Ok(limited?),
    }
}

#[cfg(target_os = "linux")]
fn limit_data(bytes: u64) -> rustix::io::Result<()> {
    let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
    rustix::process::setrlimit(Resource::Data, limit)
}

/// What is called so is a limit of the address space on macOS, and less than any process there has.
#[cfg(not(target_os = "linux"))]
fn limit_data(_: u64) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn this_program_is_found_without_proc() {
        let by_name = program(Path::new("/nowhere/self/exe")).expect("a program");
        assert!(by_name.is_absolute() && by_name.is_file());
        assert_eq!(by_name.canonicalize().ok(), program(Path::new(OWN)).and_then(|own| own.canonicalize()).ok());
    }

    #[test]
    fn what_is_open_is_listed_by_either_place_and_among_all_that_is_possible() {
        let file = tempfile::tempfile().expect("a file");
        let number = file.as_raw_fd();
        let there = OPEN.iter().filter_map(|place| listed(Path::new(place)).ok());
        for numbers in there.chain([possible()]) {
            assert!([0, 1, 2, number].iter().all(|number| numbers.contains(number)), "{numbers:?}");
        }
        assert!(path_of(number).exists());
    }
}
