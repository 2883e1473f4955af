//! Components that misbehave: stopped, with the reason, and nothing of theirs left.

use harness::{Gate, Origin, Reply};

use crate::{environment, mirror, with};

#[track_caller]
fn stopped(act: &str, arguments: &[&str], says: &str) {
    let environment = environment();
    let act = format!("do={act}");
    let ran = environment.run("probe", &[&["--param", &act][..], arguments].concat()).exits(3).says(says);
    assert_eq!(ran.json()["status"], "failed");
    assert_eq!(environment.everything(), [""; 0]);
    let message = environment.query("SELECT error_message FROM extraction_runs WHERE status = 'failed'");
    assert!(message[0].contains(says), "{message:?}");
}

#[test]
fn a_loop_is_stopped_by_the_clock() {
    stopped("spin", &["--timeout", "300ms"], "the run passed its time limit of 300ms");
}

#[test]
fn a_loop_is_stopped_by_its_own_computing() {
    stopped("spin", &["--max-cpu", "200ms"], "computed for longer than its limit of 200ms");
}

#[test]
fn memory_is_limited() {
    stopped("grow", &["--max-memory", "32MiB"], "more than its limit of 32.0 MiB of memory");
}

#[test]
fn a_trap_says_what_and_where() {
    stopped("trap", &[], "gave up by itself (a panic, or an abort), in ");
}

#[test]
fn recursion_without_end_is_a_trap() {
    stopped("recurse", &[], "the extractor trapped: its call stack overflowed");
}

#[test]
fn waiting_is_stopped_by_the_clock_too() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow", Reply::new("late").gated(&reached, &hold));
    let arguments = mirror(&origin, "/slow");
    let ran = environment.run("probe", &with(&arguments, &["--param", "do=sleep", "--timeout", "300ms"]));
    ran.exits(3).says("time limit of 300ms");
    hold.open();
}

#[test]
fn the_log_is_limited_and_says_what_was_dropped() {
    let environment = environment();
    let arguments = ["--param", "do=flood", "--param", "size=1000", "--max-log-lines", "5", "-v"];
    let ran = environment.run("probe", &arguments).exits(0).says("995 more lines of the log were dropped");
    assert_eq!(ran.stderr.lines().count(), 6, "{}", ran.stderr);
    let bytes = ["--param", "do=flood", "--param", "size=1000", "--max-log", "1kB", "-v"];
    let ran = environment.run("probe", &bytes).exits(0).says("lines of the log were dropped");
    assert!(ran.stderr.len() < 2000, "{}", ran.stderr);
}

#[test]
fn the_log_cannot_speak_to_the_terminal() {
    let environment = environment();
    let ran = environment.run("probe", &["--param", "do=escape", "-v"]).exits(0);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("\\u{1b}"), "{:?}", ran.stderr);
    // The error's text comes from the extractor as well.
    let ran = environment.run("probe", &["--param", "do=fail", "--param", "text=\u{1b}[2Jbad"]).exits(1);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("bad"), "{:?}", ran.stderr);
}

#[test]
fn what_the_extractor_parks_in_the_host_counts_as_its_memory() {
    for act in ["hoard-fields", "hoard-bodies"] {
        stopped(act, &["--param", "url=http://127.0.0.1:9/"], "more than its limit of 256.0 MiB of memory");
    }
}

#[test]
fn waiting_is_not_computing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/tick", Reply::new("tick"));
    let arguments = mirror(&origin, "/tick");
    // Each wait crosses a tick of the engine's clock; three hundred ticks are three seconds.
    let more = ["--param", "do=waits", "--param", "count=300", "--max-cpu", "2s"];
    environment.run("probe", &with(&arguments, &more)).exits(0);
    assert_eq!(origin.asked().len(), 300);
}

#[test]
fn refusals_without_end_are_only_counted_as_one() {
    let environment = environment();
    environment.run("probe", &["--param", "do=denied", "--param", "count=5000"]).exits(0);
}

#[test]
fn a_limit_is_a_limit_even_where_a_grant_is_missing() {
    let environment = environment();
    let arguments = ["--param", "do=denied", "--param", "count=1000000000", "--timeout", "300ms"];
    environment.run("probe", &arguments).exits(3).says("time limit").says("--allow-http http://");
}
