//! What a run costs where the disk is slow: how often it waits for it. And what is left at rest for those who only read.

use std::fs;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, under};

use crate::{environment, mirror, with};

/// How often a run of `mirror` syncs; `None` where there is no strace.
fn syncs(environment: &Environment, arguments: &[&str]) -> Option<usize> {
    syncs_of(environment, &environment.run_command("mirror", arguments))
}

fn syncs_of(environment: &Environment, command: &Command) -> Option<usize> {
    if !crate::injected::strace() {
        return None;
    }
    let trace = environment.path().join("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "signal=none", "-e", "trace=fsync,fdatasync,sync,syncfs,msync,sync_file_range", "-o"])
        .arg(&trace);
    Ran::new(under(strace, command).output().expect("strace")).exits(0);
    let text = fs::read_to_string(trace).expect("a trace");
    Some(text.lines().filter(|line| line.contains("sync(") || line.contains("sync_file_range(")).count())
}

#[test]
fn a_run_waits_for_the_disk_as_seldom_as_it_can() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    origin.route("/plain.csv", Reply::new("a,b\n1,2\n"));
    let (tagged, plain) = (mirror(&origin, "/courts.csv"), mirror(&origin, "/plain.csv"));
    environment.run("mirror", &with(&tagged, &[])).exits(0);
    // The log, the directory that it is in, the database.
    let Some(nothing_new) = syncs(&environment, &with(&tagged, &[])) else { return };
    assert_eq!(nothing_new, 3);
    assert_eq!(syncs(&environment, &with(&plain, &[])), Some(3), "the content is there under another name");
    // The log before anything gets a name, the file and its directory as well.
    origin.route("/courts.csv", Reply::new("a,b\n3,4\n").etag("\"two\""));
    assert_eq!(syncs(&environment, &with(&tagged, &[])), Some(6));
    // Each directory that is new as well, and the one that the first of them is in.
    origin.route("/plain.csv", Reply::new("a,b\n5,6\n"));
    let elsewhere = ["--allow-source", "other", "--param", "source=other"];
    assert_eq!(syncs(&environment, &with(&plain, &elsewhere)), Some(8));
}

#[test]
fn a_repair_records_no_file_whose_name_a_power_cut_could_take() {
    let repair = |path: &str| {
        let environment = environment();
        environment.host(["repair"]);
        let file = environment.landing().join(path);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, harness::gzip(b"a,b\n1,2\n")).expect("a file");
        syncs_of(&environment, &environment.command(["repair"]))
    };
    // The file has no name that the host gives, and so no record.
    let Some(nothing) = repair("x/2025/notes") else { return };
    // Its directory, and those above it.
    assert_eq!(repair("x/2025/2025-03-09_9a2f0c11.csv.gz"), Some(nothing + 3));
    assert_eq!(repair("x/2025/03/9a2f0c11.csv.gz"), Some(nothing + 4));
}

#[test]
fn at_rest_the_database_is_one_file_that_others_can_read() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    for _ in 0..2 {
        environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
        let hidden: Vec<_> = fs::read_dir(environment.landing()).expect("a directory").flatten().collect();
        let names: Vec<_> = hidden.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        assert_eq!(names.iter().filter(|name| name.starts_with(".state")).count(), 1, "{names:?}");
        let bytes = fs::read(environment.landing().join(".state.sqlite")).expect("a database");
        // The versions of the format to write and to read: 1 is a rollback journal, 2 would be a log.
        assert_eq!(bytes[18..20], [1, 1]);
    }
}
