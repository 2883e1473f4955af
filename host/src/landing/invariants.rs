//! What holds for every name and every body, whatever the bytes. For tests and fuzzing only.

use std::io::{self, Read as _};

use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::gzip::{self, Content, Intake, IntakeError, Limits, Packing};
use super::name::{self, EntityTag, Place};
use crate::domain::Digest;

const LIMITS: Limits = Limits { size: 1 << 20 };
/// Longest name that file systems take, in bytes.
const MAX_FILE_NAME: usize = 255;

/// Bytes as an entity tag, as a name, as an extension and as a path: what is taken makes safe names only.
pub fn names(bytes: &[u8]) {
    let digest = Digest(Sha256::digest(bytes).into());
    let text = str::from_utf8(bytes).unwrap_or_default();
    assert!(!name::fingerprint(text).contains('/'));
    if name::check_name(text).is_ok() {
        plain(text, 64, b"_-");
    }
    if name::check_extension(text).is_ok() {
        plain(text, 20, b".");
    }
    let place = Place::new("x", Date::constant(2025, 3, 9), text).or_else(|_| {
        let source = if name::check_name(text).is_ok() { text } else { "x" };
        Place::new(source, Date::constant(1, 1, 1), "csv")
    });
    let Ok(place) = place else { unreachable!("both parts were checked") };
    let tag = EntityTag::parse(bytes);
    for candidate in place.candidates(tag.as_ref(), &digest) {
        let path = format!("{}/{candidate}", place.directory(tag.is_some()));
        assert!(place.fits(&path), "{path}");
        assert!(candidate.len() <= MAX_FILE_NAME && !candidate.starts_with('.'), "{candidate}");
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._+=-~".contains(&byte);
        assert!(candidate.bytes().all(safe), "{candidate}");
    }
    if let Some(tag) = tag {
        assert_eq!(tag.as_bytes(), bytes);
        assert!(!bytes.iter().any(|byte| *byte < 0x20 || *byte == 0x7f), "{tag:?} would break a field");
    }
}

fn plain(text: &str, longest: usize, more: &[u8]) {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!((1..=longest).contains(&text.len()) && word(text.as_bytes()[0]), "{text}");
    assert!(text.bytes().all(|byte| word(byte) || more.contains(&byte)) && !text.contains(".."), "{text}");
}

/// A byte that says how a body is cut into chunks, then the body: how it comes makes no difference, and whatever is
/// taken can be read back as what it was taken for. The body compressed comes back as it was.
pub fn gzip(bytes: &[u8]) {
    let Some((chunk, body)) = bytes.split_first() else { return };
    let chunk = usize::from(*chunk).max(1);
    let content = take(body, chunk);
    assert_eq!(content, take(body, body.len().max(1)), "chunks of {chunk} make a difference");
    if let Ok(content) = content {
        let mut file = Vec::new();
        let stored = match content.packing {
            Packing::AsItCame => {
                // No flag but that of a file name, and nothing behind the first member.
                assert_eq!(body[3] & !0b0000_1000, 0);
                let mut first = flate2::bufread::GzDecoder::new(body);
                assert!(io::copy(&mut first, &mut io::sink()).is_ok() && first.into_inner().is_empty());
                file.extend_from_slice(body);
                Ok(())
            }
            Packing::Compress => gzip::compress(body, &mut file),
            Packing::Repack => gzip::repack(body, &mut file),
        };
        assert!(stored.is_ok(), "{content:?} was taken, and cannot be stored: {stored:?}");
        assert_eq!(identity(&file), Some((content.digest, content.size)), "{content:?} is stored as something else");
    }
    let mut packed = Vec::new();
    assert!(gzip::compress(body, &mut packed).is_ok());
    assert_eq!(identity(&packed), Some((Digest(Sha256::digest(body).into()), body.len() as u64)));
    assert_eq!(take(&packed, chunk).map(|content| content.packing), Ok(Packing::AsItCame));
}

fn take(body: &[u8], chunk: usize) -> Result<Content, IntakeError> {
    let mut intake = Intake::new(LIMITS);
    body.chunks(chunk).try_for_each(|piece| intake.push(piece))?;
    intake.finish()
}

/// What the host reads in a file, and any other reader as well.
fn identity(file: &[u8]) -> Option<(Digest, u64)> {
    let ours = gzip::identify(file).ok()?;
    let mut content = Vec::new();
    let theirs = flate2::read::MultiGzDecoder::new(file).read_to_end(&mut content).is_ok();
    let theirs = theirs.then(|| (Digest(Sha256::digest(&content).into()), content.len() as u64));
    assert_eq!(ours, theirs, "another reader reads something else");
    ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::bent;

    #[test]
    fn any_bytes_make_safe_names_or_none() {
        bent(
            &[b"\"66f0a1b2-4e20\"", b"W/\"a/../b\"", b"overpass", b"csv.sdmx", b"x/2025-03-09_abcdef01.csv.gz"],
            20_000,
            names,
        );
    }

    #[test]
    fn any_body_is_read_back_as_it_was_taken() {
        let mut member = Vec::new();
        gzip::compress(&b"city,courts\nMalaga,41\n"[..], &mut member).expect("memory");
        let two = [&[7], &member[..], &member].concat();
        let mut named = two.clone();
        named[4] = 0b0000_1000;
        bent(&[b"\x03city,courts\nMalaga,41\n", &two, &two[..two.len() / 2 + 1], &named], 3_000, gzip);
    }
}
