//! What a user sees: the real program against real servers on loopback. Nothing here knows the host's internals.
#![allow(clippy::disallowed_methods, reason = "tests work on files and processes, and are no part of the host")]

mod architecture;
mod clock;
mod command_line;
mod compiling;
mod components;
mod earlier;
mod faults;
mod grants;
mod hostile;
mod http2;
mod injected;
mod landing;
mod limits;
mod names;
mod network;
mod padelnomics;
mod power;
mod proxy;
mod python;
mod readers;
mod secrets;
mod servers;
mod shown;
mod signals;
mod smith;
mod space;
mod state;
mod syncs;
mod systemd;
mod texts;
mod tls;
mod upkeep;
mod validators;

use harness::{Environment, Origin};

/// A fresh place to run `host` in.
fn environment() -> Environment {
    Environment::new(env!("CARGO_BIN_EXE_host"))
}

/// `--allow-http` for a server, and a `url` parameter.
fn mirror(origin: &Origin, path: &str) -> [String; 4] {
    ["--allow-http".into(), origin.grant(), "--param".into(), format!("url={}", origin.url(path))]
}

/// The arguments together, as slices.
fn with<'a>(first: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    first.iter().map(String::as_str).chain(more.iter().copied()).collect()
}
