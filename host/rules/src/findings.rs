//! What can be wrong with a landing zone: findings, and the rules that lead to them.
//!
//! Pure: it gets what is on disk, what is recorded, and what content was read, and must not look for itself.

use super::name::{self, Quarantined, check_extension, check_name};
use crate::domain::Digest;
use crate::text;

/// Longest path that a row is believed to be about, in bytes.
const MAX_PATH: usize = 1024;
/// Longest name of a file, in bytes.
const MAX_FILE_NAME: usize = 255;

/// What a finding is about, in the order in which findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A recorded file is not there.
    Missing,
    /// A file is not whole gzip.
    Torn,
    /// A file is not what was recorded.
    Altered,
    /// What the host may not look at.
    Unreadable,
    /// A name that the host would not give.
    Foreign,
    /// A hash name that is not its content's.
    Misnamed,
    /// One content twice in a source.
    Duplicate,
    /// A file that was erased is there.
    Erased,
    /// A file that the state does not know.
    Unrecorded,
    /// What a killed run left; the next one removes it.
    Leftover,
    /// A run that is not running and not ended.
    Stale,
    /// The database is damaged.
    Database,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Missing,
        Self::Torn,
        Self::Altered,
        Self::Unreadable,
        Self::Foreign,
        Self::Misnamed,
        Self::Duplicate,
        Self::Erased,
        Self::Unrecorded,
        Self::Leftover,
        Self::Stale,
        Self::Database,
    ];
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// Below the landing directory.
    pub path: String,
    /// What is wrong, in a sentence.
    pub detail: String,
}

impl Finding {
    /// A finding.
    pub fn new(kind: Kind, path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, path: path.into(), detail: detail.into() }
    }

    /// It as bytes whose order is that of findings: of kinds, then of paths.
    pub fn to_record(&self) -> Vec<u8> {
        [&[self.kind as u8], self.path.as_bytes(), &[0], self.detail.as_bytes()].concat()
    }

    /// What such bytes stand for; `None` where they are others.
    pub fn from_record(record: &[u8]) -> Option<Self> {
        let (kind, rest) = record.split_first()?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some(Self::new(*Kind::ALL.get(usize::from(*kind))?, text(&rest[..end])?, text(&rest[end + 1..])?))
    }
}

/// A file as the state has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Of the content; `None` where it was never read.
    pub sha256: Option<Digest>,
    /// Bytes of the file.
    pub stored_size: u64,
}

/// What a name says of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named<'a> {
    /// A hash name, and its digits.
    Hash(&'a str),
    /// A tag's name.
    Tag,
    /// None that the host gives.
    Foreign,
}

fn named(path: &str) -> Named<'_> {
    if let Some(quarantined) = Quarantined::parse(path) {
        return Named::Hash(quarantined.digits);
    }
    let parts: Vec<&str> = path.split('/').collect();
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match parts[..] {
        [source, year, file] if check_name(source).is_ok() && digits(year, 4) && is_stored(file) => {
            match name::hash_digits(file) {
                Some(hash) if file.starts_with(year) => Named::Hash(hash),
                _ => Named::Foreign,
            }
        }
        [source, year, month, file]
            if check_name(source).is_ok() && digits(year, 4) && digits(month, 2) && is_stored(file) =>
        {
            Named::Tag
        }
        _ => Named::Foreign,
    }
}

/// Whether a file's name has the characters and the end that all of the host's have.
fn is_stored(file: &str) -> bool {
    let extension = file.strip_suffix(".gz").and_then(|file| file.rsplit_once('.')).map(|(_, extension)| extension);
    file.len() <= MAX_FILE_NAME
        && file.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '~')
        && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+=-~".contains(&byte))
        && extension.is_some_and(|extension| check_extension(extension).is_ok())
}

/// Whether a name is one that the host gives.
pub fn is_ours(path: &str) -> bool {
    named(path) != Named::Foreign
}

/// Whether the state may have a file of this path: what is listed of a source, whoever named it.
pub fn is_listed(path: &str) -> bool {
    let Some((source, below)) = path.split_once('/') else { return false };
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.len() <= MAX_FILE_NAME;
    path.len() <= MAX_PATH
        && !path.contains('\0')
        && check_name(source).is_ok()
        && below.split('/').count() <= 3
        && below.split('/').all(part)
}

/// The source that a file belongs to, if it is in one.
pub fn source(path: &str) -> Option<&str> {
    path.split_once('/').map(|(source, _)| source).filter(|source| check_name(source).is_ok())
}

/// Compare a file with what is recorded of it, going by its name and size.
pub fn compare(path: &str, size: u64, recorded: Option<&Recorded>) -> Option<Finding> {
    match recorded {
        _ if named(path) == Named::Foreign => {
            Some(Finding::new(Kind::Foreign, path, "the host gives no such name, and leaves it alone"))
        }
        None => Some(Finding::new(Kind::Unrecorded, path, "the state does not know this file")),
        Some(recorded) if recorded.stored_size != size => {
            let size = text::counted(size, "byte");
            let detail = format!("it has {size}, and the state says {}", recorded.stored_size);
            Some(Finding::new(Kind::Altered, path, detail))
        }
        Some(_) => None,
    }
}

