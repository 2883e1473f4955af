//! Whether a value fits a schema (JSON Schema, draft 7). Pure.

use expressions::{Map, Value};

/// How deep a schema is followed.
const MAX_DEPTH: usize = 64;

/// Why a value does not fit a schema; nothing where it does.
pub(crate) fn misfit(value: &Value, schema: &Value) -> Option<String> {
    at(value, schema, 0)
}

fn at(value: &Value, schema: &Value, depth: usize) -> Option<String> {
    let keywords = match schema {
        Value::Bool(true) => return None,
        Value::Bool(false) => return Some(format!("nothing is allowed in the place of {}", value.to_repr())),
        schema if depth < MAX_DEPTH => schema.as_dict()?,
        _ => return Some("the schema is nested too deeply".to_owned()),
    };
    keywords.iter().find_map(|(name, wanted)| by_keyword(value, keywords, (name, wanted), depth))
}

fn by_keyword(value: &Value, all: &Map, (name, wanted): (&str, &Value), depth: usize) -> Option<String> {
    let shown = || value.to_repr();
    let fits = |schema: &Value| at(value, schema, depth + 1).is_none();
    let list = || wanted.as_list().unwrap_or_default();
    let said = |is_wrong: bool, reason: &str| is_wrong.then(|| format!("{} {reason} {}", shown(), wanted.to_repr()));
    match name {
        "type" => {
            let is = match wanted {
                Value::List(kinds) => kinds.iter().any(|kind| is_of(value, &kind.to_text())),
                kind => is_of(value, &kind.to_text()),
            };
            said(!is, "is not of type")
        }
        "enum" => said(!list().iter().any(|one| is_same(value, one)), "is not one of"),
        "const" => said(!is_same(value, wanted), "is not"),
        "allOf" => list().iter().find_map(|schema| at(value, schema, depth + 1)),
        "anyOf" => said(!list().iter().any(fits), "fits none of"),
        "oneOf" => said(list().iter().filter(|schema| fits(schema)).count() != 1, "does not fit exactly one of"),
        "not" => said(fits(wanted), "must not fit"),
        _ => match value {
            Value::Str(text) => of_text(text, name, wanted).then(|| format!("{} breaks {name}", shown())),
            Value::List(items) => match name {
                "items" => items.iter().find_map(|item| at(item, wanted, depth + 1)),
                _ => is_beyond(items.len(), (name, "minItems", "maxItems"), wanted)
                    .then(|| format!("{} breaks {name}", shown())),
            },
            Value::Dict(members) => of_members(members, all, (name, wanted), depth),
            value => of_number(value, name, wanted).then(|| format!("{} breaks {name}", shown())),
        },
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match (kind, value) {
        ("null", Value::None)
        | ("boolean", Value::Bool(_))
        | ("string", Value::Str(_))
        | ("array", Value::List(_))
        | ("object", Value::Dict(_))
        | ("integer" | "number", Value::Int(_) | Value::Digits(_))
        | ("number", Value::Float(_)) => true,
        ("integer", Value::Float(number)) => number.fract() == 0.0,
        _ => false,
    }
}

/// Whether two are the same: 1 and true are not.
fn is_same(one: &Value, other: &Value) -> bool {
    matches!(one, Value::Bool(_)) == matches!(other, Value::Bool(_)) && one == other
}

fn of_text(text: &str, name: &str, wanted: &Value) -> bool {
    match name {
        "pattern" => regex_lite::Regex::new(&wanted.to_text()).is_ok_and(|pattern| !pattern.is_match(text)),
        _ => is_beyond(text.chars().count(), (name, "minLength", "maxLength"), wanted),
    }
}

fn of_members(members: &Map, all: &Map, (name, wanted): (&str, &Value), depth: usize) -> Option<String> {
    match name {
        "required" => {
            let mut needed = wanted.as_list().unwrap_or_default().iter().map(Value::to_text);
            needed.find(|name| !members.contains_key(name)).map(|name| format!("'{name}' is a required property"))
        }
        "properties" => wanted
            .as_dict()?
            .iter()
            .find_map(|(name, schema)| members.get(name).and_then(|member| at(member, schema, depth + 1))),
        "additionalProperties" => {
            let known = all.get("properties").and_then(Value::as_dict);
            let more = members.iter().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
            more.into_iter().find_map(|(name, member)| {
                at(member, wanted, depth + 1).map(|reason| format!("the property '{name}': {reason}"))
            })
        }
        _ => is_beyond(members.len(), (name, "minProperties", "maxProperties"), wanted)
            .then(|| format!("{} properties break {name}", members.len())),
    }
}

fn is_beyond(count: usize, (name, least, most): (&str, &str, &str), wanted: &Value) -> bool {
    let wanted = wanted.as_int().and_then(|wanted| usize::try_from(wanted).ok());
    wanted.is_some_and(|wanted| (name == least && count < wanted) || (name == most && count > wanted))
}

fn of_number(value: &Value, name: &str, wanted: &Value) -> bool {
    let (false, Some(number), Some(wanted)) = (matches!(value, Value::Bool(_)), value.as_float(), wanted.as_float())
    else {
        return false;
    };
    match name {
        "minimum" => number < wanted,
        "maximum" => number > wanted,
        "exclusiveMinimum" => number <= wanted,
        "exclusiveMaximum" => number >= wanted,
        "multipleOf" => wanted != 0.0 && (number / wanted).fract() != 0.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expressions::json;

    #[test]
    fn values_fit_schemas_or_do_not() {
        for (schema, value, fits) in [
            (r#"{"type": "integer"}"#, "1.0", true),
            (r#"{"type": "integer"}"#, "true", false),
            (r#"{"type": ["string", "null"]}"#, "null", true),
            (r#"{"enum": [1, "a"]}"#, "true", false),
            (r#"{"const": {"a": 1}}"#, r#"{"a": 1}"#, true),
            (r#"{"minimum": 2, "exclusiveMaximum": 5}"#, "5", false),
            (r#"{"minimum": 2, "exclusiveMaximum": 5}"#, "\"5\"", true),
            (r#"{"multipleOf": 0.5}"#, "1.25", false),
            (r#"{"pattern": "^a", "maxLength": 3}"#, "\"abc\"", true),
            (r#"{"pattern": "^a"}"#, "\"ba\"", false),
            (r#"{"minLength": 2}"#, "\"ü\"", false),
            (r#"{"items": {"type": "string"}, "minItems": 1}"#, "[\"a\", 1]", false),
            (r#"{"items": {"type": "string"}, "minItems": 1}"#, "[]", false),
            (r#"{"required": ["a"]}"#, "{\"b\": 1}", false),
            (r#"{"required": ["a"]}"#, "[]", true),
            (r#"{"properties": {"a": {"type": "string"}}, "additionalProperties": false}"#, r#"{"a": "x"}"#, true),
            (r#"{"properties": {"a": {"type": "string"}}, "additionalProperties": false}"#, r#"{"b": "x"}"#, false),
            (r#"{"additionalProperties": {"type": "string"}}"#, r#"{"b": 1}"#, false),
            (r#"{"maxProperties": 1}"#, r#"{"b": 1, "c": 2}"#, false),
            (r#"{"anyOf": [{"type": "string"}, {"minimum": 3}]}"#, "2", false),
            (r#"{"oneOf": [{"minimum": 1}, {"minimum": 3}]}"#, "4", false),
            (r#"{"oneOf": [{"minimum": 1}, {"minimum": 3}]}"#, "2", true),
            (r#"{"allOf": [{"minimum": 1}, {"maximum": 3}], "not": {"const": 2}}"#, "2", false),
            ("false", "1", false),
            ("{}", "1", true),
        ] {
            let read = |text: &str| json::read(text.as_bytes()).expect("JSON");
            assert_eq!(misfit(&read(value), &read(schema)).is_none(), fits, "{value} by {schema}");
        }
    }
}
