//! Tests that cannot have what they need on this machine.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;

/// Names a file that gets the names of the tests that went without a program, so that they, and no others, can be run
/// again once it is installed.
const LIST: &str = "SKIPPED_TESTS";

/// A program or a package that could be installed is missing: that is told, and the test goes on without. In CI it has to
/// be there.
pub fn missing(what: impl Display) {
    assert!(std::env::var_os("CI").is_none(), "CI lacks what a test needs: {what}");
    eprintln!("skipped: {what}");
    let Some(list) = std::env::var_os(LIST) else { return };
    // The test harness names a thread after its test.
    let thread = std::thread::current();
    let name = thread.name().expect("the thread of a test");
    let mut list = OpenOptions::new().create(true).append(true).open(list).expect("the list of skipped tests");
    list.write_all(format!("{name}\n").as_bytes()).expect("the list of skipped tests");
}

/// A right that the machine or the user does not have, which nobody can install: that is told, and the test goes on
/// without.
pub fn not_allowed(what: impl Display) {
    eprintln!("skipped: {what}");
}