/// What to say of a file that is there, and that the state says was erased.
pub fn not_erased(path: &str, size: u64, recorded: &Recorded) -> Finding {
    let detail = match recorded.stored_size == size {
        true => "it was erased, and is there; `host repair` finishes that",
        false => "a file of this name was erased, and another one is there; move it away",
    };
    Finding::new(Kind::Erased, path, detail)
}

/// Judge a file by its content; `None` is a file that is not whole.
pub fn judge(path: &str, recorded: Option<&Recorded>, content: Option<Digest>) -> Option<Finding> {
    let Some(content) = content else {
        return Some(Finding::new(Kind::Torn, path, "it is not whole gzip"));
    };
    if let Some(expected) = recorded.and_then(|recorded| recorded.sha256)
        && expected != content
    {
        let detail = format!("its content's SHA-256 is {content}, and {expected} was recorded");
        return Some(Finding::new(Kind::Altered, path, detail));
    }
    match named(path) {
        Named::Hash(digits) if !content.to_string().starts_with(digits) => {
            let detail =
                format!("its content's SHA-256 begins {}, and its name says {digits}", content.hex(digits.len()));
            Some(Finding::new(Kind::Misnamed, path, detail))
        }
        _ => None,
    }
}

/// A content in a file, as bytes that sort so that the same content of one source and extension comes together, and its
/// files in the order of their paths.
pub fn content_record(path: &str, digest: &Digest) -> Vec<u8> {
    let source = match Quarantined::parse(path) {
        // Apart from the source's own: what is in both is no copy of the one in the other.
        Some(_) => path.rsplit_once('/').map_or(path, |(directory, _)| directory),
        None => path.split('/').next().unwrap_or(path),
    };
    let extension = path.rsplit('/').next().and_then(|name| name.split_once('.')).map_or("", |(_, rest)| rest);
    [source.as_bytes(), &[0], extension.as_bytes(), &[0], &digest.0, path.as_bytes()].concat()
}

/// Contents that are in more than one file of their source.
#[derive(Debug, Default)]
pub struct Duplicates {
    /// What tells the content that came last from others, and the first of its files.
    first: Option<(Vec<u8>, String)>,
}

impl Duplicates {
    /// The file of a record. `None` where it is no record.
    pub fn path(record: &[u8]) -> Option<&str> {
        std::str::from_utf8(record.get(Self::content(record)?..)?).ok()
    }

    /// Take the next record, in their order; a finding where its content came before.
    pub fn take(&mut self, record: &[u8]) -> Option<Finding> {
        let path = Self::path(record)?;
        let content = &record[..record.len() - path.len()];
        match &self.first {
            Some((earlier, first)) if earlier == content => (path != first)
                .then(|| Finding::new(Kind::Duplicate, path, format!("it has the same content as {first}"))),
            _ => {
                self.first = Some((content.to_owned(), path.to_owned()));
                None
            }
        }
    }

