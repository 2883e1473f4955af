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
    ("outbound", &["clock", "rules"]),
    ("objects", &["clock", "outbound", "rules"]),
    ("registry", &["clock", "outbound", "rules"]),
    ("zone", &["objects", "rules"]),
];

/// What does something in the world, and the crates that may use it, beside `host` itself where it says so.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["engine"]),
    ("rusqlite", &["state"]),
    ("object_store", &["objects"]),
    ("memmap2", &["objects"]),
    ("hyper", &["fetch", "outbound"]),
    ("tokio-rustls", &["fetch"]),
    ("ring", &["host", "registry"]),
    ("rustls", &["fetch", "objects", "outbound", "registry"]),
    ("tokio", &["engine", "fetch", "host", "objects", "outbound", "registry"]),
    ("rustix", &["clock", "engine", "host", "registry", "zone"]),
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

/// What only Linux has or does so, and the files that may say it: each has what stands in for it elsewhere.
const OF_LINUX: &[(&str, &[&str])] = &[
    ("OFlags::PATH", &["zone/src/disk/system/linux.rs"]),
    ("OFlags::TMPFILE", &["zone/src/disk/system/linux.rs"]),
    ("AtFlags::EMPTY_PATH", &["zone/src/disk/system/linux.rs"]),
    ("fs::openat2", &["zone/src/disk/system/linux.rs"]),
    ("fstatfs(", &["zone/src/disk/system/linux.rs", "zone/src/disk/system/macos.rs"]),
    // On macOS it does not reach the disk.
    ("fsync(", &["zone/src/disk/system/linux.rs", "zone/src/disk/system/macos.rs"]),
    // Not every file system does that. `beneath` exchanges names in a test.
    ("renameat_with(", &["zone/src/disk/system.rs", "zone/src/disk/beneath.rs"]),
    ("parent_process_death_signal", &["engine/src/processes.rs"]),
    ("Resource::As", &[]),
    (
        "\"/proc",
        &[
            "engine/src/processes.rs",
            "src/config/place.rs",
            "zone/src/disk/beneath.rs",
            "zone/src/disk/system/linux.rs",
        ],
    ),
    ("target_os", &["clock/src/lib.rs", "engine/src/processes.rs", "rules/src/lib.rs", "zone/src/disk/system.rs"]),
    ("rustix::rand", &[]),
    ("fdatasync(", &[]),
    ("fallocate(", &[]),
    ("memfd_create(", &[]),
    ("pidfd", &[]),
    ("copy_file_range(", &[]),
    ("os::linux", &[]),
    ("F_OFD_", &["zone/src/disk/system/ranges.rs"]),
];

#[test]
fn what_only_linux_has_stands_where_there_is_something_in_its_place() {
    let mut waiting = vec![here()];
    let mut seen = 0;
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let own = path.strip_prefix(here()).expect("a file of the host").display().to_string();
            if !own.ends_with(".rs") || own.starts_with("templates/") {
                continue;
            }
            seen += 1;
            let text = fs::read_to_string(&path).expect("a source");
            for (word, rooms) in OF_LINUX {
                assert!(
                    !text.contains(word) || rooms.contains(&&*own),
                    "{own} says `{word}`, which is Linux's alone: put it into {rooms:?}, with what stands in for it"
                );
            }
        }
    }
    assert!(seen > 100, "only {seen} files were seen");
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
