//! What names a component in a registry: `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]`.
//!
//! Pure.

use std::fmt;
use std::str::FromStr;

use rules::domain::Digest;
use rules::text;
use url::Host;

/// What all of them begin with.
const SCHEME: &str = "oci://";
/// Longest reference, in bytes.
const MAX_REFERENCE: usize = 512;
/// Longest name of a repository with its registry (distribution-spec, "Pulling manifests").
const MAX_NAME: usize = 255;
/// Longest tag.
const MAX_TAG: usize = 128;
/// What is meant where neither a tag nor a digest is said.
const LATEST: &str = "latest";

/// A component in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry: a host, and perhaps a port.
    pub registry: String,
    /// Which of its repositories.
    pub repository: String,
    /// The tag. It stands for nothing where there is a digest.
    pub tag: Option<String>,
    /// The digest of the manifest.
    pub digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no component in a registry: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// Whether a text is meant as a reference, and not as the path of a file; one that lacks a slash is.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("oci:")
    }

    /// The registry and the repository: what rules of trust are for.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The last word of the repository: what a file of it would be called.
    pub fn stem(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    /// The same component, and no other, whatever becomes of its tag.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), tag: None, ..self.clone() }
    }

    /// The tag that has to be looked up; none where a digest says all.
    pub fn tag_to_resolve(&self) -> Option<&str> {
        match self.digest {
            Some(_) => None,
            None => Some(self.tag.as_deref().unwrap_or(LATEST)),
        }
    }
}

/// A digest as registries write it: `sha256:` and 64 hexadecimal digits in lower case.
pub fn digest(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f').then(|| (byte as char).to_digit(16)).flatten();
    if hex.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let [high, low] = pair else { return None };
        *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(Digest(bytes))
}

/// Where a port begins, behind an address in brackets as well.
fn split_port(registry: &str) -> Option<(&str, Option<&str>)> {
    match registry.strip_prefix('[') {
        Some(_) => match registry.split_at_checked(registry.find(']')? + 1)? {
            (host, "") => Some((host, None)),
            (host, port) => Some((host, Some(port.strip_prefix(':')?))),
        },
        None => Some(registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)))),
    }
}

/// The registry in lower case; nothing where it is none.
fn registry(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (host, port) = split_port(&text)?;
    let parsed = Host::parse(host).ok()?;
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number > 0)
    };
    (parsed.to_string() == host && port.is_none_or(is_port)).then_some(text)
}

fn is_repository(text: &str) -> bool {
    let word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = [word.bytes().next(), word.bytes().next_back()];
        let separators = word.split(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit());
        let allowed = |gap: &str| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-');
        ends.into_iter().all(|end| end.is_some_and(plain)) && separators.into_iter().all(allowed)
    };
    text.split('/').all(word)
}

