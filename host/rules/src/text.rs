//! Text from outside, made fit to be shown: nothing in it acts upon a terminal, it has an end, and where it is quoted it
//! is not taken for the host's own words.
//!
//! Pure.

mod characters;

use std::time::Duration;

use unicode_width::UnicodeWidthChar as _;

use characters::is_unsafe;

/// Longest line, in bytes.
pub const MAX_LINE: usize = 8 * 1024;
/// Longest quotation inside a sentence, in characters.
const MAX_QUOTED: usize = 80;
/// Longest line that no terminal wraps by itself, in columns.
const COLUMNS: usize = 78;
/// What a line goes on with in the next one: more than any line of the host's own begins with.
const GOES_ON: &str = "      ";

/// The number of the line that a byte is in, from 1.
pub fn line_number(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// Whether a text holds what is not shown as it is written.
pub fn is_tricky(text: &str) -> bool {
    text.chars().any(is_unsafe)
}

/// A word of a command line, quoted for a shell where that is necessary.
pub fn shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", line(word).replace('\'', "'\\''")),
    }
}

/// A line without unsafe characters, cut where it is too long.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_LINE));
    for character in text.chars() {
        let before = safe.len();
        match is_unsafe(character) {
            true => safe.extend(character.escape_default()),
            false => safe.push(character),
        }
        if safe.len() > MAX_LINE {
            safe.truncate(before);
            safe.push('…');
            break;
        }
    }
    safe
}

/// A few words, to be quoted inside a sentence: whole, or their size alone. Half of them may be half a secret, which
/// nobody recognises any more.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        None => line(text),
        Some(_) => format!("({})", counted(text.len() as u64, "byte")),
    }
}

/// A line without unsafe characters, of so many at most, in which no space is wider than one.
pub fn cut(text: &str, most: usize) -> String {
    let mut line = line(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The same between quotation marks, for what somebody else says: so it is not taken for what the host says.
pub fn saying(text: &str, most: usize) -> String {
    format!("\"{}\"", cut(&text.replace('"', "'"), most))
}

/// A line as lines that no terminal wraps. Whatever is in it, none of those behind the first begins as a line of the
/// host's own does.
pub fn wrapped(line: &str) -> String {
    let (mut wrapped, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let width: usize = word.trim_end().chars().map(width_of).sum();
        // Where most of a line would stay empty, a word is broken instead.
        if column + width > COLUMNS && GOES_ON.len() + width <= COLUMNS && column > COLUMNS / 2 {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            next_line(&mut wrapped, &mut column);
        }
        for character in word.chars() {
            if column + width_of(character) > COLUMNS {
                if character == ' ' {
                    continue;
                }
                next_line(&mut wrapped, &mut column);
            }
            wrapped.push(character);
            column += width_of(character);
        }
    }
    wrapped
}

/// The columns that a character takes; a tab, whatever is left of its eight.
fn width_of(character: char) -> usize {
    match character {
        '\t' => 8,
        character => character.width().unwrap_or_default(),
    }
}

fn next_line(wrapped: &mut String, column: &mut usize) {
    wrapped.push('\n');
    wrapped.push_str(GOES_ON);
    *column = GOES_ON.len();
}

/// How many of something: `1 file`, `2 files`.
pub fn counted(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

/// Words of code, one after the other: "`a`, `b` and `c`".
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// A length of time in its two largest units: `2d 3h`, `5m`, `0s`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0);
    shown.map(|(_, (count, unit))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        for (seconds, told) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3661, "1h 1m"),
            (7200, "2h"),
            (90_061, "1d 1h"),
            (172_800, "2d"),
            (86_460, "1d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn lines_are_safe_to_show() {
        assert_eq!(line("\u{1b}[2Jhi\r\0\u{202e}x\ty é"), "\\u{1b}[2Jhi\\r\\u{0}\\u{202e}x\ty é");
        assert_eq!(line(&"é".repeat(MAX_LINE)).len(), MAX_LINE + '…'.len_utf8());
        assert_eq!(line(&"\u{e0100}".repeat(MAX_LINE)).len(), MAX_LINE / 9 * 9 + '…'.len_utf8());
    }

    #[test]
    fn words_are_one_for_the_shell() {
        for (word, quoted) in [
            ("guests/x-1.wasm", "guests/x-1.wasm"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("http://[::1]", "'http://[::1]'"),
            ("", "''"),
        ] {
            assert_eq!(shell(word), quoted);
        }
    }

    #[test]
    fn quotations_are_short() {
        assert_eq!(quoted("../\u{1b}"), "../\\u{1b}");
        assert_eq!(quoted(&"é".repeat(MAX_QUOTED)).chars().count(), MAX_QUOTED);
        assert_eq!(quoted(&"é".repeat(MAX_QUOTED + 1)), "(162 bytes)");
    }

    #[test]
    fn what_others_say_is_on_one_line_between_marks() {
        for (text, said) in [
            ("", "\"\""),
            ("plain", "\"plain\""),
            ("a \t\u{a0}\u{2003}\n  b ", "\"a b\""),
            ("\"yes\"\u{7}", "\"'yes'\\u{7}\""),
            ("twelve signs", "\"twelve signs\""),
            ("thirteen sign", "\"thirteen sig…\""),
        ] {
            assert_eq!(saying(text, 12), said);
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_all_of_it_is_there() {
        let long = "x".repeat(200);
        let texts = [
            "",
            "  + short",
            &long,
            &format!("  + {long} y"),
            &"word ".repeat(40),
            &"漢字".repeat(50),
            &"\t".repeat(30),
        ];
        for text in texts {
            let wrapped = wrapped(text);
            for line in wrapped.lines() {
                assert!(line.chars().map(width_of).sum::<usize>() <= COLUMNS, "{wrapped}");
            }
            assert!(wrapped.lines().skip(1).all(|line| line.starts_with(GOES_ON)), "{wrapped}");
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(bare(&wrapped), bare(text));
        }
        assert_eq!(wrapped(&format!("  + send {} to", "word ".repeat(14).trim_end())).lines().nth(1), Some("      to"));
    }

    #[test]
    fn one_is_one() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "file")), ["0 files", "1 file", "2 files"]);
    }
}
