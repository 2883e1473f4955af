//! The landing directory's walls, with `openat2` and without it: what is put on the way leads nowhere. And what else a
//! kernel may lack.
//!
//! Tests that are about more than this go through `kernels()` too: links, swaps, names and upkeep.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Origin, Ran, Reply, under};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{environment, injected, kernels, mirror, with};

/// Most runs until one met each of the two.
const MOST: usize = 400;

#[test]
fn without_the_call_a_run_lands_the_same() {
    let origin = Origin::start();
    origin.route("/courts.csv", Reply::new("city,courts\nMalaga,41\n").etag("\"one\""));
    let arguments = mirror(&origin, "/courts.csv");
    let mut landed = Vec::new();
    for environment in kernels() {
        environment.run("mirror", &with(&arguments, &[])).exits(0);
        assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_skipped"], 1);
        assert!(environment.host(["verify", "--read-data"]).exits(0).stdout.ends_with("nothing wrong\n"));
        environment.host(["repair"]).exits(0);
        landed.push(environment.stored());
    }
    assert!(landed.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn one_call_finds_out_which_way_a_run_takes() {
    if !injected::strace() {
        return;
    }
    let origin = Origin::start();
    origin.route("/courts.csv", Reply::new("city,courts\n"));
    // Unknown to the kernel, forbidden by a filter; what else goes wrong is no reason to do without.
    for (error, code, calls) in [("ENOSYS", 0, 1), ("EPERM", 0, 1), ("EIO", 1, 1)] {
        let environment = environment();
        let mut strace = Command::new("strace");
        let log = environment.path().join("strace.log");
        strace.args(["-f", "-qq", "--trace=openat2", "--signal=none", "-o"]).arg(&log);
        strace.arg(format!("--inject=openat2:error={error}"));
        let run = environment.run_command("mirror", &with(&mirror(&origin, "/courts.csv"), &[]));
        Ran::new(under(strace, &run).output().expect("strace")).exits(code);
        let log = fs::read_to_string(log).expect("a log");
        assert_eq!(log.matches("(INJECTED)").count(), calls, "{error}: {log}");
    }
}

#[test]
fn a_source_that_changes_places_with_a_link_all_the_time_leads_nowhere() {
    let origin = Origin::start();
    origin.route("/courts.csv", Reply::new("city,courts\n"));
    for environment in kernels() {
        let (source, link) = (environment.landing().join("mirror"), environment.landing().join("link"));
        let outside = environment.path().join("outside");
        for directory in [&source, &outside] {
            fs::create_dir_all(directory).expect("a directory");
        }
        symlink(&outside, &link).expect("a link");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &link, CWD, &source, RenameFlags::EXCHANGE).expect("an exchange");
                }
            });
            let mut codes = std::collections::BTreeSet::new();
            for _ in 0..MOST {
                let ran = environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &["--fresh"]));
                codes.insert(ran.code);
                if codes.len() > 1 {
                    break;
                }
            }
            done.store(true, Ordering::Relaxed);
            codes.remove(&Some(0));
            assert_eq!(codes.into_iter().collect::<Vec<_>>(), [Some(1)], "no run met the link");
        });
        assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0);
    }
}
