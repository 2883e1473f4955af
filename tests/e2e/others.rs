//! Another user of the same machine: neither reads secrets and compiled code, nor has the host load or write anything.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Environment, Gate, Origin, Ran, Reply, guest, skip};

use crate::{environment, mirror, with};

/// Nobody in particular.
const OTHER: u32 = 65_534;

/// An environment that other users may look into, and its own store of compiled code; none where the tests are not run by
/// root, who alone can be somebody else.
fn open() -> Option<(Environment, PathBuf)> {
    if !is_root() {
        skip::not_allowed("only root can run a program as another user");
        return None;
    }
    let environment = environment();
    fs::set_permissions(environment.path(), Permissions::from_mode(0o755)).expect("a mode");
    let mut look = Command::new("cat");
    look.arg(guest("mirror"));
    if as_other(environment.command(["--version"])).code != Some(0) || !readable(look) {
        skip::not_allowed("another user cannot look into this repository or its target directory");
        return None;
    }
    let cache = environment.path().join("cache");
    Some((environment, cache))
}

fn readable(mut look: Command) -> bool {
    look.uid(OTHER).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    look.status().is_ok_and(|status| status.success())
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn run(environment: &Environment, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = environment.run_command("mirror", arguments);
    command.env("XDG_CACHE_HOME", cache);
    command
}

fn as_other(mut command: Command) -> Ran {
    command.uid(OTHER).gid(OTHER).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ran::new(command.output().expect("the program"))
}

/// Insist that another user cannot read a file or list a directory.
#[track_caller]
fn closed(path: &Path) {
    let mut look = Command::new(if path.is_dir() { "ls" } else { "cat" });
    look.arg(path);
    assert!(!readable(look), "{} is open", path.display());
}

#[test]
fn compiled_code_and_the_secrets_of_a_run_are_nobody_elses() {
    let Some((environment, cache)) = open() else { return };
    let origin = Origin::start();
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/a", Reply::new("a\n").gated(&reached, &hold));
    let mut command = run(&environment, &cache, &with(&mirror(&origin, "/a"), &[]));
    let child = command.env("TOKEN", "hush-hush-42").spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    closed(&cache.join("host/compiled"));
    for entry in fs::read_dir(cache.join("host/compiled")).expect("the store") {
        let path = entry.expect("an entry").path();
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
        closed(&path);
    }
    let process = Path::new("/proc").join(child.id().to_string());
    closed(&process.join("environ"));
    closed(&process.join("fd"));
    hold.open();
    Ran::new(child.wait_with_output().expect("the program")).exits(0);
}

#[test]
fn compiled_code_of_another_user_is_neither_loaded_nor_replaced() {
    let Some((environment, cache)) = open() else { return };
    let origin = Origin::start();
    origin.route("/a", Reply::new("a\n"));
    let ran = || {
        let arguments = mirror(&origin, "/a");
        let mut command = run(&environment, &cache, &with(&arguments, &[]));
        Ran::new(command.output().expect("the program")).exits(0)
    };
    ran();
    let store = cache.join("host/compiled");
    let kept = fs::read_dir(&store).expect("the store").next().expect("a file").expect("an entry").path();
    // A file of theirs in a directory of ours is compiled anew.
    chown(&kept, Some(OTHER), None).expect("an owner");
    ran();
    assert_eq!(fs::metadata(&kept).expect("a file").uid(), 0);
    // A directory of theirs is left alone.
    chown(&store, Some(OTHER), None).expect("an owner");
    fs::write(&kept, "not code").expect("a file");
    ran();
    assert_eq!(fs::read(&kept).expect("a file"), b"not code");
}

#[test]
fn what_another_user_may_not_write_fails_before_anything_is_asked() {
    let Some((environment, cache)) = open() else { return };
    let origin = Origin::start();
    origin.route("/a", Reply::new("a\n"));
    let arguments = mirror(&origin, "/a");
    let arguments = with(&arguments, &[]);
    Ran::new(run(&environment, &cache, &arguments).output().expect("the program")).exits(0);
    let before = (environment.everything(), environment.query("SELECT count(*) FROM extraction_runs"));
    origin.forget();
    // In the directory of a user, with the store of that user.
    as_other(run(&environment, &cache, &arguments)).exits(1).says("hint: ");
    assert_eq!(origin.asked(), []);
    assert_eq!((environment.everything(), environment.query("SELECT count(*) FROM extraction_runs")), before);

    let file = environment.write("host.toml", "# mine\n");
    let component = guest("mirror").display().to_string();
    let allow = environment.command(["allow", &component, "--http", "https://a.example", "--yes"]);
    as_other(allow).exits(1).says("cannot record the grant in host.toml");
    assert_eq!(fs::read(&file).expect("a file"), b"# mine\n");
    let names =
        fs::read_dir(environment.path()).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with('.')));
}
