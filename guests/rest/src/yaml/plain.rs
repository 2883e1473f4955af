//! What a scalar without quotes is (<https://yaml.org/type/>, the types of version 1.1).

use std::rc::Rc;

use expressions::Value;

/// What a plain scalar is.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::None,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => integer(text).or_else(|| float(text)).unwrap_or_else(|| Value::from(text)),
    }
}

/// What a scalar with a tag of YAML's own is.
pub(super) fn tagged(text: &str, tag: &str) -> Result<Value, String> {
    let value = match tag {
        "str" => Some(Value::from(text)),
        "null" => Some(Value::None),
        "int" => integer(text),
        "float" => float(text).or_else(|| integer(text).map(as_float)),
        "bool" => Some(resolve(text)).filter(|value| matches!(value, Value::Bool(_))),
        _ => return Err(format!("the tag !!{tag} means nothing here")),
    };
    value.ok_or_else(|| format!("{text:?} is no !!{tag}"))
}

fn as_float(value: Value) -> Value {
    if let Value::Int(value) = value { Value::Float(value as f64) } else { value }
}

/// The name of a member whose key is this value, as Python writes it.
pub(super) fn name(key: &Value) -> Result<Rc<str>, String> {
    Ok(match key {
        Value::Str(text) => Rc::clone(text),
        Value::Int(value) => value.to_string().into(),
        Value::Float(value) => format!("{value:?}").into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::None => "None".into(),
        _ => return Err("a list or a mapping cannot be a key".into()),
    })
}

/// A whole number in base 2, 8, 10, 16 or 60. One of more than 128 bits stays text.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = sign(text);
    let value = if let Some(digits) = digits.strip_prefix("0b") {
        radix(digits, 2)?
    } else if let Some(digits) = digits.strip_prefix("0x") {
        radix(digits, 16)?
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(&digits[1..], 8)?
    } else if digits.starts_with(|first: char| first.is_ascii_digit()) {
        sexagesimal(digits)?
    } else {
        return None;
    };
    Some(Value::Int(if negative { -value } else { value }))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn radix(digits: &str, radix: u32) -> Option<i128> {
    let bare = digits.replace('_', "");
    let plain = !bare.is_empty() && bare.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| i128::from_str_radix(&bare, radix).ok())?
}

/// `12:30` is 750: each part counts sixty times the one after it.
fn sexagesimal(digits: &str) -> Option<i128> {
    let mut parts = digits.split(':');
    let mut value = radix(parts.next()?, 10)?;
    for part in parts {
        let sixtieth = (1..=2).contains(&part.len()).then(|| radix(part, 10))??;
        value = value.checked_mul(60)?.checked_add(sixtieth).filter(|_| sixtieth < 60)?;
    }
    Some(value)
}

/// A number with a point, by the first pattern of PyYAML: an exponent needs its sign.
fn float(text: &str) -> Option<Value> {
    let (negative, digits) = sign(text);
    let signed = |value: f64| Value::Float(if negative { -value } else { value });
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(signed(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if digits == text => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let (whole, rest) = digits.split_once('.')?;
    if let Some((before, sixtieth)) = whole.rsplit_once(':') {
        let fraction = decimal(sixtieth, rest)?;
        return Some(signed(sexagesimal(before)? as f64 * 60.0 + fraction));
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, ""),
    };
    let has_exponent = fraction.len() < rest.len();
    if has_exponent {
        let digits = exponent.strip_prefix(['+', '-'])?;
        radix(digits, 10).filter(|_| !digits.contains('_'))?;
    }
    let starts = whole.starts_with(|first: char| first.is_ascii_digit());
    let bare = whole.is_empty() && text == digits && fraction.starts_with(|first: char| first.is_ascii_digit());
    if !(starts || bare) {
        return None;
    }
    let number = format!(
        "{}.{}0e{}",
        whole.replace('_', ""),
        fraction.replace('_', ""),
        if has_exponent { exponent } else { "0" }
    );
    let plain = number.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | '+' | '-'));
    plain.then(|| number.parse().ok().map(signed))?
}

fn decimal(whole: &str, fraction: &str) -> Option<f64> {
    radix(whole, 10)?;
    format!("{whole}.{}0", fraction.replace('_', "")).parse().ok()
}
