//! What can stand behind `is`.

use crate::call::{Context, Given, need};
use crate::error::{Budget, EvalError, Result};
use crate::value::{Arith, Value, arith, contains, holds};
use crate::{filters, text};

const NAMES: [&str; 39] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// The test of that name.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|known| **known == name).copied()
}

pub(crate) fn apply(context: &Context<'_>, name: &'static str, value: &Value, given: Given) -> Result<bool> {
    let operator = match name {
        "eq" | "equalto" | "==" => "==",
        "ne" | "!=" => "!=",
        "gt" | "greaterthan" | ">" => ">",
        "ge" | ">=" => ">=",
        "lt" | "lessthan" | "<" => "<",
        "le" | "<=" => "<=",
        _ => "",
    };
    if !operator.is_empty() {
        let [other] = given.plain(name, ["other"])?;
        return holds(operator, value, &need(other));
    }
    match name {
        "in" => {
            let [whole] = given.bind(name, ["seq"])?;
            return contains(&need(whole), value);
        }
        "divisibleby" => {
            let [by] = given.bind(name, ["num"])?;
            return remainder(&context.budget, value, &need(by)).map(|rest| rest == Value::Int(0));
        }
        "sameas" => {
            let [other] = given.bind(name, ["other"])?;
            return Ok(same(value, &need(other)));
        }
        _ => {
            let [] = given.bind(name, [])?;
        }
    }
    plain(context, name, value)
}

fn remainder(budget: &Budget, value: &Value, by: &Value) -> Result<Value> {
    arith(budget, Arith::Mod, value, by)
}

fn plain(context: &Context<'_>, name: &'static str, value: &Value) -> Result<bool> {
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined),
        "undefined" => matches!(value, Value::Undefined),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_) | Value::Digits(_)),
        "number" => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Digits(_)),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_) | Value::Table(_)),
        "sequence" => matches!(
            value,
            Value::Undefined
                | Value::Str(_)
                | Value::Bytes(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Table(_)
        ),
        "iterable" => !matches!(
            value,
            Value::None
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::Digits(_)
                | Value::Date(_)
                | Value::Time(_)
                | Value::Span(_)
                | Value::Function(_)
                | Value::Method(_)
        ),
        "callable" => matches!(value, Value::Function(_) | Value::Method(_) | Value::Undefined),
        "escaped" => false,
        "odd" => remainder(&context.budget, value, &Value::Int(2))? == Value::Int(1),
        "even" => remainder(&context.budget, value, &Value::Int(2))? == Value::Int(0),
        "lower" => text::is_lower(&value.to_text()),
        "upper" => text::is_upper(&value.to_text()),
        "filter" | "test" => {
            value.check_hashable()?;
            let known = if name == "filter" {
                value.as_str().is_some_and(|name| filters::find(name).is_some() || filters::REFUSED.contains(&name))
            } else {
                value.as_str().is_some_and(|name| find(name).is_some())
            };
            return Ok(known);
        }
        _ => return Err(EvalError::Unsupported(format!("the test '{name}'"))),
    })
}

/// `is`: the same object. Of what has no identity here, equal values of one type are taken for the same.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            std::rc::Rc::ptr_eq(left, right)
        }
        (Value::Dict(left), Value::Dict(right)) => std::rc::Rc::ptr_eq(left, right),
        _ => std::mem::discriminant(left) == std::mem::discriminant(right) && left == right,
    }
}
