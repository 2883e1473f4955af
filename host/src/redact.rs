//! Takes secrets out of text, however they come back: as they are, percent-encoded, in Base64.
//!
//! Pure. It must not know where a text goes: whatever is shown, recorded or given to an extractor passes through here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// Knows all secrets of a run, and shows none.
#[derive(Default)]
pub struct Redactor {
    /// Forms of a secret and the name of that secret, the longest form first.
    forms: Vec<(String, String)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Know these secrets: their names, and the texts in which they are sent.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Self {
        let mut forms: Vec<(String, String)> = Vec::new();
        for (name, texts) in secrets {
            let written = texts.iter().flat_map(|text| written(text));
            // Names of hosts and fields come back in lower case.
            let all = written.flat_map(|form| [form.to_lowercase(), form]).filter(|form| !form.is_empty());
            forms.extend(all.map(|form| (form, format!("[secret {name}]"))));
        }
        // The longest first, so that no part of it is left.
        forms.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then_with(|| one.cmp(other)));
        forms.dedup();
        Self { forms }
    }

    /// Whether a text holds a secret.
    pub fn finds(&self, text: &str) -> bool {
        self.forms.iter().any(|(form, _)| text.contains(form))
    }

    /// A text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for (form, name) in &self.forms {
            if clean.contains(form) {
                clean = Cow::Owned(clean.replace(form, name));
            }
        }
        clean
    }

    /// A field's value without secrets; `None` where it holds none.
    pub fn field(&self, value: &[u8]) -> Option<Vec<u8>> {
        if self.forms.is_empty() {
            return None;
        }
        // What is no UTF-8 keeps its bytes around the secret.
        let text: String = value.iter().copied().map(char::from).collect();
        let forms = || self.forms.iter().map(|(form, name)| (form.bytes().map(char::from).collect::<String>(), name));
        if !forms().any(|(form, _)| text.contains(&form)) {
            return None;
        }
        let clean = forms().fold(text, |text, (form, name)| text.replace(&form, name));
        Some(clean.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect())
    }
}

/// The ways in which servers and clients write a text.
fn written(text: &str) -> [String; 10] {
    let percent = |plain: fn(u8) -> bool, lower: bool| {
        let mut encoded = String::new();
        for byte in text.bytes() {
            match byte {
                byte if plain(byte) => encoded.push(char::from(byte)),
                byte if lower => encoded.push_str(&format!("%{byte:02x}")),
                byte => encoded.push_str(&format!("%{byte:02X}")),
            }
        }
        encoded
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let json = serde_json::Value::from(text).to_string();
    [
        text.to_owned(),
        percent(unreserved, false),
        percent(unreserved, true),
        percent(|_| false, false),
        percent(|_| false, true),
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        json.trim_matches('"').to_owned(),
        text.escape_debug().to_string(),
        BASE64_STANDARD.encode(text).trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE.encode(text).trim_end_matches('=').to_owned(),
    ]
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
            ("Basic czNjciZ0LyB2YWx1ZSs=", "Basic [secret token]="),
            ("s3cr&t", "[secret other]"),
            ("x-key-k3y", "x-key-[secret name]"),
        ] {
            assert_eq!(redactor.text(text), clean);
            assert_eq!(redactor.finds(text), text != clean, "{text}");
        }
        assert_eq!(Redactor::default().text("s3cr&t"), "s3cr&t");
    }

    #[test]
    fn fields_of_any_bytes_are_cleaned() {
        let redactor = redactor();
        assert_eq!(redactor.field(b"\"\xffplain\""), None);
        assert_eq!(redactor.field(b"\"\xff-s3cr&t-\xe9\""), Some(b"\"\xff-[secret other]-\xe9\"".to_vec()));
    }
}
