//! The section of a component that holds its manifest: written into any component, whatever made it.
//!
//! Pure over bytes.

use std::borrow::Cow;
use std::ops::Range;

use wasmparser::Payload;

use super::manifest::{self, Manifest, ManifestError, SECTION};
use super::{retype, wrap};

/// A component that can be given away.
#[derive(Debug)]
pub struct Packed {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// It was a core module.
    pub wrapped: bool,
    /// How many function types were marked as ones that wait.
    pub retyped: usize,
}

/// The component with `text`, the content of an `extractor.toml`, as its manifest, in place of the one that it had.
/// Keys that no host knows are refused here, where their author sees it.
///
/// Of a core module a component is made first. What was built against the contract without `async` is made to fit.
pub fn pack(bytes: &[u8], text: &str) -> Result<Packed, ManifestError> {
    let wrapped = wrap::is_module(bytes);
    let component = match wrapped {
        true => Cow::Owned(wrap::wrap(bytes).map_err(ManifestError::Module)?),
        false => Cow::Borrowed(bytes),
    };
    let (component, retyped) = retype::retype(&component)?;
    let mut packed = without_manifest(&component)?;
    packed.extend(custom(SECTION, text.as_bytes()));
    let manifest = manifest::read(&packed)?;
    manifest.without_unknown_keys()?;
    Ok(Packed { bytes: packed, manifest, wrapped, retyped })
}

/// A component without its outermost section of that name. One inside a core module stays, and is refused as a second.
fn without_manifest(component: &[u8]) -> Result<Vec<u8>, ManifestError> {
    let mut manifests = Vec::new();
    for part in manifest::parts(component)? {
        match part? {
            (1, Payload::CustomSection(section)) if section.name() == SECTION => manifests.push(section.range()),
            _ => {}
        }
    }
    Ok(without(component, manifests))
}

/// These bytes without the custom sections whose contents are there, in the order in which they stand.
pub(super) fn without(bytes: &[u8], sections: Vec<Range<usize>>) -> Vec<u8> {
    let (mut kept, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for section in sections {
        kept.extend_from_slice(bytes.get(from..header(bytes, section.start)).unwrap_or_default());
        from = section.end;
    }
    kept.extend_from_slice(bytes.get(from..).unwrap_or_default());
    kept
}

/// Where the section begins whose content begins at `content`: before its length, in LEB128 of any width, is the
/// identifier 0.
pub(super) fn header(component: &[u8], content: usize) -> usize {
    let mut start = content.saturating_sub(1);
    while start > 0 && component[start - 1] & 0x80 != 0 {
        start -= 1;
    }
    start.saturating_sub(1)
}

/// A custom section (WebAssembly's binary format, 5.5.3).
pub(super) fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let body = [&leb(name.len())[..], name.as_bytes(), data].concat();
    [&[0][..], &leb(body.len()), &body].concat()
}

/// A number in LEB128.
pub(super) fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn a_manifest_takes_the_place_of_the_one_before() {
        let other = custom("producers", b"x");
        let component = [EMPTY_COMPONENT, &custom(SECTION, b"name = \"old\""), &other].concat();
        let Packed { bytes: packed, manifest, .. } = pack(&component, "name = \"new\"").expect("a component");
        assert_eq!(manifest.name.as_deref(), Some("new"));
        assert_eq!(packed, [EMPTY_COMPONENT, &other, &custom(SECTION, b"name = \"new\"")].concat());
        let again = pack(&packed, "name = \"new\"").expect("a component").bytes;
        assert_eq!(again, packed);
    }

    #[test]
    fn a_section_whose_length_is_written_long_is_taken_out_whole() {
        let body = [&leb(SECTION.len())[..], SECTION.as_bytes(), b"name = \"old\""].concat();
        let long = [&[0, body.len() as u8 | 0x80, 0x80, 0x80, 0x80, 0x00][..], &body].concat();
        let packed = pack(&[EMPTY_COMPONENT, &long].concat(), "").map(|packed| packed.bytes);
        assert_eq!(packed, Ok([EMPTY_COMPONENT, &custom(SECTION, b"")].concat()));
    }

    #[test]
    fn what_authors_get_wrong_is_told() {
        for (component, text, expected) in [
            (EMPTY_COMPONENT, "htpp = []", "there is no key `htpp`"),
            (EMPTY_COMPONENT, "name = 1", "its manifest is unusable"),
            (&b"\0asm\x01\0\0\0"[..], "", "no component can be made of this core module"),
            (&b"text"[..], "", "no WebAssembly component"),
        ] {
            let error = pack(component, text).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