    /// How long the part of a record is that tells contents apart.
    fn content(record: &[u8]) -> Option<usize> {
        let mut ends = record.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
        ends.nth(1).map(|end| end + 1 + size_of::<Digest>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: Digest = Digest([0xab; 32]);

    #[test]
    fn names_that_the_host_gives_are_known() {
        for (path, expected) in [
            ("x/2025/2025-03-09_abababab.csv.gz", Named::Hash("abababab")),
            ("x/2025/2025-03-09_abababababababab.csv.gz", Named::Hash("abababababababab")),
            ("x/2025/2025-03-09_abababab~0123456789abcdef.csv.gz", Named::Hash("abababab")),
            ("x/2025/03/66f0a1b2-4e.csv.gz", Named::Tag),
            ("x/2025/03/a.b.csv.gz", Named::Tag),
            ("x/2025/03/tag~0123.csv.gz", Named::Tag),
            ("notes.txt", Named::Foreign),
            ("x/notes.txt", Named::Foreign),
            ("x/2025/notes.csv.gz", Named::Foreign),
            ("x/2025/03/notes.csv", Named::Foreign),
            ("x/25/03/tag.csv.gz", Named::Foreign),
            ("X/2025/03/tag.csv.gz", Named::Foreign),
            ("x/2025/03/~0123.csv.gz", Named::Tag),
            (".quarantine/x/0123456789abcdef.csv.gz", Named::Hash("0123456789abcdef")),
            (".quarantine/x/2025-03-09_abababab.csv.gz", Named::Foreign),
            (".quarantine/x/2025/0123456789abcdef.csv.gz", Named::Foreign),
            ("x/2025/03/.tag.csv.gz", Named::Foreign),
            ("x/2025/03/\u{1b}[2J.csv.gz", Named::Foreign),
            ("x/2025/2025-03-09_abababab.\0.csv.gz", Named::Foreign),
            ("../2025/2025-03-09_abababab.csv.gz", Named::Foreign),
        ] {
            assert_eq!(named(path), expected, "{path}");
        }
    }

    #[test]
    fn paths_that_are_listed_are_below_a_source() {
        for path in ["x/a", "x/2025/2025-03-09_abababab.csv.gz", "x/2025/03/a.csv.gz", "x/a/b/\u{1b}[2J"] {
            assert!(is_listed(path), "{path}");
        }
        let long = format!("x/{}", "a".repeat(256));
        for path in [
            "",
            "x",
            "x/",
            "/x/a",
            "x//a",
            "x/../a",
            "../a",
            "x/.a",
            "x/a/b/c/d",
            "x/a\0",
            "X/a",
            ".locks/a",
            ".quarantine/x/a",
            &long,
        ] {
            assert!(!is_listed(path), "{path:?}");
        }
    }

    #[test]
    fn what_is_there_and_what_is_recorded_are_compared() {
        let recorded = Recorded { sha256: Some(DIGEST), stored_size: 10 };
        let kind = |path, size, recorded| compare(path, size, recorded).map(|finding| finding.kind);
        let ours = "x/2025/03/a.csv.gz";
        assert_eq!(kind(ours, 10, Some(&recorded)), None);
        assert_eq!(kind(ours, 11, Some(&recorded)), Some(Kind::Altered));
        assert_eq!(kind(ours, 10, None), Some(Kind::Unrecorded));
        assert_eq!(kind("x/notes", 11, Some(&recorded)), Some(Kind::Foreign));
        let detail = |size| not_erased(ours, size, &recorded).detail;
        assert!(detail(10).contains("`host repair`") && detail(11).contains("move it away"));
    }

    #[test]
    fn records_of_findings_have_their_order() {
        let mut findings: Vec<Finding> = Kind::ALL
            .into_iter()
            .rev()
            .flat_map(|kind| ["b", "a/b", "a-b", ""].map(|path| Finding::new(kind, path, "detail\nö")))
            .collect();
        let mut records: Vec<Vec<u8>> = findings.iter().map(Finding::to_record).collect();
        records.sort();
        findings.sort();
        let read: Vec<Finding> = records.iter().filter_map(|record| Finding::from_record(record)).collect();
        assert_eq!(read, findings);
        for bytes in [&b""[..], b"\x00", b"\xffa\0b", b"\0a\xff\0"] {
            assert_eq!(Finding::from_record(bytes), None);
        }
    }

    #[test]
    fn content_is_judged_by_record_and_name() {
        let recorded = Recorded { sha256: Some(DIGEST), stored_size: 1 };
        let kind = |path, recorded, content| judge(path, recorded, content).map(|finding| finding.kind);
        let (hash, tag) = ("x/2025/2025-03-09_abababab.csv.gz", "x/2025/03/tag.csv.gz");
        assert_eq!(kind(hash, Some(&recorded), Some(DIGEST)), None);
        assert_eq!(kind(tag, None, Some(DIGEST)), None);
        assert_eq!(kind(hash, None, None), Some(Kind::Torn));
        assert_eq!(kind(tag, Some(&recorded), Some(Digest([1; 32]))), Some(Kind::Altered));
        assert_eq!(kind(hash, None, Some(Digest([1; 32]))), Some(Kind::Misnamed));
    }

    #[test]
    fn duplicates_are_within_a_source_and_an_extension() {
        let other = Digest([0; 32]);
        let mut records: Vec<Vec<u8>> = [
            ("x/2025/03/c.csv.gz", DIGEST),
            ("x/2025/03/b.csv.gz", DIGEST),
            ("x/2025/03/a.csv.gz", DIGEST),
            ("x/2025/03/a.csv.gz", DIGEST),
            ("x/2025/03/c.json.gz", DIGEST),
            ("x/2025/03/d.csv.gz", other),
            ("y/2025/03/a.csv.gz", DIGEST),
            (".quarantine/x/abababababababab.csv.gz", DIGEST),
            (".quarantine/y/abababababababab.csv.gz", DIGEST),
        ]
        .map(|(path, digest)| content_record(path, &digest))
        .into();
        records.sort();
        let mut duplicates = Duplicates::default();
        let findings: Vec<Finding> = records.iter().filter_map(|record| duplicates.take(record)).collect();
        let found: Vec<_> = findings.iter().map(|finding| (finding.path.as_str(), finding.detail.as_str())).collect();
        let detail = "it has the same content as x/2025/03/a.csv.gz";
        assert_eq!(found, [("x/2025/03/b.csv.gz", detail), ("x/2025/03/c.csv.gz", detail)]);
        assert_eq!(duplicates.take(b"no record"), None);
    }
}
