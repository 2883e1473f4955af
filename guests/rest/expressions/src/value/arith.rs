//! `+ - * / // % **`, with Python's signs and refusals.

use std::rc::Rc;

use super::{Value, type_name};
use crate::error::{Budget, EvalError, Result};
use crate::time::Span;

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

impl Arith {
    fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "** or pow()",
        }
    }
}

/// What the operator makes of both.
pub(crate) fn arith(budget: &Budget, operator: Arith, left: &Value, right: &Value) -> Result<Value> {
    if let (Arith::Mod, Value::Str(format)) = (operator, left) {
        return crate::percent::format(budget, format, right);
    }
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return whole(operator, left, right);
    }
    if let (Some(left), Some(right)) = (left.as_float(), right.as_float()) {
        return fraction(operator, left, right);
    }
    if matches!(left, Value::Undefined) || matches!(right, Value::Undefined) {
        return Err(EvalError::Undefined(format!("an operand of '{}' is undefined", operator.sign())));
    }
    match operator {
        Arith::Add => add(budget, left, right),
        Arith::Sub => subtract(left, right),
        Arith::Mul => multiply(budget, left, right),
        Arith::Div | Arith::FloorDiv | Arith::Mod => divide(operator, left, right),
        Arith::Pow => Err(unsupported(operator, left, right)),
    }
}

fn unsupported(operator: Arith, left: &Value, right: &Value) -> EvalError {
    let (sign, left, right) = (operator.sign(), type_name(left), type_name(right));
    EvalError::Type(format!("unsupported operand type(s) for {sign}: '{left}' and '{right}'"))
}

fn zero(message: &str) -> EvalError {
    EvalError::raised("ZeroDivisionError", message)
}

