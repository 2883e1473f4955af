//! Lengths of time: whole months by the calendar, and microseconds.

use super::{Date, TimeError};

/// A length of time as ISO 8601 writes it. Without years and months it is Python's `timedelta`, with them isodate's
/// `Duration`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    years: i64,
    months: i64,
    /// Years or months have a fraction, with which no date can be computed.
    broken: bool,
    micros: i128,
}

/// What Python's `timedelta` can hold.
const LIMIT: i128 = 86_400_000_000 * 1_000_000_000;

impl Span {
    /// So many microseconds.
    pub fn from_micros(micros: i128) -> Result<Self, TimeError> {
        if !(-LIMIT + 86_400_000_000..LIMIT).contains(&micros) {
            return Err(TimeError::overflow("a length of time is more than 999999999 days"));
        }
        Ok(Self { micros, ..Self::default() })
    }

    /// Its parts.
    pub fn new(years: i64, months: i64, broken: bool, micros: i128) -> Result<Self, TimeError> {
        Ok(Self { years, months, broken, ..Self::from_micros(micros)? })
    }

    /// What it has beside years and months.
    pub fn micros(&self) -> i128 {
        self.micros
    }

    /// Years and months.
    pub fn calendar(&self) -> (i64, i64) {
        (self.years, self.months)
    }

    /// Whether it is a fixed length: no years, no months.
    pub fn is_fixed(&self) -> bool {
        self.years == 0 && self.months == 0 && !self.broken
    }

    /// Both together, the other's parts times `sign`.
    pub fn plus(&self, other: &Self, sign: i64) -> Result<Self, TimeError> {
        let far = || TimeError::overflow("a length of time is too long");
        let years = other.years.checked_mul(sign).and_then(|years| self.years.checked_add(years)).ok_or_else(far)?;
        let months =
            other.months.checked_mul(sign).and_then(|months| self.months.checked_add(months)).ok_or_else(far)?;
        Self::new(years, months, self.broken || other.broken, self.micros + i128::from(sign) * other.micros)
    }

    /// So many times as long.
    pub fn times(&self, factor: i128) -> Result<Self, TimeError> {
        let far = || TimeError::overflow("a length of time is too long");
        let small = i64::try_from(factor).map_err(|_| far())?;
        let years = self.years.checked_mul(small).ok_or_else(far)?;
        let months = self.months.checked_mul(small).ok_or_else(far)?;
        let micros = self.micros.checked_mul(factor).ok_or_else(far)?;
        Self::new(years, months, self.broken, micros)
    }

    /// The day so many months later or earlier: the last of the month where that has fewer days.
    pub(super) fn move_months(&self, date: Date, sign: i64) -> Result<Date, TimeError> {
        if self.broken {
            return Err(TimeError::new("fractional years or months not supported for date calculations"));
        }
        if self.is_fixed() {
            return Ok(date);
        }
        let (year, month, day) = date.parts();
        let far = || TimeError::new("year is out of range");
        let months = self.years.checked_mul(12).and_then(|years| years.checked_add(self.months)).ok_or_else(far)?;
        let total = (i64::from(year) * 12 + i64::from(month) - 1)
            .checked_add(months.checked_mul(sign).ok_or_else(far)?)
            .ok_or_else(far)?;
        let year = i32::try_from(total.div_euclid(12)).map_err(|_| far())?;
        let month = u32::try_from(total.rem_euclid(12) + 1).unwrap_or(1);
        Date::new(year, month, day.min(super::days_in_month(year, month)))
    }

    /// As Python prints a `timedelta`, and isodate a `Duration`.
    pub fn show(&self) -> String {
        let mut parts = Vec::new();
        if self.years != 0 {
            parts.push(format!("{} years", self.years));
        }
        if self.months != 0 {
            parts.push(format!("{} month{}", self.months, if self.months <= 1 { "" } else { "s" }));
        }
        let day = 86_400_000_000;
        let (days, rest) = (self.micros.div_euclid(day), self.micros.rem_euclid(day));
        let mut text = String::new();
        if days != 0 {
            text.push_str(&format!("{days} day{}, ", if days.abs() == 1 { "" } else { "s" }));
        }
        let seconds = rest / 1_000_000;
        text.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        if rest % 1_000_000 != 0 {
            text.push_str(&format!(".{:06}", rest % 1_000_000));
        }
        parts.push(text);
        parts.join(", ")
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        let months = |span: &Self| i128::from(span.years) * 12 + i128::from(span.months);
        months(self) == months(other) && self.micros == other.micros
    }
}
