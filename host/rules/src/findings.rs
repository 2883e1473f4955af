//! What can be wrong with a landing zone: findings, and the rules that lead to them.
//!
//! Pure: it gets what is on disk, what is recorded, and what content was read, and must not look for itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::name::{self, check_extension, check_name};
use crate::domain::Digest;
use crate::text;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A recorded file is not there.
    Missing,
    /// A file is not whole gzip.
    Torn,
    /// A file is not what was recorded.
    Altered,
    /// A name that the host would not give.
    Foreign,
    /// A hash name that is not its content's.
    Misnamed,
    /// One content twice in a source.
    Duplicate,
    /// A file that the state does not know.
    Unrecorded,
    /// What a killed run left; the next one removes it.
    Leftover,
    /// A run that is not running and not ended.
    Stale,
    /// The database is damaged.
    Database,
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
    let parts: Vec<&str> = path.split('/').collect();
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_gzip = |file: &str| {
        let extension = file.strip_suffix(".gz").and_then(|file| file.rsplit_once('.')).map(|(_, extension)| extension);
        extension.is_some_and(|extension| check_extension(extension).is_ok())
    };
    match parts[..] {
        [source, year, file] if check_name(source).is_ok() && digits(year, 4) && is_gzip(file) => {
            match name::hash_digits(file) {
                Some(hash) if file.starts_with(year) => Named::Hash(hash),
                _ => Named::Foreign,
            }
        }
        [source, year, month, file]
            if check_name(source).is_ok() && digits(year, 4) && digits(month, 2) && is_gzip(file) =>
        {
            Named::Tag
        }
        _ => Named::Foreign,
    }
}

/// Whether a name is one that the host gives.
pub fn is_ours(path: &str) -> bool {
    named(path) != Named::Foreign
}

/// The sources that files belong to, each once.
pub fn sources<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let sources: BTreeSet<&str> = paths.filter_map(|path| path.split_once('/')).map(|(source, _)| source).collect();
    sources.into_iter().filter(|source| check_name(source).is_ok()).map(str::to_owned).collect()
}

/// Compare what is there with what is recorded, going by names and sizes.
pub fn compare(found: &BTreeMap<String, u64>, recorded: &BTreeMap<String, Recorded>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, size) in found {
        match recorded.get(path) {
            _ if named(path) == Named::Foreign => {
                findings.push(Finding::new(Kind::Foreign, path, "the host gives no such name, and leaves it alone"));
            }
            None => findings.push(Finding::new(Kind::Unrecorded, path, "the state does not know this file")),
            Some(recorded) if recorded.stored_size != *size => {
                let size = text::counted(*size, "byte");
                let detail = format!("it has {size}, and the state says {}", recorded.stored_size);
                findings.push(Finding::new(Kind::Altered, path, detail));
            }
            Some(_) => {}
        }
    }
    for path in recorded.keys().filter(|path| !found.contains_key(*path)) {
        findings.push(Finding::new(Kind::Missing, path, "the state knows this file, and it is not there"));
    }
    findings
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

/// Contents that are in more than one file of their source.
pub fn duplicates<'a>(contents: impl IntoIterator<Item = (&'a str, Digest)>) -> Vec<Finding> {
    let mut first: HashMap<(&str, Digest, &str), &str> = HashMap::new();
    let mut findings = Vec::new();
    for (path, digest) in contents {
        let source = path.split('/').next().unwrap_or(path);
        let extension = path.rsplit('/').next().and_then(|name| name.split_once('.')).map_or("", |(_, rest)| rest);
        let earlier = *first.entry((source, digest, extension)).or_insert(path);
        if earlier != path {
            findings.push(Finding::new(Kind::Duplicate, path, format!("it has the same content as {earlier}")));
        }
    }
    findings
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
        ] {
            assert_eq!(named(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_there_and_what_is_recorded_are_compared() {
        let (same, larger, gone, new) =
            ("x/2025/03/a.csv.gz", "x/2025/03/b.csv.gz", "x/2025/03/c.csv.gz", "x/2025/03/d.csv.gz");
        let recorded = |path: &str| (path.to_owned(), Recorded { sha256: Some(DIGEST), stored_size: 10 });
        let found = [(same, 10), (larger, 11), (new, 10), ("x/notes", 1)].map(|(path, size)| (path.to_owned(), size));
        let findings = compare(&found.into(), &[recorded(same), recorded(larger), recorded(gone)].into());
        let kinds: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.path.as_str())).collect();
        assert_eq!(
            kinds,
            [(Kind::Altered, larger), (Kind::Unrecorded, new), (Kind::Foreign, "x/notes"), (Kind::Missing, gone)]
        );
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
        let findings = duplicates([
            ("x/2025/03/a.csv.gz", DIGEST),
            ("x/2025/03/b.csv.gz", DIGEST),
            ("x/2025/03/c.json.gz", DIGEST),
            ("y/2025/03/a.csv.gz", DIGEST),
        ]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "x/2025/03/b.csv.gz");
    }
}
