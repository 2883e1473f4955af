//! Days that are not like others, by the program `faketime`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use harness::{Environment, Gate, Origin, Part, Ran, Reply, skip, under};

use crate::{environment, mirror, with};

/// `faketime`, without what programs left behind that ran under it and were killed: a memory and a semaphore by the number
/// of their process, which another process may get, and cannot begin then.
pub(crate) fn faketime() -> Command {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("faketime_shm_").or_else(|| name.strip_prefix("sem.faketime_sem_"));
        if number.is_some_and(|number| !Path::new("/proc").join(number).exists()) {
            // Another test may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
    Command::new("faketime")
}

/// `host run` of mirror at a moment of UTC; nothing where there is no `faketime`.
fn at(environment: &Environment, origin: &Origin, moment: &str) -> Option<Ran> {
    let mut faketime = faketime();
    faketime.arg("-f").arg(moment);
    let host = environment.run_command("mirror", &with(&mirror(origin, "/courts.csv"), &[]));
    match under(faketime, &host).env("TZ", "UTC").output() {
        Ok(output) => Some(Ran::new(output)),
        Err(error) => {
            skip::missing(format_args!("the program faketime cannot be run: {error}"));
            None
        }
    }
}

#[test]
fn files_are_named_by_the_day_on_which_their_run_started() {
    for (moment, path) in [
        ("2024-02-29 23:59:58", "mirror/2024/2024-02-29_"),
        ("2024-12-31 23:59:58", "mirror/2024/2024-12-31_"),
        ("2025-01-01 00:00:00", "mirror/2025/2025-01-01_"),
        ("2025-03-30 02:30:00", "mirror/2025/2025-03-30_"),
    ] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/courts.csv", Reply::new("a,b\n"));
        let Some(ran) = at(&environment, &origin, moment) else { return };
        let written = ran.exits(0).json()["files"][0]["path"].as_str().expect("a path").to_owned();
        assert!(written.starts_with(path), "{moment}: {written}");
        let started = environment.query("SELECT started_at FROM extraction_runs");
        assert_eq!(started[0][..19], moment.replace(' ', "T"), "{moment}");
    }
}

#[test]
fn a_clock_that_jumps_back_confuses_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [Reply::new("a\n"), Reply::new("a\n"), Reply::new("b\n")]);
    let Some(first) = at(&environment, &origin, "2025-03-02 08:00:00") else { return };
    first.exits(0);
    let again = at(&environment, &origin, "2025-03-01 08:00:00").expect("faketime").exits(0).json();
    assert_eq!(again["files_skipped"], 1);
    let newer = at(&environment, &origin, "2025-03-01 09:00:00").expect("faketime").exits(0).json();
    assert_eq!(newer["files_written"], 1);
    // The order of runs is that of their numbers, whatever the clock said.
    assert_eq!(environment.query("SELECT run_id FROM extraction_runs ORDER BY run_id DESC"), ["3", "2", "1"]);
    assert_eq!(environment.query("SELECT count(*) FROM extraction_runs WHERE status = 'success'"), ["3"]);
}

/// `LD_PRELOAD` of a program that has a clock of its own, and is no child of `faketime`. Nothing where there is none.
pub(crate) fn preload() -> Option<String> {
    match faketime().args(["-f", "+0", "printenv", "LD_PRELOAD"]).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).expect("a path").trim().to_owned()),
        Err(error) => {
            skip::missing(format_args!("the program faketime cannot be run: {error}"));
            None
        }
    }
}

/// `host run` of mirror, started, by a system clock that the file `offset` sets while it runs, as an administrator does
/// or NTP: time that passed is not changed by it. Nothing where there is no `faketime`.
fn by_a_clock_of_its_own(environment: &Environment, origin: &Origin, more: &[&str]) -> Option<Child> {
    let preload = preload()?;
    let mut host = environment.run_command("mirror", &with(&mirror(origin, "/courts.csv"), more));
    host.env("LD_PRELOAD", preload).env("FAKETIME_TIMESTAMP_FILE", environment.write("offset", "+0"));
    host.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(host.spawn().expect("the program"))
}

/// A moment as a field has it.
fn in_seconds(seconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds))
}

#[test]
fn a_clock_that_is_set_makes_no_wait_longer_than_it_may_be() {
    // Set back while it waits, or just before: the time that passes is not the clock's.
    let (environment, origin) = (environment(), Origin::start());
    let told = Gate::default();
    let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 2\r\n\r\n";
    let busy = Reply::parts(vec![Part::Bytes(busy.to_vec()), Part::Open(told.clone())]);
    origin.script("/courts.csv", [busy, Reply::new("a,b\n")]);
    let Some(running) = by_a_clock_of_its_own(&environment, &origin, &["--timeout", "60s"]) else { return };
    assert!(told.wait());
    fs::write(environment.path().join("offset"), "-1d").expect("a file");
    Ran::new(running.wait_with_output().expect("the program")).exits(0);
    assert_eq!((origin.asked().len(), environment.landed().len()), (2, 1));

    // Set back before the answer comes: its moment is a day away, and nobody waits for a day. Set ahead, it is over.
    for (offset, code, requests) in [("-1d", 1, 1), ("+1d", 0, 2)] {
        let (environment, origin) = (crate::environment(), Origin::start());
        let (reached, hold) = (Gate::default(), Gate::default());
        origin.script(
            "/courts.csv",
            [Reply::status(503).header("Retry-After", in_seconds(60)).gated(&reached, &hold), Reply::new("a,b\n")],
        );
        let running = by_a_clock_of_its_own(&environment, &origin, &["--timeout", "50s"]).expect("faketime");
        assert!(reached.wait());
        fs::write(environment.path().join("offset"), offset).expect("a file");
        hold.open();
        let ran = Ran::new(running.wait_with_output().expect("the program")).exits(code);
        assert_eq!(origin.asked().len(), requests, "{offset}: {ran:?}");
    }

    // The run's own limit is no matter of the system's clock either.
    let (environment, origin) = (crate::environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/courts.csv", Reply::status(503).header("Retry-After", "200").gated(&reached, &hold));
    let running = by_a_clock_of_its_own(&environment, &origin, &["--timeout", "2s"]).expect("faketime");
    assert!(reached.wait());
    fs::write(environment.path().join("offset"), "-1d").expect("a file");
    hold.open();
    Ran::new(running.wait_with_output().expect("the program")).exits(3).says("`timeout` of 2s");
    assert_eq!(environment.query("SELECT status FROM extraction_runs"), ["failed"]);
}
