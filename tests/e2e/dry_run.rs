//! Runs that write nothing.

use std::fs;
use std::path::Path;

use harness::{Origin, Ran, Reply};

use crate::replay::record;
use crate::{environment, mirror, with};

/// Everything in the landing directory, the state and the locks included, with contents and times.
fn snapshot(root: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let modified = fs::symlink_metadata(&path).expect("an inode").modified().expect("a time");
        let content = if path.is_dir() { Vec::new() } else { fs::read(&path).expect("a file") };
        found.push((path.display().to_string(), content, modified));
        if path.is_dir() {
            found.extend(snapshot(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_shows_what_would_land_and_writes_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/old.csv", Reply::new("old\n").etag("\"one\""));
    origin.route("/new.csv", Reply::new("city,price\nMadrid,18\n3\n4\n5\n6\n"));
    let temporary = environment.path().join("temporary");
    fs::create_dir(&temporary).expect("a directory");
    let dry = |paths: &[&str], more: &[&str]| {
        let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
        let mut command = environment.command(["run"]);
        command.arg(harness::guest("mirror")).args(["--allow-http", &origin.grant(), "--dry-run"]);
        command.env("TMPDIR", &temporary);
        command.arg("--param").arg(format!("url={}", urls.join(" "))).args(more);
        Ran::new(command.output().expect("the program"))
    };
    // Nothing is there yet, and nothing is made.
    let ran = dry(&["/old.csv"], &[]).exits(0);
    assert!(ran.stdout.starts_with("mirror dry run, nothing is written: success, 1 new"), "{}", ran.stdout);
    assert!(!environment.landing().exists());

    environment.run("mirror", &with(&mirror(&origin, "/old.csv"), &[])).exits(0);
    let before = snapshot(&environment.landing());
    origin.forget();
    let ran = dry(&["/old.csv", "/new.csv"], &["--param", "concurrency=1"]).exits(0);
    assert_eq!(snapshot(&environment.landing()), before);
    // What is known counts, and what is there is unchanged.
    assert_eq!(origin.asked()[0].header("if-none-match"), Some("\"one\""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[1].ends_with("one.csv.gz  4 B, unchanged"), "{}", ran.stdout);
    assert!(lines[2].ends_with(".csv.gz  29 B, new"), "{}", ran.stdout);
    assert_eq!(lines[3..], ["    | city,price", "    | Madrid,18", "    | 3", "    | 4", "    | 5"]);
    let report = dry(&["/new.csv"], &["--json"]).exits(0).json();
    assert_eq!(report["dry_run"][0]["lines"][1], "Madrid,18");
    // A run that fails fails here too, and leaves nothing either.
    dry(&["/none.csv"], &[]).exits(1);
    assert_eq!(snapshot(&environment.landing()), before);
    // From a recording it needs no landing directory at all.
    record(&environment, &origin, &["/new.csv"], &["--landing", "elsewhere"]).exits(0);
    origin.forget();
    dry(&["/new.csv"], &["--replay", "run.har"]).exits(0);
    assert_eq!((origin.asked().len(), snapshot(&environment.landing())), (0, before));
    assert_eq!(fs::read_dir(&temporary).expect("a directory").count(), 0, "nothing is left there");
}
