//! Faults in the middle of it: calls that fail, kills.

use std::process::Command;

use harness::{Environment, Origin, Ran, under};

use super::{CSV, erase, found, run};
use crate::environment;
use crate::injected::{at_every_call, strace};

/// A zone with a file that is about to be erased, and one beside it.
fn prepared(origin: &Origin) -> Environment {
    let environment = environment();
    run(&environment, origin, &[]).exits(0);
    environment
}

fn path(environment: &Environment) -> String {
    environment.query("SELECT path FROM landed_files UNION ALL SELECT path FROM erased").remove(0)
}

fn command(environment: &Environment) -> std::process::Command {
    environment.command(["erase", "--yes", "--reason", "request 17", &path(environment)])
}

/// Try each fault, and finish it in one of three ways: by saying it again, by a repair, or not at all.
fn finished_by(finish: &dyn Fn(&Environment, &Origin, &str)) {
    if !strace() {
        return;
    }
    let origin = Origin::start();
    origin.route("/people.csv", harness::Reply::new(CSV).etag("\"one\""));
    let check = |environment: &Environment, injection: &str| {
        let path = path(environment);
        // Either nothing happened, or it is known that it has to.
        let (there, is_erased) =
            (!environment.paths().is_empty(), environment.query("SELECT count(*) FROM erased") == ["1"]);
        let expected = if there && is_erased { vec![format!("erased {path}")] } else { Vec::new() };
        assert_eq!(found(environment), expected, "{injection}");
        assert!(there || is_erased, "{injection}");
        finish(environment, &origin, injection);
        assert_eq!(found(environment), [""; 0], "{injection}");
    };
    let faults = at_every_call(&|| prepared(&origin), &command, &check);
    assert!(faults > 15, "only {faults} faults were injected");
}

#[test]
fn an_erasure_that_is_cut_short_is_finished_by_saying_it_again() {
    finished_by(&|environment, origin, injection| {
        let path = path(environment);
        erase(environment, &[&path]).exits(0);
        assert_eq!(environment.everything(), [""; 0], "{injection}");
        run(environment, origin, &[]).exits(0).says("did not land");
        assert_eq!(environment.everything(), [""; 0], "{injection}");
    });
}

#[test]
fn a_repair_and_runs_get_along_with_one_that_is_cut_short() {
    finished_by(&|environment, origin, injection| {
        let erased = environment.query("SELECT count(*) FROM erased") == ["1"];
        let ran = run(environment, origin, &[]).exits(0);
        assert_eq!(ran.stderr.contains("did not land"), erased, "{injection}: {ran:?}");
        environment.host(["repair"]).exits(0);
        assert_eq!(environment.everything().is_empty(), erased, "{injection}");
    });
}

/// What a command syncs and removes, in order.
fn traced(environment: &Environment, command: &Command) -> Vec<String> {
    let trace = environment.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-e", "signal=none", "-e", "trace=fsync,fdatasync,unlinkat", "-o"]).arg(&trace);
    Ran::new(under(strace, command).output().expect("strace")).exits(0);
    std::fs::read_to_string(trace).expect("a trace").lines().map(str::to_owned).collect()
}

#[test]
fn no_power_cut_takes_back_what_was_recorded_or_removed() {
    if !strace() {
        return;
    }
    let origin = Origin::start();
    origin.route("/people.csv", harness::Reply::new(CSV).etag("\"one\""));
    let environment = prepared(&origin);
    let file = environment.landing().join(path(&environment));
    let stored = std::fs::read(&file).expect("a file");
    for words in [&["erase"][..], &["erase"], &["repair"]] {
        std::fs::write(&file, &stored).expect("a file");
        let command = if words == ["repair"] { environment.command(words) } else { command(&environment) };
        let calls = traced(&environment, &command);
        let removed = calls.iter().position(|call| call.contains("unlinkat(") && call.contains("one.csv.gz"));
        let (before, after) = calls.split_at(removed.unwrap_or_else(|| panic!("{calls:?}")));
        let directory = format!("{}>)", file.parent().expect("a directory").display());
        assert!(after.iter().any(|call| call.contains("fsync(") && call.contains(&directory)), "{calls:?}");
        // The row was there before the second time.
        let is_new = calls.iter().any(|call| call.contains(".state.sqlite"));
        assert!(
            !is_new || words == ["repair"] || before.iter().any(|call| call.contains(".state.sqlite")),
            "{calls:?}"
        );
    }
}
