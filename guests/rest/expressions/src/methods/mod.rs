//! Attributes and methods of values.

mod dict;
mod string;
mod times;

pub(crate) use string::{padded, replace, strip};

use crate::call::{Context, Given, need, whole};
use crate::error::{EvalError, Result};
use crate::value::{Value, type_name};

/// The attribute of that name: a method, or what a time has. Nothing where there is none.
pub(crate) fn attribute(value: &Value, name: &str) -> Option<Value> {
    let names: &[&'static str] = match value {
        Value::Str(_) => &string::NAMES,
        Value::Dict(_) | Value::Table(_) => &dict::NAMES,
        Value::List(_) => {
            &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"]
        }
        Value::Tuple(items) => match (name, items.len()) {
            // What `groupby` yields has names.
            ("grouper", 2) => return items.first().cloned(),
            ("list", 2) => return items.get(1).cloned(),
            _ => &["count", "index"],
        },
        Value::Bytes(_) => &["decode", "hex"],
        Value::Float(_) | Value::Digits(_) => &["is_integer"],
        Value::Int(_) | Value::Bool(_) => match name {
            "real" | "numerator" => return value.as_int().map(Value::Int),
            "imag" => return Some(Value::Int(0)),
            "denominator" => return Some(Value::Int(1)),
            _ => &["bit_length"],
        },
        Value::Date(_) | Value::Time(_) | Value::Span(_) => {
            if let Some(found) = times::attribute(value, name) {
                return Some(found);
            }
            times::names(value)
        }
        _ => &[],
    };
    let known = names.iter().find(|known| **known == name)?;
    Some(Value::Method(std::rc::Rc::new((value.clone(), known))))
}

/// Calls a method.
pub(crate) fn call(context: &Context<'_>, value: &Value, name: &'static str, given: Given) -> Result<Value> {
    match value {
        Value::Str(text) => string::call(context, text, name, given),
        Value::Dict(_) | Value::Table(_) => {
            if name != "get" {
                context.budget.work(value.length()?)?;
            }
            dict::call(value, name, given)
        }
        Value::Date(_) | Value::Time(_) | Value::Span(_) => times::call(value, name, given),
        Value::List(items) | Value::Tuple(items) => {
            context.budget.work(items.len() / 16)?;
            list(value, items, name, given)
        }
        Value::Bytes(bytes) if name == "decode" => {
            let [_, _] = given.bind(name, ["encoding?", "errors?"])?;
            let text = std::str::from_utf8(bytes);
            Ok(text.map_err(|_| EvalError::raised("UnicodeDecodeError", "the bytes are not UTF-8"))?.into())
        }
        Value::Bytes(bytes) if name == "hex" => {
            let [] = given.plain(name, [])?;
            Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
        }
        _ if name == "is_integer" => {
            let [] = given.plain(name, [])?;
            Ok(Value::Bool(value.as_float().is_some_and(|number| number.fract() == 0.0)))
        }
        _ if name == "bit_length" => {
            let [] = given.plain(name, [])?;
            let number = value.as_int().unwrap_or_default().unsigned_abs();
            Ok(Value::Int((128 - number.leading_zeros()).into()))
        }
        _ => Err(unsupported(value, name)),
    }
}

fn unsupported(value: &Value, name: &str) -> EvalError {
    EvalError::Unsupported(format!("the method '{name}' of {}", type_name(value)))
}

fn list(value: &Value, items: &[Value], name: &'static str, given: Given) -> Result<Value> {
    match name {
        "count" => {
            let [wanted] = given.plain(name, ["value"])?;
            let wanted = need(wanted);
            Ok(Value::Int(items.iter().filter(|item| **item == wanted).count() as i128))
        }
        "index" => {
            let [wanted, from, to] = given.plain(name, ["value", "start?", "stop?"])?;
            let wanted = need(wanted);
            let bound = |bound: Option<Value>, open: usize| match bound {
                None => Ok(open),
                Some(bound) => {
                    let bound = whole(&bound, "slice indices")?;
                    let bound = if bound < 0 { bound + items.len() as i128 } else { bound };
                    Ok::<_, EvalError>(crate::call::size(bound).min(items.len()))
                }
            };
            let (from, to) = (bound(from, 0)?, bound(to, items.len())?);
            let found = (from..to).find(|at| items[*at] == wanted);
            found
                .map(|at| Value::Int(at as i128))
                .ok_or_else(|| EvalError::value(format!("{} is not in list", wanted.to_repr())))
        }
        "copy" => {
            let [] = given.plain(name, [])?;
            Ok(value.clone())
        }
        // The list that it is taken from stays as it is: the parser lets this be called where nothing else sees it.
        "pop" => {
            let [index] = given.plain(name, ["index?"])?;
            let found = crate::access::item(value, &index.unwrap_or(Value::Int(-1)))?;
            match found {
                Value::Undefined => Err(EvalError::raised("IndexError", "pop index out of range")),
                found => Ok(found),
            }
        }
        _ => Err(unsupported(value, name)),
    }
}
