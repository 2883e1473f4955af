//! Components that each language's own tools made, of a contract that differs in one place: the host names the function
//! and the field, whatever else such a component has in it.

use std::fs;
use std::path::Path;

use crate::components;

/// What is changed in the types of a component, each text to one of the same length: what stood there, what stands there
/// now, and what is told. The byte behind the name of a field is its type.
const CHANGES: [(&[u8], &[u8], &str); 4] = [
    (
        b"\x06sha256\x73",
        b"\x06sha512\x73",
        "`landing:extractor/zone.FUNCTION`: the record `receipt` has the field `sha512`, which this host does not \
         know",
    ),
    (
        b"\x04size\x77",
        b"\x04size\x78",
        "`landing:extractor/zone.FUNCTION`: the field `size` of the record `receipt` is s64, and u64 here",
    ),
    (
        b"\x05month\x7d",
        b"\x05month\x7b",
        "`landing:extractor/zone.FUNCTION`: the field `month` of the record `date` is u16, and u8 here",
    ),
    (
        b"\x15[method]source.mirror",
        b"\x15[method]source.mislay",
        "it imports the function `landing:extractor/zone.source.mislay`, which this host does not offer",
    ),
];

/// The first function of the contract that has to do with what lands: what components that import all of it are told of.
pub(crate) const FIRST: &str = "derivation.land-bytes";

/// Each of the changes, made in this component, is named. `function` is the first of its functions that it
/// has to do with.
#[track_caller]
pub(crate) fn are_named(component: &[u8], function: &str) {
    for (text, other, says) in CHANGES {
        components::misfit(changed(component, text, other), &says.replace("FUNCTION", function));
    }
}

/// A component with another text of the same length in place of one, wherever it stands.
#[track_caller]
fn changed(component: &[u8], text: &[u8], other: &[u8]) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut changed = component.to_vec();
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = changed[at..].windows(text.len()).position(|window| window == text) {
        at += found;
        changed[at..at + other.len()].copy_from_slice(other);
        count += 1;
    }
    assert!(count > 0, "{} is not in it", text.escape_ascii());
    changed
}

/// One of the components that are kept.
fn kept(language: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/0.2.0/guests");
    fs::read(folder.join(language).with_extension("wasm")).expect("a component")
}

#[test]
fn what_rust_made_is_told_by_function_and_field() {
    are_named(&kept("rust"), "source.mirror");
}

#[test]
fn what_c_made_is_told_by_function_and_field() {
    are_named(&kept("c"), "source.mirror");
}

#[test]
fn what_typescript_made_is_told_by_function_and_field() {
    are_named(&kept("typescript"), FIRST);
}

#[test]
fn what_go_made_is_told_by_function_and_field() {
    are_named(&kept("go"), "source.mirror");
}
