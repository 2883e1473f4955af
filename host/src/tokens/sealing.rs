//! The seal on tokens that are kept where others may read: with it they are secret, whole, and in their place.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac::{self, HMAC_SHA256};
use serde::{Deserialize, Serialize};

/// What a sealed text begins with: the version of its form.
const VERSION: u8 = 1;
/// Bytes of a key.
const LENGTH: usize = 32;
/// Hexadecimal digits of a name.
const DIGITS: usize = 32;

/// A key of the operator's. It has no `Debug`, so that it cannot be shown by mistake.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// The key that a text is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bytes =
            hexadecimal(text).or_else(|| base64(text)).ok_or("it is neither Base64 nor 64 hexadecimal digits")?;
        let bytes = bytes
            .try_into()
            .map_err(|bytes: Vec<u8>| format!("it has {} bytes, and a key has {LENGTH}", bytes.len()))?;
        Ok(Self(bytes))
    }

    /// What is made of it for one use, so that no use says anything of another.
    fn of_use(&self, name: &str, what: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, &self.0));
        context.update(name.as_bytes());
        context.update(b"\0");
        context.update(what);
        context.sign()
    }

    /// A name for something that may itself be guessed: whoever does not have the key cannot try.
    pub(super) fn name(&self, of: &str) -> String {
        let digits = self.of_use("name", of.as_bytes());
        digits.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..DIGITS].to_owned()
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, self.of_use("seal", &[]).as_ref()).ok().map(LessSafeKey::new)
    }

    /// A text under the seal, which holds in that place alone.
    pub(super) fn seal(&self, place: &str, text: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        clock::randomise(&mut nonce)?;
        let (mut sealed, aad) = (text.to_vec(), aad(place));
        let cipher = self.cipher().ok_or(std::io::ErrorKind::InvalidInput)?;
        let tag = cipher.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed);
        let tag = tag.map_err(|_| std::io::ErrorKind::InvalidInput)?;
        Ok([&[VERSION], &nonce[..], &sealed, tag.as_ref()].concat())
    }

    /// The text that was sealed for that place; `None` where it was not, or not so.
    pub(super) fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, sealed) = sealed.split_first()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = sealed.to_vec();
        let opened = self.cipher()?.open_in_place(Nonce::assume_unique_for_key(*nonce), aad(place), &mut text).ok()?;
        (*version == VERSION).then(|| opened.to_vec())
    }
}

fn aad(place: &str) -> Aad<Vec<u8>> {
    Aad::from([&[VERSION], place.as_bytes()].concat())
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * LENGTH || !text.is_ascii() {
        return None;
    }
    (0..LENGTH).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

/// In either alphabet, with or without what fills it up.
fn base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = |alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok();
    decoded(&STANDARD).or_else(|| decoded(&URL_SAFE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key() -> Key {
        Key::parse(TEXT).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hexadecimal() {
        let same = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
        for text in [TEXT, TEXT.trim_end_matches('='), &format!(" {TEXT}\n"), same] {
            assert!(Key::parse(text).is_ok_and(|key| key.0 == self::key().0), "{text}");
        }
        assert!(Key::parse("-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8").is_ok());
        for (text, reason) in [
            ("", "it has 0 bytes, and a key has 32"),
            ("AAEC", "it has 3 bytes, and a key has 32"),
            (&same[2..], "it is neither Base64 nor 64 hexadecimal digits"),
            ("a word", "it is neither Base64 nor 64 hexadecimal digits"),
            (&"é".repeat(32), "it is neither Base64 nor 64 hexadecimal digits"),
        ] {
            assert_eq!(Key::parse(text).map(drop), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_place_by_its_key_and_only_whole() {
        let (key, place) = (key(), ".state/.tokens/a");
        let sealed = key.seal(place, b"a token").expect("a seal");
        assert_eq!(key.open(place, &sealed).as_deref(), Some(&b"a token"[..]));
        assert_ne!(sealed, key.seal(place, b"a token").expect("a seal"), "each has a number of its own");
        assert!(!sealed.windows(7).any(|part| part == b"a token"));
        assert_eq!(key.open(".state/.tokens/b", &sealed), None);
        assert_eq!(Key([0; LENGTH]).open(place, &sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!((key.open(place, &other), key.open(place, &sealed[..at])), (None, None), "byte {at}");
        }
    }

    #[test]
    fn a_name_depends_on_the_key_and_on_all_of_what_it_is_for() {
        let name = key().name("a right");
        assert_eq!((name.len(), &name), (DIGITS, &key().name("a right")));
        assert_ne!(name, key().name("another right"));
        assert_ne!(name, Key([0; LENGTH]).name("a right"));
    }
}
