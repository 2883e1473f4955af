//! Dates and times of the proleptic Gregorian calendar, with microseconds and an offset.

use super::{Span, TimeError};

const DAY: i64 = 86_400_000_000;

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Days since 1970-01-01.
    days: i32,
}

/// A time of a day, with the seconds by which it is ahead of UTC where that is known.
#[derive(Clone, Copy, Debug)]
pub struct DateTime {
    /// Microseconds since 1970-01-01T00:00 by the clock on the wall.
    wall: i64,
    offset: Option<i32>,
}

/// The parts of a time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub micro: u32,
}

/// Whether the year has 366 days.
pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    /// That day, if the calendar has it.
    pub fn new(year: i32, month: u32, day: u32) -> Result<Self, TimeError> {
        if !(1..=9999).contains(&year) {
            return Err(TimeError::new(format!("year {year} is out of range")));
        }
        if !(1..=12).contains(&month) {
            return Err(TimeError::new("month must be in 1..12"));
        }
        if day < 1 || day > days_in_month(year, month) {
            return Err(TimeError::new("day is out of range for month"));
        }
        // Counted from the 1st of March, so that the day of a leap year is the last one.
        let shifted = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
        let months = i32::try_from((month + 9) % 12).unwrap_or_default();
        let of_year = (153 * months + 2) / 5 + i32::try_from(day).unwrap_or(1) - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Ok(Self { days })
    }

    /// The day that is so many days after 1970-01-01.
    pub fn from_days(days: i64) -> Result<Self, TimeError> {
        // 0001-01-01 to 9999-12-31.
        if !(-719_162..=2_932_896).contains(&days) {
            return Err(TimeError::overflow("date value out of range"));
        }
        Ok(Self { days: i32::try_from(days).unwrap_or_default() })
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        self.days.into()
    }

    /// Year, month and day.
    pub fn parts(self) -> (i32, u32, u32) {
        let shifted = self.days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year + era * 400 + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.parts().0
    }

    /// Monday is 0.
    pub fn weekday(self) -> u32 {
        (self.days + 3).rem_euclid(7).unsigned_abs()
    }

    /// The day of the year, from 1.
    pub fn ordinal(self) -> u32 {
        let (year, ..) = self.parts();
        let first = Self::new(year, 1, 1).unwrap_or(self);
        (self.days - first.days + 1).unsigned_abs()
    }

    /// The year, week and day (Monday is 1) of ISO 8601.
    pub fn iso_week(self) -> (i32, u32, u32) {
        let weekday = self.weekday();
        // The week belongs to the year that its Thursday is in.
        let thursday = self.days() - i64::from(weekday) + 3;
        let (year, ordinal) = Self::from_days(thursday)
            .map_or_else(|_| if thursday > 0 { (10_000, 1) } else { (0, 366) }, |day| (day.year(), day.ordinal()));
        (year, (ordinal - 1) / 7 + 1, weekday + 1)
    }

    /// `2026-01-31`.
    pub fn iso(self) -> String {
        let (year, month, day) = self.parts();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// So many microseconds later, of which whole days count, as Python's `date` does.
    pub fn plus(self, span: &Span, sign: i64) -> Result<Self, TimeError> {
        let moved = span.move_months(self, sign)?;
        let days = span.micros().div_euclid(DAY.into());
        let days = i64::try_from(days).map_err(|_| TimeError::overflow("date value out of range"))?;
        Self::from_days(moved.days() + sign * days)
    }
}

impl DateTime {
    /// That time, if the calendar and the clock have it.
    pub fn new(date: Date, clock: Clock, offset: Option<i32>) -> Result<Self, TimeError> {
        if clock.hour > 23 {
            return Err(TimeError::new("hour must be in 0..23"));
        }
        if clock.minute > 59 {
            return Err(TimeError::new("minute must be in 0..59"));
        }
        if clock.second > 59 {
            return Err(TimeError::new("second must be in 0..59"));
        }
        if clock.micro > 999_999 {
            return Err(TimeError::new("microsecond must be in 0..999999"));
        }
        let seconds = i64::from(clock.hour * 3600 + clock.minute * 60 + clock.second);
        let wall = date.days() * DAY + seconds * 1_000_000 + i64::from(clock.micro);
        Ok(Self { wall, offset })
    }

