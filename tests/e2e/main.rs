//! What a user sees: the real program against real servers on loopback. Nothing here knows the host's internals.
#![allow(clippy::disallowed_methods, reason = "tests work on files and processes, and are no part of the host")]

mod adding;
mod architecture;
mod authors;
mod beneath;
mod book;
mod called;
mod cases;
mod clock;
mod command_line;
mod compiling;
mod components;
mod configuration;
mod contract;
mod current;
mod day;
mod debian;
mod dry_run;
mod earlier;
mod engines;
mod erase;
mod extractors;
mod faults;
mod foreign_state;
mod grants;
mod health;
mod hostile;
mod http2;
mod image;
mod injected;
mod install;
mod journal;
mod kept;
mod landing;
mod licences;
mod limits;
mod manifests;
mod mapping;
mod misfits;
mod models;
mod named;
mod names;
mod network;
mod notices;
mod others;
mod packages;
mod padelnomics;
mod planted;
mod power;
mod proxy;
mod prune;
mod python;
mod quarantine;
mod readers;
mod registries;
mod released;
mod replay;
mod report;
mod scale;
mod secrets;
mod servers;
mod several;
mod shards;
mod short;
mod shown;
mod signals;
mod smith;
mod space;
mod state;
mod stores;
mod syncs;
mod systemd;
mod texts;
mod tls;
mod tokens;
mod unpack;
mod upkeep;
mod validators;
mod views;
mod windows;
mod written;

use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use harness::{Environment, Origin};

/// When a program that does not end is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program: what cargo built, or what `HOST_PROGRAM` names, as a release does with what it is about to give out.
fn program() -> PathBuf {
    std::env::var_os("HOST_PROGRAM").map_or(env!("CARGO_BIN_EXE_host").into(), PathBuf::from)
}

/// A fresh place to run `host` in.
fn environment() -> Environment {
    Environment::new(program())
}

/// Fresh places to run it in, one on each kind of kernel: this machine's, one without `openat2`, and one that lacks all
/// that macOS lacks, as far as `strace` and `python3` are there.
fn kernels() -> Vec<Environment> {
    let mut all = rich_and_lean();
    all.extend(injected::strace().then(|| environment().without_openat2()));
    all
}

/// The same without the one in between.
fn rich_and_lean() -> Vec<Environment> {
    let mut all = vec![environment()];
    all.extend(environment().on_a_lean_kernel());
    all
}

/// `--allow-http` for a server, and a `url` parameter.
fn mirror(origin: &Origin, path: &str) -> [String; 4] {
    ["--allow-http".into(), origin.grant(), "--param".into(), format!("url={}", origin.url(path))]
}

/// The arguments together, as slices.
fn with<'a>(first: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    first.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

/// Wait until something holds, and no longer than there is patience.
#[track_caller]
fn until(child: &mut Child, mut holds: impl FnMut(&mut Child) -> bool) {
    let start = Instant::now();
    while !holds(child) {
        if start.elapsed() > PATIENCE {
            child.kill().expect("a signal");
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
