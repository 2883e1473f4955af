//! Times out of text: `strptime` of CPython in the C locale, and what the reference adds.

use super::format::{DAYS, MONTHS};
use super::{Clock, Date, DateTime, TimeError};
use crate::float;

/// As the reference's `DatetimeParser.parse`: `%s`, `%s_as_float`, `%ms` and `%epoch_microseconds` as a whole (trap
/// 40), `%_ms` anywhere, otherwise [`strptime`]. What has no offset is UTC (trap 39).
pub fn parse(text: &str, format: &str) -> Result<DateTime, TimeError> {
    let whole = || {
        let number = float::parse_int(text, 10)
            .map_err(|_| TimeError::new(format!("invalid literal for int() with base 10: '{text}'")))?;
        i64::try_from(number).map_err(|_| TimeError::overflow("date value out of range"))
    };
    let scaled = |factor: i64| {
        let micros = whole()?.checked_mul(factor).ok_or_else(|| TimeError::overflow("date value out of range"))?;
        DateTime::from_micros(micros)
    };
    match format {
        "%s" => scaled(1_000_000).map_err(|error| match error.python() {
            "OverflowError" => TimeError::new("year is out of range"),
            _ => error,
        }),
        "%ms" => scaled(1_000),
        "%epoch_microseconds" => scaled(1),
        "%s_as_float" => {
            let seconds = float::parse(text)
                .ok_or_else(|| TimeError::new(format!("could not convert string to float: '{text}'")))?;
            from_seconds(seconds)
        }
        _ => {
            let time = strptime(text, &format.replace("%_ms", "%f"))?;
            Ok(if time.offset().is_none() { time.with_offset(Some(0)) } else { time })
        }
    }
}

/// [`parse`] for a number with a fraction.
pub fn parse_number(number: f64, format: &str) -> Result<DateTime, TimeError> {
    match format {
        "%s" => from_seconds(number.trunc()),
        "%s_as_float" => from_seconds(number),
        "%ms" => from_seconds(number.trunc() / 1000.0),
        "%epoch_microseconds" => from_seconds(number.trunc() / 1e6),
        _ => parse(&float::repr(number), format),
    }
}

/// To the nearest microsecond, halves to the even one.
fn from_seconds(seconds: f64) -> Result<DateTime, TimeError> {
    if !seconds.is_finite() {
        return Err(TimeError::new("cannot convert float NaN or infinity to integer"));
    }
    if seconds.abs() > 1e12 {
        return Err(TimeError::new("year is out of range"));
    }
    let micros = seconds.trunc() as i64 * 1_000_000 + (seconds.fract() * 1e6).round_ties_even() as i64;
    DateTime::from_micros(micros)
}

enum Item {
    Letter(char),
    Space,
    Directive(u8),
}

/// How often a match may be tried at all.
const TRIES: u32 = 20_000;

/// `datetime.strptime`.
pub fn strptime(text: &str, format: &str) -> Result<DateTime, TimeError> {
    let items = items(format)?;
    let mut matcher = Matcher { items: &items, text, found: Vec::new(), tries: 0 };
    let Some(end) = matcher.run(0, 0)? else {
        return Err(TimeError::new(format!("time data '{text}' does not match format '{format}'")));
    };
    if end < text.len() {
        return Err(TimeError::new(format!("unconverted data remains: {}", &text[end..])));
    }
    let found = matcher.found;
    let mut fields = Fields::default();
    for (letter, from, to) in found {
        fields.take(letter, &text[from..to])?;
    }
    fields.time()
}

