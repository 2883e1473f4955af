//! Which part of the host may use which. A part that needs another one more says so here, where it is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Parts, and the parts that they may use. `domain`, `text` and `clock` are words and tools; `run` is where all meet.
const MAY_USE: &[(&str, &[&str])] = &[
    ("allow", &["budget", "component", "config", "domain", "error", "fetch", "landing", "text"]),
    ("budget", &["domain"]),
    (
        "cli",
        &[
            "allow",
            "budget",
            "component",
            "config",
            "console",
            "error",
            "files",
            "landing",
            "repair",
            "report",
            "run",
            "state",
            "text",
            "verify",
        ],
    ),
    ("clock", &[]),
    ("component", &["budget", "clock", "domain", "text"]),
    ("config", &["budget", "component", "domain", "error", "fetch", "files", "landing", "redact", "text"]),
    ("console", &["domain", "redact", "text"]),
    ("domain", &[]),
    ("error", &[]),
    ("fetch", &["budget", "clock", "domain", "gunzip", "redact", "text"]),
    ("files", &[]),
    ("fuzzing", &["component", "fetch", "landing"]),
    ("gunzip", &[]),
    ("landing", &["domain", "gunzip", "text"]),
    ("lib", &["cli"]),
    ("main", &[]),
    ("redact", &[]),
    ("repair", &["clock", "console", "error", "landing", "state", "verify"]),
    ("report", &["domain", "error", "landing", "state", "text"]),
    (
        "run",
        &[
            "budget",
            "clock",
            "component",
            "config",
            "console",
            "domain",
            "error",
            "fetch",
            "landing",
            "redact",
            "report",
            "state",
            "text",
        ],
    ),
    ("state", &["domain"]),
    ("text", &[]),
    ("verify", &["console", "domain", "error", "landing", "state"]),
];

/// Files of pure rules, which must not touch the world: what none of them may name.
const PURE: &[&str] = &[
    "budget/amount.rs",
    "budget/settings.rs",
    "component/section.rs",
    "config/asks.rs",
    "domain.rs",
    "error.rs",
    "fetch/address.rs",
    "fetch/policy.rs",
    "fetch/request.rs",
    "fetch/retry.rs",
    "fetch/secret.rs",
    "gunzip.rs",
    "landing/gzip.rs",
    "landing/name.rs",
    "redact.rs",
    "report.rs",
    "text.rs",
];
const WORLD: &[&str] = &["tokio", "rusqlite", "rustix", "std::fs", "std::net::Tcp", "Instant", "SystemTime::now"];

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    let mut left = vec![root.clone()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        } else {
            let text = fs::read_to_string(&path).expect("a source file");
            // Unit tests may use what they need.
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            files.insert(relative(&root, &path), code);
        }
    }
    files
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).expect("below the root").display().to_string()
}

fn part(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

/// The parts that a file names after `crate::`, alone or in braces.
fn used(code: &str) -> BTreeSet<&str> {
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1)).flat_map(|rest| {
        let several = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        several.unwrap_or(rest).split(", ").take(if several.is_some() { usize::MAX } else { 1 })
    });
    names.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest)).collect()
}

#[test]
fn parts_use_only_what_they_may() {
    for (file, code) in sources() {
        let from = part(&file);
        let allowed =
            MAY_USE.iter().find(|(part, _)| *part == from).unwrap_or_else(|| panic!("{from} is not in the table"));
        for to in used(&code) {
            assert!(to == from || allowed.1.contains(&to), "{file} uses {to}: an arrow that must not be");
        }
    }
}

#[test]
fn wasmtime_stays_in_its_room_and_sqlite_in_its() {
    for (file, code) in sources() {
        let names = |what: &str| code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(what));
        assert!(part(&file) == "component" || !names("wasmtime"), "{file} names wasmtime");
        assert!(part(&file) == "state" || !names("rusqlite"), "{file} names rusqlite");
        assert!(file == "fetch/connect.rs" || !names("tokio::net"), "{file} names sockets");
        assert!(file.starts_with("landing/disk") || !names("rustix::fs"), "{file} names the file system");
    }
}

#[test]
fn pure_rules_touch_nothing() {
    let sources = sources();
    for file in PURE {
        let code = sources.get(*file).unwrap_or_else(|| panic!("{file} is gone"));
        for world in WORLD {
            let line = code.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(world));
            assert_eq!(line, None, "{file} is pure and names {world}");
        }
    }
}

#[test]
fn every_probe_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let probes = fs::read_to_string(here.join("../guests/probes/src/lib.rs")).expect("the probes");
    let names: Vec<&str> = probes
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() > 30, "{names:?}");
    let entries = fs::read_dir(here.join("../tests/e2e")).expect("a directory");
    let tests: String =
        entries.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a test")).collect();
    for name in names {
        let named = tests.contains(&format!("do={name}\"")) || tests.contains(&format!("\"{name}\""));
        assert!(named, "the probe `{name}` has no test");
    }
}
