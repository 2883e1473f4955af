//! Amounts as people write them: `90s`, `64KiB`, `10/s`.
//!
//! Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::{SignedDuration, Span, SpanRelativeTo};

const DAY: u64 = 24 * 3600;
/// Longer ones are mistakes, or no limits.
const LONGEST: Duration = Duration::from_secs(366 * DAY);
/// Longer ago is nothing that the host did.
const OLDEST: Duration = Duration::from_secs(100 * 366 * DAY);
/// Larger ones are mistakes, or no limits.
const LARGEST: ByteSize = ByteSize::pib(1);

/// A positive length of time, written `90s`, `15m`, `1h 30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match duration(text) {
            Some(duration) if duration > LONGEST => Err(format!("`{text}` is longer than a year")),
            Some(duration) => Ok(Self(duration)),
            None => Err(format!("`{text}` is no duration such as 90s, 15m or 1h")),
        }
    }
}

/// How long ago something was, written `90d`, `12w`, `36h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match duration(text) {
            Some(duration) if duration > OLDEST => Err(format!("`{text}` is longer than a hundred years")),
            Some(duration) => Ok(Self(duration)),
            None => Err(format!("`{text}` is no duration such as 90d, 12w or 36h")),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds % DAY == 0 => write!(f, "{}d", seconds / DAY),
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

/// A positive length of time in units of which each is as long as any other of its name: a day is 24 hours, and a month
/// is none.
fn duration(text: &str) -> Option<Duration> {
    // Hours and less may be any number; a span is what knows days and weeks.
    let duration = text.parse::<SignedDuration>().ok().or_else(|| {
        let span: Span = text.parse().ok()?;
        span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
    })?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
}

/// A number of bytes, written `64KiB`, `1GB`, or plainly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<ByteSize>() {
            Ok(size) if size > LARGEST => Err(format!("`{text}` is more than {LARGEST}")),
            Ok(size) if size.as_u64() > 0 => Ok(Self(size.as_u64())),
            _ => Err(format!("`{text}` is no size such as 64KiB, 1GB or 1000")),
        }
    }
}

/// So many times in a second, minute or hour, written `10/s`, `30/m`, `100/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    times: u32,
    period: Duration,
}

impl Rate {
    /// From one time to the next.
    pub fn interval(self) -> Duration {
        self.period / self.times
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("`{text}` is no rate such as 10/s, 30/m or 100/h");
        let (times, unit) = text.split_once('/').ok_or_else(shape)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(shape()),
        };
        match times.trim().parse() {
            Ok(times) if times > 0 => Ok(Self { times, period: Duration::from_secs(seconds) }),
            _ => Err(shape()),
        }
    }
}

/// An amount in a file: a text, or a bare number, which is one of bytes.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "an amount such as \"15m\", \"64KiB\" or \"10/s\"")]
enum Written {
    Text(String),
    Number(u64),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

macro_rules! written_as_text {
    ($($amount:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $amount {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Written::deserialize(deserializer)?.text().parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

written_as_text!(Time, Age, Size, Rate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_positive_and_have_units() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("1h", 3600), ("1h 30m", 5400), ("1h30m", 5400), ("2d", 2 * DAY)]
        {
            assert_eq!(text.parse(), Ok(Time(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "5", "0s", "-5s", "soon", "1h ago", "10000h", "9223372036854775807s", "2mo", "1y"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn ages_may_be_long() {
        for (text, days) in [("90d", 90), ("12w", 84), ("48h", 2), ("1w 1d", 8), ("9000d", 9000)] {
            assert_eq!(text.parse(), Ok(Age(Duration::from_secs(days * DAY))), "{text}");
        }
        for (text, shown) in [("12w", "84d"), ("36h", "36h"), ("1d 1h", "25h"), ("90m", "5400s")] {
            assert_eq!(text.parse().map(|age: Age| age.to_string()).as_deref(), Ok(shown), "{text}");
        }
        for text in ["", "90", "0d", "-1d", "3 months", "1y", "40000d", "1d ago"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_positive() {
        for (text, bytes) in [("64KiB", 65_536), ("1GB", 1_000_000_000), ("1000", 1000), ("1.5 MiB", 1_572_864)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "0", "-1", "lots", "5 parsecs"] {
            let error = text.parse::<Size>().expect_err(text);
            assert!(error.contains("is no size such as"), "{error}");
        }
    }

    #[test]
    fn rates_have_a_period() {
        for (text, milliseconds) in [("10/s", 100), ("30/m", 2000), ("100/h", 36_000), ("1 / s", 1000)] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.interval(), Duration::from_millis(milliseconds), "{text}");
        }
        for text in ["", "10", "0/s", "-1/s", "10/d", "/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
