//! No room to write, or no right to: nothing partial stays, and what landed before is there.

use std::path::Path;
use std::process::Command;

use harness::{Origin, Ran, Reply, guest, skip, under};

use crate::named::extractor;
use crate::{environment, mirror, with};

fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/large.csv", Reply::lines(100_000));
    origin.route("/small.csv", Reply::new("a,b\n"));
    origin
}

/// A file system in memory, unmounted when this is dropped; nothing where this user may not mount.
pub(crate) struct Memory<'a>(&'a Path);

impl<'a> Memory<'a> {
    pub(crate) fn mount(at: &'a Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        if !mounted {
            skip::not_allowed("this user may not mount");
        }
        mounted.then_some(Self(at))
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_limit_on_file_sizes_fails_the_run_and_does_not_kill_it() {
    let origin = origin();
    for kilobytes in [200, 400] {
        let environment = environment();
        let host = environment.run_command("mirror", &with(&mirror(&origin, "/large.csv"), &[]));
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("ulimit -f {kilobytes} && exec \"$0\" \"$@\"")]);
        let ran = Ran::new(under(bash, &host).output().expect("bash")).exits(1).says("File too large");
        assert_eq!(ran.json()["status"], "failed");
        assert_eq!(environment.everything(), [""; 0]);
        assert_eq!(
            environment.run("mirror", &with(&mirror(&origin, "/large.csv"), &[])).exits(0).json()["files_written"],
            1
        );
    }
}

#[test]
fn a_full_disk_fails_the_run_and_keeps_what_was_there() {
    let (environment, origin) = (environment(), origin());
    let landing = environment.landing();
    let Some(_memory) = Memory::mount(&landing, "size=600k") else { return };
    environment.run("mirror", &with(&mirror(&origin, "/small.csv"), &[])).exits(0);
    let before = environment.stored();
    environment.run("mirror", &with(&mirror(&origin, "/large.csv"), &[])).exits(1).says("No space left");
    assert_eq!(environment.stored(), before);
    assert_eq!(environment.everything().len(), 1);
    assert_eq!(environment.query("SELECT status FROM extraction_runs ORDER BY run_id"), ["success", "failed"]);
}

#[test]
fn a_notice_that_finds_no_room_harms_no_run_and_is_told_again() {
    let (environment, origin) = (environment(), origin());
    let landing = environment.landing();
    let Some(_memory) = Memory::mount(&landing, "size=1m") else { return };
    // Whoever is told fills the disk.
    let fills =
        "echo $HOST_EVENT $HOST_RUN_ID >> told; head -c 2000000 /dev/zero > landing/.filling 2> /dev/null; true";
    let notify = format!("[notify.x]\non = [\"failure\", \"recovery\"]\ncommand = [\"sh\", \"-c\", {fills:?}]\n");
    environment.write("host.toml", notify + &extractor("a", &origin, "/none.csv"));
    for run in [1, 2] {
        let ran = environment.host(["run", "a"]).exits(1).says("404");
        let ran = ran.says("warning: what was told cannot be recorded, and may be told again: the state database: database or disk is full");
        assert!(ran.stdout.starts_with(&format!("a run {run}: failed")), "{ran:?}");
        std::fs::remove_file(landing.join(".filling")).expect("a file that was in the way");
    }
    let told = || std::fs::read_to_string(environment.path().join("told")).expect("a file");
    assert_eq!(told(), "failure 1\nfailure 2\n");
    assert_eq!(environment.query("SELECT count(*) FROM notices"), ["0"]);
    assert_eq!(environment.query("SELECT status FROM extraction_runs"), ["failed", "failed"]);
    assert_eq!(environment.query("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn a_read_only_disk_is_seen_before_the_first_request() {
    let (environment, origin) = (environment(), origin());
    let landing = environment.landing();
    let Some(_memory) = Memory::mount(&landing, "size=1m") else { return };
    environment.run("mirror", &with(&mirror(&origin, "/small.csv"), &[])).exits(0);
    origin.forget();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&landing).status().expect("mount");
    assert!(remounted.success());
    environment.run("mirror", &with(&mirror(&origin, "/small.csv"), &[])).exits(1).says("Read-only file system");
    assert_eq!(origin.asked(), []);
    // Looking needs no writing.
    environment.host(["runs"]).exits(0);
}

#[test]
fn a_component_is_not_compiled_twice_at_the_cost_of_a_full_disk() {
    let (environment, origin) = (environment(), origin());
    let cache = environment.path().join("cache");
    let Some(_memory) = Memory::mount(&cache, "size=64k") else { return };
    let mut command = environment.command(["run"]);
    command.arg(guest("mirror")).args(mirror(&origin, "/small.csv")).env("XDG_CACHE_HOME", &cache);
    // Without room for the compiled component the run only takes longer, and nothing half-written stays.
    Ran::new(command.output().expect("the program")).exits(0);
    let stored = std::fs::read_dir(cache.join("host/compiled")).map(Iterator::count).unwrap_or_default();
    assert_eq!(stored, 0);
}
