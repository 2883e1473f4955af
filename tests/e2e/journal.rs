//! The log for systemd's journal: a listener at its place, in a namespace of the test's own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use harness::{skip, under};

use crate::environment;

/// Shows a directory of the test's as the one of the journal.
const THERE: &str = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind \"$0\" /run/systemd/journal && exec \"$@\"";

#[test]
fn lines_for_the_journal_have_fields() {
    let environment = environment();
    fs::create_dir(environment.path().join("journal")).expect("a directory");
    let journal = UnixDatagram::bind(environment.path().join("journal/socket")).expect("a socket");
    journal.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let inside = |environment: &harness::Environment| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--", "bash", "-c", THERE]).arg(environment.path().join("journal"));
        unshare
    };
    if !inside(&environment).arg("true").output().is_ok_and(|output| output.status.success()) {
        skip::not_allowed("a namespace, which root may make where it has all rights, cannot be made");
        return;
    }
    let run = |stream: &str, stderr: &fs::File| {
        let mut command = environment.run_command("probe", &["--param", "do=escape", "--param", "text=one\ntwo", "-v"]);
        command.env("JOURNAL_STREAM", stream);
        let mut command = under(inside(&environment), &command);
        let status = command.stderr(stderr.try_clone().expect("a file")).stdout(std::process::Stdio::null()).status();
        assert!(status.expect("the program").success());
    };
    let stderr = fs::File::create(environment.path().join("stderr")).expect("a file");
    let found = stderr.metadata().expect("a file");
    run(&format!("{}:{}", found.dev(), found.ino()), &stderr);
    let mut buffer = [0; 4096];
    let length = journal.recv(&mut buffer).expect("an entry");
    let entry = std::str::from_utf8(&buffer[..length]).expect("text");
    assert!(entry.starts_with("MESSAGE=one"), "{entry}");
    assert!(
        entry.ends_with("\nPRIORITY=6\nSYSLOG_IDENTIFIER=host\nHOST_EXTRACTOR=probe\nHOST_LEVEL=info\n"),
        "{entry}"
    );
    assert_eq!(entry.lines().count(), 5);
    assert_eq!(fs::read_to_string(environment.path().join("stderr")).expect("a file"), "");
    // Where standard error leads elsewhere, that is where the lines go.
    run(&format!("{}:{}", found.dev(), found.ino() + 1), &stderr);
    assert!(fs::read_to_string(environment.path().join("stderr")).expect("a file").starts_with("info: one"));
}
