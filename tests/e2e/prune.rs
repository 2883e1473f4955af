//! Forgetting old runs.

use std::fs::File;

use harness::{Environment, Gate, Origin, Ran, Reply};
use rustix::fs::{FlockOperation, flock};

use crate::{environment, mirror, with};

/// A zone with old runs of two extractors, and a new one of `mirror`.
fn old(origin: &Origin) -> Environment {
    let environment = environment();
    origin.route("/courts.csv", Reply::new("a,b\n").etag("\"one\""));
    environment.run("mirror", &with(&mirror(origin, "/courts.csv"), &[])).exits(0);
    environment
        .state()
        .execute_batch(
            "UPDATE extraction_runs SET run_id = 100;
             INSERT INTO extraction_runs (run_id, extractor, started_at, status, cursor_value) VALUES
                (1, 'mirror', '2020-01-01T00:00:00Z', 'success', NULL), (2, 'mirror', '2020-01-02T00:00:00Z', 'failed', NULL),
                (3, 'mirror', '2020-01-03T00:00:00Z', 'failed', NULL), (4, 'other', '2020-01-01T00:00:00+00:00', 'success', 'c'),
                (5, 'other', '2020-01-02T00:00:00+00:00', 'success', 'd'), (6, 'other', '2020-01-03T00:00:00Z', 'running', NULL);
             INSERT INTO cursors VALUES ('other', '', 'd', 5)",
        )
        .expect("rows");
    environment
}

fn runs(environment: &Environment) -> Vec<String> {
    environment.query("SELECT run_id FROM extraction_runs ORDER BY run_id")
}

#[test]
fn old_runs_are_forgotten_and_nothing_else() {
    let origin = Origin::start();
    let environment = old(&origin);
    let landed = environment.stored();
    let prune =
        |more: &[&str]| environment.host([&["prune", "--runs-older-than", "90d"], more].concat()).exits(0).stdout;
    assert_eq!(prune(&["--dry-run"]), "3 runs would be forgotten\n");
    assert_eq!(runs(&environment).len(), 7);
    assert_eq!(prune(&["--dry-run", "--json"]), "{\"changes\":0,\"dry_run\":true,\"forgotten\":3,\"logs\":0}\n");
    assert_eq!(prune(&[]), "3 runs forgotten\n");
    // The last failure of one and the last success of the other are as old, and stay.
    assert_eq!(runs(&environment), ["3", "5", "6", "100"]);
    assert_eq!(prune(&["--json"]), "{\"changes\":0,\"dry_run\":false,\"forgotten\":0,\"logs\":0}\n");
    assert_eq!(environment.stored(), landed);
    assert_eq!(environment.query("SELECT value FROM cursors"), ["d"]);
    // What the validators are of is known as before.
    origin.forget();
    environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    assert_eq!(origin.asked()[0].header("if-none-match"), Some("\"one\""));
    environment.state().execute("INSERT INTO extraction_runs (run_id, extractor, started_at, status) VALUES (7, 'mirror', '2020', 'success')", []).expect("a row");
    assert_eq!(prune(&[]), "1 run forgotten\n");
}

#[test]
fn what_something_else_took_the_place_of_does_not_come_back() {
    let (environment, origin) = (environment(), Origin::start());
    for content in ["a\n", "b\n"] {
        origin.route("/courts.csv", Reply::new(content));
        environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    }
    // As what an extractor made of a response.
    environment.state().execute("UPDATE landed_files SET url = NULL", []).expect("rows");
    environment.state().execute("UPDATE resource_changes SET changed_at = '2020'", []).expect("rows");
    let current = || environment.query("SELECT path FROM current_files");
    let before = current();
    environment.host(["prune", "--changes-older-than", "1d"]).exits(0);
    assert_eq!((before.len(), current()), (1, before));
}

#[test]
fn runs_go_on_meanwhile_and_a_repair_does_not() {
    let origin = Origin::start();
    let environment = old(&origin);
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new("a\n").gated(&reached, &hold));
    let running = environment.spawn("mirror", &with(&mirror(&origin, "/slow.csv"), &[]));
    assert!(reached.wait(), "the run never asked");
    let arguments = ["prune", "--runs-older-than", "1w"];
    assert_eq!(environment.host(arguments).exits(0).stdout, "3 runs forgotten\n");
    hold.open();
    Ran::new(running.wait_with_output().expect("the program")).exits(0);
    assert_eq!(environment.query("PRAGMA journal_mode"), ["delete"]);

    let lock = File::options().write(true).open(environment.landing().join(".locks/.zone")).expect("a lock's file");
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("the lock");
    environment.host(arguments).exits(75).says("is being repaired");
}

#[test]
fn what_is_wrong_with_an_order_is_said() {
    let environment = environment();
    environment.host(["prune", "--runs-older-than", "90d"]).exits(2).says("there is no landing directory");
    std::fs::create_dir(environment.landing()).expect("a directory");
    environment.host(["prune", "--runs-older-than", "90d"]).exits(2).says("there are no runs in");
    environment.host(["prune"]).exits(2).says("--runs-older-than");
    for (age, says) in [("90", "is no duration such as 90d"), ("3mo", "is no duration"), ("99999d", "a hundred years")]
    {
        environment.host(["prune", "--runs-older-than", age]).exits(2).says(says);
    }
}
