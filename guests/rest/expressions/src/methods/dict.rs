//! Methods of dicts.

use std::rc::Rc;

use super::unsupported;
use crate::call::{Given, need};
use crate::error::Result;
use crate::value::{Iter, Value};

/// All that Python's dicts have: each hides a member of its name behind a dot (trap 13).
pub(super) const NAMES: [&str; 11] =
    ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

pub(super) fn call(value: &Value, name: &'static str, given: Given) -> Result<Value> {
    match name {
        "get" => {
            let [key, default] = given.plain(name, ["key", "default?"])?;
            let key = need(key);
            key.check_hashable()?;
            let found = match (value, &key) {
                (Value::Dict(members), Value::Str(key)) => members.get(key).cloned(),
                (Value::Table(members), _) => {
                    members.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
                }
                _ => None,
            };
            Ok(found.unwrap_or_else(|| default.unwrap_or(Value::None)))
        }
        "items" | "keys" | "values" => {
            let [] = given.plain(name, [])?;
            let pairs = value.pairs().unwrap_or_default().into_iter();
            let (kind, items) = match name {
                "keys" => ("dict_keys", pairs.map(|(key, _)| key).collect()),
                "values" => ("dict_values", pairs.map(|(_, value)| value).collect()),
                _ => ("dict_items", pairs.map(|(key, value)| Value::Tuple(Rc::new(vec![key, value]))).collect()),
            };
            Ok(Value::Iter(Rc::new(Iter { kind, items })))
        }
        "copy" => {
            let [] = given.plain(name, [])?;
            Ok(value.clone())
        }
        _ => Err(unsupported(value, name)),
    }
}
