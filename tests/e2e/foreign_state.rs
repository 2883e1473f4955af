//! What comes out of the database is as foreign as what comes from the network: others may have written it.

use std::fs;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, skip};
use rusqlite::Connection;

use crate::{environment, mirror, with};

/// A zone with one file, and what it came from.
fn landed() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    (environment, origin)
}

fn state(environment: &Environment) -> Connection {
    environment.state()
}

#[test]
fn a_name_in_the_state_leads_nowhere() {
    let (environment, _origin) = landed();
    let sql =
        "INSERT INTO extraction_runs (extractor, started_at, status) VALUES (?1, '2025-01-01T00:00:00Z', 'running')";
    for name in ["../planted", "/planted", "a/b", "x\0y", "\u{1b}[2J"] {
        state(&environment).execute(sql, [name]).expect("a row");
    }
    let before = environment.everything();
    let found = environment.host(["verify"]).exits(1);
    assert!(
        found.stdout.contains("`../planted` is no extractor's name") && !found.stdout.contains('\u{1b}'),
        "{found:?}"
    );
    assert_eq!(environment.everything(), before);
    assert!(!environment.path().join("planted").exists());
    assert_eq!(fs::read_dir(environment.landing().join(".locks")).expect("locks").count(), 2);
}

#[test]
fn triggers_and_views_of_the_database_are_never_run() {
    let (environment, origin) = landed();
    state(&environment)
        .execute_batch(
            "CREATE TABLE grown (x);
             CREATE TRIGGER endless AFTER INSERT ON extraction_runs BEGIN
                 INSERT INTO grown WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
             END;
             CREATE TRIGGER liar AFTER UPDATE ON extraction_runs BEGIN DELETE FROM landed_files; END;",
        )
        .expect("triggers");
    let ran = environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &["--timeout", "10s"])).exits(0).json();
    assert_eq!(ran["files_skipped"], 1);
    assert_eq!(environment.query("SELECT count(*) FROM grown"), ["0"]);
    assert_eq!(environment.query("SELECT count(*) FROM landed_files"), ["1"]);
}

#[test]
fn what_is_no_file_in_a_side_files_place_is_refused_at_once() {
    for side in ["-journal", "-wal", "-shm"] {
        let (environment, origin) = landed();
        let pipe = environment.landing().join(format!(".state.sqlite{side}"));
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        let says = format!("error: .state.sqlite{side} is no regular file");
        environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(1).says(&says);
        environment.host(["runs"]).exits(1).says(&says);
        environment.host(["verify"]).exits(1).says(&says);
        environment.host(["repair"]).exits(1).says(&says);
        assert_eq!(origin.asked().len(), 1, "nothing is asked");
    }
}

#[test]
fn a_directory_that_may_not_be_read_is_a_finding() {
    let (environment, _origin) = landed();
    fs::create_dir(environment.landing().join("lost+found")).expect("a directory");
    let program = environment.path().join("host");
    fs::copy(crate::program(), &program).expect("a copy");
    let run =
        |command: &[&str]| assert!(Command::new(command[0]).args(&command[1..]).status().expect("a program").success());
    let (all, closed) = (environment.path().display().to_string(), environment.landing().join("lost+found"));
    if !Command::new("chown").args(["-R", "65534", &all]).status().is_ok_and(|status| status.success()) {
        skip::not_allowed("only root can become another user");
        return;
    }
    run(&["chown", "0", &closed.display().to_string()]);
    run(&["chmod", "700", &closed.display().to_string()]);
    for (command, code, says) in
        [("verify", 1, "unreadable  lost+found: "), ("repair", 0, "1 path that cannot be read")]
    {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        let output = nobody.args([command, "--landing"]).arg(environment.landing()).output().expect("setpriv");
        let ran = Ran::new(output).exits(code);
        assert!(ran.stdout.contains(says), "{ran:?}");
    }
}

#[test]
fn old_runs_are_forgotten_and_what_counts_stays() {
    let (environment, origin) = landed();
    for _ in 0..3 {
        environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    }
    state(&environment).execute("UPDATE extraction_runs SET started_at = '2020-01-01T00:00:00Z'", []).expect("runs");
    let dry = environment.host(["prune", "--runs-older-than", "90d", "--dry-run"]).exits(0);
    assert_eq!(dry.stdout, "3 runs would be forgotten\n");
    assert_eq!(environment.host(["prune", "--runs-older-than", "90d"]).exits(0).stdout, "3 runs forgotten\n");
    assert_eq!(environment.query("SELECT run_id FROM extraction_runs"), ["4"]);
    assert_eq!(environment.host(["prune", "--runs-older-than", "90d"]).exits(0).stdout, "0 runs forgotten\n");
    let ran: Ran = environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    assert_eq!(ran.json()["run_id"], 5);
}
