//! The functions that the reference gives to templates.

use std::cmp::Ordering;

use crate::call::{Context, Given, need, text};
use crate::error::{EvalError, Result};
use crate::quote;
use crate::time::{self, DateTime, Span};
use crate::value::{Map, Value, compare, type_name};

const NAMES: [&str; 15] = [
    "camel_case_to_snake_case",
    "day_delta",
    "dict",
    "duration",
    "format_datetime",
    "generate_uuid",
    "max",
    "min",
    "namespace",
    "now_utc",
    "sanitize_url",
    "str_to_datetime",
    "timestamp",
    "today_utc",
    "today_with_timezone",
];

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|known| **known == name).copied()
}

/// Why a call of that name cannot be.
pub(crate) fn refusal(name: &str) -> Option<String> {
    match name {
        _ if find(name).is_some() => None,
        "cycler" | "joiner" | "lipsum" => Some(format!("the function '{name}' is not supported")),
        "range" => Some("the function 'range' is taken away by the reference".to_owned()),
        "loop" => Some("a recursive loop is not supported".to_owned()),
        _ => Some(format!("there is no function '{name}'")),
    }
}

pub(crate) fn call(context: &Context<'_>, name: &'static str, given: Given) -> Result<Value> {
    match name {
        "now_utc" => {
            let [] = given.bind(name, [])?;
            Ok(Value::Time(now(context)?))
        }
        "today_utc" => {
            let [] = given.bind(name, [])?;
            Ok(Value::Date(now(context)?.date()))
        }
        "today_with_timezone" => {
            let [zone] = given.bind(name, ["timezone"])?;
            let zone = text(&need(zone), "timezone")?;
            let offset = fixed_zone(&zone).ok_or_else(|| EvalError::Unsupported(format!("the time zone '{zone}'")))?;
            Ok(Value::Date(now(context)?.at_offset(offset)?.date()))
        }
        "timestamp" => {
            let [moment] = given.bind(name, ["dt"])?;
            timestamp(&need(moment))
        }
        "str_to_datetime" => {
            let [text] = given.bind(name, ["s"])?;
            Ok(Value::Time(to_time(&need(text))?))
        }
        "max" | "min" => extreme(context, name, given),
        "day_delta" => {
            let [days, format] = given.bind(name, ["num_days", "format?"])?;
            let format = format.unwrap_or_else(|| "%Y-%m-%dT%H:%M:%S.%f%z".into());
            let later = now(context)?.plus(&days_span(&need(days))?, 1)?;
            Ok(time::strftime(later, &text(&format, "format")?).into())
        }
        "duration" => {
            let [length] = given.bind(name, ["datestring"])?;
            match need(length) {
                Value::Str(text) => Ok(time::parse_span(&text)?.into()),
                other => Err(EvalError::Type(format!("Expecting a string {}", other.to_repr()))),
            }
        }
        "format_datetime" => {
            let [moment, format, input] = given.bind(name, ["dt", "format", "input_format?"])?;
            format_datetime(&need(moment), &need(format), &input.unwrap_or(Value::None))
        }
        "sanitize_url" => {
            let [value] = given.bind(name, ["value"])?;
            Ok(quote::plus(&text(&need(value), "value")?).into())
        }
        "camel_case_to_snake_case" => {
            let [value] = given.bind(name, ["value"])?;
            Ok(snake_case(&text(&need(value), "value")?).into())
        }
        "generate_uuid" => {
            let [] = given.bind(name, [])?;
            uuid(context)
        }
        _ => members(given),
    }
}

