//! `host.lock`: which digest each tag stood for when it was pulled.
//!
//! Pure over its text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rules::domain::Digest;
use serde::Deserialize;

use crate::reference::{self, Reference};

/// The version of its form.
const VERSION: i64 = 1;
/// How it begins.
const HEAD: &str = "# Which digest each tag stands for: written by `host pull`, moved by `host pull --update`.\n\
                    # Keep it beside host.toml, under version control as well.\n";

/// What is pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<String, Digest>);

/// Why a lock file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is no TOML of that form.
    #[error("{0}")]
    Unreadable(String),
    /// Another host wrote it.
    #[error("it is of version {0}, and this host knows version {VERSION}")]
    Version(i64),
    /// A key is no reference, or a value no digest.
    #[error("`{0}` is not a reference with a tag and its digest")]
    Entry(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    component: BTreeMap<String, String>,
}

impl Lock {
    /// Of the file's text; an empty one pins nothing.
    pub fn read(text: &str) -> Result<Self, LockError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // What there is of a newer version may have another form.
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| LockError::Unreadable(error.message().replace('\n', " ")))?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(VERSION) => {}
            Some(other) => return Err(LockError::Version(other)),
            None => return Err(LockError::Unreadable("it has no `version`".to_owned())),
        }
        let written: Written =
            toml::from_str(text).map_err(|error| LockError::Unreadable(error.message().replace('\n', " ")))?;
        let entry = |(key, value): (String, String)| {
            let known: Option<Reference> = key.parse().ok();
            let tagged = known.is_some_and(|known| known.digest.is_none() && known.to_string() == key);
            match reference::digest(&value).filter(|_| tagged) {
                Some(digest) => Ok((key, digest)),
                None => Err(LockError::Entry(rules::text::quoted(&key))),
            }
        };
        Ok(Self(written.component.into_iter().map(entry).collect::<Result<_, _>>()?))
    }

    /// The digest that a tag stands for.
    pub fn of(&self, reference: &Reference) -> Option<Digest> {
        self.0.get(&reference.to_string()).copied()
    }

    /// Have a tag stand for this digest from now on; what it stood for.
    pub fn pin(&mut self, reference: &Reference, digest: Digest) -> Option<Digest> {
        self.0.insert(reference.to_string(), digest)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n\n[component]\n");
        for (reference, digest) in &self.0 {
            // The alphabet of references has nothing that would need an escape.
            let _ = writeln!(text, "\"{reference}\" = \"sha256:{digest}\"");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_is_read_again() {
        let (mut lock, digest) = (Lock::default(), Digest([7; 32]));
        let reference = |text: &str| text.parse::<Reference>().expect(text);
        assert_eq!(lock.pin(&reference("oci://ghcr.io/acme/weather:1"), digest), None);
        assert_eq!(lock.pin(&reference("oci://localhost:5000/a"), digest), None);
        assert_eq!(lock.pin(&reference("oci://localhost:5000/a:latest"), Digest([8; 32])), Some(digest));
        let text = lock.text();
        assert_eq!(Lock::read(&text), Ok(lock.clone()));
        assert_eq!(lock.of(&reference("oci://GHCR.IO/acme/weather:1")), Some(digest));
        assert_eq!(lock.of(&reference("oci://ghcr.io/acme/weather:2")), None);
        assert_eq!(
            text.lines().skip(2).collect::<Vec<_>>(),
            [
                "version = 1",
                "",
                "[component]",
                &format!("\"oci://ghcr.io/acme/weather:1\" = \"sha256:{}\"", "07".repeat(32)),
                &format!("\"oci://localhost:5000/a:latest\" = \"sha256:{}\"", "08".repeat(32)),
            ]
        );
    }

    #[test]
    fn what_is_no_lock_is_told_apart() {
        assert_eq!(Lock::read(" \n"), Ok(Lock::default()));
        let hex = "0".repeat(64);
        for (text, says) in [
            ("[component]".to_owned(), "it has no `version`"),
            ("version = 2\nnew = 1".to_owned(), "it is of version 2"),
            ("version = 1\nnew = 1".to_owned(), "unknown field `new`"),
            ("version".to_owned(), ""),
            (format!("version = 1\n[component]\n\"oci://a/b\" = \"sha256:{hex}\""), "`oci://a/b` is not"),
            (format!("version = 1\n[component]\n\"a:1\" = \"sha256:{hex}\""), "`a:1` is not"),
            ("version = 1\n[component]\n\"oci://a/b:1\" = \"sha256:0\"".to_owned(), "`oci://a/b:1` is not"),
            (
                format!("version = 1\n[component]\n\"oci://a/b@sha256:{hex}\" = \"sha256:{hex}\""),
                "is not a reference with",
            ),
        ] {
            let error = Lock::read(&text).expect_err(&text).to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{error}");
        }
    }
}
