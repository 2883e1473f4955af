//! What holds for everything that a registry says and that stands in files beside it, whatever the bytes. For tests and
//! fuzzing only.

use std::path::Path;

use rules::text;

use crate::bundle::MAX_BUNDLE;
use crate::challenge::challenge;
use crate::credentials::{World, find};
use crate::layout;
use crate::lock::Lock;
use crate::reference::Reference;
use crate::referrers;
use crate::signature::{self, Attached, MAX_PAYLOAD, MAX_SIGNATURES, PublicKey, Signature, Subject};

/// Longest error, in bytes: what it quotes is cut.
const LONGEST: usize = 4096;
/// Largest component, for this.
const MOST: u64 = 1 << 20;

/// Reading ends, and no error says what a terminal acts upon. What is a reference or a lock is the same when it is written
/// and read again; what a manifest names is within the limits; nothing is signed by nobody.
pub fn registry(bytes: &[u8]) {
    match layout::layer(bytes, MOST) {
        Ok(layer) => assert!(layer.size <= MOST),
        Err(error) => told(&error),
    }
    match signature::listed(bytes) {
        Ok(listed) => {
            assert!(listed.len() <= MAX_SIGNATURES);
            assert!(listed.iter().all(|(payload, _)| payload.size <= MAX_PAYLOAD));
        }
        Err(error) => told(&error),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match text.parse::<Reference>() {
        Ok(reference) => {
            let shown = reference.to_string();
            assert!(!text::is_tricky(&shown), "{shown:?}");
            assert_eq!(shown.parse::<Reference>().map(|again| again.to_string()), Ok(shown));
            assert!(!reference.repository.split('/').any(|part| matches!(part, "" | "." | "..")), "{reference:?}");
        }
        Err(error) => told(&error),
    }
    match Lock::read(text) {
        Ok(lock) => assert_eq!(Lock::read(&lock.text()), Ok(lock)),
        Err(error) => told(&error),
    }
    let _ = challenge([text]);
    let _ = PublicKey::read(text);
    let world = World {
        variable: &|name| (name == "HOME").then(|| "/h".into()),
        read: &|_: &Path| Ok(Some(text.to_owned())),
        run: &|_, _, _| Ok(bytes.to_vec()),
    };
    if let Err(error) = find("ghcr.io", "acme/weather", &world) {
        told(&error);
    }
    let digest = layout::sha256(bytes);
    if let Some(listed) = referrers::listed(bytes) {
        assert!(listed.len() <= MAX_SIGNATURES);
    }
    if let Some((_, size)) = referrers::bundle(bytes, digest) {
        assert!(size <= MAX_BUNDLE);
    }
    let of = Subject { name: "ghcr.io/acme/weather", digest, manifest: bytes };
    let simple = Attached::Simple(Signature { payload: text.to_owned(), signature: text.to_owned() });
    match signature::check(&[simple, Attached::Bundle { bundle: text.to_owned() }], &[], &of) {
        Ok(()) => panic!("signed by nobody"),
        Err(error) => told(&error),
    }
}

fn told(error: &dyn std::fmt::Display) {
    let error = error.to_string();
    assert!(error.len() < LONGEST, "{} bytes of an error", error.len());
    assert!(!text::is_tricky(&error), "{error:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::fuzzing::bent;

    #[test]
    fn anything_is_read_or_refused() {
        let seeds: [&[u8]; 12] = [
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-manifest"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-signatures"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-bundle"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-bundle-message"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-referrers"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-referrer"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-lock"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-reference"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-credentials"),
            include_bytes!("../../../tests/fuzz/corpus/registry/seed-challenge"),
            b"oci://\x1b[2J/\xe2\x80\xae:1",
            b"{\"config\":{\"mediaType\":\"\\u001b[2J\",\"size\":1,\"digest\":\"\"},\"schemaVersion\":2,\"layers\":[]}",
        ];
        bent(&seeds, 20_000, registry);
    }
}
