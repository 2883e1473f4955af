//! Where in a request a secret goes, and what it is made of.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::signature::{Aws, Hmac, KeyText};
use crate::text;

/// The parts of a secret that is more than one value, by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Without them it is of no use.
    pub required: &'static [&'static str],
    /// What it may have beside them.
    pub optional: &'static [&'static str],
}

impl Parts {
    /// Check that these are all of the parts that it needs, and none that it does not have.
    pub fn check<'a>(self, given: impl IntoIterator<Item = &'a str> + Clone) -> Result<(), String> {
        for name in given.clone() {
            self.find(name)?;
        }
        match self.missing(given).first() {
            Some(part) => Err(format!("nobody says where its part `{part}` is")),
            None => Ok(()),
        }
    }

    /// The part of that name.
    pub fn find(self, name: &str) -> Result<&'static str, String> {
        let all = || self.required.iter().chain(self.optional).copied();
        let unknown = || format!("it has no part `{}`: it has {}", text::quoted(name), text::listed(all()));
        all().find(|part| *part == name).ok_or_else(unknown)
    }

    /// Those that it needs and that are not among these.
    pub fn missing<'a>(self, given: impl IntoIterator<Item = &'a str> + Clone) -> Vec<&'static str> {
        let is_given = |part: &str| given.clone().into_iter().any(|name| name == part);
        self.required.iter().copied().filter(|part| !is_given(part)).collect()
    }
}

/// Where in a request a secret goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// `Authorization: Bearer SECRET` (RFC 6750, 2.1).
    #[default]
    Bearer,
    /// `Authorization: SCHEME SECRET`, for a scheme of that name (RFC 9110, 11.4).
    Scheme(String),
    /// `Authorization: Basic …`, the secret being the password of this user (RFC 7617). In the user `{NAME}` is the
    /// parameter of that name.
    Basic(String),
    /// The same, the secret being the user of this password, as some services have it.
    User(String),
    /// The same, the secret being both, as two parts.
    Pair,
    /// A field of that name.
    Header(String),
    /// A parameter of that name in the URL's query.
    Query(String),
    /// In a signature of the request, as AWS has it.
    Aws(Aws),
    /// In a signature of the request, as other services have it.
    Hmac(Box<Hmac>),
}

impl SecretPlace {
    /// The parts that a secret for this place is made of; `None` is one value.
    pub fn parts(&self) -> Option<Parts> {
        match self {
            Self::Pair => Some(Parts { required: &["user", "password"], optional: &[] }),
            Self::Aws(_) => Some(Aws::PARTS),
            Self::Hmac(hmac) => Some(hmac.parts()),
            Self::Bearer | Self::Scheme(_) | Self::Basic(_) | Self::User(_) | Self::Header(_) | Self::Query(_) => None,
        }
    }

    /// All texts in it that somebody chose, which end up in requests and in the configuration.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Bearer | Self::Pair => Vec::new(),
            Self::Scheme(text) | Self::Basic(text) | Self::User(text) | Self::Header(text) | Self::Query(text) => {
                vec![text]
            }
            Self::Aws(Aws { region, service }) => vec![region, service],
            Self::Hmac(hmac) => {
                let texts = hmac.fields.keys().chain(hmac.templates()).chain([&hmac.timestamp]);
                texts.map(String::as_str).collect()
            }
        }
    }

    /// A value that nobody chose, in the form that this place wants.
    pub fn sample(&self, text: &str) -> String {
        match self {
            Self::Hmac(hmac) if hmac.key == KeyText::Base64 => BASE64_STANDARD.encode(text),
            Self::Hmac(hmac) if hmac.key == KeyText::Hex => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            _ => text.to_owned(),
        }
    }

    /// The same with the values of parameters in the place of their names.
    #[must_use]
    pub fn filled<'a>(&self, params: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let params: Vec<_> = params.into_iter().collect();
        let filled = |text: &str| {
            params.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        match self {
            Self::Basic(user) => Self::Basic(filled(user)),
            Self::Aws(aws) => Self::Aws(Aws { region: filled(&aws.region), ..aws.clone() }),
            place => place.clone(),
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("as a bearer token"),
            Self::Scheme(scheme) => write!(f, "as credentials of the scheme `{scheme}`"),
            Self::User(password) => write!(f, "as the user of the password `{password}`"),
            Self::Basic(user) => write!(f, "as the password of the user `{user}`"),
            Self::Pair => f.write_str("as a user and a password"),
            Self::Header(name) => write!(f, "in the field `{name}`"),
            Self::Query(name) => write!(f, "in the query parameter `{name}`"),
            Self::Aws(Aws { region, service }) => {
                write!(f, "as a signature of AWS for `{service}` in the region `{region}`")
            }
            Self::Hmac(hmac) => {
                let fields = text::listed(hmac.fields.keys().map(String::as_str));
                write!(f, "as a signature (HMAC of {}) in {fields}", hmac.hash)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_that_are_needed_are_there_and_no_others() {
        let parts = Parts { required: &["id", "key"], optional: &["session"] };
        for (given, expected) in [
            (&["id", "key"][..], Ok(())),
            (&["key", "session", "id"], Ok(())),
            (&["id"], Err("nobody says where its part `key` is")),
            (&[], Err("nobody says where its part `id` is")),
            (&["id", "kee"], Err("it has no part `kee`: it has `id`, `key` and `session`")),
        ] {
            assert_eq!(parts.check(given.iter().copied()), expected.map_err(str::to_owned));
        }
    }
}
