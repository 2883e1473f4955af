//! Methods that change a value. Only the name that it is called by sees the change: copies that were made before do not.

use std::rc::Rc;

use super::unsupported;
use crate::call::{Given, need, whole};
use crate::error::{EvalError, Result};
use crate::value::{Value, type_name};

pub(crate) fn change(value: &mut Value, name: &str, given: Given) -> Result<Value> {
    match (value, name) {
        (Value::List(items), "append") => {
            let [item] = given.plain(name, ["object"])?;
            Rc::make_mut(items).push(need(item));
            Ok(Value::None)
        }
        (Value::List(items), "extend") => {
            let [more] = given.plain(name, ["iterable"])?;
            let more = need(more).items()?;
            Rc::make_mut(items).extend(more);
            Ok(Value::None)
        }
        (Value::List(items), "pop") => {
            let [index] = given.plain(name, ["index?"])?;
            let index = index.map_or(Ok(-1), |index| whole(&index, "index"))?;
            let at = if index < 0 { index + items.len() as i128 } else { index };
            match usize::try_from(at).ok().filter(|at| *at < items.len()) {
                Some(at) => Ok(Rc::make_mut(items).remove(at)),
                None => Err(EvalError::raised("IndexError", "pop index out of range")),
            }
        }
        (Value::Dict(members), "update") => {
            let named = given.named;
            let [more] = Given { positional: given.positional, named: Vec::new() }.bind(name, ["other?"])?;
            let members = Rc::make_mut(members);
            match more {
                None => {}
                Some(Value::Dict(more)) => members.extend(more.iter().map(|(key, value)| (key.clone(), value.clone()))),
                Some(other) => {
                    return Err(EvalError::Unsupported(format!("to update a dict by a {}", type_name(&other))));
                }
            }
            members.extend(named);
            Ok(Value::None)
        }
        (Value::Dict(members), "pop" | "setdefault") => {
            let [key, default] = given.plain(name, ["key", "default?"])?;
            let Value::Str(key) = need(key) else {
                return Err(EvalError::Unsupported("a key that is no text in a method that changes a dict".to_owned()));
            };
            let members = Rc::make_mut(members);
            if name == "setdefault" {
                return Ok(members.entry(key).or_insert(default.unwrap_or(Value::None)).clone());
            }
            let found = members.shift_remove(&key).or(default);
            found.ok_or_else(|| EvalError::raised("KeyError", format!("'{key}'")))
        }
        (Value::Undefined, _) => Err(EvalError::Undefined(format!("what '{name}' is called on is undefined"))),
        (value, _) => match super::attribute(value, name) {
            Some(_) => Err(unsupported(value, name)),
            None => Err(EvalError::Undefined(format!("'{}' object has no attribute '{name}'", type_name(value)))),
        },
    }
}
