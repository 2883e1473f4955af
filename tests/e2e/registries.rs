//! Extractors in registries: pushed, pulled, run and signed, against Debian's docker-registry and against one that lies.

mod bundles;
mod hostile;
mod lying;
mod proxied;
mod real;
mod signed;
mod told;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, guest};

use crate::environment;

/// A place to run the program in, with a cache and a home of its own.
struct Place {
    environment: Environment,
    origin: Origin,
}

impl Place {
    fn new() -> Self {
        let origin = Origin::start();
        origin.route("/prices.csv", Reply::new("price\n1\n"));
        Self { environment: environment(), origin }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.environment.command(arguments);
        command.env("XDG_CACHE_HOME", self.environment.path().join("cache"));
        command.env("HOME", self.environment.path().join("home"));
        command
    }

    fn host(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.command(arguments).output().expect("the program"))
    }

    /// Run an extractor that lands one file.
    fn run(&self, extractor: &str) -> Ran {
        let url = format!("url={}", self.origin.url("/prices.csv"));
        self.host(&["run", extractor, "--json", "--fresh", "--allow-http", &self.origin.grant(), "--param", &url])
    }

    /// What is kept of components, by the ends of the names.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.components()).into_iter().flatten().flatten();
        let mut ends: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .map(|name| name.split('.').next_back().unwrap_or_default().to_owned())
            .collect();
        ends.sort();
        ends
    }

    fn components(&self) -> PathBuf {
        self.environment.path().join("cache/host/components")
    }

    /// The file of a component that was pulled.
    fn component(&self) -> PathBuf {
        let entries = fs::read_dir(self.components()).expect("a directory").flatten();
        let mut files =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "wasm"));
        files.next().expect("a component")
    }
}

/// An extractor that lands what it is told to.
fn mirror() -> Vec<u8> {
    fs::read(guest("mirror")).expect("a component")
}
