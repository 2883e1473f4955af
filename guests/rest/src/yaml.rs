//! YAML as PyYAML reads it, which is version 1.1: `no` is false, `010` is 8, `12:30` is 750, the last of two equal keys
//! counts, and `<<` merges. Pure.
//!
//! Two departures: a date stays text, and what refers to itself is refused.

mod plain;

use std::collections::HashMap;
use std::rc::Rc;

use expressions::{Map, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// How deep lists and mappings may be nested.
const MAX_DEPTH: usize = 100;
/// Most values, those that an alias repeats counted once.
const MAX_VALUES: usize = 1_000_000;

/// Why a text is no YAML that can be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct YamlError {
    line: usize,
    column: usize,
    reason: String,
}

impl YamlError {
    fn new(at: Marker, reason: impl Into<String>) -> Self {
        Self { line: at.line(), column: at.col() + 1, reason: reason.into() }
    }
}

/// Read the only document of a text.
pub fn read(text: &str) -> Result<Value, YamlError> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError::new(*error.marker(), error.info()))?;
        reader.take(event, span.start)?;
    }
    Ok(reader.document.unwrap_or(Value::None))
}

#[derive(Default)]
struct Reader {
    /// The lists and mappings that are open, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    document: Option<Value>,
    values: usize,
}

struct Open {
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Dict(Members),
}

/// A mapping whose end has not come.
#[derive(Default)]
struct Members {
    own: Map,
    merged: Vec<Rc<Map>>,
    key: Option<Key>,
}

enum Key {
    Merge,
    Name(Rc<str>),
}

impl Reader {
    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                Err(YamlError::new(at, "a second document begins here, and there may be only one"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_key =
                    matches!(self.open.last(), Some(Open { kind: Kind::Dict(members), .. }) if members.key.is_none());
                if is_key && style == ScalarStyle::Plain && text == "<<" && tag.is_none() {
                    return self.key(Key::Merge);
                }
                let value = scalar(&text, style, tag.as_deref()).map_err(|reason| YamlError::new(at, reason))?;
                self.value(value, anchor, at)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, Kind::List(Vec::new()), at),
            Event::MappingStart(anchor, _) => self.open(anchor, Kind::Dict(Members::default()), at),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, kind }) = self.open.pop() else { return Ok(()) };
                let value = match kind {
                    Kind::List(items) => Value::from(items),
                    Kind::Dict(members) => members.close(),
                };
                self.value(value, anchor, at)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(value) => self.value(value, 0, at),
                None => Err(YamlError::new(at, "this alias stands inside of what it refers to")),
            },
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, kind: Kind, at: Marker) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::new(at, format!("this is nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(Open { anchor, kind });
        Ok(())
    }

    fn key(&mut self, key: Key) -> Result<(), YamlError> {
        if let Some(Open { kind: Kind::Dict(members), .. }) = self.open.last_mut() {
            members.key = Some(key);
        }
        Ok(())
    }

    /// A value is whole: it goes where it belongs.
    fn value(&mut self, value: Value, anchor: usize, at: Marker) -> Result<(), YamlError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(YamlError::new(at, format!("there are more than {MAX_VALUES} values before this")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.document = Some(value),
            Some(Open { kind: Kind::List(items), .. }) => items.push(value),
            Some(Open { kind: Kind::Dict(members), .. }) => {
                members.take(value).map_err(|reason| YamlError::new(at, reason))?
            }
        }
        Ok(())
    }
}

impl Members {
    fn take(&mut self, value: Value) -> Result<(), String> {
        match self.key.take() {
            None => self.key = Some(Key::Name(plain::name(&value)?)),
            Some(Key::Name(name)) => {
                self.own.insert(name, value);
            }
            Some(Key::Merge) => match value {
                Value::Dict(members) => self.merged.push(members),
                Value::List(items) => {
                    // The first of a list counts more than those after it.
                    for item in items.iter().rev() {
                        let Value::Dict(members) = item else { return Err("only mappings can be merged".into()) };
                        self.merged.push(Rc::clone(members));
                    }
                }
                _ => return Err("only mappings can be merged".into()),
            },
        }
        Ok(())
    }

    fn close(self) -> Value {
        if self.merged.is_empty() {
            return Value::from(self.own);
        }
        let mut members = Map::new();
        for merged in &self.merged {
            members.extend(merged.iter().map(|(name, value)| (Rc::clone(name), value.clone())));
        }
        members.extend(self.own);
        Value::from(members)
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        None if style == ScalarStyle::Plain => Ok(plain::resolve(text)),
        None => Ok(Value::from(text)),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(Value::from(text)),
        Some(tag) if tag.is_yaml_core_schema() => plain::tagged(text, &tag.suffix),
        Some(tag) => Err(format!("the tag {tag} means nothing here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members of a document, as Rust shows them.
    fn shown(text: &str) -> String {
        fn show(value: &Value) -> String {
            match value {
                Value::Dict(members) => {
                    let members: Vec<String> =
                        members.iter().map(|(name, value)| format!("{name}: {}", show(value))).collect();
                    format!("{{{}}}", members.join(", "))
                }
                Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
                Value::None => "None".into(),
                Value::Bool(value) => if *value { "True" } else { "False" }.into(),
                Value::Int(value) => value.to_string(),
                Value::Float(value) => format!("{value:?}"),
                Value::Str(text) => format!("{text:?}"),
                other => format!("{other:?}"),
            }
        }
        read(text).map_or_else(|error| error.to_string(), |value| show(&value))
    }

    /// What PyYAML 6.0 reads.
    #[test]
    fn as_pyyaml_reads_it() {
        for (text, expected) in [
            ("a: 1\nb: [x, 'y', \"z\"]", "{a: 1, b: [\"x\", \"y\", \"z\"]}"),
            ("a: no\nb: Yes\nc: on\nd: 'off'\ny: y", "{a: False, b: True, c: True, d: \"off\", y: \"y\"}"),
            (
                "[010, 0o10, 08, 0x1F, 0b101, 1_000, 12:30, -1:30, 1e3, 1.5e+3, 1., .5, .inf, +1]",
                "[8, \"0o10\", \"08\", 31, 5, 1000, 750, -90, \"1e3\", 1500.0, 1.0, 0.5, inf, 1]",
            ),
            ("[~, null, Null, nULL, '', 2021-01-01]", "[None, None, None, \"nULL\", \"\", \"2021-01-01\"]"),
            ("a: 1\na: 2", "{a: 2}"),
            ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", "{a: {p: 1, q: 2}, b: {p: 1, q: 3}}"),
            (
                "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y], r: 0}",
                "{a: {p: 1}, b: {p: 2, q: 2}, c: {p: 1, q: 2, r: 0}}",
            ),
            ("a: !!str 1\nb: !!int '2'", "{a: \"1\", b: 2}"),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y", "{a: \"x\\ny\\n\", b: \"x y\"}"),
            ("1: a\ntrue: b\n~: c", "{1: \"a\", True: \"b\", None: \"c\"}"),
            ("", "None"),
            ("340282366920938463463374607431768211455", "\"340282366920938463463374607431768211455\""),
            ("&a [*a]", "line 1, column 5: this alias stands inside of what it refers to"),
            ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins here, and there may be only one"),
            ("a: !!python/object x", "line 1, column 4: the tag !!python/object means nothing here"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert!(shown(&deep).contains("nested more than 100 deep"), "{}", shown(&deep));
        let many = "[".to_owned() + &"1,".repeat(MAX_VALUES + 1) + "]";
        assert!(shown(&many).contains("more than 1000000 values"));
    }
}
