//! Text to values.

use std::rc::Rc;

use super::{DEPTH, JsonError};
use crate::value::{Map, Value};

/// Reads one value, with nothing but white space around it.
pub fn read(bytes: &[u8]) -> Result<Value, JsonError> {
    Reader::default().read(bytes)
}

/// How many names are remembered, so that the records of a page share them.
const NAMES: usize = 128;

/// At how many levels sizes are remembered.
const LEVELS: usize = 6;

/// Reads values that have the same names: it keeps those between one and the next.
pub struct Reader {
    names: Vec<Option<Rc<str>>>,
    /// How many members the last dict had, for each of the outer levels: the next one has as many, as a rule.
    sizes: [usize; LEVELS],
}

impl Default for Reader {
    fn default() -> Self {
        Self { names: vec![None; NAMES], sizes: [0; LEVELS] }
    }
}

impl Reader {
    /// Reads one value, with nothing but white space around it.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Value, JsonError> {
        let mut input = self.input(bytes)?;
        input.space();
        let value = input.value(0)?;
        input.space();
        if input.at < input.bytes.len() { Err(input.error("there is something after the value")) } else { Ok(value) }
    }

    fn input<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Input<'a>, JsonError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError::Syntax { message: "the text is not UTF-8", at: error.valid_up_to() })?;
        Ok(Input { text, bytes, at: 0, names: &mut self.names, sizes: &mut self.sizes, scratch: String::new() })
    }

    /// What this makes of a text, if it takes all of it.
    pub(super) fn whole<T>(&mut self, bytes: &[u8], take: impl FnOnce(&mut Input<'_>) -> Option<T>) -> Option<T> {
        let mut input = self.input(bytes).ok()?;
        input.space();
        let taken = take(&mut input)?;
        input.space();
        (input.at == input.bytes.len()).then_some(taken)
    }
}

pub(super) struct Input<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    names: &'a mut [Option<Rc<str>>],
    sizes: &'a mut [usize; LEVELS],
    /// A string that has escapes, without them.
    pub(super) scratch: String,
}

impl Input<'_> {
    fn error(&self, message: &'static str) -> JsonError {
        JsonError::Syntax { message, at: self.at }
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is no white space, and what comes after it.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<u8> {
        self.space();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The same where it has to be this one, and the white space after it.
    #[inline(always)]
    pub(super) fn take(&mut self, wanted: u8) -> Option<()> {
        let byte = self.next()?;
        self.space();
        (byte == wanted).then_some(())
    }

    #[inline(always)]
    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > DEPTH {
            return Err(self.error("the value is nested too deeply"));
        }
        match self.peek() {
            Some(b'"') => {
                let (from, to) = self.string()?;
                Ok(Value::Str(if to == usize::MAX { Rc::from(&*self.scratch) } else { Rc::from(&self.text[from..to]) }))
            }
            Some(b'{') => self.members(depth),
            Some(b'[') => self.list(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'N') => self.word("NaN", Value::Float(f64::NAN)),
            Some(b'I') => self.word("Infinity", Value::Float(f64::INFINITY)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::None),
            Some(_) => Err(self.error("a value is expected")),
            None => Err(self.error("the text ends where a value is expected")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("a value is expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        self.space();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items.into());
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items.into());
                }
                _ => return Err(self.error("',' or ']' is expected")),
            }
            self.space();
        }
    }

    fn members(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Map::new().into());
        }
        let mut members = Map::with_capacity(self.sizes.get(depth).copied().unwrap_or_default());
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("the name of a member is expected"));
            }
            let name = self.name()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("':' is expected"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth + 1)?;
            members.insert(name, value);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    if let Some(size) = self.sizes.get_mut(depth) {
                        *size = members.len().min(64);
                    }
                    return Ok(members.into());
                }
                _ => return Err(self.error("',' or '}' is expected")),
            }
            self.space();
        }
    }

    /// The name of a member, shared with the earlier ones that are the same.
    pub(super) fn name(&mut self) -> Result<Rc<str>, JsonError> {
        let (from, to) = self.string()?;
        if to == usize::MAX {
            return Ok(Rc::from(&*self.scratch));
        }
        let name = &self.text[from..to];
        let bytes = name.as_bytes();
        let edge = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
        let middle = edge(bytes.get(bytes.len() / 2));
        let slot = (edge(bytes.first()) * 31 + edge(bytes.last()) * 7 + middle * 3 + bytes.len() * 17) % NAMES;
        match &self.names[slot] {
            Some(known) if **known == *name => Ok(known.clone()),
            _ => {
                let shared: Rc<str> = name.into();
                self.names[slot] = Some(shared.clone());
                Ok(shared)
            }
        }
    }

    /// Where the string stands; `usize::MAX` as its end where it has escapes, and is in `scratch`.
    pub(super) fn string(&mut self) -> Result<(usize, usize), JsonError> {
        self.at += 1;
        let from = self.at;
        self.plain();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((from, self.at - 1));
                }
                Some(b'\\') => break,
                Some(0..=0x1f) => return Err(self.error("a string has a control character")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends inside a string")),
            }
        }
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        out.push_str(&self.text[from..self.at]);
        self.escaped(&mut out)?;
        self.scratch = out;
        Ok((from, usize::MAX))
    }

    /// Pass over what stands for itself in a string, eight bytes at a time: a quote, a backslash and control characters
    /// do not.
    fn plain(&mut self) {
        const ONES: u64 = u64::from_le_bytes([1; 8]);
        const HIGH: u64 = ONES << 7;
        while let Some(word) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*word);
            let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & HIGH;
            let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
            if below(word, 0x20) | is(b'"') | is(b'\\') != 0 {
                break;
            }
            self.at += 8;
        }
    }

    fn escaped(&mut self, out: &mut String) -> Result<(), JsonError> {
        loop {
            let from = self.at;
            while !matches!(self.peek(), Some(b'"' | b'\\' | 0..=0x1f) | None) {
                self.at += 1;
            }
            out.push_str(&self.text[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(out)?,
                Some(_) => return Err(self.error("a string has a control character")),
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), JsonError> {
        let letter = self.bytes.get(self.at + 1).copied();
        self.at += 2;
        out.push(match letter {
            Some(quoted @ (b'"' | b'\\' | b'/')) => quoted.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.unit()?;
                if (0xd800..0xdc00).contains(&high) && self.bytes[self.at..].starts_with(b"\\u") {
                    let before = self.at;
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        return Ok(());
                    }
                    self.at = before;
                }
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at -= 2;
                return Err(self.error("a string has an unknown escape"));
            }
        });
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.error("a string has an unknown escape"));
        }
        self.at += 4;
        let value = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
        Ok(digits.iter().fold(0, |unit, byte| unit * 16 + value(byte)))
    }

    pub(super) fn number(&mut self) -> Result<Value, JsonError> {
        let from = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        if negative && self.peek() == Some(b'I') {
            return self.word("Infinity", Value::Float(f64::NEG_INFINITY));
        }
        let mut small = 0_i64;
        let digits = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            small = small.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
            self.at += 1;
        }
        let count = self.at - digits;
        if count == 0 || (count > 1 && self.bytes[digits] == b'0') {
            self.at = digits;
            return Err(self.error("a number is expected"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[from..self.at];
        if !whole {
            return text.parse().map(Value::Float).map_err(|_| self.error("a number is expected"));
        }
        if count <= 18 {
            return Ok(Value::Int(if negative { -small } else { small }.into()));
        }
        Ok(text.parse().map_or_else(|_| Value::Digits(text.into()), Value::Int))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { Err(self.error("a digit is expected")) } else { Ok(()) }
    }
}
