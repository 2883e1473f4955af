//! The slices of time that a stream is read in. Pure.

use expressions::time::{Clock, Date, DateTime, Span, TimeError};

/// What the slices are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Where the stream begins at the earliest.
    pub(crate) start: DateTime,
    /// The last time that is read.
    pub(crate) end: DateTime,
    /// How long a slice is; without one there is a single slice.
    pub(crate) step: Option<Span>,
    /// What lies between the end of a slice and the start of the next.
    pub(crate) granularity: Option<Span>,
    pub(crate) clamp: Option<Clamp>,
    /// Whether a slice of no length is left out.
    pub(crate) strictly: bool,
}

/// To what times are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clamp {
    Day,
    Month,
    /// The weeks begin on this day, 0 being Monday.
    Week(u32),
}

/// Most slices of a stream, or of a partition.
const MAX_SLICES: usize = 100_000;

/// Why there are no slices.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntervalError {
    #[error(transparent)]
    Time(#[from] TimeError),
    #[error("there would be more than {MAX_SLICES} slices: give a longer `step` or a later start")]
    TooMany,
    #[error("a `step` of {0} never gets further")]
    NoStep(String),
}

impl Plan {
    /// The slices from `lower` on, each with the first and the last time in it.
    pub(crate) fn slices(&self, lower: DateTime) -> Result<Vec<(DateTime, DateTime)>, IntervalError> {
        let upper = self.end;
        if lower.micros() > upper.micros() || (lower.micros() == upper.micros() && self.granularity.is_none()) {
            return Ok(Vec::new());
        }
        if upper.micros() < self.start.micros() {
            return Ok(Vec::new());
        }
        let lower = self.clamped(later(lower, self.start))?;
        if lower.micros() > upper.micros() || (lower.micros() == upper.micros() && self.strictly) {
            return Ok(Vec::new());
        }
        let after = |time: DateTime| self.step.as_ref().and_then(|step| time.plus(step, 1).ok());
        match after(lower) {
            Some(next) if next.micros() < upper.micros() => {}
            _ => {
                let upper = if self.granularity.is_some() { upper } else { self.clamped(upper)? };
                return Ok(vec![(lower, upper)]);
            }
        }
        let mut slices = Vec::new();
        let mut from = lower;
        loop {
            let next = after(from).filter(|next| next.micros() < upper.micros()).unwrap_or(upper);
            let to = if next.micros() == upper.micros() { next } else { self.clamped(next)? };
            let is_last = next.micros() >= upper.micros() || to.micros() == upper.micros();
            let start = self.clamped(from)?;
            if start.micros() >= to.micros() {
                if next.micros() <= from.micros() {
                    return Err(IntervalError::NoStep(self.step.map(|step| step.show()).unwrap_or_default()));
                }
                return Ok(slices);
            }
            let end = match &self.granularity {
                Some(granularity) if !is_last => to.plus(granularity, -1)?,
                _ => to,
            };
            if slices.len() >= MAX_SLICES {
                return Err(IntervalError::TooMany);
            }
            slices.push((start, end));
            from = to;
            if is_last {
                return Ok(slices);
            }
        }
    }

    /// The time itself, or the beginning of the next period where slices are made of whole ones.
    fn clamped(&self, time: DateTime) -> Result<DateTime, TimeError> {
        self.clamp.map_or(Ok(time), |clamp| clamp.round(time, true))
    }
}

