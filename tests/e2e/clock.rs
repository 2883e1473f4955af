//! Days that are not like others, by the program `faketime`.

use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, under};

use crate::{environment, mirror, with};

/// `host run` of mirror at a moment of UTC; nothing where there is no `faketime`.
fn at(environment: &Environment, origin: &Origin, moment: &str) -> Option<Ran> {
    let mut faketime = Command::new("faketime");
    faketime.arg("-f").arg(moment);
    let host = environment.run_command("mirror", &with(&mirror(origin, "/courts.csv"), &[]));
    match under(faketime, &host).env("TZ", "UTC").output() {
        Ok(output) => Some(Ran::new(output)),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI has no faketime");
            eprintln!("skipped: the program faketime cannot be run: {error}");
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
