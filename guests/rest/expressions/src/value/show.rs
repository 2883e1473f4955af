//! `str` and `repr` of values.

use super::Value;
use crate::{float, text};

/// What Python calls the value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "Undefined",
        Value::None => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) | Value::Digits(_) => "float",
        Value::Str(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "list",
        Value::Tuple(_) => "tuple",
        Value::Set(_) => "set",
        Value::Dict(_) | Value::Table(_) => "dict",
        Value::Iter(iter) => iter.kind,
        Value::Date(_) => "datetime.date",
        Value::Time(_) => "datetime.datetime",
        Value::Span(span) if span.is_fixed() => "datetime.timedelta",
        Value::Span(_) => "Duration",
        Value::Function(_) => "function",
        Value::Method(_) => "builtin_function_or_method",
    }
}

pub(super) fn str(value: &Value, out: &mut String) {
    match value {
        Value::Undefined => {}
        Value::Str(text) => out.push_str(text),
        Value::Date(date) => out.push_str(&date.iso()),
        Value::Time(time) => out.push_str(&time.iso(' ')),
        Value::Span(span) => out.push_str(&span.show()),
        _ => repr(value, out),
    }
}

pub(super) fn repr(value: &Value, out: &mut String) {
    match value {
        Value::Undefined => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float::repr(*number)),
        Value::Digits(digits) => out.push_str(digits),
        Value::Str(string) => text::repr(string, out),
        Value::Bytes(bytes) => text::repr_bytes(bytes, out),
        Value::List(items) => list(items, "[", "]", out),
        Value::Tuple(items) if items.len() == 1 => list(items, "(", ",)", out),
        Value::Tuple(items) => list(items, "(", ")", out),
        Value::Set(items) if items.is_empty() => out.push_str("set()"),
        Value::Set(items) => list(items, "{", "}", out),
        Value::Dict(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                text::repr(key, out);
                out.push_str(": ");
                repr(value, out);
            }
            out.push('}');
        }
        Value::Table(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                repr(key, out);
                out.push_str(": ");
                repr(value, out);
            }
            out.push('}');
        }
        // Python shows an address too, which is never the same.
        Value::Iter(iter) if !iter.is_view() => out.push_str(&format!("<{} object>", iter.kind)),
        Value::Iter(iter) => {
            out.push_str(iter.kind);
            list(&iter.items, "([", "])", out);
        }
        Value::Function(name) => out.push_str(&format!("<function {name}>")),
        Value::Method(method) => {
            out.push_str(&format!("<built-in method {} of {} object>", method.1, type_name(&method.0)));
        }
        Value::Date(_) | Value::Time(_) | Value::Span(_) => times(value, out),
    }
}

fn list(items: &[Value], open: &str, close: &str, out: &mut String) {
    out.push_str(open);
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        repr(item, out);
    }
    out.push_str(close);
}

fn times(value: &Value, out: &mut String) {
    match value {
        Value::Date(date) => {
            let (year, month, day) = date.parts();
            out.push_str(&format!("datetime.date({year}, {month}, {day})"));
        }
        Value::Time(time) => {
            let ((year, month, day), clock) = (time.date().parts(), time.clock());
            out.push_str(&format!("datetime.datetime({year}, {month}, {day}, {}, {}", clock.hour, clock.minute));
            if clock.second != 0 || clock.micro != 0 {
                out.push_str(&format!(", {}", clock.second));
            }
            if clock.micro != 0 {
                out.push_str(&format!(", {}", clock.micro));
            }
            match time.offset() {
                None => {}
                Some(0) => out.push_str(", tzinfo=datetime.timezone.utc"),
                Some(offset) => out.push_str(&format!(
                    ", tzinfo=datetime.timezone(datetime.timedelta(days={}, seconds={}))",
                    offset.div_euclid(86_400),
                    offset.rem_euclid(86_400)
                )),
            }
            out.push(')');
        }
        Value::Span(span) => {
            let day = 86_400_000_000;
            let (days, rest) = (span.micros().div_euclid(day), span.micros().rem_euclid(day));
            let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
            if !span.is_fixed() {
                let (years, months) = span.calendar();
                out.push_str(&format!(
                    "isodate.duration.Duration({days}, {seconds}, {micros}, years={years}, months={months})"
                ));
                return;
            }
            let named = [("days", days), ("seconds", seconds), ("microseconds", micros)];
            let parts: Vec<_> =
                named.iter().filter(|(_, part)| *part != 0).map(|(name, part)| format!("{name}={part}")).collect();
            let inside = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
            out.push_str(&format!("datetime.timedelta({inside})"));
        }
        _ => {}
    }
}
