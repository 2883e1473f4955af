//! What Python's `str` knows about characters and quotes.

/// What `str.isspace` and `str.strip` take for white space.
pub fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// `repr(str)`.
pub fn repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if letter == quote => {
                out.push('\\');
                out.push(quote);
            }
            ' '..='~' => out.push(letter),
            _ if is_printable(letter) => out.push(letter),
            _ => {
                let code = u32::from(letter);
                out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    out.push(quote);
}

/// Whether `repr` shows the character itself. Python goes by the tables of Unicode; what is asked here is whether it
/// is a control, a format character, a separator other than the space, or in private use.
fn is_printable(letter: char) -> bool {
    let code = u32::from(letter);
    !(letter.is_control()
        || letter.is_whitespace()
        || code == 0xad
        || matches!(code, 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e)
        || matches!(code, 0x2060..=0x206f | 0xd800..=0xf8ff | 0xfeff | 0xfff9..=0xfffb | 0xfffe..=0xffff)
        || matches!(code, 0xe0000..=0xe0fff | 0xf0000..))
}

/// `repr(bytes)`.
pub fn repr_bytes(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            _ if char::from(byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// What the escapes of a string literal stand for, as Python and Jinja have them: an unknown one stays as it is. Nothing
/// where one is cut off, or is a name (`\N{…}`). In bytes, `\u` and `\U` are unknown.
pub fn unescape(body: &str, bytes: bool) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let letter = rest[at + 1..].chars().next()?;
        rest = &rest[at + 1 + letter.len_utf8()..];
        match letter {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(letter),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            'x' => out.push(code(&mut rest, 2)?),
            'u' if !bytes => out.push(code(&mut rest, 4)?),
            'U' if !bytes => out.push(code(&mut rest, 8)?),
            'N' if !bytes => return None,
            '0'..='7' => {
                let mut value = letter.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = rest.chars().next().and_then(|digit| digit.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    rest = &rest[1..];
                }
                out.push(char::from_u32(if bytes { value & 0xff } else { value })?);
            }
            _ => {
                out.push('\\');
                out.push(letter);
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

fn code(rest: &mut &str, digits: usize) -> Option<char> {
    let text = rest.get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    *rest = &rest[digits..];
    let code = u32::from_str_radix(text, 16).ok()?;
    // Half of a pair is no character here; beyond the last one it is an error in Python too.
    if (0xd800..0xe000).contains(&code) { Some(char::REPLACEMENT_CHARACTER) } else { char::from_u32(code) }
}

fn cased(text: &str, wanted: fn(char) -> bool, refused: fn(char) -> bool) -> bool {
    text.chars().any(wanted) && !text.chars().any(refused)
}

/// `str.islower`.
pub fn is_lower(text: &str) -> bool {
    cased(text, char::is_lowercase, char::is_uppercase)
}

/// `str.isupper`.
pub fn is_upper(text: &str) -> bool {
    cased(text, char::is_uppercase, char::is_lowercase)
}

/// `str.title`: a letter after something that is no letter is in capitals.
pub fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_lowercase() || letter.is_uppercase();
    }
    out
}

/// `str.capitalize`.
pub fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    first + &letters.as_str().to_lowercase()
}

/// `str.splitlines`, without the ends of the lines.
pub fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_end = |letter| matches!(letter, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let Some(at) = rest.find(is_end) else {
            lines.push(rest);
            break;
        };
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        rest = &rest[at + end..];
    }
    lines
}

/// `str.split` at white space, at most so often.
pub fn words(text: &str, limit: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if words.len() == limit {
            words.push(rest);
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    words
}

/// `str.rsplit` at white space, at most so often.
pub fn words_from_end(text: &str, limit: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        if words.len() == limit {
            words.push(rest);
            break;
        }
        let start = rest.rfind(is_space).map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        words.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    words.reverse();
    words
}

/// What `int` takes for a digit. Of the digits of other scripts those that are ten in a row from a known zero.
pub fn digit(letter: char) -> Option<u32> {
    const ZEROS: [u32; 12] = [0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xe50, 0xed0, 0xff10];
    let code = u32::from(letter);
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero)
}
