//! Names in quarantine, where a content is that was not as expected of its source.
//!
//! Pure.

use super::{Names, Place, check_extension, check_name};
use crate::domain::Digest;

/// Where contents are kept that were not as expected. It begins with a dot, so that no source has that name.
pub const QUARANTINE: &str = ".quarantine";
/// How many digits of its digest the name of such a content has, best first.
const QUARANTINE_DIGITS: [usize; 2] = [16, 64];

/// What the path of a content in quarantine says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantined<'a> {
    /// The source that it did not enter.
    pub source: &'a str,
    /// The first digits of its digest.
    pub digits: &'a str,
    /// Its extension.
    pub extension: &'a str,
}

impl<'a> Quarantined<'a> {
    /// Read a path; `None` where it is none that the host gives.
    pub fn parse(path: &'a str) -> Option<Self> {
        let (source, name) = path.strip_prefix(QUARANTINE)?.strip_prefix('/')?.split_once('/')?;
        let (digits, extension) = name.strip_suffix(".gz")?.split_once('.')?;
        let hexadecimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let valid = check_name(source).is_ok() && check_extension(extension).is_ok();
        (valid && hexadecimal && QUARANTINE_DIGITS.contains(&digits.len())).then_some(Self {
            source,
            digits,
            extension,
        })
    }
}

impl Place {
    /// The names for a content in quarantine: the same ones whenever it comes, and whatever it is tagged with.
    pub fn quarantine_names(&self, digest: &Digest) -> Names {
        let name = |digits| format!("{}.{}.gz", digest.hex(digits), self.extension);
        let candidates = QUARANTINE_DIGITS.map(name).to_vec();
        Names { directory: format!("{QUARANTINE}/{}", self.source), candidates }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    #[test]
    fn a_quarantine_path_is_read_back_and_no_other() {
        let place = Place::new("overpass", Date::constant(2025, 3, 9), "csv.sdmx").expect("a place");
        let Names { directory, candidates } = place.quarantine_names(&Digest([0xab; 32]));
        for name in candidates {
            let path = format!("{directory}/{name}");
            let read = Quarantined::parse(&path).expect("a path of the host's");
            assert_eq!((read.source, read.extension), ("overpass", "csv.sdmx"), "{path}");
            assert!(read.digits.len() >= 16 && read.digits.bytes().all(|digit| b"ab".contains(&digit)));
        }
        let digits = "0123456789abcdef";
        assert!(Quarantined::parse(&format!(".quarantine/x/{digits}.csv.gz")).is_some());
        for path in [
            "".to_owned(),
            format!("quarantine/x/{digits}.csv.gz"),
            format!(".quarantine/{digits}.csv.gz"),
            format!(".quarantine/../{digits}.csv.gz"),
            format!(".quarantine/X/{digits}.csv.gz"),
            format!(".quarantine/x/y/{digits}.csv.gz"),
            format!(".quarantine/x/../../{digits}.csv.gz"),
            format!(".quarantine//{digits}.csv.gz"),
            format!(".quarantine/x/{digits}.csv"),
            format!(".quarantine/x/{digits}.gz"),
            format!(".quarantine/x/{digits}0.csv.gz"),
            format!(".quarantine/x/{}.csv.gz", digits.to_uppercase()),
            format!(".quarantine/x/{digits}.\u{1b}[2J.gz"),
            format!(".quarantine/x/{digits}.csv.gz\0"),
        ] {
            assert_eq!(Quarantined::parse(&path), None, "{path:?}");
        }
        assert!(check_name(QUARANTINE).is_err());
    }
}
