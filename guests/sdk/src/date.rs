//! Days and months, with their ISO 8601 texts and their order; pure.

use std::fmt;
use std::str::FromStr;

use crate::calendar;

/// A day of the proleptic Gregorian calendar, in UTC. Its text is `YYYY-MM-DD`.
///
/// [`new`](Self::new) and [`parse`](str::parse) give only days that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year, 1 to 9999.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

impl Date {
    /// That day, if it exists and its year is between 1 and 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=9999).contains(&year) && (1..=calendar::days_in_month(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The day after it; none after the last of the year 9999.
    pub fn next(self) -> Option<Self> {
        let later = Self::new(self.year, self.month, self.day.saturating_add(1));
        later.or_else(|| Month::of(self).next().map(Month::first_day))
    }

    /// The UTC day of that many seconds after 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        let (year, month, day) = calendar::from_unix_days(seconds / 86_400);
        Self { year, month, day }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let error = || DateError { text: text.to_owned(), expected: "day such as 2025-03-31" };
        let (month, day) = text.rsplit_once('-').ok_or_else(error)?;
        let month: Month = month.parse().map_err(|_| error())?;
        let day = digits(day, 2).and_then(|day| u8::try_from(day).ok());
        day.and_then(|day| Self::new(month.year, month.month, day)).ok_or_else(error)
    }
}

/// A month of the proleptic Gregorian calendar. Its text is `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// The month of that day.
    pub fn of(date: Date) -> Self {
        Self { year: date.year, month: date.month }
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        Date { year: self.year, month: self.month, day: 1 }
    }

    /// The month after it; none after December 9999.
    pub fn next(self) -> Option<Self> {
        match self {
            Self { year: 9999.., month: 12 } => None,
            Self { year, month: 12 } => Some(Self { year: year + 1, month: 1 }),
            Self { year, month } => Some(Self { year, month: month + 1 }),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let error = || DateError { text: text.to_owned(), expected: "month such as 2025-03" };
        let (year, month) = text.split_once('-').ok_or_else(error)?;
        let year = digits(year, 4).ok_or_else(error)?;
        let month = digits(month, 2).and_then(|month| u8::try_from(month).ok());
        month.and_then(|month| Date::new(year, month, 1)).map(Self::of).ok_or_else(error)
    }
}

/// A text that names no day or no month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateError {
    text: String,
    expected: &'static str,
}

impl fmt::Display for DateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is no {}", self.text, self.expected)
    }
}

impl std::error::Error for DateError {}

/// A number of exactly that many ASCII digits: `parse` alone would also take a sign.
fn digits(text: &str, count: usize) -> Option<u16> {
    let valid = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_exist() {
        for text in ["2025-01-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            let date: Date = text.parse().expect(text);
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_no_date() {
        let cases = [
            "",
            "2025",
            "2025-01",
            "2025-1-1",
            "2025-00-01",
            "2025-13-01",
            "2025-01-00",
            "2025-01-32",
            "2025-04-31",
            "2025-02-29",
            "1900-02-29",
            "0000-01-01",
            "10000-01-01",
            "+025-01-01",
            "2025-+1-01",
            "2025-01-01 ",
            " 2025-01-01",
            "2025/01/01",
            "2025-01-01T00",
            "-2025-01-01",
            "٢٠٢٥-01-01",
        ];
        for text in cases {
            assert!(text.parse::<Date>().is_err(), "{text:?}");
        }
        let error = "2025-02-30".parse::<Date>().expect_err("no such day");
        assert_eq!(error.to_string(), "\"2025-02-30\" is no day such as 2025-03-31");
    }

    #[test]
    fn dates_and_months_are_in_the_order_of_time() {
        let dates = ["2024-12-31", "2025-01-01", "2025-01-02", "2025-02-01", "2026-01-01"];
        let dates = dates.map(|text| text.parse::<Date>().expect(text));
        assert!(dates.is_sorted());
        assert!(dates.map(Month::of).is_sorted());
    }

    #[test]
    fn months() {
        let cases = [("2025-01", Some("2025-02")), ("2025-12", Some("2026-01")), ("9999-12", None)];
        for (text, next) in cases {
            let month: Month = text.parse().expect(text);
            assert_eq!(month.to_string(), text);
            assert_eq!(month.first_day().to_string(), format!("{text}-01"));
            assert_eq!(month.next().map(|month| month.to_string()).as_deref(), next);
        }
        for text in ["", "2025", "2025-00", "2025-13", "2025-1", "2025-01-01", "202-501", "page 7"] {
            assert!(text.parse::<Month>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn seconds_since_the_epoch() {
        for (seconds, expected) in [(0, "1970-01-01"), (86_399, "1970-01-01"), (1_767_225_600, "2026-01-01")] {
            assert_eq!(Date::from_unix_seconds(seconds).to_string(), expected);
        }
    }
}