fn items(format: &str) -> Result<Vec<Item>, TimeError> {
    let mut items = Vec::new();
    let mut seen = [false; 128];
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if crate::text::is_space(letter) {
            if !matches!(items.last(), Some(Item::Space)) {
                items.push(Item::Space);
            }
            continue;
        }
        if letter != '%' {
            items.push(Item::Letter(letter));
            continue;
        }
        let bad = || TimeError::new(format!("'{format}' has a bad directive"));
        let directive = letters.next().and_then(|letter| u8::try_from(letter).ok()).ok_or_else(bad)?;
        let expanded: &[u8] = match directive {
            b'%' => {
                items.push(Item::Letter('%'));
                continue;
            }
            b'c' => b"a b d H:M:S Y",
            b'x' => b"m/d/y",
            b'X' => b"H:M:S",
            b'a' | b'A' | b'b' | b'B' | b'd' | b'f' | b'G' | b'H' | b'I' | b'j' | b'm' | b'M' | b'p' | b'S' | b'u'
            | b'U' | b'V' | b'w' | b'W' | b'y' | b'Y' | b'z' | b'Z' => std::slice::from_ref(&directive),
            _ => return Err(bad()),
        };
        for &part in expanded {
            if part == b' ' {
                items.push(Item::Space);
            } else if part.is_ascii_alphabetic() {
                if std::mem::replace(&mut seen[usize::from(part)], true) {
                    return Err(TimeError::kind("error", format!("'{format}' has %{} twice", char::from(part))));
                }
                items.push(Item::Directive(part));
            } else {
                items.push(Item::Letter(part.into()));
            }
        }
    }
    Ok(items)
}

struct Matcher<'a> {
    items: &'a [Item],
    text: &'a str,
    found: Vec<(u8, usize, usize)>,
    tries: u32,
}

impl Matcher<'_> {
    /// Where the text ends that the items from here on match.
    fn run(&mut self, item: usize, at: usize) -> Result<Option<usize>, TimeError> {
        self.tries += 1;
        if self.tries > TRIES || item > 400 {
            return Err(TimeError::new("the format of a time can be read in too many ways"));
        }
        let Some(current) = self.items.get(item) else { return Ok(Some(at)) };
        let rest = &self.text[at..];
        match current {
            Item::Letter(letter) => match rest.chars().next() {
                Some(first) if same(first, *letter) => self.run(item + 1, at + first.len_utf8()),
                _ => Ok(None),
            },
            Item::Space => {
                let mut end = rest.len() - rest.trim_start_matches(crate::text::is_space).len();
                while end > 0 {
                    if let Some(found) = self.run(item + 1, at + end)? {
                        return Ok(Some(found));
                    }
                    end -= 1;
                    while !rest.is_char_boundary(end) {
                        end -= 1;
                    }
                }
                Ok(None)
            }
            Item::Directive(letter) => {
                let kept = self.found.len();
                for length in lengths(*letter, rest).into_iter().flatten() {
                    self.found.push((*letter, at, at + length));
                    if let Some(found) = self.run(item + 1, at + length)? {
                        return Ok(Some(found));
                    }
                    self.found.truncate(kept);
                }
                Ok(None)
            }
        }
    }
}

fn same(left: char, right: char) -> bool {
    left == right || left.to_lowercase().eq(right.to_lowercase())
}

