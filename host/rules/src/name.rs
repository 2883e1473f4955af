//! From fingerprints to paths: which names a content may have in the landing zone, best first.
//!
//! Pure. `FORMAT.md` is its specification.

mod quarantined;

use http::HeaderMap;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::domain::Digest;
use crate::text;

pub use quarantined::{QUARANTINE, Quarantined};

/// Longest entity tag that counts as one, in bytes, quotes included.
const MAX_TAG: usize = 1024;
/// Longest verbatim name made of an entity tag, in bytes.
const MAX_VERBATIM: usize = 100;
/// Longest source or extractor name, in bytes.
const MAX_NAME: usize = 64;
/// Longest extension, in bytes.
const MAX_EXTENSION: usize = 20;

/// Why a text cannot be part of a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A source or extractor name outside the small alphabet.
    #[error(
        "`{0}` is not a valid name: use lower-case letters, digits, `_` and `-`, at most {MAX_NAME}, starting with a letter or digit"
    )]
    Name(String),
    /// A name that some file systems keep for devices.
    #[error("`{0}` is a reserved device name on some file systems")]
    Reserved(String),
    /// An extension outside the small alphabet.
    #[error(
        "`{0}` is not a valid extension: use lower-case letters and digits, with single dots between, at most {MAX_EXTENSION}, without `.gz`"
    )]
    Extension(String),
    /// A date that the format's four-digit years cannot hold.
    #[error("{0} is no date from 0001-01-01 to 9999-12-31")]
    Date(String),
}

/// Check the name of a source or an extractor.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let valid = name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(word)
        && name.bytes().all(|byte| word(byte) || byte == b'_' || byte == b'-');
    if !valid {
        return Err(NameError::Name(text::quoted(name)));
    }
    if is_reserved(name) {
        return Err(NameError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// Check an extension.
pub fn check_extension(extension: &str) -> Result<(), NameError> {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let valid = extension.len() <= MAX_EXTENSION
        && extension.split('.').all(part)
        && extension.rsplit('.').next() != Some("gz");
    if valid { Ok(()) } else { Err(NameError::Extension(text::quoted(extension))) }
}

/// Names that Windows keeps for devices, whatever the extension and case.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || matches!(stem.strip_prefix("COM").or(stem.strip_prefix("LPT")), Some(port) if port.len() == 1 && port.as_bytes()[0].is_ascii_digit())
}

/// An entity tag (RFC 9110, 8.8.3), kept as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityTag(Vec<u8>);

impl EntityTag {
    /// The tag of a response that has exactly one `ETag` field, which is not empty and fits the grammar.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut fields = headers.get_all(http::header::ETAG).iter();
        match (fields.next(), fields.next()) {
            (Some(field), None) => Self::parse(field.as_bytes()),
            _ => None,
        }
    }

    /// Read a field's value.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let tag = Self(field.to_vec());
        let opaque = tag.quoted().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff);
        (field.len() <= MAX_TAG && !opaque.is_empty() && opaque.iter().all(etagc)).then_some(tag)
    }

    /// The raw bytes, as `If-None-Match` wants them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn quoted(&self) -> &[u8] {
        self.0.strip_prefix(b"W/").unwrap_or(&self.0)
    }

    /// What is between the quotes.
    fn opaque(&self) -> &[u8] {
        let quoted = self.quoted();
        quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
    }

    /// The file name's stem: the tag itself where it is safe, else its safe characters, `~`, and a hash of it.
    pub fn stem(&self) -> String {
        let opaque = self.opaque();
        let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+=-".contains(byte);
        if let Ok(text) = std::str::from_utf8(opaque) {
            let verbatim = text.len() <= MAX_VERBATIM
                && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
                && text.bytes().all(|byte| safe(&byte))
                && !text.ends_with('.')
                && !is_reserved(text);
            if verbatim {
                return text.to_owned();
            }
        }
        let kept = opaque.iter().filter(|byte| safe(byte)).skip_while(|byte| !byte.is_ascii_alphanumeric()).take(40);
        let kept: String = kept.map(|byte| char::from(*byte)).collect();
        format!("{kept}~{}", Digest(Sha256::digest(opaque).into()).hex(32))
    }
}

/// What a file's name tells of its content: the first 8 digits of a hash name, else the name itself.
pub fn fingerprint(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    hash_digits(name).map_or(name, |digits| &digits[..8]).to_owned()
}

/// The digits of a hash name: at least 8 of them behind a date.
pub fn hash_digits(name: &str) -> Option<&str> {
    let (date, rest) = name.split_once('_')?;
    let dated = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let end = rest.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'))?;
    (dated && end >= 8 && rest[end..].starts_with(['.', '~'])).then(|| &rest[..end])
}

/// The names that a content may have in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The directory.
    pub directory: String,
    /// File names, best first; the next is for where the one before is taken by other content.
    pub candidates: Vec<String>,
}

/// Where a content belongs: a source, a day, an extension, all of them checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    source: String,
    date: Date,
    extension: String,
}

