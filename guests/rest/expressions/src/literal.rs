//! Python's `ast.literal_eval`, through which the reference sends every text that a template renders (traps 1 to 3).
//!
//! What it has and this has not: complex numbers (the reference takes the text for those too), `...`, and characters by
//! name (`\N{…}`) in strings. Those texts stay as they are.

mod number;

use std::rc::Rc;

use crate::text;
use crate::value::Value;

/// How deep brackets may be nested, as in CPython.
const DEPTH: usize = 200;

/// The value of a literal. Nothing where the text is none.
pub fn read(source: &str) -> Option<Value> {
    let source = source.trim_start_matches([' ', '\t']);
    // Most texts are none, and show it by their first character.
    let first = *source.as_bytes().first()?;
    let possible = first.is_ascii_digit()
        || matches!(first, b'.' | b'+' | b'-' | b'\'' | b'"' | b'(' | b'[' | b'{' | b'#' | b'\\' | b'\n' | b'\r' | 0xc)
        || matches!(first.to_ascii_lowercase(), b'b' | b'r' | b'u' | b't' | b'f' | b'n' | b's');
    if !possible || source.contains('\0') {
        return None;
    }
    let mut reader = Reader { source, at: 0, depth: 0 };
    reader.blank_lines()?;
    let value = reader.list_or_value()?;
    reader.space();
    reader.comment();
    ends(reader.rest()).then_some(value)
}

