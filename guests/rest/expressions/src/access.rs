//! Members, items and slices of values: attributes before items with a dot, items before attributes in brackets.

use std::rc::Rc;

use crate::error::{EvalError, Result};
use crate::methods;
use crate::value::{Value, type_name};

/// `value.name`: a method comes before a member of that name (trap 13).
pub(crate) fn attribute(value: &Value, name: &str) -> Value {
    if let Some(found) = methods::attribute(value, name) {
        return found;
    }
    match value {
        Value::Dict(members) => members.get(name).cloned().unwrap_or_default(),
        Value::Table(members) => {
            let found = members.iter().find(|(key, _)| key.as_str() == Some(name));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        }
        _ => Value::Undefined,
    }
}

/// `value[key]`: undefined where there is none. What is no key or index for it is a name of an attribute, if it is text.
pub(crate) fn item(value: &Value, key: &Value) -> Result<Value> {
    if matches!(value, Value::Undefined) {
        return Err(EvalError::Undefined("an item of something undefined is read".to_owned()));
    }
    let found = match (value, key) {
        (Value::Dict(members), Value::Str(name)) => members.get(name).cloned(),
        (Value::Table(members), _) => members.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone()),
        (Value::List(items) | Value::Tuple(items), _) => {
            key.as_int().and_then(|index| at(index, items.len())).map(|at| items[at].clone())
        }
        (Value::Str(text), _) => key.as_int().and_then(|index| letter(text, index)),
        (Value::Bytes(bytes), _) => {
            key.as_int().and_then(|index| at(index, bytes.len())).map(|at| Value::Int(bytes[at].into()))
        }
        _ => None,
    };
    Ok(match (found, key) {
        (Some(found), _) => found,
        (None, Value::Str(name)) => methods::attribute(value, name).unwrap_or_default(),
        (None, _) => Value::Undefined,
    })
}

fn letter(text: &str, index: i128) -> Option<Value> {
    if text.is_ascii() {
        return at(index, text.len()).map(|at| Value::from(&text[at..=at]));
    }
    let letters: Vec<char> = text.chars().collect();
    at(index, letters.len()).map(|at| Value::from(letters[at].to_string()))
}

/// An index from the start, or from the end where it is negative.
fn at(index: i128, length: usize) -> Option<usize> {
    let index = if index < 0 { index + length as i128 } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// `value[from:to:step]`.
pub(crate) fn slice(value: &Value, bounds: &[Value; 3]) -> Result<Value> {
    let length = match value {
        Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_) => value.length()?,
        Value::Dict(_) | Value::Table(_) => return Err(EvalError::Type("unhashable type: 'slice'".to_owned())),
        Value::Undefined => return Err(EvalError::Undefined("a slice of something undefined is read".to_owned())),
        _ => return Err(EvalError::Type(format!("'{}' object is not subscriptable", type_name(value)))),
    };
    let indices = indices(bounds, length)?;
    Ok(match value {
        Value::Str(text) => {
            let letters: Vec<char> = text.chars().collect();
            indices.into_iter().map(|at| letters[at]).collect::<String>().into()
        }
        Value::Bytes(bytes) => Value::Bytes(indices.into_iter().map(|at| bytes[at]).collect()),
        Value::List(items) => indices.into_iter().map(|at| items[at].clone()).collect::<Vec<_>>().into(),
        Value::Tuple(items) => Value::Tuple(Rc::new(indices.into_iter().map(|at| items[at].clone()).collect())),
        _ => Value::Undefined,
    })
}

fn indices(bounds: &[Value; 3], length: usize) -> Result<Vec<usize>> {
    let bound = |value: &Value| match value {
        Value::None => Ok(None),
        _ => value.as_int().map(Some).ok_or_else(|| {
            let message = "slice indices must be integers or None or have an __index__ method";
            EvalError::Type(message.to_owned())
        }),
    };
    let (from, to, step) = (bound(&bounds[0])?, bound(&bounds[1])?, bound(&bounds[2])?.unwrap_or(1));
    if step == 0 {
        return Err(EvalError::value("slice step cannot be zero"));
    }
    let length = length as i128;
    // Forwards from 0 to the length, backwards from the last to before the first.
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clip = |value: Option<i128>, open: i128| match value {
        None => open,
        Some(value) => (if value < 0 { value.saturating_add(length) } else { value }).clamp(low, high),
    };
    let (mut at, end) = if step > 0 { (clip(from, low), clip(to, high)) } else { (clip(from, high), clip(to, low)) };
    let mut found = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        found.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    Ok(found)
}
