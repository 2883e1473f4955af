//! ISO 8601 as `dateutil.parser.isoparse` reads times, and isodate lengths of time.

use super::{Clock, Date, DateTime, Span, TimeError};

/// Python's `int` over a few ASCII characters.
fn int(bytes: &[u8]) -> Result<i64, TimeError> {
    let bad = || TimeError::new(format!("invalid literal for int(): '{}'", String::from_utf8_lossy(bytes)));
    let text = bytes.trim_ascii();
    let (sign, digits) = match text.split_first() {
        Some((b'-', rest)) => (-1, rest),
        Some((b'+', rest)) => (1, rest),
        _ => (1, text),
    };
    let doubled = digits.windows(2).any(|pair| pair == b"__");
    if digits.is_empty() || doubled || digits.starts_with(b"_") || digits.ends_with(b"_") || digits.len() > 18 {
        return Err(bad());
    }
    let mut value = 0_i64;
    for &byte in digits.iter().filter(|&&byte| byte != b'_') {
        if !byte.is_ascii_digit() {
            return Err(bad());
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Ok(sign * value)
}

fn part(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    let to = to.min(bytes.len());
    bytes.get(from.min(to)..to).unwrap_or_default()
}

fn small(value: i64, name: &str) -> Result<u32, TimeError> {
    u32::try_from(value).map_err(|_| TimeError::new(format!("{name} is out of range")))
}

fn date(year: i64, month: i64, day: i64) -> Result<Date, TimeError> {
    let year = i32::try_from(year).map_err(|_| TimeError::new("year is out of range"))?;
    Date::new(year, small(month, "month")?, small(day, "day")?)
}

/// A time in ISO 8601. Without an offset it has none.
pub fn isoparse(text: &str) -> Result<DateTime, TimeError> {
    if !text.is_ascii() {
        return Err(TimeError::new("ISO-8601 strings should contain only ASCII characters"));
    }
    let bytes = text.as_bytes();
    let ((year, month, day), at) = match common(bytes) {
        Ok(found) => found,
        Err(_) => uncommon(bytes)?,
    };
    let mut clock = Clock::default();
    let mut offset = None;
    let mut midnight = false;
    if bytes.len() > at {
        (clock, offset, midnight) = time_of_day(&bytes[at + 1..])?;
    }
    let time = DateTime::new(date(year, month, day)?, clock, offset)?;
    if midnight { time.plus(&Span::from_micros(86_400_000_000)?, 1) } else { Ok(time) }
}

type Found = ((i64, i64, i64), usize);

fn common(bytes: &[u8]) -> Result<Found, TimeError> {
    if bytes.len() < 4 {
        return Err(TimeError::new("ISO string too short"));
    }
    let year = int(&bytes[..4])?;
    let mut at = 4;
    if at >= bytes.len() {
        return Ok(((year, 1, 1), at));
    }
    let separated = bytes[at] == b'-';
    at += usize::from(separated);
    if bytes.len() - at < 2 {
        return Err(TimeError::new("Invalid common month"));
    }
    let month = int(&bytes[at..at + 2])?;
    at += 2;
    if at >= bytes.len() {
        return if separated { Ok(((year, month, 1), at)) } else { Err(TimeError::new("Invalid ISO format")) };
    }
    if separated {
        if bytes[at] != b'-' {
            return Err(TimeError::new("Invalid separator in ISO string"));
        }
        at += 1;
    }
    if bytes.len() - at < 2 {
        return Err(TimeError::new("Invalid common day"));
    }
    Ok(((year, month, int(&bytes[at..at + 2])?), at + 2))
}

/// By week or by day of the year.
fn uncommon(bytes: &[u8]) -> Result<Found, TimeError> {
    if bytes.len() < 4 {
        return Err(TimeError::new("ISO string too short"));
    }
    let year = int(&bytes[..4])?;
    let separated = bytes.get(4) == Some(&b'-');
    let mut at = 4 + usize::from(separated);
    let day = if bytes.get(at) == Some(&b'W') {
        at += 1;
        let week = int(part(bytes, at, at + 2))?;
        at += 2;
        let mut weekday = 1;
        if bytes.len() > at {
            if (bytes[at] == b'-') != separated {
                return Err(TimeError::new("Inconsistent use of dash separator"));
            }
            at += usize::from(separated);
            weekday = int(part(bytes, at, at + 1))?;
            at += 1;
        }
        if !(1..54).contains(&week) || !(1..8).contains(&weekday) {
            return Err(TimeError::new(format!("Invalid week: {week}, day {weekday}")));
        }
        let fourth = date(year, 1, 4)?;
        Date::from_days(fourth.days() - i64::from(fourth.weekday()) + (week - 1) * 7 + weekday - 1)?
    } else {
        if bytes.len().saturating_sub(at) < 3 {
            return Err(TimeError::new("Invalid ordinal day"));
        }
        let ordinal = int(&bytes[at..at + 3])?;
        at += 3;
        let first = date(year, 1, 1)?;
        if ordinal < 1 || ordinal > 365 + i64::from(super::is_leap(first.year())) {
            return Err(TimeError::new(format!("Invalid ordinal day {ordinal} for year {year}")));
        }
        Date::from_days(first.days() + ordinal - 1)?
    };
    let (year, month, day) = day.parts();
    Ok(((year.into(), month.into(), day.into()), at))
}

/// The clock, the offset, and whether it is 24:00.
fn time_of_day(bytes: &[u8]) -> Result<(Clock, Option<i32>, bool), TimeError> {
    if bytes.len() < 2 {
        return Err(TimeError::new("ISO time too short"));
    }
    let mut parts = [0_i64; 4];
    let (mut at, mut separated, mut offset) = (0, false, None);
    for component in 0..6 {
        let Some(&byte) = bytes.get(at) else { break };
        if matches!(byte, b'-' | b'+' | b'Z' | b'z') {
            offset = Some(zone(&bytes[at..])?);
            at = bytes.len();
            break;
        }
        if component == 1 && byte == b':' {
            separated = true;
            at += 1;
        } else if component == 2 && separated {
            if byte != b':' {
                return Err(TimeError::new("Inconsistent use of colon separator"));
            }
            at += 1;
        }
        if component < 3 {
            parts[component] = int(part(bytes, at, at + 2))?;
            at += 2;
        } else if component == 3 && matches!(byte, b'.' | b',') {
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                continue;
            }
            let kept = digits.min(6);
            parts[3] = int(&bytes[at + 1..at + 1 + kept])? * 10_i64.pow(u32::try_from(6 - kept).unwrap_or_default());
            at += 1 + digits;
        }
    }
    if at < bytes.len() {
        return Err(TimeError::new("Unused components in ISO string"));
    }
    let midnight = parts[0] == 24;
    if midnight {
        if parts[1..].iter().any(|part| *part != 0) {
            return Err(TimeError::new("Hour may only be 24 at 24:00:00.000"));
        }
        parts[0] = 0;
    }
    let clock = Clock {
        hour: small(parts[0], "hour")?,
        minute: small(parts[1], "minute")?,
        second: small(parts[2], "second")?,
        micro: small(parts[3], "microsecond")?,
    };
    Ok((clock, offset, midnight))
}

fn zone(bytes: &[u8]) -> Result<i32, TimeError> {
    if matches!(bytes, b"Z" | b"z") {
        return Ok(0);
    }
    if !matches!(bytes.len(), 3 | 5 | 6) {
        return Err(TimeError::new("Time zone offset must be 1, 3, 5 or 6 characters"));
    }
    let sign = match bytes[0] {
        b'-' => -1,
        b'+' => 1,
        _ => return Err(TimeError::new("Time zone offset requires sign")),
    };
    let hours = int(&bytes[1..3])?;
    let minutes = match bytes.len() {
        3 => 0,
        _ => int(&bytes[if bytes[3] == b':' { 4 } else { 3 }..])?,
    };
    if !(0..=59).contains(&minutes) || !(0..=23).contains(&hours) {
        return Err(TimeError::new("Invalid minutes or hours in time zone offset"));
    }
    Ok(sign * i32::try_from(hours * 60 + minutes).unwrap_or_default() * 60)
}

/// A length of time in ISO 8601: `P1M`, `P1Y2M3DT4H5M6.5S`, `-P1W`. The form that looks like a date (`P0001-02-03`) is
/// not taken.
pub fn parse_span(text: &str) -> Result<Span, TimeError> {
    let bad = || TimeError::kind("ISO8601Error", format!("Unable to parse duration string '{text}'"));
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    // Python's `$` matches before a last newline too.
    let rest = rest.strip_suffix('\n').unwrap_or(rest).strip_prefix('P').ok_or_else(bad)?;
    if rest.is_empty() {
        return Err(bad());
    }
    let mut reader = Reader { rest, micros: 0, left: 0.0 };
    let (years, odd_years) = reader.whole('Y').ok_or_else(bad)?;
    let (months, odd_months) = reader.whole('M').ok_or_else(bad)?;
    reader.take('W', 604_800_000_000);
    reader.take('D', 86_400_000_000);
    if let Some(rest) = reader.rest.strip_prefix('T') {
        reader.rest = rest;
        reader.take('H', 3_600_000_000);
        reader.take('M', 60_000_000);
        reader.take('S', 1_000_000);
    }
    if !reader.rest.is_empty() {
        return Err(bad());
    }
    let mut micros = reader.micros + reader.left.round() as i128;
    if reader.left.fract() == 0.5 && micros % 2 != 0 {
        micros -= 1;
    }
    Span::new(years, months, odd_years || odd_months, micros)?.times(sign)
}

struct Reader<'a> {
    rest: &'a str,
    micros: i128,
    /// Fractions of microseconds.
    left: f64,
}