fn whole(operator: Arith, left: i128, right: i128) -> Result<Value> {
    let number = match operator {
        Arith::Add => left.checked_add(right),
        Arith::Sub => left.checked_sub(right),
        Arith::Mul => left.checked_mul(right),
        Arith::Div if right == 0 => return Err(zero("division by zero")),
        Arith::Div => return Ok(Value::Float(left as f64 / right as f64)),
        Arith::FloorDiv | Arith::Mod if right == 0 => return Err(zero("integer division or modulo by zero")),
        Arith::FloorDiv => {
            let quotient = left.checked_div(right).ok_or_else(EvalError::large)?;
            Some(if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
        }
        Arith::Mod => {
            let rest = left.checked_rem(right).unwrap_or_default();
            Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        Arith::Pow if right < 0 => return fraction(operator, left as f64, right as f64),
        Arith::Pow => match u32::try_from(right) {
            Ok(exponent) => left.checked_pow(exponent),
            Err(_) if matches!(left, 0 | 1) => Some(left),
            Err(_) if left == -1 => Some(if right % 2 == 0 { 1 } else { -1 }),
            Err(_) => None,
        },
    };
    number.map(Value::Int).ok_or_else(EvalError::large)
}

fn fraction(operator: Arith, left: f64, right: f64) -> Result<Value> {
    let floor_mod = || {
        let rest = left % right;
        if rest != 0.0 && (rest < 0.0) != (right < 0.0) {
            rest + right
        } else {
            rest.abs().copysign(if rest == 0.0 { right } else { rest })
        }
    };
    Ok(Value::Float(match operator {
        Arith::Add => left + right,
        Arith::Sub => left - right,
        Arith::Mul => left * right,
        Arith::Div if right == 0.0 => return Err(zero("float division by zero")),
        Arith::FloorDiv if right == 0.0 => return Err(zero("float floor division by zero")),
        Arith::Mod if right == 0.0 => return Err(zero("float modulo")),
        Arith::Div => left / right,
        Arith::Mod => floor_mod(),
        Arith::FloorDiv => {
            let quotient = (left - floor_mod()) / right;
            let floor = quotient.floor();
            if quotient - floor > 0.5 { floor + 1.0 } else { floor }
        }
        Arith::Pow if left == 0.0 && right < 0.0 => {
            return Err(zero("0.0 cannot be raised to a negative power"));
        }
        Arith::Pow if left < 0.0 && right.is_finite() && right.fract() != 0.0 => {
            return Err(EvalError::Unsupported("a complex number".to_owned()));
        }
        Arith::Pow => {
            let power = left.powf(right);
            if power.is_infinite() && left.is_finite() && right.is_finite() {
                return Err(EvalError::raised("OverflowError", "(34, 'Numerical result out of range')"));
            }
            power
        }
    }))
}

fn add(budget: &Budget, left: &Value, right: &Value) -> Result<Value> {
    let joined = |left: &[Value], right: &[Value]| {
        budget.make((left.len() + right.len()) * 32)?;
        Ok::<_, EvalError>(Rc::new([left, right].concat()))
    };
    Ok(match (left, right) {
        (Value::Str(left), Value::Str(right)) => {
            budget.make(left.len() + right.len())?;
            Value::from([&**left, &**right].concat())
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            budget.make(left.len() + right.len())?;
            Value::Bytes([&**left, &**right].concat().into())
        }
        (Value::List(left), Value::List(right)) => Value::List(joined(left, right)?),
        (Value::Tuple(left), Value::Tuple(right)) => Value::Tuple(joined(left, right)?),
        (Value::Date(date), Value::Span(span)) | (Value::Span(span), Value::Date(date)) => {
            Value::Date(date.plus(span, 1)?)
        }
        (Value::Time(time), Value::Span(span)) | (Value::Span(span), Value::Time(time)) => {
            Value::Time(time.plus(span, 1)?)
        }
        (Value::Span(left), Value::Span(right)) => left.plus(right, 1)?.into(),
        (Value::Str(_), _) => {
            let message = format!("can only concatenate str (not \"{}\") to str", type_name(right));
            return Err(EvalError::Type(message));
        }
        _ => return Err(unsupported(Arith::Add, left, right)),
    })
}

fn subtract(left: &Value, right: &Value) -> Result<Value> {
    Ok(match (left, right) {
        (Value::Date(left), Value::Date(right)) => {
            Span::from_micros(i128::from(left.days() - right.days()) * 86_400_000_000)?.into()
        }
        (Value::Time(left), Value::Time(right)) => Span::from_micros(left.since(*right)?.into())?.into(),
        (Value::Date(date), Value::Span(span)) => Value::Date(date.plus(span, -1)?),
        (Value::Time(time), Value::Span(span)) => Value::Time(time.plus(span, -1)?),
        (Value::Span(left), Value::Span(right)) => left.plus(right, -1)?.into(),
        (Value::Set(left), Value::Set(right)) => {
            Value::Set(Rc::new(left.iter().filter(|item| !right.contains(item)).cloned().collect()))
        }
        _ => return Err(unsupported(Arith::Sub, left, right)),
    })
}

/// A length of time times a number with a fraction, to the nearest microsecond.
fn stretched(span: &Span, factor: f64) -> Result<Value> {
    let micros = (span.micros() as f64 * factor).round_ties_even();
    if !micros.is_finite() {
        return Err(EvalError::value("cannot convert float NaN or infinity to integer"));
    }
    Ok(Span::from_micros(micros as i128)?.into())
}

fn multiply(budget: &Budget, left: &Value, right: &Value) -> Result<Value> {
    if let (Value::Span(span), Value::Float(factor)) | (Value::Float(factor), Value::Span(span)) = (left, right)
        && span.is_fixed()
    {
        return stretched(span, *factor);
    }
    let (whole, times) = match (left.as_int(), right.as_int()) {
        (_, Some(times)) => (left, times),
        (Some(times), _) => (right, times),
        _ => return Err(unsupported(Arith::Mul, left, right)),
    };
    if let Value::Span(span) = whole {
        return Ok(span.times(times)?.into());
    }
    let length = match whole {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) | Value::Tuple(items) => items.len() * 32,
        _ => return Err(unsupported(Arith::Mul, left, right)),
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    budget.make(length.saturating_mul(times))?;
    let times = if length == 0 { 0 } else { times };
    Ok(match whole {
        Value::Str(text) => Value::from(text.repeat(times)),
        Value::Bytes(bytes) => Value::Bytes(bytes.repeat(times).into()),
        Value::Tuple(items) => Value::Tuple(Rc::new(repeat(items, times))),
        Value::List(items) => Value::List(Rc::new(repeat(items, times))),
        _ => return Err(unsupported(Arith::Mul, left, right)),
    })
}

fn repeat(items: &[Value], times: usize) -> Vec<Value> {
    std::iter::repeat_n(items, times).flatten().cloned().collect()
}

/// Lengths of time by lengths of time, and by numbers.
fn divide(operator: Arith, left: &Value, right: &Value) -> Result<Value> {
    let Value::Span(span) = left else { return Err(unsupported(operator, left, right)) };
    let micros = span.micros();
    let by = match right {
        Value::Span(other) if other.is_fixed() => Some(other.micros()),
        _ => None,
    };
    if !span.is_fixed() {
        return Err(unsupported(operator, left, right));
    }
    let span_of = |number: Value| -> Result<Value> {
        let micros = number.as_int().ok_or_else(EvalError::large)?;
        Ok(Span::from_micros(micros)?.into())
    };
    if let (Arith::Div, Value::Float(by)) = (operator, right) {
        return if *by == 0.0 { Err(zero("float division by zero")) } else { stretched(span, 1.0 / by) };
    }
    match (operator, by, right.as_int()) {
        (Arith::Mod, Some(by), _) => span_of(whole(Arith::Mod, micros, by)?),
        (_, Some(by), _) => whole(operator, micros, by),
        (Arith::FloorDiv, None, Some(by)) => span_of(whole(Arith::FloorDiv, micros, by)?),
        (Arith::Div, None, Some(0)) => Err(zero("integer division or modulo by zero")),
        (Arith::Div, None, Some(by)) => {
            let (quotient, rest) = (micros.div_euclid(by), micros.rem_euclid(by).abs());
            let up = (rest * 2).cmp(&by.abs()).then((quotient % 2 != 0).cmp(&false)).is_gt();
            span_of(Value::Int(if up { quotient + by.signum() } else { quotient }))
        }
        _ => Err(unsupported(operator, left, right)),
    }
}

/// `-value`, `+value` for `positive`.
pub(crate) fn negate(value: &Value, positive: bool) -> Result<Value> {
    let sign = if positive { 1 } else { -1 };
    match value {
        Value::Float(number) => Ok(Value::Float(if positive { *number } else { -number })),
        Value::Digits(_) => Ok(Value::Float(value.as_float().unwrap_or_default() * f64::from(sign))),
        Value::Span(span) => Ok(span.times(sign.into())?.into()),
        Value::Undefined => Err(EvalError::Undefined("what has a sign before it is undefined".to_owned())),
        _ => match value.as_int() {
            Some(number) => number.checked_mul(sign.into()).map(Value::Int).ok_or_else(EvalError::large),
            None => {
                let sign = if positive { '+' } else { '-' };
                Err(EvalError::Type(format!("bad operand type for unary {sign}: '{}'", type_name(value))))
            }
        },
    }
}
