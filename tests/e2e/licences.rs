//! The licences that go with a release: whatever is linked into the program is named there, with its text.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use harness::{Environment, licences, skip};

use crate::{environment, program};

/// What goes with a release, as a file; none where the compiler came without the notices of its library.
pub(crate) fn file(environment: &Environment) -> Option<PathBuf> {
    match licences::file() {
        Ok(text) => {
            environment.write("licences", text);
            Some(environment.path().join("licences"))
        }
        Err(reason) if reason.contains("COPYRIGHT-library.html") => {
            skip::not_allowed(format_args!("only the compiler of rustup has the notices of its library: {reason}"));
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}

/// The crates whose sources the program names, `NAME-VERSION`: where it may panic it knows the place.
fn crates_in(program: &Path) -> BTreeSet<String> {
    let program = BufReader::new(File::open(program).expect("the program"));
    let mut parts = program.split(b'/').map(|part| part.expect("the program"));
    let mut found = BTreeSet::new();
    while let Some(part) = parts.next() {
        // `…/registry/src/REGISTRY/NAME-VERSION/src/…`, and not our own crate of that name.
        if part == b"registry"
            && parts.next().is_some_and(|part| part == b"src")
            && parts.next().is_some_and(|part| is_a_registry(&part))
        {
            let name = parts.next().and_then(|name| String::from_utf8(name).ok()).unwrap_or_default();
            // In the tables of a debugger it ends there.
            found.extend(name.split('\0').next().map(str::to_owned));
        }
    }
    found
}

/// Whether a folder is one that cargo has for a registry: a host, and sixteen digits behind it.
fn is_a_registry(folder: &[u8]) -> bool {
    let digits = folder.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    digits.len() == 16 && digits.len() < folder.len() && digits.iter().all(u8::is_ascii_hexdigit)
}

#[test]
fn whatever_is_linked_into_the_program_is_named_with_its_licence() {
    let environment = environment();
    let Some(file) = file(&environment) else { return };
    let text = fs::read_to_string(file).expect("the licences");
    let (list, texts) = text.split_once("\n\n\n").expect("a list, and the texts");
    let mut named = BTreeSet::new();
    // Like `url 2.5.8 (MIT OR Apache-2.0): 4 17`.
    for line in list.split("\n\n").nth(1).expect("a list").lines() {
        let (part, numbers) = line.rsplit_once("): ").expect("a part and its texts");
        let (part, _) = part.split_once(" (").expect("a licence");
        for number in numbers.split(' ') {
            assert!(texts.contains(&format!("======== {number} ========\n\n")), "no text {number} of {part}");
        }
        named.insert(part.replace(' ', "-"));
    }

    let linked = crates_in(&program());
    assert!(linked.len() > 100, "the program names {linked:?} alone");
    let missing: Vec<&String> = linked.difference(&named).collect();
    assert!(missing.is_empty(), "linked, and not among the licences: {missing:?}");

    // What is linked into the extractors alone, and what is below all crates.
    for name in ["wit-bindgen-", "the-standard-library-", "musl-", "LLVM's-runtime-"] {
        assert!(named.iter().any(|part| part.starts_with(name)), "{name} is not among {named:?}");
    }
    for holder in ["Rich Felker", "Daan Leijen", "Brian Smith", "The Rust Project Developers", "LLVM Exceptions"] {
        assert!(texts.contains(holder), "no text says {holder}");
    }
}