impl<'a> Reader<'a> {
    /// The number before that letter, if the text goes on with it.
    fn number(&mut self, letter: char) -> Option<(&'a str, &'a str)> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(self.rest);
        let (mut end, mut fraction) = (whole, 0);
        if matches!(self.rest.as_bytes().get(whole), Some(b'.' | b',')) {
            fraction = digits(&self.rest[whole + 1..]);
            end = whole + 1 + fraction;
        }
        if whole == 0 || (end > whole && fraction == 0) || !self.rest[end..].starts_with(letter) {
            return None;
        }
        let found = (&self.rest[..whole], &self.rest[end - fraction..end]);
        self.rest = &self.rest[end + 1..];
        Some(found)
    }

    /// Years or months, and whether there was a fraction of them. Nothing where the number is too large.
    fn whole(&mut self, letter: char) -> Option<(i64, bool)> {
        let Some((whole, fraction)) = self.number(letter) else { return Some((0, false)) };
        Some((whole.parse().ok()?, fraction.bytes().any(|digit| digit != b'0')))
    }

    fn take(&mut self, letter: char, unit: i64) {
        let Some((whole, fraction)) = self.number(letter) else { return };
        // As Python, which has the number as a float first.
        let number: f64 = format!("{whole}.{fraction}0").parse().unwrap_or(f64::INFINITY);
        let part = number.fract() * unit as f64;
        // A float becomes the largest number where it is too large: the span refuses it.
        let count = number.trunc().min(1e15) as i128;
        self.micros += count * i128::from(unit) + part.trunc() as i128;
        self.left += part.fract();
    }
}
