//! Windows of days. Pure.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Span, Unit};

/// Days to extract: `start` is in the window, `end` is not. Its text is `2025-01-01..2026-01-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// The first day.
    pub start: Date,
    /// The day after the last.
    pub end: Date,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (start, end) = text
            .split_once("..")
            .ok_or("a window is two days with `..` between them, such as 2025-01-01..2026-01-01")?;
        let (start, end) = (parse_day(start)?, parse_day(end)?);
        if start >= end {
            return Err(format!("the window is empty: {start} is not before {end}, and the end is not included"));
        }
        Ok(Self { start, end })
    }
}

impl Window {
    /// Whether a day is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Its days by their numbers, counted from the first day of the calendar.
    pub fn numbers(self) -> Range<u32> {
        number(self.start)..number(self.end)
    }

    /// The window of these days; `None` where no window has them.
    pub fn of_numbers(numbers: Range<u32>) -> Option<Self> {
        let day = |number: u32| Date::MIN.checked_add(Span::new().try_days(number).ok()?).ok();
        let (start, end) = (day(numbers.start)?, day(numbers.end)?);
        (start < end).then_some(Self { start, end })
    }
}

/// How many days of the calendar are before a day.
fn number(day: Date) -> u32 {
    // The calendar ends in the year 9999, so there is a number of days, and it is small.
    let days = Date::MIN.until((Unit::Day, day)).map_or(0, |span| span.get_days());
    u32::try_from(days).unwrap_or_default()
}

/// Read a day written as `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Result<Date, String> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !shaped {
        return Err(format!("`{text}` is not a day written as YYYY-MM-DD"));
    }
    text.parse().map_err(|_| format!("`{text}` is not a day of the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().expect(text)
    }

    #[test]
    fn windows_are_half_open_days() {
        let window: Window = "2024-02-28..2024-03-01".parse().expect("a window");
        assert_eq!(window.to_string(), "2024-02-28..2024-03-01");
        for (text, reason) in [
            ("2025-01-01", "two days"),
            ("2025-01-01..2025-01-01", "empty"),
            ("2025-02-01..2025-01-01", "empty"),
            ("2025-02-29..2025-03-01", "calendar"),
            ("2025-1-1..2025-03-01", "YYYY-MM-DD"),
            ("2025-01-01T00..2025-03-01", "YYYY-MM-DD"),
            ("..", "YYYY-MM-DD"),
        ] {
            let error = text.parse::<Window>().expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn days_have_numbers_and_numbers_have_days() {
        for text in ["0000-01-01..9999-12-31", "2024-02-28..2024-03-01", "1969-12-31..1970-01-01"] {
            let numbers = window(text).numbers();
            assert_eq!(Window::of_numbers(numbers.clone()).map(|window| window.to_string()).as_deref(), Some(text));
            assert!(numbers.start > 0 && numbers.end < 10_000_000, "{numbers:?}");
        }
        assert_eq!(window("2024-02-28..2024-03-01").numbers().len(), 2);
        for none in [5..5, 0..u32::MAX] {
            assert_eq!(Window::of_numbers(none), None);
        }
    }
}
