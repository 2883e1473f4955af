//! Windows cut into pieces by the calendar. Pure.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use super::Window;

/// How long the pieces are that a window is cut into. The cuts are where a day, a week, a month or a year begins, whatever
/// the window begins with: so a longer window has the pieces of a shorter one, but for those at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the units of the calendar")]
pub enum Step {
    Day,
    /// From Monday on.
    Week,
    Month,
    Year,
}

impl Step {
    /// Where the first piece begins that is after a day; `None` where the calendar ends.
    fn after(self, day: Date) -> Option<Date> {
        let next = match self {
            Self::Day => day.checked_add(1.day()),
            Self::Week => day.nth_weekday(1, Weekday::Monday),
            Self::Month => day.first_of_month().checked_add(1.month()),
            Self::Year => day.first_of_year().checked_add(1.year()),
        };
        next.ok()
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "day" | "1d" => Self::Day,
            "week" | "1w" => Self::Week,
            "month" | "1mo" => Self::Month,
            "year" | "1y" => Self::Year,
            _ => return Err("a step is `1d`, `1w`, `1mo` or `1y`: a day, a week, a month or a year".into()),
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "1d",
            Self::Week => "1w",
            Self::Month => "1mo",
            Self::Year => "1y",
        })
    }
}

impl Window {
    /// The pieces that it has, in order: no day is missing, and none is in two.
    pub fn pieces(self, step: Step) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let end = step.after(start).map_or(self.end, |end| end.min(self.end));
            let piece = (start < self.end).then_some(Self { start, end })?;
            start = end;
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(window: &str, step: &str) -> Vec<String> {
        let (window, step): (Window, Step) = (window.parse().expect(window), step.parse().expect(step));
        window.pieces(step).map(|piece| piece.to_string()).collect()
    }

    #[test]
    fn a_window_is_cut_where_the_calendar_is() {
        for (window, step, expected) in [
            ("2024-02-28..2024-03-01", "1d", &["2024-02-28..2024-02-29", "2024-02-29..2024-03-01"][..]),
            // A Wednesday, and a Monday after the next one.
            (
                "2025-01-01..2025-01-14",
                "week",
                &["2025-01-01..2025-01-06", "2025-01-06..2025-01-13", "2025-01-13..2025-01-14"],
            ),
            ("2025-01-06..2025-01-13", "1w", &["2025-01-06..2025-01-13"]),
            (
                "2025-01-31..2025-03-02",
                "1mo",
                &["2025-01-31..2025-02-01", "2025-02-01..2025-03-01", "2025-03-01..2025-03-02"],
            ),
            ("2024-12-31..2026-01-01", "1y", &["2024-12-31..2025-01-01", "2025-01-01..2026-01-01"]),
            ("9999-12-30..9999-12-31", "1mo", &["9999-12-30..9999-12-31"]),
        ] {
            assert_eq!(pieces(window, step), expected, "{window} {step}");
        }
        assert_eq!(pieces("2025-01-01..2026-01-01", "1d").len(), 365);
        assert_eq!(pieces("9998-01-01..9999-12-31", "1y").len(), 2);
    }

    #[test]
    fn a_longer_window_has_the_pieces_of_a_shorter_one() {
        for step in ["1d", "1w", "1mo", "1y"] {
            let (short, long) = (pieces("2025-01-01..2025-06-01", step), pieces("2024-06-01..2026-02-01", step));
            let inner = short.iter().skip(1).take(short.len().saturating_sub(2));
            assert!(inner.into_iter().all(|piece| long.contains(piece)), "{step}");
            assert_eq!(step.parse::<Step>().map(|step| step.to_string()).as_deref(), Ok(step));
        }
        for none in ["", "2d", "d", "hour", "1m", "0"] {
            assert!(none.parse::<Step>().is_err_and(|reason| reason.contains("`1mo`")), "{none}");
        }
    }
}