/// `dict(a=1)` and `namespace(a=1)`.
fn members(given: Given) -> Result<Value> {
    let mut members = Map::new();
    for value in given.positional {
        let Value::Dict(own) = &value else {
            return Err(EvalError::Type(format!("'{}' object is not a mapping", type_name(&value))));
        };
        members.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    members.extend(given.named);
    Ok(members.into())
}

fn now(context: &Context<'_>) -> Result<DateTime> {
    Ok(DateTime::from_micros(context.scope.now())?)
}

/// Seconds ahead of UTC of the zones that need no database.
pub(crate) fn fixed_zone(name: &str) -> Option<i32> {
    let lower = name.to_ascii_lowercase();
    let short = lower.strip_prefix("etc/").unwrap_or(&lower);
    match short {
        "utc" | "uct" | "zulu" | "universal" | "gmt" | "greenwich" | "gmt0" | "gmt+0" | "gmt-0" => Some(0),
        "est" if short == lower => Some(-5 * 3600),
        "mst" if short == lower => Some(-7 * 3600),
        "hst" if short == lower => Some(-10 * 3600),
        // The sign of these names is the other way round.
        _ if short != lower => {
            let hours: i32 = short.strip_prefix("gmt")?.parse().ok()?;
            (-14..=12).contains(&hours).then_some(-hours * 3600)
        }
        _ => None,
    }
}

/// `str_to_datetime`: in UTC, which is also taken where no offset is said.
fn to_time(value: &Value) -> Result<DateTime> {
    match value {
        Value::Str(text) => Ok(time::isoparse(text)?.utc()?),
        Value::Undefined => Err(EvalError::Undefined("what is read as a time is undefined".to_owned())),
        // The reference asks for the length first.
        _ if value.length()? < 4 => Err(EvalError::value("ISO string too short")),
        _ => Err(EvalError::Type(format!("int() cannot take a '{}'", type_name(value)))),
    }
}

fn timestamp(value: &Value) -> Result<Value> {
    if let Some(number) = value.as_int() {
        return Ok(Value::Int(number));
    }
    match value {
        Value::Float(number) => float_to_int(*number).map(Value::Int),
        _ => Ok(Value::Float(to_time(value)?.micros() as f64 / 1e6)),
    }
}

/// `int(number)`.
pub(crate) fn float_to_int(number: f64) -> Result<i128> {
    if number.is_nan() {
        return Err(EvalError::value("cannot convert float NaN to integer"));
    }
    if number.is_infinite() {
        return Err(EvalError::raised("OverflowError", "cannot convert float infinity to integer"));
    }
    if number.abs() >= 1.7e38 { Err(EvalError::large()) } else { Ok(number.trunc() as i128) }
}

fn days_span(days: &Value) -> Result<Span> {
    let micros = match (days.as_int(), days.as_float()) {
        (Some(days), _) => days.checked_mul(86_400_000_000),
        (None, Some(days)) => Some((days * 86_400e6).round_ties_even() as i128),
        _ => {
            let message = format!("unsupported type for timedelta days component: {}", type_name(days));
            return Err(EvalError::Type(message));
        }
    };
    Ok(Span::from_micros(micros.unwrap_or(i128::MAX))?)
}

/// Trap 12: a time goes by `strftime`, a whole number is seconds, text is ISO 8601.
fn format_datetime(moment: &Value, format: &Value, input: &Value) -> Result<Value> {
    let format = text(format, "format")?;
    if let Value::Time(moment) = moment {
        return Ok(time::strftime(*moment, &format).into());
    }
    let input = if input.is_true() { Some(text(input, "input_format")?) } else { None };
    let moment = match (moment.as_int(), &input) {
        (Some(seconds), _) => time::parse(&seconds.to_string(), input.as_deref().unwrap_or("%s"))?,
        (None, Some(input)) => {
            let parsed = time::strptime(&text(moment, "what strptime() reads")?, input)?;
            if parsed.offset().is_none() { parsed.with_offset(Some(0)) } else { parsed }
        }
        (None, None) => to_time(moment)?,
    };
    Ok(time::format(moment, &format).into())
}

/// `max` and `min`: of some arguments, or of what one holds.
fn extreme(context: &Context<'_>, name: &'static str, given: Given) -> Result<Value> {
    if let Some((named, _)) = given.named.first() {
        return Err(EvalError::Type(format!("{name}() got an unexpected keyword argument '{named}'")));
    }
    let items = match given.positional.len() {
        0 => return Err(EvalError::Type(format!("{name} expected at least 1 argument, got 0"))),
        1 => given.positional[0].items()?,
        _ => given.positional,
    };
    context.budget.work(items.len())?;
    let largest = best(items, name == "max", |item| Ok(item.clone()))?;
    largest.ok_or_else(|| EvalError::value(format!("{name}() arg is an empty sequence")))
}

/// The first of the largest, or of the smallest.
pub(crate) fn best(items: Vec<Value>, largest: bool, key: impl Fn(&Value) -> Result<Value>) -> Result<Option<Value>> {
    let (wanted, operator) = if largest { (Ordering::Greater, ">") } else { (Ordering::Less, "<") };
    let mut found: Option<(Value, Value)> = None;
    for item in items {
        let key = key(&item)?;
        let better = match &found {
            Some((best, _)) => compare(&key, best, operator)? == Some(wanted),
            None => true,
        };
        if better {
            found = Some((key, item));
        }
    }
    Ok(found.map(|(_, item)| item))
}

fn snake_case(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for (at, letter) in value.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

fn uuid(context: &Context<'_>) -> Result<Value> {
    let mut bytes = [0; 16];
    if !context.scope.random(&mut bytes) {
        return Err(EvalError::Unsupported("generate_uuid without a source of random bytes".to_owned()));
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    Ok(out.into())
}
