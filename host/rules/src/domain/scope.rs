//! What a run is for: the newest data or a window, of everything or of a part. No two runs of one extractor may be for the
//! same at once. Pure.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::Window;

/// Longest text of a part, in bytes; of a longer one the digest is kept.
const MAX_PART: usize = 200;
/// Bytes of a lock's file that belong to one part: more than the calendar has days.
const SPAN: u64 = 1 << 23;
/// Bits of a part's hash, so that the last byte of the last part is one that a file can have.
const HASHED: u32 = 39;

/// A part of an extractor's work: one of the values of a parameter. Its text is `NAME=VALUE`, or `NAME=~` and a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(String);

impl Part {
    /// The part that a value of a parameter stands for.
    pub fn new(name: &str, value: &str) -> Self {
        let text = format!("{name}={value}");
        let plain = text.len() <= MAX_PART && !value.starts_with('~') && !value.contains(char::is_control);
        Self(if plain { text } else { format!("{name}=~{:032x}", hash(value)) })
    }

    /// Where its bytes begin in the file of a lock. Two parts share them once in many millions of millions, and then only
    /// wait for each other.
    fn base(&self) -> u64 {
        let bytes: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let number = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        ((number >> (64 - HASHED)) + 1) * SPAN
    }
}

fn hash(value: &str) -> u128 {
    let bytes: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    bytes.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run is for. Its text is that of the window, that of the part, or both with a space between; it is empty for the
/// newest data of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The days of a backfill; `None` is the newest data.
    pub window: Option<Window>,
    /// The part; `None` is no part in particular.
    pub part: Option<Part>,
}

impl Scope {
    /// Whether two runs of one extractor must not go on at once. A run for the newest data is in no window's way, and one
    /// without a part in no part's: neither moves the other's cursor.
    pub fn excludes(&self, other: &Self) -> bool {
        let share = match (self.window, other.window) {
            (Some(one), Some(other)) => one.overlaps(other),
            (one, other) => one == other,
        };
        share && self.part == other.part
    }

    /// The bytes of a lock's file that a run has to have: the first one of the part for the newest data, and one for each
    /// day of a window.
    pub fn bytes(&self) -> Range<u64> {
        let base = self.part.as_ref().map_or(0, Part::base);
        let Range { start, end } = self.window.map_or(0..1, |window| {
            let Range { start, end } = window.numbers();
            u64::from(start) + 1..u64::from(end) + 1
        });
        base + start..base + end
    }

    /// The window of these bytes, the outer `None` being none that a run has, and the inner one the newest data.
    pub fn window_of(bytes: &Range<u64>) -> Option<Option<Window>> {
        let base = bytes.start - bytes.start % SPAN;
        let end = bytes.end.checked_sub(base).filter(|end| *end <= SPAN)?;
        let day = |byte: u64| u32::try_from(byte.checked_sub(1)?).ok();
        match (bytes.start == base, day(bytes.start - base), day(end)) {
            (true, _, Some(0)) => Some(None),
            (false, Some(start), Some(end)) => Window::of_numbers(start..end).map(Some),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.window, &self.part) {
            (None, None) => Ok(()),
            (Some(window), None) => write!(f, "{window}"),
            (None, Some(part)) => write!(f, "{part}"),
            (Some(window), Some(part)) => write!(f, "{window} {part}"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, rest) = text.split_once(' ').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let part = |text: &str| match text.split_once('=') {
            Some((name, _)) if !name.is_empty() => Ok(Some(Part(text.to_owned()))),
            _ => Err(format!("`{text}` is neither a window nor a part")),
        };
        match (first.parse().ok(), rest) {
            _ if text.is_empty() => Ok(Self::default()),
            (Some(window), None) => Ok(Self { window: Some(window), part: None }),
            (Some(window), Some(rest)) => Ok(Self { window: Some(window), part: part(rest)? }),
            (None, _) => Ok(Self { window: None, part: part(text)? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().expect(text)
    }

    #[test]
    fn runs_exclude_each_other_where_they_share_a_day_of_a_part() {
        let january = "2025-01-01..2025-02-01";
        for (one, other, expected) in [
            ("", "", true),
            ("", january, false),
            (january, january, true),
            (january, "2025-01-31..2025-02-02", true),
            (january, "2025-01-10..2025-01-11", true),
            (january, "2025-02-01..2025-02-02", false),
            (january, "2024-12-31..2025-01-01", false),
            ("region=es", "region=es", true),
            ("region=es", "region=pt", false),
            ("region=es", "", false),
            ("region=es", "2025-01-01..2025-02-01 region=es", false),
            ("2025-01-01..2025-02-01 region=es", "2025-01-31..2025-02-02 region=es", true),
            ("2025-01-01..2025-02-01 region=es", "2025-01-31..2025-02-02 region=pt", false),
            ("2025-01-01..2025-02-01 region=es", january, false),
        ] {
            let (one, other) = (scope(one), scope(other));
            assert_eq!((one.excludes(&other), other.excludes(&one)), (expected, expected), "{one} {other}");
            let (bytes, others) = (one.bytes(), other.bytes());
            let share = bytes.start < others.end && others.start < bytes.end;
            assert_eq!(share, expected, "{one} {other}: {bytes:?} {others:?}");
        }
    }

    #[test]
    fn a_scope_is_written_and_read_and_its_bytes_tell_the_window() {
        let last = "0000-01-01..9999-12-31";
        for text in ["", last, "region=es", "2025-01-01..2025-02-01 q=a b=c", "0000-01-01..9999-12-31 a="] {
            let scope = scope(text);
            assert_eq!(scope.to_string(), text);
            assert_eq!(Scope::window_of(&scope.bytes()), Some(scope.window), "{text}");
            assert!(i64::try_from(scope.bytes().end).is_ok(), "{text}");
        }
        assert_eq!(scope(last).bytes().end.next_multiple_of(SPAN), SPAN);
        for none in [0..0, 0..2, 0..u64::MAX, 5..SPAN + 6, 7_500_000..7_500_001] {
            assert_eq!(Scope::window_of(&none), None, "{none:?}");
        }
        for none in ["x", "2025", "=x", "2025-01-01..2025-02-01 x", " "] {
            assert!(none.parse::<Scope>().is_err(), "{none}");
        }
    }

    #[test]
    fn a_part_has_a_text_of_its_own_whatever_its_value() {
        let long = "x".repeat(300);
        let texts = ["a", "", "a b", "~a", "a\nb", &long].map(|value| Part::new("p", value).to_string());
        assert_eq!(texts[..3], ["p=a", "p=", "p=a b"]);
        assert!(texts[3..].iter().all(|text| text.len() == 35 && text.starts_with("p=~")), "{texts:?}");
        let bases: std::collections::BTreeSet<u64> =
            (0..1000).map(|number| Part::new("p", &number.to_string()).base()).collect();
        assert_eq!(bases.len(), 1000);
    }
}