/// The lengths that the directive matches, in the order in which Python's expression tries them.
fn lengths(letter: u8, rest: &str) -> [Option<usize>; 6] {
    let bytes = rest.as_bytes();
    let digit = |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let two = digit(0).zip(digit(1)).map(|(tens, ones)| tens * 10 + ones);
    let one = digit(0);
    let pair = |low: u32, high: u32, single: u32| {
        let long = two.filter(|value| (low..=high).contains(value)).map(|_| 2);
        [long, one.filter(|value| *value >= single).map(|_| 1), None, None, None, None]
    };
    let only = |length: Option<usize>| [length, None, None, None, None, None];
    match letter {
        b'd' => {
            let padded = bytes.first() == Some(&b' ') && matches!(digit(1), Some(1..));
            let mut found = pair(1, 31, 1);
            found[2] = padded.then_some(2);
            found
        }
        b'f' => {
            let count = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            std::array::from_fn(|index| count.checked_sub(index).filter(|length| *length > 0))
        }
        b'H' => pair(0, 23, 0),
        b'I' | b'm' => pair(1, 12, 1),
        b'M' => pair(0, 59, 0),
        b'S' => pair(0, 61, 0),
        b'U' | b'W' => pair(0, 53, 0),
        b'V' => pair(1, 53, 0),
        b'j' => {
            let three = two.zip(digit(2)).map(|(tens, ones)| tens * 10 + ones);
            let mut found = pair(1, 99, 1);
            found.rotate_right(1);
            found[0] = three.filter(|value| (1..=366).contains(value)).map(|_| 3);
            found
        }
        b'w' => only(one.filter(|value| *value <= 6).map(|_| 1)),
        b'u' => only(one.filter(|value| (1..=7).contains(value)).map(|_| 1)),
        b'y' => only(two.map(|_| 2)),
        b'Y' | b'G' => only(two.and(digit(2)).and(digit(3)).map(|_| 4)),
        b'z' => zone_lengths(bytes),
        b'a' => only(word(DAYS.iter().map(|day| &day[..3]), rest)),
        b'A' => only(word(DAYS.iter().copied(), rest)),
        b'b' => only(word(MONTHS.iter().map(|month| &month[..3]), rest)),
        b'B' => only(word(MONTHS.iter().copied(), rest)),
        b'p' => only(word(["am", "pm"].into_iter(), rest)),
        b'Z' => only(word(["utc", "gmt"].into_iter(), rest)),
        _ => only(None),
    }
}

/// Names from which none begins like another.
fn word<'a>(mut names: impl Iterator<Item = &'a str>, rest: &str) -> Option<usize> {
    names.find(|name| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))).map(str::len)
}

/// `+0100`, `+01:00`, with seconds and their fractions, or `Z`.
fn zone_lengths(bytes: &[u8]) -> [Option<usize>; 6] {
    let mut found = [None; 6];
    if bytes.first() == Some(&b'Z') {
        found[0] = Some(1);
        return found;
    }
    let digits = |at: usize| {
        let (tens, ones) = (bytes.get(at).copied(), bytes.get(at + 1).copied());
        tens.zip(ones).filter(|(tens, ones)| tens.is_ascii_digit() && ones.is_ascii_digit()).map(|(tens, _)| tens)
    };
    let sixty = |at: usize| digits(at).is_some_and(|tens| tens <= b'5');
    let after = |at: usize| at + usize::from(bytes.get(at) == Some(&b':'));
    if !matches!(bytes.first(), Some(b'+' | b'-')) || digits(1).is_none() || !sixty(after(3)) {
        return found;
    }
    let short = after(3) + 2;
    let seconds = after(short);
    if sixty(seconds) {
        let fraction = bytes.get(seconds + 3..).unwrap_or_default().iter().take(6);
        let count = fraction.take_while(|byte| byte.is_ascii_digit()).count();
        if bytes.get(seconds + 2) == Some(&b'.') && count > 0 {
            found[0] = Some(seconds + 3 + count);
        }
        found[1] = Some(seconds + 2);
    }
    found[2] = Some(short);
    found
}

#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    clock: Clock,
    twelve: bool,
    afternoon: Option<bool>,
    ordinal: Option<i64>,
    /// Monday is 0.
    weekday: Option<u32>,
    /// The week, and whether it begins on Monday.
    week: Option<(u32, bool)>,
    iso_year: Option<i32>,
    iso_week: Option<u32>,
    offset: Option<i32>,
}

