//! The run in progress: the contract's `run` interface, and the calendar of its backfill window.

use crate::bindings::landing::extractor::run as contract;
pub use crate::bindings::landing::extractor::run::{
    Level, Window, backfill, cursor, has_secret, keys, log, name, now, param, params, progress, random_bytes,
    set_value, started_at, value, wait,
};
use crate::{Date, Month};

/// The UTC day on which the run started; a run has one day, however long it takes.
pub fn today() -> Date {
    Date::from_unix_seconds(started_at())
}

/// Say that all before this cursor has landed. The files landed so far are made durable first, then the values that were
/// set, and the cursor with them.
pub async fn checkpoint(cursor: &str) {
    contract::checkpoint(Some(cursor.to_owned())).await;
}

/// The same for the values alone; the cursor stays as it is.
pub async fn keep() {
    contract::checkpoint(None).await;
}

impl Window {
    /// The days of the window.
    pub fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let Self { start, end } = *self;
        std::iter::successors(Some(start), |date| date.next()).take_while(move |date| *date < end)
    }

    /// The months that the window touches, each by its first day that is in the window.
    ///
    /// The window is half-open, so a month whose first day is the window's end is not in it.
    pub fn months(&self) -> impl Iterator<Item = Date> + use<> {
        let Self { start, end } = *self;
        let later = std::iter::successors(Some(Month::of(start)), |month| month.next()).skip(1).map(Month::first_day);
        std::iter::once(start).chain(later).take_while(move |date| *date < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_windows() {
        let cases: [(&str, &str, &[&str]); 7] = [
            ("2025-01-01", "2025-03-01", &["2025-01-01", "2025-02-01"]),
            ("2025-01-01", "2025-03-02", &["2025-01-01", "2025-02-01", "2025-03-01"]),
            ("2025-01-15", "2025-02-15", &["2025-01-15", "2025-02-01"]),
            ("2024-12-31", "2025-01-01", &["2024-12-31"]),
            ("2024-11-30", "2025-02-01", &["2024-11-30", "2024-12-01", "2025-01-01"]),
            ("2025-01-01", "2025-01-01", &[]),
            ("2025-02-01", "2025-01-01", &[]),
        ];
        for (start, end, expected) in cases {
            let date = |text: &str| text.parse::<Date>().expect("a valid date");
            let window = Window { start: date(start), end: date(end) };
            let months: Vec<_> = window.months().map(|date| date.to_string()).collect();
            assert_eq!(months, expected, "{start}..{end}");
        }
    }

    #[test]
    fn days_of_windows() {
        let date = |text: &str| text.parse::<Date>().expect("a valid date");
        let days = |start: &str, end: &str| {
            let window = Window { start: date(start), end: date(end) };
            window.days().map(|date| date.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(days("2024-02-28", "2024-03-02"), ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(days("2024-12-31", "2025-01-02"), ["2024-12-31", "2025-01-01"]);
        assert_eq!(days("2025-01-01", "2025-01-01"), [""; 0]);
    }

    #[test]
    fn the_calendar_has_an_end() {
        let window =
            Window { start: Date { year: 9999, month: 12, day: 1 }, end: Date { year: u16::MAX, month: 1, day: 1 } };
        assert_eq!(window.months().count(), 1);
    }
}
