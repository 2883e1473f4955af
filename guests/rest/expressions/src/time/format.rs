//! Times as text: the directives of `strftime` in the C locale, and those that the reference adds.

use super::{Clock, Date, DateTime};
use crate::float;

pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// As the reference's `DatetimeParser.format`: `%s`, `%s_as_float`, `%ms` and `%epoch_microseconds` as a whole (trap
/// 40), `%_ms` anywhere, otherwise [`strftime`].
pub fn format(time: DateTime, format: &str) -> String {
    // Computed with fractions as the reference does it, so that both lose the same microseconds.
    let seconds = time.micros() as f64 / 1e6;
    match format {
        "%s" => (seconds as i128).to_string(),
        "%s_as_float" => float::repr(seconds),
        "%ms" => ((seconds * 1000.0) as i128).to_string(),
        "%epoch_microseconds" => ((seconds * 1e6) as i128).to_string(),
        _ if format.contains("%_ms") => {
            let text = strftime(time, &format.replace("%_ms", "%f"));
            let micro = time.clock().micro;
            text.replace(&format!("{micro:06}"), &format!("{:03}", micro / 1000))
        }
        _ => strftime(time, format),
    }
}

/// `datetime.strftime` of CPython on Linux in the C locale, on a machine that is set to UTC.
pub fn strftime(time: DateTime, format: &str) -> String {
    write(&Fields { date: time.date(), clock: time.clock(), time: Some(time) }, format)
}

/// `date.strftime`: the time of day is midnight, without an offset.
pub fn strftime_date(date: Date, format: &str) -> String {
    write(&Fields { date, clock: Clock::default(), time: None }, format)
}

struct Fields {
    date: Date,
    clock: Clock,
    time: Option<DateTime>,
}

fn write(fields: &Fields, format: &str) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = directive(fields, rest, &mut out);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// What stands before the letter: how to fill, how wide, and whether in capitals.
#[derive(Default)]
struct Style {
    fill: Option<u8>,
    width: usize,
    upper: bool,
    swap: bool,
}

/// Writes the directive that the text begins with, and tells how long it is.
fn directive(fields: &Fields, text: &str, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    let mut style = Style::default();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'-' | b'_' | b'0' if style.width == 0 => style.fill = Some(byte),
            b'^' => style.upper = true,
            b'#' => style.swap = true,
            b'0'..=b'9' => style.width = (style.width * 10 + usize::from(byte - b'0')).min(100),
            // Other eras and digits, which the C locale does not have.
            b'E' | b'O' => {}
            _ => break,
        }
        at += 1;
    }
    let Some(&letter) = bytes.get(at) else {
        out.push_str(text);
        return text.len();
    };
    let plain = at == 1;
    let known = match letter {
        // These three are Python's, which does not know what may stand before the letter.
        b'f' if plain => {
            out.push_str(&format!("{:06}", fields.clock.micro));
            true
        }
        b'z' if plain => {
            out.push_str(&fields.time.map(|time| time.offset_text("")).unwrap_or_default());
            true
        }
        b'Z' if plain => {
            out.push_str(&zone_name(fields.time));
            true
        }
        _ => number(fields, letter, &style, out) || words(fields, letter, &style, out),
    };
    let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
    if !known {
        out.push_str(&text[..end]);
    }
    end
}

/// As Python's `timezone` names itself.
pub(crate) fn zone_name(time: Option<DateTime>) -> String {
    match time.and_then(DateTime::offset) {
        None => String::new(),
        Some(0) => "UTC".to_owned(),
        Some(_) => format!("UTC{}", time.map(|time| time.offset_text(":")).unwrap_or_default()),
    }
}

fn number(fields: &Fields, letter: u8, style: &Style, out: &mut String) -> bool {
    let (year, month, day) = fields.date.parts();
    let Clock { hour, minute, second, .. } = fields.clock;
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let (iso_year, iso_week, iso_day) = fields.date.iso_week();
    let (ordinal, weekday) = (fields.date.ordinal(), fields.date.weekday());
    let sunday = (weekday + 1) % 7;
    let year = i64::from(year);
    let unsigned = i64::from;
    let (value, width, fill) = match letter {
        b'C' => (year / 100, 1, b'0'),
        b'd' => (unsigned(day), 2, b'0'),
        b'e' => (unsigned(day), 2, b'_'),
        b'g' => (i64::from(iso_year) % 100, 2, b'0'),
        b'G' => (iso_year.into(), 1, b'0'),
        b'H' => (unsigned(hour), 2, b'0'),
        b'I' => (unsigned(twelve), 2, b'0'),
        b'j' => (unsigned(ordinal), 3, b'0'),
        b'k' => (unsigned(hour), 2, b'_'),
        b'l' => (unsigned(twelve), 2, b'_'),
        b'm' => (unsigned(month), 2, b'0'),
        b'M' => (unsigned(minute), 2, b'0'),
        b's' => (fields.date.days() * 86_400 + unsigned(hour * 3600 + minute * 60 + second), 1, b'0'),
        b'S' => (unsigned(second), 2, b'0'),
        b'u' => (unsigned(iso_day), 1, b'0'),
        b'U' => (unsigned((ordinal + 6 - sunday) / 7), 2, b'0'),
        b'V' => (unsigned(iso_week), 2, b'0'),
        b'w' => (unsigned(sunday), 1, b'0'),
        b'W' => (unsigned((ordinal + 6 - weekday) / 7), 2, b'0'),
        b'y' => (year % 100, 2, b'0'),
        b'Y' => (year, 1, b'0'),
        _ => return false,
    };
    let digits = value.to_string();
    let fill = style.fill.unwrap_or(fill);
    let width = if fill == b'-' { style.width } else { width.max(style.width) };
    for _ in digits.len()..width {
        out.push(if fill == b'0' { '0' } else { ' ' });
    }
    out.push_str(&digits);
    true
}

fn words(fields: &Fields, letter: u8, style: &Style, out: &mut String) -> bool {
    let day = DAYS[fields.date.weekday() as usize % 7];
    let month = MONTHS[(fields.date.parts().1 as usize + 11) % 12];
    let half = if fields.clock.hour < 12 { "AM" } else { "PM" };
    let text = match letter {
        b'a' => day[..3].to_owned(),
        b'A' => day.to_owned(),
        b'b' | b'h' => month[..3].to_owned(),
        b'B' => month.to_owned(),
        b'p' if style.swap => half.to_lowercase(),
        b'p' => half.to_owned(),
        b'P' => half.to_lowercase(),
        b'c' => write(fields, "%a %b %e %H:%M:%S %Y"),
        b'D' | b'x' => write(fields, "%m/%d/%y"),
        b'F' => write(fields, "%Y-%m-%d"),
        b'r' => write(fields, "%I:%M:%S %p"),
        b'R' => write(fields, "%H:%M"),
        b'T' | b'X' => write(fields, "%H:%M:%S"),
        b'n' => "\n".to_owned(),
        b't' => "\t".to_owned(),
        b'%' => "%".to_owned(),
        _ => return false,
    };
    let swap = style.swap && matches!(letter, b'a' | b'A' | b'b' | b'B' | b'h');
    let text = if style.upper || swap { text.to_uppercase() } else { text };
    for _ in text.len()..style.width {
        out.push(if style.fill == Some(b'0') { '0' } else { ' ' });
    }
    out.push_str(&text);
    true
}
