//! Where a landing zone in an object store is: `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

/// Longest address, in bytes: a bucket's name has up to 63, a key up to 1024, and the zone's own names have to fit too.
const MAX_ADDRESS: usize = 512;
/// Longest name of a bucket or a container.
const MAX_BUCKET: usize = 63;

/// The kinds of stores, by what they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Amazon's S3, and what is compatible with it.
    S3,
    /// Azure's Blob Storage.
    Azure,
    /// Google's Cloud Storage.
    Google,
}

impl Kind {
    const ALL: [Self; 3] = [Self::S3, Self::Azure, Self::Google];

    /// What its addresses begin with.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Azure => "az",
            Self::Google => "gs",
        }
    }
}

/// A place in an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What it speaks.
    pub kind: Kind,
    /// The bucket, or the container.
    pub bucket: String,
    /// What all names in it begin with, without a slash at either end; it may be empty.
    pub prefix: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no place in an object store: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl Address {
    /// Whether a text is meant as an address, and not as the path of a directory; one that lacks a slash is.
    pub fn is_meant(text: &str) -> bool {
        let begun = |kind: Kind| text.strip_prefix(kind.scheme()).is_some_and(|rest| rest.starts_with(':'));
        if Kind::ALL.into_iter().any(begun) {
            return true;
        }
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let shown = rules::text::line(text.get(..text.floor_char_boundary(MAX_ADDRESS)).unwrap_or_default());
        let refused = |reason| AddressError { text: shown, reason };
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.scheme() == scheme) else {
            return Err(refused("the kinds are s3://BUCKET/PREFIX, az://CONTAINER/PREFIX and gs://BUCKET/PREFIX"));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let of_a_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if text.len() > MAX_ADDRESS {
            return Err(refused("it is too long"));
        }
        if bucket.is_empty() || bucket.len() > MAX_BUCKET || !bucket.bytes().all(of_a_bucket) {
            return Err(refused("the name of a bucket has 1 to 63 letters, digits, dots, hyphens and underscores"));
        }
        let odd = |part: &str| part.starts_with('.') || (part.is_empty() && !prefix.is_empty());
        if prefix.split('/').any(odd) || prefix.chars().any(|char| "?#\\".contains(char)) {
            return Err(refused("no part of the prefix begins with a dot, and none holds `?`, `#` or `\\`"));
        }
        if Path::parse(prefix).is_err() {
            return Err(refused(
                "the parts of the prefix are separated by one slash each and hold no control characters",
            ));
        }
        Ok(Self { kind, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_kind_a_bucket_and_a_prefix() {
        for (text, kind, bucket, prefix) in [
            ("s3://lake", Kind::S3, "lake", ""),
            ("s3://lake/", Kind::S3, "lake", ""),
            ("s3://my.lake/raw/padel/", Kind::S3, "my.lake", "raw/padel"),
            ("az://landing/raw", Kind::Azure, "landing", "raw"),
            ("gs://lake_1/a b~c", Kind::Google, "lake_1", "a b~c"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!((address.kind, &*address.bucket, &*address.prefix), (kind, bucket, prefix), "{text}");
            assert_eq!(address.to_string(), text.strip_suffix('/').unwrap_or(text));
        }
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        let long = format!("s3://lake/{}", "x".repeat(MAX_ADDRESS));
        for text in [
            "http://lake",
            "S3://lake",
            "s3://",
            "s3:///raw",
            "s3://la ke",
            "s3://user:key@lake",
            "s3://lake//raw",
            "s3://lake/raw//",
            "s3://lake/../other",
            "s3://lake/.state",
            "s3://lake/raw?x=1",
            "s3://lake/a\nb",
            &long,
        ] {
            let refused = text.parse::<Address>().expect_err(text).to_string();
            assert!(refused.len() < 2 * MAX_ADDRESS && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn a_directory_is_not_meant_as_an_address() {
        for (text, meant) in [
            ("s3://lake", true),
            ("file:///srv", true),
            ("data/landing", false),
            ("/srv/a:b", false),
            ("://x", false),
            ("s3:/lake", true),
            ("s3lake", false),
        ] {
            assert_eq!(Address::is_meant(text), meant, "{text}");
        }
    }
}