impl Clamp {
    /// The beginning of the period that a time is in, or of the next one where the time is inside of it.
    pub(crate) fn round(self, time: DateTime, up: bool) -> Result<DateTime, TimeError> {
        let date = time.date();
        let midnight = |date: Date| DateTime::new(date, Clock::default(), time.offset());
        match self {
            Self::Day => {
                let there = midnight(date)?;
                if up && there.micros() != time.micros() {
                    midnight(Date::from_days(date.days() + 1)?)
                } else {
                    Ok(there)
                }
            }
            Self::Month => {
                let (year, month, day) = date.parts();
                let first = match (day, up) {
                    (1, _) => date,
                    (_, false) => Date::new(year, month, 1)?,
                    (_, true) if month == 12 => Date::new(year + 1, 1, 1)?,
                    (_, true) => Date::new(year, month + 1, 1)?,
                };
                midnight(first)
            }
            Self::Week(begins) => {
                let since = i64::from((date.weekday() + 7 - begins) % 7);
                let days = if since == 0 {
                    0
                } else if up {
                    7 - since
                } else {
                    -since
                };
                midnight(Date::from_days(date.days() + days)?)
            }
        }
    }
}

/// The later of two times.
pub(crate) fn later(one: DateTime, other: DateTime) -> DateTime {
    if one.micros() >= other.micros() { one } else { other }
}

#[cfg(test)]
mod tests {
    use expressions::time::{parse, parse_span};

    use super::*;

    fn time(text: &str) -> DateTime {
        parse(text, "%Y-%m-%dT%H:%M:%SZ").or_else(|_| parse(text, "%Y-%m-%d")).expect(text)
    }

    fn shown(plan: &Plan, lower: &str) -> String {
        let day = |time: DateTime| {
            let text = time.iso('T');
            text.strip_suffix("T00:00:00+00:00").map(str::to_owned).unwrap_or(text)
        };
        let slices = plan.slices(time(lower)).expect("slices");
        slices.iter().map(|(from, to)| format!("{}..{}", day(*from), day(*to))).collect::<Vec<_>>().join(" ")
    }

    /// What airbyte-cdk 7.39.1 asks for.
    #[test]
    fn slices_are_those_of_the_reference() {
        let plan = |step: Option<&str>, granularity: Option<&str>, clamp: Option<Clamp>, end: &str| Plan {
            start: time("2025-01-01"),
            end: time(end),
            step: step.map(|step| parse_span(step).expect(step)),
            granularity: granularity.map(|granularity| parse_span(granularity).expect(granularity)),
            clamp,
            strictly: false,
        };
        for (step, granularity, clamp, lower, end, expected) in [
            (
                Some("P10D"),
                Some("P1D"),
                None,
                "2025-01-01",
                "2025-01-25",
                "2025-01-01..2025-01-10 2025-01-11..2025-01-20 2025-01-21..2025-01-25",
            ),
            (
                Some("P1M"),
                Some("P1D"),
                None,
                "2025-01-01",
                "2025-03-01",
                "2025-01-01..2025-01-31 2025-02-01..2025-03-01",
            ),
            (Some("P1D"), Some("P1D"), None, "2025-01-01", "2025-01-01", "2025-01-01..2025-01-01"),
            (None, None, None, "2025-01-05", "2025-01-25", "2025-01-05..2025-01-25"),
            (None, None, None, "2025-01-25", "2025-01-25", ""),
            (None, None, None, "2024-12-01", "2025-01-25", "2025-01-01..2025-01-25"),
            (Some("P10D"), Some("P1D"), None, "2025-02-01", "2025-01-25", ""),
            (
                Some("P1M"),
                Some("P1D"),
                Some(Clamp::Month),
                "2025-01-15",
                "2025-03-31",
                "2025-02-01..2025-02-28 2025-03-01..2025-03-31",
            ),
        ] {
            assert_eq!(shown(&plan(step, granularity, clamp, end), lower), expected, "{step:?} {lower}..{end}");
        }
    }

    #[test]
    fn a_step_that_gets_nowhere_is_told() {
        let plan = Plan {
            start: time("2025-01-01"),
            end: time("2025-01-25"),
            step: Some(Span::default()),
            granularity: Some(parse_span("P1D").expect("a day")),
            clamp: None,
            strictly: false,
        };
        assert!(matches!(plan.slices(time("2025-01-01")), Err(IntervalError::NoStep(_))));
    }
}
