//! Takes secrets out of text, however they come back: as they are, percent-encoded, in Base64.
//!
//! Pure. It must not know where a text goes: whatever is shown, recorded or given to an extractor passes through here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Shortest piece of Base64 that counts as a secret: shorter ones are in many words.
const MIN_BASE64: usize = 8;

/// Knows all secrets of a run, and shows none.
#[derive(Default)]
pub struct Redactor {
    /// The longest first, so that no part of it is left.
    forms: Vec<Form>,
}

/// A way in which a secret may come back.
struct Form {
    bytes: Vec<u8>,
    /// Base64 is compared as it is, all else by what it stands for.
    base64: bool,
    /// What stands in its place.
    shown: String,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Know these secrets: their names, and the texts in which they are sent.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Self {
        let mut forms = Vec::new();
        for (name, texts) in secrets {
            let shown = format!("[secret {name}]");
            for text in texts.iter().filter(|text| !text.is_empty()) {
                forms.push(Form { bytes: text.clone().into_bytes(), base64: false, shown: shown.clone() });
                let encoded = encoded(text.as_bytes()).into_iter().filter(|piece| piece.len() >= MIN_BASE64);
                forms.extend(encoded.map(|bytes| Form { bytes, base64: true, shown: shown.clone() }));
            }
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.bytes.len()));
        Self { forms }
    }

    /// Whether a text holds a secret.
    pub fn finds(&self, text: &str) -> bool {
        self.bytes(text.as_bytes()).is_some()
    }

    /// A text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Some(clean) => Cow::Owned(String::from_utf8_lossy(&clean).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// Bytes without secrets; `None` where they hold none.
    pub fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (mut clean, mut at, mut kept) = (Vec::new(), 0, 0);
        while at < bytes.len() {
            let found = self.forms.iter().find_map(|form| Some((form, form.length_at(&bytes[at..])?)));
            let Some((form, length)) = found else {
                at += 1;
                continue;
            };
            clean.extend_from_slice(&bytes[kept..at]);
            clean.extend_from_slice(form.shown.as_bytes());
            at += length;
            kept = at;
        }
        if kept == 0 {
            return None;
        }
        clean.extend_from_slice(&bytes[kept..]);
        Some(clean)
    }
}

impl Form {
    /// How many bytes of a text are this, if the text begins with it.
    fn length_at(&self, text: &[u8]) -> Option<usize> {
        if self.base64 {
            let plain = |byte: &u8| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            };
            let begins = text.len() >= self.bytes.len()
                && self.bytes.iter().zip(text).all(|(ours, theirs)| *ours == plain(theirs));
            return begins.then_some(self.bytes.len());
        }
        let mut rest = text;
        for byte in &self.bytes {
            rest = after(*byte, rest)?;
        }
        Some(text.len() - rest.len())
    }
}

/// What is left of a text that begins with this byte: as it is in either case, percent-encoded, or escaped as in JSON.
fn after(byte: u8, text: &[u8]) -> Option<&[u8]> {
    match text {
        [first, rest @ ..] if first.eq_ignore_ascii_case(&byte) => Some(rest),
        [b'+', rest @ ..] if byte == b' ' => Some(rest),
        [b'\\', first, rest @ ..] if *first == byte && !byte.is_ascii_alphanumeric() => Some(rest),
        [b'%', high, low, rest @ ..] => {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            let stands_for = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
            stands_for.eq_ignore_ascii_case(&byte).then_some(rest)
        }
        _ => None,
    }
}

/// A text in Base64, as it is in the middle of something longer: it may begin at any of three places in a group, and
/// the characters at its ends that its neighbours have a part in are left out.
fn encoded(text: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|before| {
        let whole = BASE64_STANDARD.encode([&vec![0; before], text].concat());
        let (start, end) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
        whole.into_bytes().get(start..end).map(<[u8]>::to_vec).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([
            ("token", vec!["s3cr&t/ value+".to_owned()]),
            ("other", vec!["s3cr&t".to_owned(), String::new()]),
            ("name", vec!["K3Y".to_owned()]),
        ])
    }

    #[test]
    fn secrets_are_found_however_they_are_written() {
        let redactor = redactor();
        for (text, clean) in [
            ("nothing", "nothing"),
            ("a s3cr&t/ value+ b", "a [secret token] b"),
            ("q=s3cr%26t%2F%20value%2B", "q=[secret token]"),
            ("q=s3cr%26t%2f%20value%2b", "q=[secret token]"),
            ("q=s3cr%26t%2F+value%2B", "q=[secret token]"),
            ("q=S3CR%26t/%20value%2b", "q=[secret token]"),
            ("{\"s3cr&t\\/ value+\"}", "{\"[secret token]\"}"),
            ("Basic czNjciZ0LyB2YWx1ZSs=", "Basic [secret token]s="),
            // `user:` before it, `;a` behind it.
            ("Basic dXNlcjpzM2NyJnQvIHZhbHVlKzth", "Basic dXNlcjp[secret token]zth"),
            ("s3cr&t/ value+s3cr&t/ value+", "[secret token][secret token]"),
            ("s3cr&t", "[secret other]"),
            ("x-key-k3y", "x-key-[secret name]"),
        ] {
            assert_eq!(redactor.text(text), clean);
            assert_eq!(redactor.finds(text), text != clean, "{text}");
        }
        assert_eq!(Redactor::default().text("s3cr&t"), "s3cr&t");
    }

    #[test]
    fn bytes_of_any_kind_are_cleaned() {
        let redactor = redactor();
        assert_eq!(redactor.bytes(b"\"\xffplain\""), None);
        assert_eq!(redactor.bytes(b"\"\xff-s3cr&t-\xe9\""), Some(b"\"\xff-[secret other]-\xe9\"".to_vec()));
    }
}
