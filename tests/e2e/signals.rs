//! Runs that are ended, killed, or started twice.

use std::process::Command;

use harness::{Environment, Gate, Origin, Ran, Reply};

use crate::{environment, mirror, with};

pub(crate) fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill");
    assert!(status.success(), "kill -s {name}");
}

/// A run that waits for the origin, the gate that lets it go on, and what it was started with.
struct Waiting {
    environment: Environment,
    origin: Origin,
    hold: Gate,
    arguments: [String; 4],
    child: std::process::Child,
}

fn waiting() -> Waiting {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/courts.csv", Reply::new("a,b\n").gated(&reached, &hold));
    let arguments = mirror(&origin, "/courts.csv");
    let child = environment.spawn("mirror", &with(&arguments, &[]));
    assert!(reached.wait(), "the run never asked");
    Waiting { environment, origin, hold, arguments, child }
}

#[test]
fn a_signal_ends_the_run_and_says_so() {
    for (name, code, says) in [("TERM", 143, "ended by SIGTERM"), ("INT", 130, "interrupted by SIGINT")] {
        let run = waiting();
        signal(name, run.child.id());
        let ran = Ran::new(run.child.wait_with_output().expect("the program"));
        let ran = ran.exits(code).says(says);
        assert_eq!(ran.json()["status"], "failed");
        assert_eq!(run.environment.everything(), [""; 0]);
        assert_eq!(
            run.environment.query("SELECT status || ': ' || error_message FROM extraction_runs"),
            [format!("failed: {says}")]
        );
        run.hold.open();
    }
}

#[test]
fn a_second_run_at_once_is_refused_and_others_are_not() {
    let run = waiting();
    let second = run.environment.run("mirror", &with(&run.arguments, &[]));
    second.exits(75).says("another run of mirror holds its lock").says("hint: wait for it with `--wait`; ");
    // Whoever waited knows that already.
    let longer = "hint: wait for longer, or without end with `--wait` alone";
    run.environment.run("mirror", &with(&run.arguments, &["--wait=60ms"])).exits(75).says(longer);
    run.environment.host(["repair", "--wait=60ms"]).exits(75).says(longer);
    run.origin.route("/other.csv", Reply::new("c,d\n"));
    let other = mirror(&run.origin, "/other.csv");
    run.environment.run("mirror", &with(&other, &["--name", "other"])).exits(0);
    run.hold.open();
    Ran::new(run.child.wait_with_output().expect("the program")).exits(0);
    assert_eq!(
        run.environment.query("SELECT extractor || ' ' || status FROM extraction_runs ORDER BY run_id"),
        ["mirror success", "other success"]
    );
}

#[test]
fn a_killed_run_is_found_failed_by_the_next_one() {
    let mut run = waiting();
    signal("KILL", run.child.id());
    run.child.wait().expect("the program");
    assert_eq!(run.environment.query("SELECT status FROM extraction_runs"), ["running"]);
    assert_eq!(run.environment.everything(), [""; 0]);
    run.hold.open();
    run.environment.run("mirror", &with(&run.arguments, &[])).exits(0).says("was killed, or the machine stopped");
    assert_eq!(run.environment.query("SELECT status FROM extraction_runs ORDER BY run_id"), ["failed", "success"]);
    let dead =
        run.environment.query("SELECT finished_at IS NOT NULL AND error_message LIKE '%killed%' FROM extraction_runs");
    assert_eq!(dead[0], "1");
}

#[test]
fn a_signal_is_heard_while_another_process_holds_the_database() {
    let run = waiting();
    let state = run.environment.state();
    state.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    // The body arrives, and storing it has to wait for the database.
    run.hold.open();
    signal("TERM", run.child.id());
    Ran::new(run.child.wait_with_output().expect("the program")).exits(143);
    state.execute_batch("COMMIT").expect("the lock's end");
    run.environment.run("mirror", &with(&run.arguments, &[])).exits(0);
}

#[test]
fn a_signal_is_heard_before_there_is_a_run() {
    let run = waiting();
    let state = run.environment.state();
    state.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    // Another extractor's run cannot begin while the database is held.
    let mut other = run.environment.spawn("probe", &["--param", "do=fail"]);
    let started = run.environment.landing().join(".locks/probe");
    while !started.exists() {
        assert!(other.try_wait().expect("the program").is_none(), "it ended");
        std::thread::yield_now();
    }
    signal("TERM", other.id());
    // Whether it was heard by the handler or before there was one, the run ends by it.
    let code = other.wait_with_output().expect("the program").status.code();
    assert!(matches!(code, Some(143) | None), "{code:?}");
    state.execute_batch("COMMIT").expect("the lock's end");
    run.hold.open();
    Ran::new(run.child.wait_with_output().expect("the program")).exits(0);
    assert_eq!(run.environment.query("SELECT count(*) FROM extraction_runs WHERE status = 'running'"), ["0"]);
}