impl Fields {
    fn take(&mut self, letter: u8, text: &str) -> Result<(), TimeError> {
        let number: u32 = text.trim().parse().unwrap_or_default();
        let signed = i32::try_from(number).unwrap_or_default();
        let name = |names: &[&str], text: &str| {
            let same = |name: &&str| name[..3].eq_ignore_ascii_case(text.get(..3).unwrap_or_default());
            names.iter().position(same).and_then(|at| u32::try_from(at).ok())
        };
        match letter {
            b'Y' => self.year = Some(signed),
            b'y' => self.year = Some(signed + if number <= 68 { 2000 } else { 1900 }),
            b'G' => self.iso_year = Some(signed),
            b'm' => self.month = Some(number),
            b'b' | b'B' => self.month = name(&MONTHS, text).map(|month| month + 1),
            b'd' => self.day = Some(number),
            b'H' => self.clock.hour = number,
            b'I' => (self.clock.hour, self.twelve) = (number, true),
            b'p' => self.afternoon = Some(text.eq_ignore_ascii_case("pm")),
            b'M' => self.clock.minute = number,
            b'S' => self.clock.second = number,
            b'f' => {
                let missing = u32::try_from(6 - text.len().min(6)).unwrap_or_default();
                self.clock.micro = number * 10_u32.pow(missing);
            }
            b'a' | b'A' => self.weekday = name(&DAYS, text),
            b'w' => self.weekday = Some((number + 6) % 7),
            b'u' => self.weekday = Some(number - 1),
            b'j' => self.ordinal = Some(number.into()),
            b'U' => self.week = Some((number, false)),
            b'W' => self.week = Some((number, true)),
            b'V' => self.iso_week = Some(number),
            b'z' => self.offset = Some(offset(text)?),
            _ => {}
        }
        Ok(())
    }

    fn time(mut self) -> Result<DateTime, TimeError> {
        if self.twelve {
            self.clock.hour = self.clock.hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 };
        }
        let date = self.date()?;
        DateTime::new(date, self.clock, self.offset)
    }

    fn date(&self) -> Result<Date, TimeError> {
        if self.iso_year.is_some() {
            if self.ordinal.is_some() {
                return Err(TimeError::new(
                    "Day of the year directive '%j' is not compatible with ISO year directive '%G'. Use '%Y' instead.",
                ));
            }
            if self.iso_week.is_none() || self.weekday.is_none() {
                return Err(TimeError::new(
                    "ISO year directive '%G' must be used with the ISO week directive '%V' and a weekday directive ('%A', '%a', '%w', or '%u').",
                ));
            }
        } else if self.iso_week.is_some() {
            return Err(TimeError::new(
                "ISO week directive '%V' must be used with the ISO year directive '%G' and a weekday directive ('%A', '%a', '%w', or '%u').",
            ));
        }
        let year = self.year.unwrap_or(1900);
        let first = || Date::new(year, 1, 1);
        if let Some(ordinal) = self.ordinal {
            return Date::from_days(first()?.days() + ordinal - 1);
        }
        if let (Some(weekday), Some((week, monday))) = (self.weekday, self.week) {
            // Days before the first start of a week are in week 0.
            let first = first()?;
            let shift = u32::from(!monday);
            let (day, start) = ((weekday + shift) % 7, (first.weekday() + shift) % 7);
            let whole = i64::from((7 - start) % 7) + 7 * (i64::from(week) - 1) + i64::from(day);
            let whole = if week == 0 { i64::from(day) - i64::from(start) } else { whole };
            return Date::from_days(first.days() + whole);
        }
        if let (Some(weekday), Some(week), Some(year)) = (self.weekday, self.iso_week, self.iso_year) {
            let fourth = Date::new(year, 1, 4)?;
            let monday = fourth.days() - i64::from(fourth.weekday());
            let date = Date::from_days(monday + i64::from(week) * 7 - 7 + i64::from(weekday))?;
            if date.iso_week().0 != year {
                return Err(TimeError::new(format!("Invalid week: {week}")));
            }
            return Ok(date);
        }
        Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }
}

/// Seconds ahead of UTC. Fractions of seconds are dropped: no zone has them.
fn offset(text: &str) -> Result<i32, TimeError> {
    if text == "Z" {
        return Ok(0);
    }
    let colons = text.matches(':').count();
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    if colons == 1 && whole.len() > 6 {
        return Err(TimeError::new(format!("Inconsistent use of : in {text}")));
    }
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let part = |at: usize| digits.get(at..at + 2).and_then(|part| part.parse::<i32>().ok()).unwrap_or_default();
    let seconds = part(0) * 3600 + part(2) * 60 + part(4);
    if seconds >= 86_400 {
        return Err(TimeError::new("offset must be strictly between -24 and 24 hours"));
    }
    Ok(if text.starts_with('-') { -seconds } else { seconds })
}