/// Whether the line ends here, with nothing but blank lines and comments behind it. The last of them may not be spaces
/// alone: Python takes those for an indentation.
fn ends(mut rest: &str) -> bool {
    while !rest.is_empty() {
        let Some(line) = rest.strip_prefix(['\n', '\r']) else { return false };
        let bare = line.trim_start_matches([' ', '\t', '\u{c}']);
        if bare.is_empty() && !line.is_empty() {
            return false;
        }
        rest = if bare.starts_with('#') { &bare[bare.find(['\n', '\r']).unwrap_or(bare.len())..] } else { bare };
    }
    true
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    /// Blank lines and comments before the first line, which may not be indented.
    fn blank_lines(&mut self) -> Option<()> {
        loop {
            self.comment();
            if !self.rest().starts_with(['\n', '\r']) {
                return Some(());
            }
            let line = self.rest().trim_start_matches(['\n', '\r']);
            let bare = line.trim_start_matches([' ', '\t', '\u{c}']);
            if bare.len() < line.len() && !bare.starts_with(['\n', '\r', '#']) {
                return None;
            }
            self.at = self.source.len() - bare.len();
        }
    }

    fn comment(&mut self) {
        if self.peek() == Some(b'#') {
            self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        }
    }

    /// Spaces and, inside brackets, ends of lines and comments.
    fn space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | 0xc) => self.at += 1,
                Some(b'\n' | b'\r') if self.depth > 0 => self.at += 1,
                Some(b'#') if self.depth > 0 => self.comment(),
                Some(b'\\') if self.rest()[1..].starts_with('\n') && self.rest().len() > 2 => self.at += 2,
                _ => return,
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A value, or some with commas between them: a tuple.
    fn list_or_value(&mut self) -> Option<Value> {
        let first = self.value()?;
        if !self.take(b',') {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.space();
            if matches!(self.peek(), None | Some(b')' | b'#' | b'\n' | b'\r')) {
                return Some(Value::Tuple(Rc::new(items)));
            }
            items.push(self.value()?);
            if !self.take(b',') {
                return Some(Value::Tuple(Rc::new(items)));
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        let sign = self.peek().filter(|byte| matches!(byte, b'+' | b'-'));
        if sign.is_none() {
            return self.atom();
        }
        self.at += 1;
        self.space();
        let value = self.atom()?;
        match value {
            Value::Int(number) if sign == Some(b'-') => number.checked_neg().map(Value::Int),
            Value::Float(number) if sign == Some(b'-') => Some(Value::Float(-number)),
            Value::Digits(digits) if sign == Some(b'-') && !digits.starts_with('-') => {
                Some(Value::Digits(format!("-{digits}").into()))
            }
            Value::Int(_) | Value::Float(_) | Value::Digits(_) if sign == Some(b'+') => Some(value),
            _ => None,
        }
    }

    fn atom(&mut self) -> Option<Value> {
        match self.peek()? {
            b'0'..=b'9' | b'.' => {
                let (value, length) = number::read(self.rest())?;
                self.at += length;
                Some(value)
            }
            b'(' => self.nested(|reader| {
                if reader.take(b')') {
                    return Some(Value::Tuple(Rc::default()));
                }
                let value = reader.list_or_value()?;
                reader.take(b')').then_some(value)
            }),
            b'[' => self.nested(|reader| {
                let mut items = Vec::new();
                while !reader.take(b']') {
                    items.push(reader.value()?);
                    if !reader.take(b',') {
                        return reader.take(b']').then(|| items.into());
                    }
                }
                Some(items.into())
            }),
            b'{' => self.nested(Self::members),
            b'\'' | b'"' => self.strings(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        if self.depth >= DEPTH {
            return None;
        }
        self.at += 1;
        self.depth += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    /// A dict or a set.
    fn members(&mut self) -> Option<Value> {
        if self.take(b'}') {
            return Some(Value::Dict(Rc::default()));
        }
        let first = self.value()?;
        if !self.take(b':') {
            let mut items = vec![first];
            while self.take(b',') {
                self.space();
                if self.peek() == Some(b'}') {
                    break;
                }
                items.push(self.value()?);
            }
            return if self.take(b'}') { set(items) } else { None };
        }
        let mut pairs = vec![(first, self.value()?)];
        while self.take(b',') {
            self.space();
            if self.peek() == Some(b'}') {
                break;
            }
            let key = self.value()?;
            if !self.take(b':') {
                return None;
            }
            pairs.push((key, self.value()?));
        }
        if self.take(b'}') { Value::dict(pairs).ok() } else { None }
    }

    fn word(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest.find(|letter: char| letter != '_' && !letter.is_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        if rest[end..].starts_with(['\'', '"']) && word.len() <= 2 {
            return self.strings();
        }
        self.at += end;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::None),
            "set" if self.take(b'(') => self.take(b')').then(|| Value::Set(Rc::default())),
            _ => None,
        }
    }

    /// A string, or some one behind the other, which are one.
    fn strings(&mut self) -> Option<Value> {
        let mut value = None;
        loop {
            let rest = self.rest();
            let prefix = rest.find(['\'', '"']).filter(|at| *at <= 2).unwrap_or(usize::MAX);
            let known = rest.get(..prefix).map(str::to_ascii_lowercase);
            let (bytes, raw) = match known.as_deref() {
                Some("" | "u") => (false, false),
                Some("r") => (false, true),
                Some("b") => (true, false),
                Some("br" | "rb") => (true, true),
                _ => return value,
            };
            self.at += prefix;
            let part = self.string(bytes, raw)?;
            value = match (value, part) {
                (None, part) => Some(part),
                (Some(Value::Str(left)), Value::Str(right)) => Some(Value::from([&*left, &*right].concat())),
                (Some(Value::Bytes(left)), Value::Bytes(right)) => {
                    Some(Value::Bytes([&*left, &*right].concat().into()))
                }
                _ => return None,
            };
            self.space();
        }
    }

    fn string(&mut self, bytes: bool, raw: bool) -> Option<Value> {
        let rest = self.rest();
        let quote = rest.get(..1)?;
        let tripled = quote.repeat(3);
        let close = if rest.starts_with(&tripled) { tripled.as_str() } else { quote };
        let body = &rest[close.len()..];
        let mut at = 0;
        loop {
            let tail = &body[at..];
            if tail.starts_with(close) {
                break;
            }
            let letter = tail.chars().next()?;
            if close.len() == 1 && matches!(letter, '\n' | '\r') {
                return None;
            }
            at += letter.len_utf8();
            if letter == '\\' {
                at += body[at..].chars().next()?.len_utf8();
            }
        }
        let body = &body[..at];
        self.at += close.len() * 2 + at;
        let string = if raw { body.to_owned() } else { text::unescape(body, bytes)? };
        if !bytes {
            return Some(string.into());
        }
        if !body.is_ascii() {
            return None;
        }
        string
            .chars()
            .map(|letter| u8::try_from(letter).ok())
            .collect::<Option<Vec<_>>>()
            .map(|bytes| Value::Bytes(bytes.into()))
    }
}

fn set(items: Vec<Value>) -> Option<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        item.check_hashable().ok()?;
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Some(Value::Set(Rc::new(kept)))
}
