//! What a source of the short form says that no run could ever use. Pure.

use super::form::{Cursor, Short};

/// Formats that are a number, and nothing beside it.
const NUMBERS: [&str; 4] = ["%s", "%s_as_float", "%ms", "%epoch_microseconds"];
/// What may follow a `%`.
const DIRECTIVES: &str = "aAbBcdfGHIjmMpSuUVwWxXyYzZ%";

/// Whether what paths begin with can be a URL; a parameter may be one.
pub(super) fn base(short: &Short) -> Result<(), String> {
    let base = short.base.trim();
    let host = ["https://", "http://"].iter().find_map(|scheme| base.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(()),
        None if base.starts_with('{') => Ok(()),
        Some(_) => Err(format!("base: `{base}` has no host")),
        None => Err(format!("base: `{base}` does not begin with https:// or http://")),
    }
}

/// Whether a cursor can be read; what is wrong begins with its key.
pub(super) fn cursor(cursor: &Cursor) -> Result<(), String> {
    let format = cursor.format.as_str();
    if let Err(reason) = is_format(format) {
        return Err(format!("format: `{format}` {reason}"));
    }
    for (key, text) in [("step", &cursor.step), ("granularity", &cursor.granularity), ("lookback", &cursor.lookback)] {
        if let Some(text) = text.as_ref().filter(|text| !text.contains('{') && !is_duration(text)) {
            return Err(format!("{key}: `{text}` is no duration, such as P1D or PT1H"));
        }
    }
    match (&cursor.step, &cursor.granularity) {
        (Some(_), None) => Err("granularity: it is missing, and `step` needs it".to_owned()),
        (None, Some(_)) => Err("step: it is missing, and `granularity` is of no use without it".to_owned()),
        _ => Ok(()),
    }
}

fn is_format(format: &str) -> Result<(), String> {
    if NUMBERS.contains(&format) {
        return Ok(());
    }
    let mut rest = format;
    let mut directives = 0;
    while let Some((_, behind)) = rest.split_once('%') {
        let behind = behind.strip_prefix("_ms").map_or(behind, |_| &behind[1..]);
        let known = behind.chars().next().filter(|letter| DIRECTIVES.contains(*letter));
        let Some(letter) = known else {
            let wrong: String = behind.chars().take(1).collect();
            return Err(format!("has `%{wrong}`, which no time is read by"));
        };
        directives += usize::from(letter != '%');
        rest = &behind[letter.len_utf8()..];
    }
    if directives == 0 { Err("has no part of a time, such as %Y in %Y-%m-%d".to_owned()) } else { Ok(()) }
}

fn is_duration(text: &str) -> bool {
    let parts = text.strip_prefix('P').unwrap_or_default();
    parts.ends_with(|letter: char| letter.is_ascii_uppercase() && letter != 'T')
        && parts.chars().all(|letter| letter.is_ascii_digit() || "YMWDTHS.".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_times() {
        for (format, expected) in [
            ("%Y-%m-%d", true),
            ("%Y-%m-%dT%H:%M:%S.%_msZ", true),
            ("%Y-%m-%dT%H:%M:%S.%f%z", true),
            ("%s", true),
            ("%ms", true),
            ("%s_as_float", true),
            ("%epoch_microseconds", true),
            ("YYYY-MM-DD", false),
            ("100%%", false),
            ("%Y-%m-%d %", false),
            ("%Q", false),
            ("%-d", false),
            ("%é", false),
            ("", false),
        ] {
            assert_eq!(is_format(format).is_ok(), expected, "{format}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in
            [("P1D", true), ("PT1H", true), ("P1M", true), ("PT0.5S", true), ("1d", false), ("P", false), ("PT", false)]
        {
            assert_eq!(is_duration(text), expected, "{text}");
        }
    }
}
