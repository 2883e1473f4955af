//! How a secret signs a request instead of travelling with it.

use std::collections::BTreeMap;
use std::fmt;

use super::Parts;

/// AWS Signature Version 4, in the fields of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// The region, such as `eu-west-1`. In it `{NAME}` is the parameter of that name.
    pub region: String,
    /// The service by the name that it signs with, such as `execute-api` or `s3`.
    pub service: String,
}

impl Aws {
    /// What it signs with.
    pub const PARTS: Parts = Parts { required: &["access-key-id", "secret-access-key"], optional: &["session-token"] };
}

/// An HMAC over what the service wants to be signed, in fields or in parameters of the query that the service names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hmac {
    /// What is signed, as a template.
    pub over: String,
    /// The fields that are sent, each with a template of its value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: BTreeMap<String, String>,
    /// The same of parameters that are added to the query. Those with `{signature}` come last, and are not signed. A field or
    /// a parameter has it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub query: BTreeMap<String, String>,
    /// Of which hash.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hash: Hash,
    /// How the signature is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoding: Encoding,
    /// How the key is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub key: KeyText,
    /// A template: the key is the signature of it, as it is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub derive: Option<String>,
    /// How `{timestamp}` is written: `seconds`, `milliseconds` or `microseconds` since 1970, or a pattern of strftime(3) in UTC.
    #[serde(default = "seconds", skip_serializing_if = "is_seconds")]
    pub timestamp: String,
    /// What `{nonce}` is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nonce: Nonce,
    /// What `{digest}` is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub digest: DigestOf,
}

/// A hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "their own names")]
pub enum Hash {
    Sha1,
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// In lower-case hexadecimal.
    #[default]
    Hex,
    /// In Base64, padded.
    Base64,
    /// As they are, which only what is signed can hold.
    Raw,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyText {
    /// As it is.
    #[default]
    Text,
    /// In hexadecimal.
    Hex,
    /// In Base64.
    Base64,
}

/// What no two requests have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nonce {
    /// A number that is greater each time: microseconds since 1970, or more.
    #[default]
    Number,
    /// A UUID.
    Uuid,
}

/// A digest that is a part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigestOf {
    /// Of this template.
    pub of: String,
    /// By this hash.
    pub hash: Hash,
    /// How it is written.
    pub encoding: Encoding,
    /// Whether that of a request without a body is nothing.
    pub blank: bool,
}

impl Default for DigestOf {
    fn default() -> Self {
        Self { of: "{body}".into(), hash: Hash::default(), encoding: Encoding::default(), blank: false }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn seconds() -> String {
    "seconds".into()
}

fn is_seconds(text: &str) -> bool {
    text == "seconds"
}

impl Hmac {
    /// What it signs with: the key, and what its templates name beside it.
    pub fn parts(&self) -> Parts {
        const WITHOUT_ID: [&[&str]; 4] =
            [&["key"], &["key", "passphrase"], &["key", "token"], &["key", "token", "passphrase"]];
        const WITH_ID: [&[&str]; 4] = [
            &["id", "key"],
            &["id", "key", "passphrase"],
            &["id", "key", "token"],
            &["id", "key", "token", "passphrase"],
        ];
        let at = usize::from(self.names("{token}")) * 2 + usize::from(self.names("{passphrase}"));
        let required = if self.names("{id}") { WITH_ID[at] } else { WITHOUT_ID[at] };
        Parts { required, optional: &[] }
    }

    /// All templates.
    pub fn templates(&self) -> impl Iterator<Item = &String> {
        let sent = self.fields.values().chain(self.query.values());
        [&self.over, &self.digest.of].into_iter().chain(&self.derive).chain(sent)
    }

    fn names(&self, word: &str) -> bool {
        self.templates().any(|template| template.contains(word))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}
