//! Text from outside, made fit to be shown: nothing in it acts upon a terminal, and it has an end.

/// Longest line, in bytes.
const MAX_LINE: usize = 8 * 1024;
/// Longest quotation inside a sentence, in characters.
const MAX_QUOTED: usize = 80;

/// Whether a character turns text around, hides it, or speaks to a terminal (Unicode UAX #9, UTS #39).
fn is_unsafe(character: char) -> bool {
    let hides = matches!(character, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{e0000}'..='\u{e007f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    hides || (character.is_control() && character != '\t')
}

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
    let end = text.floor_char_boundary(MAX_LINE);
    let mut safe = String::with_capacity(end);
    for character in text[..end].chars() {
        if is_unsafe(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    if end < text.len() {
        safe.push('…');
    }
    safe
}

/// A few words of it, to be quoted inside a sentence.
pub fn quoted(text: &str) -> String {
    let end = text.char_indices().nth(MAX_QUOTED).map_or(text.len(), |(at, _)| at);
    let mut safe = line(&text[..end]);
    if end < text.len() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_safe_to_show() {
        assert_eq!(line("\u{1b}[2Jhi\r\0\u{202e}x\ty é"), "\\u{1b}[2Jhi\\r\\u{0}\\u{202e}x\ty é");
        assert_eq!(line(&"é".repeat(MAX_LINE)).len(), MAX_LINE + '…'.len_utf8());
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
        assert_eq!(quoted(&"é".repeat(200)).chars().count(), MAX_QUOTED + 1);
    }
}
