//! When an extractor is due: the five fields of cron, and what they are called in systemd.
//!
//! Pure: the moment and its time zone come from whoever asks.

mod field;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{ToSpan as _, Zoned};

use crate::text::{counted, cut};
use field::{Field, Kind};

/// The longest schedule, in bytes.
const MAX_LEN: usize = 256;
/// How many days are looked through: 29 February falls on a given weekday at least once in 40 years.
const MAX_DAYS: usize = 41 * 366;
const MINUTES_OF_A_DAY: u32 = 24 * 60;

/// The words that stand for five fields.
const WORDS: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// When something is due, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    written: String,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no schedule: {reason}")]
pub struct InvalidSchedule {
    text: String,
    reason: String,
}

impl<'de> serde::Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        parse(text).map_err(|reason| InvalidSchedule { text: cut(text, 80), reason })
    }
}

fn parse(text: &str) -> Result<Schedule, String> {
    if text.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
    if !text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'!'..=b'~')) {
        return Err("it has characters that no schedule has".into());
    }
    let five = match text.trim() {
        "@reboot" => return Err("it names no time; write five fields of cron, such as `0 6 * * *`".into()),
        word => WORDS.iter().find(|(name, _)| *name == word).map_or(word, |(_, five)| five),
    };
    let fields: Vec<_> = five.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(match WORDS.iter().find(|(name, _)| name[1..] == *five) {
            Some((name, _)) => format!("write `{name}`"),
            None => format!(
                "it has {}, not the five of cron: minute, hour, day, month, weekday",
                counted(fields.len() as u64, "field")
            ),
        });
    };
    let schedule = Schedule {
        written: text.trim().to_owned(),
        minute: Kind::Minute.parse(minute)?,
        hour: Kind::Hour.parse(hour)?,
        day: Kind::Day.parse(day)?,
        month: Kind::Month.parse(month)?,
        weekday: Kind::Weekday.parse(weekday)?,
    };
    if !schedule.either_day() && !schedule.has_a_day() {
        return Err("no month that it names has such a day".into());
    }
    Ok(schedule)
}

impl Schedule {
    /// The first moment after `after` at which it is due, in the same time zone.
    ///
    /// As systemd has it, a time that the clock passes over does not come that day, and one that comes twice counts the
    /// first time.
    pub fn next(&self, after: &Zoned) -> Option<Zoned> {
        let mut day = after.date();
        for _ in 0..MAX_DAYS {
            if self.has_date(day) {
                let times = self.times().map(|time| DateTime::from_parts(day, time));
                if let Some(next) = times.filter_map(|time| first(time, after)).find(|next| next > after) {
                    return Some(next);
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The shortest time between two moments at which it is due, if it is due on every day.
    pub fn spacing(&self) -> Duration {
        let minutes: Vec<u32> = self.times().map(|time| time.hour() as u32 * 60 + time.minute() as u32).collect();
        let within = minutes.windows(2).map(|pair| pair[1] - pair[0]).min();
        let across = minutes.first().zip(minutes.last()).map(|(first, last)| MINUTES_OF_A_DAY - last + first);
        let shortest = within.into_iter().chain(across).min().unwrap_or(MINUTES_OF_A_DAY);
        Duration::from_secs(u64::from(shortest) * 60)
    }

    /// The five fields, as they stand in a crontab.
    pub fn cron(&self) -> String {
        let five = WORDS.iter().find(|(name, _)| *name == self.written).map_or(&*self.written, |(_, five)| five);
        five.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The same in systemd's words, one `OnCalendar=` each: it is due where any of them is.
    pub fn calendar(&self, zone: Option<&str>) -> Vec<String> {
        let (day, weekday) = (self.day.calendar(), self.weekday.calendar());
        let dates = match self.either_day() {
            true => vec![("*", &*day), (&*weekday, "*")],
            false => vec![(&*weekday, &*day)],
        };
        let lines = dates.into_iter().map(|(weekday, day)| {
            let weekday = if weekday == "*" { String::new() } else { format!("{weekday} ") };
            let zone = zone.map(|zone| format!(" {zone}")).unwrap_or_default();
            let (month, hour, minute) = (self.month.calendar(), self.hour.calendar(), self.minute.calendar());
            format!("{weekday}*-{month}-{day} {hour}:{minute}:00{zone}")
        });
        lines.collect()
    }

    /// Cron's rule: where day and weekday are both given, either will do.
    fn either_day(&self) -> bool {
        !self.day.starred() && !self.weekday.starred()
    }

    fn has_date(&self, date: Date) -> bool {
        let day = self.day.has(date.day() as u32);
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset() as u32);
        self.month.has(date.month() as u32) && if self.either_day() { day || weekday } else { day && weekday }
    }

    /// Whether some month has some of the days; the year is a leap year.
    fn has_a_day(&self) -> bool {
        let months = (1..=12).filter(|month| self.month.has(*month as u32));
        months.into_iter().any(|month| {
            let last = Date::new(2000, month, 1).map_or(31, |first| first.days_in_month());
            (1..=last).any(|day| self.day.has(day as u32))
        })
    }

    fn times(&self) -> impl Iterator<Item = Time> {
        self.hour.values().flat_map(move |hour| {
            self.minute.values().filter_map(move |minute| Time::new(hour as i8, minute as i8, 0, 0).ok())
        })
    }
}

/// The first moment at which the clock of `zone` shows `time`; none where it passes over it.
fn first(time: DateTime, zone: &Zoned) -> Option<Zoned> {
    let zone = zone.time_zone();
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Gap { .. } => return None,
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
    };
    Some(offset.to_timestamp(time).ok()?.to_zoned(zone.clone()))
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Whether a text can be the name of a time zone, such as `Europe/Berlin`, and nothing else in a unit or a crontab.
/// Whether there is such a zone is not known here.
pub fn is_zone_name(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte);
    (1..=64).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphabetic() && text.bytes().all(safe)
}

#[cfg(test)]
#[path = "schedule/tests.rs"]
mod tests;
