//! Filters of numbers.

use crate::call::{Context, Given, size, whole};
use crate::error::{EvalError, Result};
use crate::float;
use crate::functions::float_to_int;
use crate::value::{Arith, Value, arith, negate, type_name};

pub(super) fn apply(context: &Context<'_>, name: &'static str, value: Value, given: Given) -> Result<Value> {
    match name {
        "abs" => {
            let [] = given.plain(name, [])?;
            match &value {
                Value::Float(number) => Ok(Value::Float(number.abs())),
                Value::Span(span) if span.micros() < 0 => negate(&value, false),
                Value::Span(_) => Ok(value),
                _ => match value.as_int() {
                    Some(number) => number.checked_abs().map(Value::Int).ok_or_else(EvalError::large),
                    None => Err(EvalError::Type(format!("bad operand type for abs(): '{}'", type_name(&value)))),
                },
            }
        }
        "int" => {
            let [default, base] = given.bind(name, ["default?", "base?"])?;
            let base = base.map_or(Ok(10), |base| whole(&base, "base"))?;
            to_int(&value, default.unwrap_or(Value::Int(0)), base)
        }
        "float" => {
            let [default] = given.bind(name, ["default?"])?;
            Ok(to_float(&value)?.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "round" => {
            let [precision, method] = given.bind(name, ["precision?", "method?"])?;
            let method = method.unwrap_or_else(|| "common".into());
            let precision = precision.unwrap_or(Value::Int(0));
            match method.as_str() {
                Some("common") => round(&value, whole(&precision, "precision")?),
                Some(method @ ("ceil" | "floor")) => {
                    let power = arith(&context.budget, Arith::Pow, &Value::Int(10), &precision)?;
                    let scaled = arith(&context.budget, Arith::Mul, &value, &power)?;
                    let Some(number) = scaled.as_float() else {
                        return Err(EvalError::Type(format!("must be real number, not {}", type_name(&scaled))));
                    };
                    let number = if method == "ceil" { number.ceil() } else { number.floor() };
                    arith(&context.budget, Arith::Div, &Value::Int(float_to_int(number)?), &power)
                }
                _ => Err(EvalError::raised("FilterArgumentError", "method must be common, ceil or floor")),
            }
        }
        _ => {
            let [binary] = given.bind(name, ["binary?"])?;
            let bytes = to_float(&value)?.ok_or_else(|| match value {
                Value::Str(_) => EvalError::value("could not convert string to float"),
                _ => EvalError::Type(format!(
                    "float() argument must be a string or a number, not '{}'",
                    type_name(&value)
                )),
            })?;
            Ok(file_size(bytes, binary.is_some_and(|binary| binary.is_true())).into())
        }
    }
}

/// `float(value)`, if it can be one.
fn to_float(value: &Value) -> Result<Option<f64>> {
    match value {
        Value::Str(text) => Ok(float::parse(text)),
        Value::Undefined => Err(EvalError::Undefined("what becomes a number is undefined".to_owned())),
        _ => Ok(value.as_float()),
    }
}

fn to_int(value: &Value, default: Value, base: i128) -> Result<Value> {
    if let Value::Str(text) = value {
        let base = match u32::try_from(base) {
            Ok(base @ (0 | 2..=36)) => base,
            _ => return Err(EvalError::value("int() base must be >= 2 and <= 36, or 0")),
        };
        match float::parse_int(text, base) {
            Ok(number) => return Ok(Value::Int(number)),
            Err(true) => return Err(EvalError::large()),
            Err(false) => {}
        }
    } else if let Some(number) = value.as_int() {
        return Ok(Value::Int(number));
    } else if let Value::Float(number) = value
        && number.is_finite()
    {
        return float_to_int(*number).map(Value::Int);
    } else if matches!(value, Value::Float(number) if number.is_infinite()) {
        return float_to_int(f64::INFINITY).map(Value::Int);
    }
    match to_float(value)? {
        Some(number) if number.is_finite() => float_to_int(number).map(Value::Int),
        _ => Ok(default),
    }
}

/// `round(value, digits)`: halves to the even digit, and a whole number stays whole.
fn round(value: &Value, digits: i128) -> Result<Value> {
    if let Some(number) = value.as_int() {
        if digits >= 0 {
            return Ok(Value::Int(number));
        }
        let Some(power) = u32::try_from(-digits).ok().and_then(|digits| 10_i128.checked_pow(digits)) else {
            return Ok(Value::Int(0));
        };
        let (quotient, rest) = (number.div_euclid(power), number.rem_euclid(power));
        let up = (rest * 2).cmp(&power).then((quotient % 2 != 0).cmp(&false)).is_gt();
        return Ok(Value::Int((quotient + i128::from(up)) * power));
    }
    let Some(number) = value.as_float() else {
        return Err(EvalError::Type(format!("type {} doesn't define __round__ method", type_name(value))));
    };
    if !number.is_finite() || digits > 300 {
        return Ok(Value::Float(number));
    }
    if digits < 0 {
        let power = 10_f64.powi(i32::try_from(-digits).unwrap_or(i32::MAX));
        let rounded = (number / power).round_ties_even() * power;
        return Ok(Value::Float(if rounded.is_finite() { rounded } else { 0.0_f64.copysign(number) }));
    }
    let text = format!("{number:.*}", size(digits));
    Ok(Value::Float(text.parse().unwrap_or(number)))
}

fn file_size(bytes: f64, binary: bool) -> String {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return "1 Byte".to_owned();
    }
    if bytes < base {
        return format!("{} Bytes", bytes.trunc());
    }
    let mut unit = base;
    let mut shown = String::new();
    for prefix in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
        unit *= base;
        let prefix = if binary { format!("{}i", prefix.to_uppercase()) } else { prefix.to_owned() };
        shown = format!("{:.1} {prefix}B", base * bytes / unit);
        if bytes < unit {
            break;
        }
    }
    shown
}
