//! Equality and order, and when Python has none.

use std::cmp::Ordering;

use super::{Value, type_name};
use crate::error::{EvalError, Result};

pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::None, Value::None) => true,
        (Value::Str(left), Value::Str(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => left == right,
        (Value::Set(left), Value::Set(right)) => {
            left.len() == right.len() && left.iter().all(|item| right.contains(item))
        }
        (Value::Dict(left), Value::Dict(right)) => left == right,
        (Value::Table(left), Value::Table(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.iter().any(|(other, with)| other == key && with == value))
        }
        (Value::Date(left), Value::Date(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left.since(*right) == Ok(0),
        (Value::Span(left), Value::Span(right)) => left == right,
        (Value::Function(left), Value::Function(right)) => left == right,
        (Value::Method(left), Value::Method(right)) => left.1 == right.1 && equal(&left.0, &right.0),
        _ => numbers(left, right) == Some(Some(Ordering::Equal)),
    }
}

/// How two numbers stand to each other; inside, nothing where one is NaN.
fn numbers(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return Some(Some(left.cmp(&right)));
    }
    Some(match (left.as_int(), right.as_int()) {
        (Some(left), None) => with_float(left, right.as_float()?),
        (None, Some(right)) => with_float(right, left.as_float()?).map(Ordering::reverse),
        _ => left.as_float()?.partial_cmp(&right.as_float()?),
    })
}

/// Exact, where turning the whole number into a float would round it.
fn with_float(left: i128, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    if right.abs() >= 1.7e38 {
        return Some(if right > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = right.trunc();
    Some(left.cmp(&(whole as i128)).then(0.0_f64.partial_cmp(&(right - whole)).unwrap_or(Ordering::Equal)))
}

/// How two values stand to each other. Nothing where one is NaN; a `TypeError` where Python has no order for them, with
/// the operator that was asked for.
pub(crate) fn compare(left: &Value, right: &Value, operator: &str) -> Result<Option<Ordering>> {
    if let Some(found) = numbers(left, right) {
        return Ok(found);
    }
    let none = || {
        let (left, right) = (type_name(left), type_name(right));
        EvalError::Type(format!("'{operator}' not supported between instances of '{left}' and '{right}'"))
    };
    Ok(match (left, right) {
        (Value::Undefined, _) | (_, Value::Undefined) => {
            return Err(EvalError::Undefined(format!("what is compared by '{operator}' is undefined")));
        }
        (Value::Str(left), Value::Str(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            match left.iter().zip(right.iter()).find(|(left, right)| left != right) {
                Some((left, right)) => compare(left, right, operator)?,
                None => Some(left.len().cmp(&right.len())),
            }
        }
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => match left.since(*right) {
            Ok(micros) => Some(micros.cmp(&0)),
            Err(_) => return Err(EvalError::Type("can't compare offset-naive and offset-aware datetimes".to_owned())),
        },
        (Value::Span(left), Value::Span(right)) if left.is_fixed() && right.is_fixed() => {
            Some(left.micros().cmp(&right.micros()))
        }
        _ => return Err(none()),
    })
}

/// Whether the comparison holds.
pub(crate) fn holds(operator: &str, left: &Value, right: &Value) -> Result<bool> {
    Ok(match operator {
        "==" => equal(left, right),
        "!=" => !equal(left, right),
        "<" => compare(left, right, operator)? == Some(Ordering::Less),
        ">" => compare(left, right, operator)? == Some(Ordering::Greater),
        "<=" => matches!(compare(left, right, operator)?, Some(Ordering::Less | Ordering::Equal)),
        ">=" => matches!(compare(left, right, operator)?, Some(Ordering::Greater | Ordering::Equal)),
        "in" => contains(right, left)?,
        _ => !contains(right, left)?,
    })
}

/// `item in whole`.
pub(crate) fn contains(whole: &Value, item: &Value) -> Result<bool> {
    Ok(match whole {
        Value::Str(text) => match item {
            Value::Str(part) => text.contains(&**part),
            _ => {
                let found = type_name(item);
                let message = format!("'in <string>' requires string as left operand, not {found}");
                return Err(EvalError::Type(message));
            }
        },
        Value::Dict(members) => {
            item.check_hashable()?;
            item.as_str().is_some_and(|key| members.contains_key(key))
        }
        Value::Table(members) => {
            item.check_hashable()?;
            members.iter().any(|(key, _)| key == item)
        }
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items.contains(item),
        Value::Iter(iter) => iter.items.contains(item),
        Value::Undefined => false,
        Value::Bytes(bytes) => match item {
            Value::Bytes(part) => part.is_empty() || bytes.windows(part.len()).any(|window| window == &**part),
            _ => item.as_int().is_some_and(|byte| bytes.iter().any(|known| i128::from(*known) == byte)),
        },
        _ => return Err(EvalError::Type(format!("argument of type '{}' is not iterable", type_name(whole)))),
    })
}

/// Sorted by the keys that stand beside the items, equal ones in their order. A comparison that fails is the error: so the
/// order need not be total, which the sorting of the standard library asks for. Of two errors it is the one that CPython
/// meets first, as it compares in the same order where there are few items.
pub(crate) fn sort(mut items: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<Value>> {
    if reverse {
        items.reverse();
    }
    let mut sorted: Vec<Value> = merge_sort(items)?.into_iter().map(|(_, item)| item).collect();
    if reverse {
        sorted.reverse();
    }
    Ok(sorted)
}

type Keyed = (Value, Value);

fn less(left: &Keyed, right: &Keyed) -> Result<bool> {
    Ok(compare(&left.0, &right.0, "<")? == Some(Ordering::Less))
}

fn merge_sort(mut left: Vec<Keyed>) -> Result<Vec<Keyed>> {
    if left.len() <= 64 {
        return insertion_sort(left);
    }
    let right = left.split_off(left.len() / 2);
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    let mut left = merge_sort(left)?.into_iter().peekable();
    let mut right = merge_sort(right)?.into_iter().peekable();
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let side = if less(second, first)? { &mut right } else { &mut left };
        sorted.extend(side.next());
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}

/// The run that is sorted already, in either direction, and then each item in its place.
fn insertion_sort(mut items: Vec<Keyed>) -> Result<Vec<Keyed>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let falls = less(&items[1], &items[0])?;
    let mut run = 2;
    while run < items.len() && less(&items[run], &items[run - 1])? == falls {
        run += 1;
    }
    if falls {
        items[..run].reverse();
    }
    for at in run..items.len() {
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = usize::midpoint(low, high);
            if less(&items[at], &items[middle])? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        items[low..=at].rotate_right(1);
    }
    Ok(items)
}
