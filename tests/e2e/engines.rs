//! The examples of `tests/engines`, run by the engines that they are for. What is heavy to install is for `cargo soak`.

mod clusters;
mod flows;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Environment;

use crate::program;
use crate::systemd::installed;

/// An example, with the extractor and the window of these tests in the place of its own.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/engines").join(name);
    let text = fs::read_to_string(path).expect(name);
    text.replace("padelnomics", "days").replace("2025-01-01..2026-01-01", "2025-01-01..2025-01-06")
}

/// A command with the environment of a run, and this program as `host` on its path.
fn with_host(environment: &Environment, mut command: Command) -> Command {
    let programs = environment.path().join("programs");
    if !programs.exists() {
        fs::create_dir(&programs).expect("a directory");
        symlink(program(), programs.join("host")).expect("a link");
    }
    let ours = environment.command(["run"]);
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(programs).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all).expect("a path")).current_dir(environment.path());
    command
}

fn written(environment: &Environment, name: &str) -> PathBuf {
    environment.write(name, example(name))
}

/// What the runs of these five days left: how many succeeded, failed, and landed.
fn outcome(environment: &Environment) -> [String; 3] {
    let count = |status: &str| {
        environment.query(&format!("SELECT count(*) FROM extraction_runs WHERE status = '{status}'")).concat()
    };
    [count("success"), count("failed"), environment.paths().len().to_string()]
}

#[test]
fn gnu_parallel_runs_the_shards_and_again_those_that_failed() {
    if !installed("parallel") {
        return;
    }
    let (environment, origin) = crate::shards::prepared();
    origin.route("/2025-01-03", harness::Reply::status(404));
    let script = written(&environment, "parallel.sh");
    let run = || {
        let mut command = Command::new("sh");
        command.arg(&script);
        with_host(&environment, command).env("HOME", environment.path()).output().expect("sh")
    };
    // One shard failed each of three times, which is what it exits with.
    let first = harness::Ran::new(run()).exits(1);
    assert_eq!(outcome(&environment), ["4", "3", "4"], "{first:?}");
    origin.route("/2025-01-03", harness::Reply::new("3\n"));
    let second = harness::Ran::new(run()).exits(0);
    assert_eq!(outcome(&environment), ["5", "3", "5"], "{second:?}");
}

/// The book shows the examples that are run here.
#[test]
fn the_page_shows_the_examples_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("host/book/src/engines.md")).expect("the page");
    let mut shown = 0;
    for entry in fs::read_dir(root.join("tests/engines")).expect("the examples") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("an example");
        assert!(page.contains(&format!("\n{text}```\n")), "the page does not show {} as it is", path.display());
        shown += 1;
    }
    assert_eq!(shown, 6);
}
