//! What Cargo holds is held only as long as nobody adds a dependency: which crate may know which, and who owns what.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of the host, and those of them that each may know. `host` joins them all.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("rules", &[]),
    ("engine", &["clock", "rules"]),
    ("fetch", &["clock", "rules"]),
    ("state", &["clock", "rules"]),
    ("zone", &["rules"]),
];

/// What does something in the world, and the crates that may use it, beside `host` itself where it says so.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["engine"]),
    ("rusqlite", &["state"]),
    ("hyper", &["fetch"]),
    ("tokio-rustls", &["fetch"]),
    ("rustls", &["fetch"]),
    ("tokio", &["engine", "fetch", "host"]),
    ("rustix", &["clock", "engine", "host", "zone"]),
];

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The dependencies of a crate, those of its tests left out.
fn dependencies(directory: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(directory.join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("a manifest");
    manifest["dependencies"].as_table().expect("dependencies").keys().cloned().collect()
}

#[test]
fn crates_know_only_what_they_may() {
    for (name, known) in MAY_KNOW {
        for dependency in dependencies(&here().join(name)) {
            let ours = dependency == "host" || MAY_KNOW.iter().any(|(name, _)| *name == dependency);
            assert!(
                !ours || known.contains(&dependency.as_str()),
                "{name} knows {dependency}: an arrow that must not be"
            );
        }
    }
}

#[test]
fn what_acts_on_the_world_has_one_owner() {
    let ours = MAY_KNOW.iter().map(|(name, _)| (*name, here().join(name))).chain([("host", here())]);
    for (name, directory) in ours {
        let used = dependencies(&directory);
        for (what, owners) in OWNERS {
            assert!(!used.contains(*what) || owners.contains(&name), "{name} uses {what}");
        }
    }
}

#[test]
fn every_probe_has_a_test() {
    let probes = fs::read_to_string(here().join("../guests/probes/src/lib.rs")).expect("the probes");
    let names: Vec<&str> = probes
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() > 30, "{names:?}");
    let entries = fs::read_dir(here().join("../tests/e2e")).expect("a directory");
    let tests: String = entries.filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok()).collect();
    for name in names {
        let named = tests.contains(&format!("do={name}\"")) || tests.contains(&format!("\"{name}\""));
        assert!(named, "the probe `{name}` has no test");
    }
}
