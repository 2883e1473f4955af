//! Values made to fit the types of a schema, as the reference's default normalisation does. Pure.
//!
//! What cannot be made to fit stays as it is.

use std::rc::Rc;

use expressions::Value;

/// How deep a schema is followed.
const MAX_DEPTH: usize = 64;

/// Make the members and items of a value fit a schema (JSON Schema, draft 7).
pub(crate) fn normalise(value: &mut Value, schema: &Value) {
    descend(value, schema, 0);
}

fn descend(value: &mut Value, schema: &Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Dict(members) => {
            let properties = schema.member("properties");
            let Some(properties) = properties.as_dict().filter(|properties| !properties.is_empty()) else { return };
            let members = Rc::make_mut(members);
            for (name, subschema) in properties {
                if let Some(member) = members.get_mut(name) {
                    *member = converted(member, subschema);
                    descend(member, subschema, depth + 1);
                }
            }
        }
        Value::List(items) => {
            let subschema = schema.member("items");
            if subschema.as_dict().is_some() {
                for item in Rc::make_mut(items) {
                    *item = converted(item, &subschema);
                    descend(item, &subschema, depth + 1);
                }
            }
        }
        _ => {}
    }
}

/// A value as its type says, where that is one type, or one and null.
fn converted(value: &Value, schema: &Value) -> Value {
    let kinds: Vec<Rc<str>> = match schema.member("type") {
        Value::Str(kind) => vec![kind],
        Value::List(kinds) => kinds.iter().map(Value::to_text).collect(),
        _ => return value.clone(),
    };
    if matches!(value, Value::None) && kinds.iter().any(|kind| &**kind == "null") {
        return Value::None;
    }
    let is_list = matches!(schema.member("type"), Value::List(_));
    let mut kinds = kinds.iter().filter(|kind| !is_list || &***kind != "null");
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return value.clone() };
    let made = match &**kind {
        "string" => Some(Value::Str(value.to_text())),
        "number" => number(value).map(Value::Float),
        "integer" => integer(value).map(Value::Int),
        "boolean" => truth(value).map(Value::Bool),
        "array" => list_of_one(value, &schema.member("items")),
        _ => None,
    };
    made.unwrap_or_else(|| value.clone())
}

/// Python's `float`.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.trim().replace('_', "").parse().ok(),
        value => value.as_float(),
    }
}

/// Python's `int`.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Str(text) => text.trim().parse().ok(),
        Value::Float(number) if number.is_finite() => Some(number.trunc() as i128),
        value => value.as_int(),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Str(text) => match &*text.trim().to_lowercase() {
            "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
            "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
            _ => None,
        },
        value => Some(value.is_true()),
    }
}

/// A value that stands alone where a list of such values belongs.
fn list_of_one(value: &Value, items: &Value) -> Option<Value> {
    let simple = |kind: &str| matches!(kind, "string" | "number" | "integer" | "boolean" | "null");
    let of_simple = match items.member("type") {
        // The reference takes the letters of a single name for names.
        Value::Str(_) => false,
        Value::List(kinds) => kinds.iter().all(|kind| simple(&kind.to_text())),
        _ => true,
    };
    let is_simple = matches!(value, Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::None);
    (of_simple && is_simple).then(|| Value::from(vec![value.clone()]))
}

#[cfg(test)]
mod tests {
    use expressions::json;

    use super::*;

    /// What airbyte-cdk 7.39.1 makes of these.
    #[test]
    fn values_are_made_to_fit() {
        let read = |text: &str| json::read(text.as_bytes()).expect(text);
        for (schema, record, expected) in [
            (r#"{"x":{"type":"string"}}"#, r#"{"x":5,"y":5}"#, "{'x': '5', 'y': 5}"),
            (r#"{"x":{"type":["null","number"]}}"#, r#"{"x":"1.50"}"#, "{'x': 1.5}"),
            (r#"{"x":{"type":"number"}}"#, r#"{"x":2}"#, "{'x': 2.0}"),
            (r#"{"x":{"type":["integer","null"]}}"#, r#"{"x":null}"#, "{'x': None}"),
            (r#"{"x":{"type":"integer"}}"#, r#"{"x":"7"}"#, "{'x': 7}"),
            (r#"{"x":{"type":"integer"}}"#, r#"{"x":"seven"}"#, "{'x': 'seven'}"),
            (r#"{"x":{"type":"boolean"}}"#, r#"{"x":"yes"}"#, "{'x': True}"),
            (r#"{"x":{"type":["string","integer"]}}"#, r#"{"x":7}"#, "{'x': 7}"),
            (r#"{"x":{"type":"array","items":{"type":["string"]}}}"#, r#"{"x":1}"#, "{'x': ['1']}"),
            (r#"{"x":{"type":"array","items":{"type":"string"}}}"#, r#"{"x":1}"#, "{'x': 1}"),
            (
                r#"{"x":{"type":"object","properties":{"y":{"type":"string"}}}}"#,
                r#"{"x":{"y":1.5}}"#,
                "{'x': {'y': '1.5'}}",
            ),
        ] {
            let mut record = read(record);
            normalise(&mut record, &read(&format!(r#"{{"properties":{schema}}}"#)));
            assert_eq!(record.to_repr(), expected, "{schema}");
        }
    }
}