    /// The time that is so many microseconds after 1970-01-01T00:00Z, in UTC.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        Self::from_wall(micros.into(), Some(0))
    }

    fn from_wall(wall: i128, offset: Option<i32>) -> Result<Self, TimeError> {
        let days = wall.div_euclid(DAY.into());
        let days = i64::try_from(days).map_err(|_| TimeError::overflow("date value out of range"))?;
        Date::from_days(days)?;
        Ok(Self { wall: i64::try_from(wall).unwrap_or_default(), offset })
    }

    /// Microseconds since 1970-01-01T00:00Z. A time without an offset counts as UTC.
    pub fn micros(self) -> i64 {
        self.wall - i64::from(self.offset.unwrap_or_default()) * 1_000_000
    }

    /// Seconds ahead of UTC, where known.
    pub fn offset(self) -> Option<i32> {
        self.offset
    }

    /// The day on the calendar on the wall.
    pub fn date(self) -> Date {
        Date { days: i32::try_from(self.wall.div_euclid(DAY)).unwrap_or_default() }
    }

    /// The clock on the wall.
    pub fn clock(self) -> Clock {
        let of_day = self.wall.rem_euclid(DAY);
        let part = |value: i64| u32::try_from(value).unwrap_or_default();
        let seconds = of_day / 1_000_000;
        Clock {
            hour: part(seconds / 3600),
            minute: part(seconds / 60 % 60),
            second: part(seconds % 60),
            micro: part(of_day % 1_000_000),
        }
    }

    /// The same clock, said to be so far ahead of UTC.
    pub fn with_offset(self, offset: Option<i32>) -> Self {
        Self { offset, ..self }
    }

    /// The same moment on the clock of UTC. A time without an offset counts as UTC.
    pub fn utc(self) -> Result<Self, TimeError> {
        Self::from_wall(self.micros().into(), Some(0))
    }

    /// The same moment on a clock that is so far ahead of UTC.
    pub fn at_offset(self, offset: i32) -> Result<Self, TimeError> {
        Self::from_wall(i128::from(self.micros()) + i128::from(offset) * 1_000_000, Some(offset))
    }

    /// A span later (`sign` 1) or earlier (-1): months by the calendar first, the day clipped, then the rest.
    pub fn plus(self, span: &Span, sign: i64) -> Result<Self, TimeError> {
        let moved = span.move_months(self.date(), sign)?;
        let wall = i128::from(moved.days() * DAY + self.wall.rem_euclid(DAY));
        Self::from_wall(wall + i128::from(sign) * span.micros(), self.offset)
    }

    /// How much later this is than the other, in microseconds.
    pub fn since(self, other: Self) -> Result<i64, TimeError> {
        match (self.offset, other.offset) {
            (None, None) => Ok(self.wall - other.wall),
            (Some(_), Some(_)) => Ok(self.micros() - other.micros()),
            _ => Err(TimeError::kind("TypeError", "can't subtract offset-naive and offset-aware datetimes")),
        }
    }

    /// `2026-01-31T10:20:30.000004+00:00`, with the separator that is given.
    pub fn iso(self, separator: char) -> String {
        let clock = self.clock();
        let mut text =
            format!("{}{separator}{:02}:{:02}:{:02}", self.date().iso(), clock.hour, clock.minute, clock.second);
        if clock.micro != 0 {
            text.push_str(&format!(".{:06}", clock.micro));
        }
        text.push_str(&self.offset_text(":"));
        text
    }

    /// `+02:00`, or nothing where the offset is not known.
    pub fn offset_text(self, separator: &str) -> String {
        let Some(offset) = self.offset else { return String::new() };
        let sign = if offset < 0 { '-' } else { '+' };
        let seconds = offset.unsigned_abs();
        let mut text = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
        if seconds % 60 != 0 {
            text.push_str(&format!("{separator}{:02}", seconds % 60));
        }
        text
    }
}
