//! Records with other names and other forms: what the reference's transformations do besides setting and deleting.

mod ascii;

use std::rc::Rc;

use thiserror::Error;

use crate::path::{self, PathError};
use crate::value::{Map, Value};

/// Why a record cannot be given another form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReshapeError {
    /// A path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A name has a letter that has no counterpart here.
    #[error("the name '{0}' has a letter that cannot be written in ASCII here")]
    Letter(Rc<str>),
}

/// `KeysToLower`: the names of a record's own members in small letters. Of two that become one the later counts.
pub fn keys_to_lower(record: Map) -> Map {
    record.into_iter().map(|(name, value)| (name.to_lowercase().into(), value)).collect()
}

/// `KeysReplace`: other names for the members of a record and of the dicts in it, though not of those in lists.
pub fn keys_replace(record: Map, old: &str, new: &str) -> Map {
    let renamed = record.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Dict(inner) => keys_replace(Rc::unwrap_or_clone(inner), old, new).into(),
            value => value,
        };
        (name.replace(old, new).into(), value)
    });
    renamed.collect()
}

/// `KeysToSnakeCase`, for the members of a record and of the dicts in it, though not of those in lists.
pub fn keys_to_snake_case(record: Map) -> Result<Map, ReshapeError> {
    let mut renamed = Map::with_capacity(record.len());
    for (name, value) in record {
        let value = match value {
            Value::Dict(inner) => keys_to_snake_case(Rc::unwrap_or_clone(inner))?.into(),
            value => value,
        };
        renamed.insert(snake_case(&name)?.into(), value);
    }
    Ok(renamed)
}

/// A name in small letters, its words joined by `_`.
pub fn snake_case(name: &Rc<str>) -> Result<String, ReshapeError> {
    let ascii = ascii::transliterate(name).ok_or_else(|| ReshapeError::Letter(name.clone()))?;
    let mut words: Vec<&str> = Vec::new();
    let mut rest = ascii.as_str();
    while let Some(first) = rest.bytes().next() {
        let run = |text: &str, kind: fn(&u8) -> bool| text.bytes().take_while(kind).count();
        let (length, kept) = match first {
            b'A'..=b'Z' => {
                let capitals = run(rest, u8::is_ascii_uppercase);
                (capitals + run(&rest[capitals..], u8::is_ascii_lowercase), true)
            }
            b'a'..=b'z' => (run(rest, u8::is_ascii_lowercase), true),
            b'0'..=b'9' => (run(rest, u8::is_ascii_digit), true),
            _ => (run(rest, |byte| !byte.is_ascii_alphanumeric()), false),
        };
        words.push(if kept { &rest[..length] } else { "" });
        rest = &rest[length..];
    }
    // What is between words counts at the ends alone, and a name does not begin with a digit.
    let last = words.len().saturating_sub(1);
    let mut kept: Vec<&str> = Vec::new();
    for (at, word) in words.into_iter().enumerate() {
        if !word.is_empty() || at == 0 || at == last {
            kept.push(word);
        }
    }
    if kept.first().is_some_and(|word| word.starts_with(|first: char| first.is_ascii_digit())) {
        kept.insert(0, "");
    }
    Ok(kept.join("_").to_lowercase())
}

/// `FlattenFields`: all values that have no members, beside each other. A name that is taken, and each one behind the
/// first list, has the names that lead to it before it. The order is the reference's.
pub fn flatten(record: Map, lists: bool) -> Map {
    let mut flat = Map::new();
    let mut behind_list = false;
    let mut stack: Vec<(Value, Rc<str>)> = vec![(record.into(), "_".into())];
    while let Some((value, name)) = stack.pop() {
        match value {
            Value::Dict(members) => {
                for (inner, value) in members.iter() {
                    let long = behind_list || flat.contains_key(inner);
                    let inner = if long { format!("{name}.{inner}").into() } else { inner.clone() };
                    stack.push((value.clone(), inner));
                }
            }
            Value::List(items) if lists => {
                for (index, item) in items.iter().enumerate() {
                    behind_list = true;
                    stack.push((item.clone(), format!("{name}.{index}").into()));
                }
            }
            value => drop(flat.insert(name, value)),
        }
    }
    flat
}

/// What `DpathFlattenFields` does beside taking the members from a path.
#[derive(Clone, Debug, Default)]
pub struct Lift {
    /// The field itself goes.
    pub delete_origin: bool,
    /// The record becomes what was in the field.
    pub replace_record: bool,
    /// Before each name.
    pub prefix: Option<String>,
    /// Behind each name.
    pub suffix: Option<String>,
}

/// `DpathFlattenFields`: the members of the dict at a path become the record's, unless one of their names is taken.
pub fn lift(record: Map, path: &[Value], how: &Lift) -> Result<Map, ReshapeError> {
    let mut record = Value::from(record);
    let star = |segment: &Value| segment.as_str() == Some("*");
    let found =
        if path.iter().any(star) { path::values(&record, path)?.into_iter().next() } else { path::get(&record, path)? };
    let Some(Value::Dict(found)) = found else { return Ok(members(record)) };
    let (before, behind) = (how.prefix.as_deref().unwrap_or_default(), how.suffix.as_deref().unwrap_or_default());
    let lifted: Map =
        found.iter().map(|(name, value)| (format!("{before}{name}{behind}").into(), value.clone())).collect();
    if how.replace_record && !lifted.is_empty() {
        return Ok(lifted);
    }
    if lifted.keys().any(|name| record.as_dict().is_some_and(|record| record.contains_key(name))) {
        return Ok(members(record));
    }
    if how.delete_origin {
        path::delete(&mut record, path)?;
    }
    let mut record = members(record);
    record.extend(lifted);
    Ok(record)
}

fn members(value: Value) -> Map {
    match value {
        Value::Dict(members) => Rc::unwrap_or_clone(members),
        _ => Map::new(),
    }
}
