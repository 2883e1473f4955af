//! What is expected, key by key, as people write it.
//!
//! Pure.

use std::fmt;
use std::str::FromStr;

use super::looks;
use crate::budget::{Age, Size};
use crate::text;

/// Longest first line, or name of a key of JSON, in bytes.
const MAX_TEXT: usize = 4096;
/// Most media types, or keys of JSON.
const MAX_ENTRIES: usize = 50;
/// The most that a file may have, in hundredths of the last one: a million times as much.
const MAX_GROWTH: u64 = 100_000_000;

/// What a key says: something, or `false` to switch off what somebody else says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key<T> {
    /// It is not judged.
    Off,
    /// This is expected.
    Is(T),
}

impl<T> Key<T> {
    /// What is expected, where anything is.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Off => None,
        }
    }
}

/// What can be shown as it may be written.
pub(super) trait Said {
    /// That text.
    fn text(&self) -> String;
}

impl Said for bool {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl<T: Readable> Said for Key<T> {
    fn text(&self) -> String {
        match self {
            Self::Off => "false".to_owned(),
            Self::Is(value) => value.written(),
        }
    }
}

/// What may stand behind a key.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a text, a number, a list of texts, or `false`")]
enum Written {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<String>),
}

/// What can be read of such a value.
pub(super) trait Readable: Sized {
    /// Read a text.
    fn of_text(text: &str) -> Result<Self, String>;
    /// A text that says the same.
    fn written(&self) -> String;
    /// Read a list.
    fn of_list(_: &[String]) -> Result<Self, String> {
        Err("a list is not expected here".into())
    }
}

impl<'de, T: Readable> serde::Deserialize<'de> for Key<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Written::deserialize(deserializer)? {
            Written::Flag(false) => return Ok(Self::Off),
            Written::Flag(true) => Err("`true` says nothing here; `false` switches it off".to_owned()),
            Written::Number(number) => T::of_text(&number.to_string()),
            Written::Text(text) => T::of_text(&text),
            Written::List(list) if list.len() > MAX_ENTRIES => {
                Err(format!("it has {} entries, and the limit is {MAX_ENTRIES}", list.len()))
            }
            Written::List(list) => T::of_list(&list),
        };
        read.map(Self::Is).map_err(serde::de::Error::custom)
    }
}

impl Readable for Size {
    fn of_text(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn written(&self) -> String {
        self.0.to_string()
    }
}

impl Readable for Age {
    fn of_text(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// A media type without parameters, `text/csv`, or all of a kind, `text/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    /// Whether a `Content-Type` field is of it; its parameters do not matter.
    pub fn fits(&self, field: &str) -> bool {
        let given = field.split(';').next().unwrap_or(field).trim().to_ascii_lowercase();
        match self.0.strip_suffix('*') {
            Some(start) => given.starts_with(start),
            None => given == self.0,
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MediaType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // RFC 9110, 5.6.2 and 8.3.1.
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, part)) if token(kind) && (token(part) || part == "*") => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(format!("`{}` is no media type such as text/csv or text/*", text::quoted(text))),
        }
    }
}

impl Readable for Vec<MediaType> {
    fn of_text(text: &str) -> Result<Self, String> {
        Ok(vec![text.parse()?])
    }

    fn of_list(list: &[String]) -> Result<Self, String> {
        match list {
            [] => Err("the list of media types is empty; `false` switches it off".into()),
            list => list.iter().map(|text| text.parse()).collect(),
        }
    }

    fn written(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// How much smaller a file may be than the last one, in percent of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrinkage(u8);

impl Shrinkage {
    /// Whether a file of `size` bytes may follow one of `last`.
    pub fn allows(self, last: u64, size: u64) -> bool {
        u128::from(size) * 100 >= u128::from(last) * u128::from(100 - self.0)
    }
}

impl fmt::Display for Shrinkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl Readable for Shrinkage {
    fn of_text(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
        match percent {
            Some(percent @ 0..=99) => Ok(Self(percent)),
            _ => Err(format!("`{}` is no share from 0% to 99%", text::quoted(text))),
        }
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// How large a file may be, in hundredths of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth(u64);

impl Growth {
    /// Whether a file of `size` bytes may follow one of `last`.
    pub fn allows(self, last: u64, size: u64) -> bool {
        u128::from(size) * 100 <= u128::from(last) * u128::from(self.0)
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{} times the size", self.0 / 100),
            _ => write!(f, "{}% of the size", self.0),
        }
    }
}

impl Readable for Growth {
    fn of_text(text: &str) -> Result<Self, String> {
        let whole = |number: &str| number.trim().parse::<u64>().ok();
        let hundredths = match (text.strip_suffix('x'), text.strip_suffix('%')) {
            (Some(times), _) => match times.trim().split_once('.') {
                None => whole(times).and_then(|times| times.checked_mul(100)),
                Some((times, part)) if part.len() == 1 && part.as_bytes()[0].is_ascii_digit() => {
                    let (times, tenths) = (whole(times), whole(part).unwrap_or_default());
                    times.and_then(|times| times.checked_mul(100)?.checked_add(tenths * 10))
                }
                Some(_) => None,
            },
            (_, Some(more)) => whole(more).and_then(|more| more.checked_add(100)),
            _ => None,
        };
        match hundredths {
            Some(hundredths @ 100..=MAX_GROWTH) => Ok(Self(hundredths)),
            _ => Err(format!("`{}` is no growth such as 10x, 1.5x or 50%", text::quoted(text))),
        }
    }

    fn written(&self) -> String {
        format!("{}%", self.0 - 100)
    }
}

/// A first line, or how it begins, where a `*` follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLine(String);

impl FirstLine {
    /// Whether a content that begins with `head` has it.
    pub fn fits(&self, head: &[u8]) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => looks::without_mark(head).starts_with(start.as_bytes()),
            None => looks::first_line(head) == self.0.as_bytes(),
        }
    }
}

impl fmt::Display for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::quoted(&self.0))
    }
}

impl Readable for FirstLine {
    fn of_text(text: &str) -> Result<Self, String> {
        match text {
            "" | "*" => Err("an empty first line says nothing".into()),
            text if text.contains(['\n', '\r']) => Err("it is more than one line".into()),
            text if text.len() > MAX_TEXT => Err(format!("it is longer than the limit of {MAX_TEXT} bytes")),
            text => Ok(Self(text.to_owned())),
        }
    }

    fn written(&self) -> String {
        self.0.clone()
    }
}

/// What a content is as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// An array.
    Array,
    /// An object with these keys, or with any where there are none.
    Object(Vec<String>),
}

impl Readable for Shape {
    fn of_text(text: &str) -> Result<Self, String> {
        match text {
            "array" => Ok(Self::Array),
            "object" => Ok(Self::Object(Vec::new())),
            _ => Err(format!("`{}` is neither \"array\" nor \"object\", nor a list of keys", text::quoted(text))),
        }
    }

    fn of_list(list: &[String]) -> Result<Self, String> {
        match list {
            [] => Err("the list of keys is empty; \"object\" says that any will do".into()),
            list if list.iter().any(|key| key.len() > MAX_TEXT) => {
                Err(format!("a key is longer than the limit of {MAX_TEXT} bytes"))
            }
            list => Ok(Self::Object(list.to_vec())),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Array => "array".to_owned(),
            Self::Object(keys) if keys.is_empty() => "object".to_owned(),
            Self::Object(keys) => keys.join(", "),
        }
    }
}