fn is_tag(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    begins
        && text.len() <= MAX_TAG
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(whole: &str) -> Result<Self, ReferenceError> {
        let shown = text::quoted(whole.get(..whole.floor_char_boundary(MAX_REFERENCE)).unwrap_or_default());
        let refused = |reason| ReferenceError { text: shown.clone(), reason };
        if whole.len() > MAX_REFERENCE {
            return Err(refused("it is too long"));
        }
        let form = "the form is oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]";
        let rest = whole.strip_prefix(SCHEME).ok_or_else(|| refused(form))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, hex)) => {
                let wrong = || refused("a digest is `sha256:` and 64 hexadecimal digits in lower case");
                (rest, Some(self::digest(hex).ok_or_else(wrong)?))
            }
            None => (rest, None),
        };
        let (host, path) = rest.split_once('/').ok_or_else(|| refused(form))?;
        let registry = registry(host).ok_or_else(|| refused("its host is none, or its port"))?;
        let (repository, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if !is_repository(repository) || registry.len() + 1 + repository.len() > MAX_NAME {
            return Err(refused(
                "the parts of a repository have letters in lower case, digits, and dots, hyphens and underscores between them",
            ));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refused("a tag has up to 128 letters, digits, dots, hyphens and underscores"));
        }
        Ok(Self { registry, repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.registry, self.repository)?;
        match (&self.tag, &self.digest) {
            (Some(tag), _) => write!(f, ":{tag}")?,
            (None, None) => write!(f, ":{LATEST}")?,
            (None, Some(_)) => {}
        }
        self.digest.iter().try_for_each(|digest| write!(f, "@sha256:{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_reference_names_a_registry_a_repository_and_one_version() {
        let pinned = format!("oci://ghcr.io/acme/weather@sha256:{HEX}");
        let both = format!("oci://ghcr.io/acme/weather:1.2@sha256:{HEX}");
        for (text, registry, repository, tag, shown) in [
            ("oci://ghcr.io/acme/weather:1.2", "ghcr.io", "acme/weather", Some("1.2"), None),
            (
                "oci://GHCR.io/acme/weather:V1",
                "ghcr.io",
                "acme/weather",
                Some("V1"),
                Some("oci://ghcr.io/acme/weather:V1"),
            ),
            ("oci://ghcr.io/weather", "ghcr.io", "weather", None, Some("oci://ghcr.io/weather:latest")),
            ("oci://localhost:5000/a.b/c__d-e---f/g_h:_x", "localhost:5000", "a.b/c__d-e---f/g_h", Some("_x"), None),
            ("oci://127.0.0.1:5000/a:1", "127.0.0.1:5000", "a", Some("1"), None),
            ("oci://[::1]:5000/a:1", "[::1]:5000", "a", Some("1"), None),
            (&pinned, "ghcr.io", "acme/weather", None, None),
            (&both, "ghcr.io", "acme/weather", Some("1.2"), None),
        ] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!((&*reference.registry, &*reference.repository), (registry, repository), "{text}");
            assert_eq!(reference.tag.as_deref(), tag, "{text}");
            assert_eq!(reference.to_string(), shown.unwrap_or(text));
            assert_eq!(
                reference.to_string().parse(),
                Ok(match reference.tag_to_resolve() {
                    Some(tag) => Reference { tag: Some(tag.to_owned()), ..reference.clone() },
                    None => reference.clone(),
                })
            );
        }
        let reference: Reference = both.parse().expect("a reference");
        assert_eq!((reference.tag_to_resolve(), reference.stem()), (None, "weather"));
        assert_eq!(reference.digest.map(|digest| digest.to_string()).as_deref(), Some(HEX));
        assert_eq!(reference.pinned(Digest([0; 32])).tag, None);
    }

    #[test]
    fn what_is_no_reference_is_told_apart() {
        let long = format!("oci://ghcr.io/{}", "x".repeat(600));
        let name = format!("oci://ghcr.io/{}", "x".repeat(250));
        let upper = format!("oci://ghcr.io/a@sha256:{}", HEX.to_uppercase());
        let other = format!("oci://ghcr.io/a@sha512:{HEX}");
        for text in [
            "oci:ghcr.io/a",
            "ghcr.io/a",
            "oci://ghcr.io",
            "oci:///a",
            "oci://user@ghcr.io/a",
            "oci://ghcr.io:0/a",
            "oci://ghcr.io:/a",
            "oci://ghcr.io:99999/a",
            "oci://ghcr.io:+5/a",
            "oci://gh cr.io/a",
            "oci://[::1/a",
            "oci://[::1]5000/a",
            "oci://0x7f.1/a",
            "oci://ghcr.io/",
            "oci://ghcr.io/A",
            "oci://ghcr.io/a//b",
            "oci://ghcr.io/a/",
            "oci://ghcr.io/../a",
            "oci://ghcr.io/a..b",
            "oci://ghcr.io/-a",
            "oci://ghcr.io/a___b",
            "oci://ghcr.io/a:",
            "oci://ghcr.io/a:.x",
            "oci://ghcr.io/a:x:y",
            "oci://ghcr.io/a?x=1",
            "oci://ghcr.io/a%2fb",
            "oci://ghcr.io/a@sha256:00",
            "oci://ghcr.io/a@",
            "oci://ghcr.io/a:1\n",
            &long,
            &name,
            &upper,
            &other,
        ] {
            let refused = text.parse::<Reference>().expect_err(text).to_string();
            assert!(refused.len() < 2 * MAX_REFERENCE && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn a_path_is_not_meant_as_a_reference() {
        for (text, meant) in
            [("oci://a/b", true), ("oci:a", true), ("a/oci:b", false), ("oci.wasm", false), ("./oci:", false)]
        {
            assert_eq!(Reference::is_meant(text), meant, "{text}");
        }
    }
}
