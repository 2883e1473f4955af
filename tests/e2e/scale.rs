//! Zones of very many files: memory stays flat, and the time is told. `cargo soak` makes them as large as they get.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::soak::times;
use harness::{Environment, memory};
use rusqlite::params;

use crate::environment;

/// What any command of upkeep may hold at its peak, in KiB.
const MOST_MEMORY: u64 = 32 * 1024;
/// How often the peak is looked at; it only grows.
const PAUSE: Duration = Duration::from_millis(2);

/// How the files of a zone lie.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// All in one directory.
    One,
    /// In the months of ten years.
    Months,
}

impl Layout {
    fn path(self, number: usize) -> String {
        let digits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match self {
            Self::One => format!("x/2025/2025-03-09_{digits:016x}.csv.gz"),
            Self::Months => format!("x/{}/{:02}/{digits:016x}.csv.gz", 2015 + number % 10, 1 + number / 10 % 12),
        }
    }
}

/// A zone with that many files, and records of other ones: the numbers from `recorded` on.
fn filled(layout: Layout, files: usize, recorded: std::ops::Range<usize>) -> Environment {
    let environment = environment();
    fs::create_dir_all(environment.landing()).expect("a directory");
    environment.host(["repair"]).exits(0);
    for number in 0..120.min(files) {
        fs::create_dir_all(environment.landing().join(layout.path(number)).parent().expect("a directory"))
            .expect("one");
    }
    for number in 0..files {
        File::create(environment.landing().join(layout.path(number))).expect("a file");
    }
    let mut state = environment.state();
    let transaction = state.transaction().expect("a transaction");
    {
        let insert = "INSERT INTO landed_files (path, source, sha256, size, stored_size) VALUES (?1, 'x', ?2, 9, 0)";
        let mut insert = transaction.prepare(insert).expect("a statement");
        let validator = "INSERT INTO validators (source, resource, url, path) VALUES ('x', ?1, ?1, ?2)";
        let mut validator = transaction.prepare(validator).expect("a statement");
        for number in recorded {
            let digest = format!("{number:032}").into_bytes();
            insert.execute(params![layout.path(number), digest]).expect("a row");
            validator.execute(params![format!("https://example.org/{number}"), layout.path(number)]).expect("a row");
        }
    }
    transaction.commit().expect("a transaction");
    environment
}

/// Run a command to its end: its exit code, the most memory that it held, in KiB, and how long it took.
fn weighed(environment: &Environment, arguments: &[&str]) -> (Option<i32>, u64, Duration) {
    let started = Instant::now();
    let mut child = environment.command(arguments).stdout(Stdio::null()).spawn().expect("the program");
    let mut peak = 0;
    loop {
        peak = memory::held(&child).unwrap_or_default().max(peak);
        if let Some(status) = child.try_wait().expect("the program") {
            return (status.code(), peak, started.elapsed());
        }
        std::thread::sleep(PAUSE);
    }
}

/// How long it takes to list all files, and to go once through the table.
fn least(environment: &Environment) -> Duration {
    let started = Instant::now();
    let listed = Command::new("find").arg(environment.landing()).args(["-type", "f"]).stdout(Stdio::null()).status();
    assert!(listed.expect("find").success());
    let state = environment.state();
    let sql = "SELECT path, sha256, size, stored_size FROM landed_files ORDER BY path";
    let mut statement = state.prepare(sql).expect("the query");
    let mut rows = statement.query([]).expect("the rows");
    while rows.next().expect("a row").is_some() {}
    started.elapsed()
}

#[test]
fn memory_stays_flat_however_many_files_there_are() {
    let count = times(100_000, 1_000_000);
    for layout in [Layout::One, Layout::Months] {
        // Half of the files are recorded, and as many records have no file.
        let environment = filled(layout, count, count / 2..count + count / 2);
        let least = least(&environment);
        for (arguments, code) in [
            (&["verify"][..], 1),
            (&["verify", "--json"], 1),
            (&["verify", "--read-data"], 1),
            (&["repair"], 0),
            (&["verify"], 1),
        ] {
            let (ended, peak, took) = weighed(&environment, arguments);
            assert_eq!(ended, Some(code), "{arguments:?}");
            println!(
                "{count} files, {layout:?}, {arguments:?}: {} MiB, {took:.2?}, {:.1} times as long as to list them",
                peak / 1024,
                took.as_secs_f64() / least.as_secs_f64()
            );
            assert!(peak < MOST_MEMORY, "{layout:?}, {arguments:?}: {peak} KiB");
        }
        assert_eq!(environment.query("SELECT count(*) FROM landed_files"), [(count / 2).to_string()]);
        assert_eq!(environment.query("SELECT count(*) FROM validators"), [(count / 2).to_string()]);
    }
}

#[test]
fn a_sound_zone_of_many_files_has_no_findings() {
    let count = times(20_000, 1_000_000);
    let environment = filled(Layout::Months, count, 0..count);
    let least = least(&environment);
    for arguments in [["verify"], ["repair"]] {
        let (ended, peak, took) = weighed(&environment, &arguments);
        println!(
            "{count} files that fit, {arguments:?}: {} MiB, {took:.2?}, {:.1} times as long as to list them",
            peak / 1024,
            took.as_secs_f64() / least.as_secs_f64()
        );
        assert_eq!((ended, peak < MOST_MEMORY), (Some(0), true), "{arguments:?}: {peak} KiB");
    }
}
