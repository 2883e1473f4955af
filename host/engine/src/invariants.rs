//! What holds for every manifest, whatever the bytes. For tests and fuzzing only.

use super::manifest::{self, Manifest, ManifestError};
use rules::text;

/// Reading ends, says the same each time, and says nothing that a terminal acts upon: for the bytes as a component,
/// and as the manifest of one.
pub fn manifest(bytes: &[u8]) {
    check(bytes);
    check(&component(bytes));
}

fn check(bytes: &[u8]) {
    let read = manifest::read(bytes);
    assert_eq!(read, manifest::read(bytes));
    match read {
        Ok(manifest) => {
            assert!(bytes.starts_with(b"\0asm"), "this is no WebAssembly");
            shown(&manifest);
        }
        Err(ManifestError::CoreModule | ManifestError::Precompiled) => {}
        Err(error) => {
            let text = error.to_string();
            assert!(!text.chars().any(|character| character.is_control() && character != '\t'), "{text:?}");
            assert!(text.len() < 16 * 1024, "{} bytes of an error", text.len());
        }
    }
}

/// What `host allow` shows of it, where the operator decides, is what it says.
fn shown(manifest: &Manifest) {
    let Manifest { version, description, license, homepage, authors, http, sources, secrets, params, unknown, .. } =
        manifest;
    let asks = secrets.iter().flat_map(|(name, secret)| [name, &secret.help].into_iter().chain(&secret.origins));
    let takes = params.iter().flat_map(|(name, param)| [name, &param.help]);
    let texts = [version, description, license, homepage].into_iter().flatten();
    let texts = texts.chain([authors, http, sources, unknown].into_iter().flatten()).chain(asks).chain(takes);
    let places = secrets.values().filter_map(|secret| Some(secret.place.as_ref()?.to_string()));
    for text in texts.cloned().chain(places) {
        assert!(!text::is_tricky(&text), "{text:?}");
    }
}

/// The smallest component that has these bytes as its manifest.
fn component(manifest: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"landing:manifest";
    let mut bytes = b"\0asm\x0d\0\x01\0\0".to_vec();
    leb(1 + NAME.len() + manifest.len(), &mut bytes);
    leb(NAME.len(), &mut bytes);
    [&bytes, NAME, manifest].concat()
}

fn leb(mut value: usize, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::fuzzing::bent;

    #[test]
    fn any_bytes_are_read_or_refused() {
        let text =
            b"name = \"padel\"\nhttp = [\"https://example.org\"]\nsources = [\"x\"]\n[param.url]\nhelp = \"w\"\n";
        let secret =
            b"[secret.token]\nhelp = \"w\"\nas = { basic = \"m\\u0065\" }\norigins = [\"https://example.org\"]\n";
        let tricky = b"description = \"\\u001b[2J\"\nauthors = [\"\\u202e\"]\n";
        let place = b"[secret.token]\nas = { header = \"\\u001b[2J\" }\n";
        bent(&[text, secret, tricky, place, &component(text), b"\0asm\x01\0\0\0", b"\x7fELF"], 3_000, manifest);
    }
}
