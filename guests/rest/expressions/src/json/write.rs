//! Values to text.

use std::io::Write;

use super::{DEPTH, JsonError};
use crate::error::{EvalError, Result};
use crate::float;
use crate::value::{Value, type_name};

/// Writes a value without spaces and without a line's end.
pub fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    value_at(value, out, 0)
}

fn value_at(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), JsonError> {
    if depth > DEPTH {
        return Err(JsonError::Deep);
    }
    match value {
        Value::None => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => int(*number, out),
        Value::Float(number) if number.is_finite() => drop(write!(out, "{number:?}")),
        Value::Float(_) => out.extend_from_slice(b"null"),
        Value::Digits(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Str(text) => string(text, out),
        Value::List(items) | Value::Tuple(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                value_at(item, out, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Dict(members) => {
            out.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(name, out);
                out.push(b':');
                value_at(value, out, depth + 1)?;
            }
            out.push(b'}');
        }
        Value::Table(members) => {
            out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(&key_text(key).ok_or(JsonError::Type(type_name(key)))?, out);
                out.push(b':');
                value_at(value, out, depth + 1)?;
            }
            out.push(b'}');
        }
        _ => return Err(JsonError::Type(type_name(value))),
    }
    Ok(())
}

fn int(number: i128, out: &mut Vec<u8>) {
    let Ok(mut left) = u64::try_from(number.unsigned_abs()) else {
        drop(write!(out, "{number}"));
        return;
    };
    if number < 0 {
        out.push(b'-');
    }
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x8 => out.extend_from_slice(b"\\b"),
            0xc => out.extend_from_slice(b"\\f"),
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// What Python's `json` makes of a key.
fn key_text(key: &Value) -> Option<String> {
    Some(match key {
        Value::Str(text) => text.to_string(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float::repr(*number),
        _ => return None,
    })
}

/// `json.dumps(value)`: spaces after commas and colons, ASCII alone; `sort` for `sort_keys`, `indent` for lines.
pub fn python(value: &Value, sort: bool, indent: Option<&str>) -> Result<String> {
    let mut out = String::new();
    Dump { sort, indent, out: &mut out }.value(value, 0)?;
    Ok(out)
}

struct Dump<'a> {
    sort: bool,
    indent: Option<&'a str>,
    out: &'a mut String,
}

impl Dump<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return Err(EvalError::raised("RecursionError", "maximum recursion depth exceeded"));
        }
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) if number.is_nan() => self.out.push_str("NaN"),
            Value::Float(number) if number.is_infinite() => {
                self.out.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" });
            }
            Value::Float(number) => self.out.push_str(&float::repr(*number)),
            Value::Digits(digits) => self.out.push_str(digits),
            Value::Str(text) => self.string(text),
            Value::List(items) | Value::Tuple(items) => {
                self.items("[]", items.len(), depth, |dump, index| dump.value(&items[index], depth + 1))?;
            }
            Value::Dict(_) | Value::Table(_) => {
                let mut members = Vec::new();
                for (key, value) in value.pairs().unwrap_or_default() {
                    let text = key_text(&key).ok_or_else(|| {
                        let message = "keys must be str, int, float, bool or None, not ";
                        EvalError::Type(format!("{message}{}", type_name(&key)))
                    })?;
                    members.push((text, value));
                }
                if self.sort {
                    members.sort_by(|(left, _), (right, _)| left.cmp(right));
                }
                self.items("{}", members.len(), depth, |dump, index| {
                    dump.string(&members[index].0);
                    dump.out.push_str(": ");
                    dump.value(&members[index].1, depth + 1)
                })?;
            }
            _ => {
                let message = format!("Object of type {} is not JSON serializable", type_name(value));
                return Err(EvalError::Type(message));
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        brackets: &str,
        count: usize,
        depth: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        self.out.push_str(&brackets[..1]);
        for index in 0..count {
            match self.indent {
                Some(indent) => {
                    self.out.push_str(if index == 0 { "\n" } else { ",\n" });
                    self.out.push_str(&indent.repeat(depth + 1));
                }
                None => self.out.push_str(if index == 0 { "" } else { ", " }),
            }
            item(self, index)?;
        }
        if let (Some(indent), true) = (self.indent, count > 0) {
            self.out.push('\n');
            self.out.push_str(&indent.repeat(depth));
        }
        self.out.push_str(&brackets[1..]);
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                ' '..='~' => self.out.push(letter),
                '\u{7f}' => self.out.push(letter),
                _ => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        self.out.push('"');
    }
}