impl Place {
    /// Check the parts.
    pub fn new(source: &str, date: Date, extension: &str) -> Result<Self, NameError> {
        check_name(source)?;
        check_extension(extension)?;
        if date.year() < 1 {
            return Err(NameError::Date(date.to_string()));
        }
        Ok(Self { source: source.to_owned(), date, extension: extension.to_owned() })
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The extension.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// The day.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The names for a content.
    pub fn names(&self, tag: Option<&EntityTag>, digest: &Digest) -> Names {
        Names { directory: self.directory(tag.is_some()), candidates: self.candidates(tag, digest) }
    }

    /// Whether a file of that path has this place's extension, so that it can stand for the same content.
    pub fn fits(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.strip_suffix(".gz")
            .and_then(|name| name.strip_suffix(self.extension.as_str()))
            .is_some_and(|stem| stem.ends_with('.'))
    }

    /// The directory of files named by an entity tag (`tagged`), or of those named by their own hash.
    pub fn directory(&self, tagged: bool) -> String {
        let (source, year) = (&self.source, self.date.year());
        if tagged { format!("{source}/{year:04}/{:02}", self.date.month()) } else { format!("{source}/{year:04}") }
    }

    /// The fingerprints that the name of a file with this content may tell, see [`fingerprint`].
    pub fn fingerprints(&self, tag: Option<&EntityTag>, digest: &Digest) -> Vec<String> {
        let mut fingerprints = vec![digest.hex(8)];
        if tag.is_some() {
            fingerprints.extend(self.candidates(tag, digest));
        }
        fingerprints
    }

    /// File names for a content, best first; the next is for where the one before is taken by other content.
    pub fn candidates(&self, tag: Option<&EntityTag>, digest: &Digest) -> Vec<String> {
        let beside = |stem: &str, digits| format!("{stem}~{}", digest.hex(digits));
        let stems = match tag {
            Some(tag) => {
                let stem = tag.stem();
                vec![stem.clone(), beside(&stem, 16), beside(&stem, 64)]
            }
            None => {
                let mut stems: Vec<String> =
                    [8, 16, 32, 64].iter().map(|&digits| format!("{}_{}", self.date, digest.hex(digits))).collect();
                stems.push(beside(&stems[0], 16));
                stems.push(beside(&stems[0], 64));
                stems
            }
        };
        stems.into_iter().map(|stem| self.file(&stem)).collect()
    }

    /// The first of the names of any content that comes with this tag.
    pub fn tagged(&self, tag: &EntityTag) -> String {
        self.file(&tag.stem())
    }

    fn file(&self, stem: &str) -> String {
        format!("{stem}.{}.gz", self.extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(field: &[u8]) -> Option<String> {
        EntityTag::parse(field).map(|tag| tag.stem())
    }

    #[test]
    fn tags_that_servers_send_are_names_verbatim() {
        for (server, field, expected) in [
            ("nginx", &b"\"66f0a1b2-4e20\""[..], "66f0a1b2-4e20"),
            ("nginx, compressed", b"W/\"66f0a1b2-4e20\"", "66f0a1b2-4e20"),
            ("Apache", b"\"2d-5f1e7f2a4c6c0\"", "2d-5f1e7f2a4c6c0"),
            ("Apache, compressed", b"\"2d-5f1e7f2a4c6c0-gzip\"", "2d-5f1e7f2a4c6c0-gzip"),
            ("Caddy", b"\"dj3k2l9g0a2b\"", "dj3k2l9g0a2b"),
            ("lighttpd", b"\"3198234563\"", "3198234563"),
            ("S3, in parts", b"\"9b2cf535f27731c974343645a3985328-12\"", "9b2cf535f27731c974343645a3985328-12"),
        ] {
            assert_eq!(stem(field).as_deref(), Some(expected), "{server}");
        }
    }

    #[test]
    fn what_is_no_tag_counts_as_none() {
        for field in
            [&b""[..], b"\"\"", b"W/\"\"", b"abc", b"\"abc", b"abc\"", b"w/\"abc\"", b"\"a\"b\"", b"\"a b\"", b"\""]
        {
            assert_eq!(stem(field), None, "{}", String::from_utf8_lossy(field));
        }
        let long = |len: usize| [b"\"", &vec![b'x'; len - 2][..], b"\""].concat();
        assert!(stem(&long(MAX_TAG)).is_some());
        assert_eq!(stem(&long(MAX_TAG + 1)), None);
        let mut two = HeaderMap::new();
        two.append("etag", "\"a\"".parse().expect("a value"));
        assert!(EntityTag::of(&two).is_some());
        two.append("etag", "\"a\"".parse().expect("a value"));
        assert_eq!(EntityTag::of(&two), None);
    }

    #[test]
    fn unsafe_tags_get_a_hash_and_never_meet_a_verbatim_name() {
        for (field, prefix) in [
            (&b"\"../../etc/passwd\""[..], "etcpasswd~"),
            (b"\".hidden\"", "hidden~"),
            (b"\"ends.\"", "ends.~"),
            (b"\"CON\"", "CON~"),
            (b"\"nul.txt\"", "nul.txt~"),
            (b"\"com1\"", "com1~"),
            (b"\"a/b\"", "ab~"),
            (b"\"a~b\"", "ab~"),
            ("\"é\"".as_bytes(), "~"),
            (b"\"\xff\xfe\"", "~"),
        ] {
            let stem = stem(field).expect("a tag");
            let hash = stem.strip_prefix(prefix).unwrap_or_else(|| panic!("{stem} starts with {prefix}"));
            assert_eq!(hash.len(), 32, "{stem}");
        }
        let long = [b"\"", &[b'x'; 101][..], b"\""].concat();
        assert_eq!(stem(&long).map(|stem| stem.len()), Some(40 + 1 + 32));
        assert_ne!(stem(b"\"a/b\""), stem(b"\"ab/\""));
    }

    #[test]
    fn a_million_tags_have_a_million_safe_names() {
        // Every length and byte has its turn, short tags above all, since they are most alike.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut seen = std::collections::HashMap::new();
        for _ in 0..1_000_000 {
            let length = 1 + next() % if next() % 64 == 0 { 120 } else { 6 };
            let etagc = |number: u64| match number % 4 {
                0 => b"./~-"[(number >> 8) as usize % 4],
                1 => b'a' + (number >> 8) as u8 % 3,
                2 => [0x21, 0x23, 0x5b, 0x7e][(number >> 8) as usize % 4],
                _ => 0x80 | (number >> 8) as u8,
            };
            let opaque: Vec<u8> = (0..length).map(|_| etagc(next())).collect();
            let tag = EntityTag::parse(&[b"\"", &opaque[..], b"\""].concat()).expect("a tag");
            let stem = tag.stem();
            assert!(stem.len() <= 100 && !stem.starts_with('.') && !stem.ends_with('.'), "{stem}");
            assert!(stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+=-~".contains(&byte)), "{stem}");
            let other = seen.entry(stem).or_insert_with(|| opaque.clone());
            assert_eq!(*other, opaque, "two tags have one name");
        }
    }

    #[test]
    fn names_and_extensions_have_a_small_alphabet() {
        for name in ["overpass", "a", "7zones", "city_population-2"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", "../x", "/x", "x/y", ".x", "-x", "_x", "X", "x y", "x\0", "é", "con", "nul", "lpt1", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for extension in ["csv", "json", "geojson", "tar", "csv.sdmx", "7z"] {
            assert_eq!(check_extension(extension), Ok(()), "{extension}");
        }
        for extension in
            ["", ".csv", "csv.", "c..sv", "csv.gz", "gz", "CSV", "c/sv", "..", "c\0", "abcdefghijklmnopqrstu"]
        {
            assert!(check_extension(extension).is_err(), "{extension}");
        }
    }

    #[test]
    fn messages_show_nothing_that_a_terminal_acts_upon() {
        let error = check_name("\u{1b}[2J").expect_err("no name").to_string();
        assert!(error.contains("\\u{1b}") && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn candidates_grow_until_they_are_unique() {
        let place = Place::new("overpass", Date::constant(2025, 3, 9), "csv").expect("a place");
        let digest = Digest([0xab; 32]);
        let by_hash = place.candidates(None, &digest);
        assert_eq!(place.directory(false), "overpass/2025");
        assert_eq!(by_hash[0], "2025-03-09_abababab.csv.gz");
        assert_eq!(by_hash[1], "2025-03-09_abababababababab.csv.gz");
        assert!(by_hash.iter().all(|name| name.starts_with("2025-03-09_abababab")));
        let tag = EntityTag::parse(b"\"t1\"").expect("a tag");
        let by_tag = place.candidates(Some(&tag), &digest);
        assert_eq!(place.directory(true), "overpass/2025/03");
        assert_eq!(by_tag[..2], ["t1.csv.gz", "t1~abababababababab.csv.gz"]);
    }

    #[test]
    fn a_name_tells_a_fingerprint() {
        for (path, expected) in [
            ("x/2025/2025-03-09_abcdef01.csv.gz", "abcdef01"),
            ("x/2025/2025-03-09_abcdef0123456789.csv.gz", "abcdef01"),
            ("x/2025/2025-03-09_abcdef01~abc.csv.gz", "abcdef01"),
            ("x/2025/03/66f0a1b2-4e.csv.gz", "66f0a1b2-4e.csv.gz"),
            ("x/2025/2025-03-09_ABCDEF01.csv.gz", "2025-03-09_ABCDEF01.csv.gz"),
            ("2025-03-09_abcdef01", "2025-03-09_abcdef01"),
            ("x/é", "é"),
        ] {
            assert_eq!(fingerprint(path), expected, "{path}");
        }
    }

    #[test]
    fn a_place_fits_files_of_its_extension_only() {
        let place = Place::new("x", Date::constant(2025, 3, 9), "csv").expect("a place");
        assert!(place.fits("x/2025/03/tag.csv.gz"));
        for other in ["x/2025/03/tag.json.gz", "x/2025/03/tagcsv.gz", "x/2025/03/tag.csv"] {
            assert!(!place.fits(other), "{other}");
        }
    }
}
