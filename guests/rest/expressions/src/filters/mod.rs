//! What can stand behind `|`: Jinja's filters and the reference's.

mod airbyte;
mod list;
mod number;
mod text;

use crate::access::{attribute, item};
use crate::call::{Context, Given, need};
use crate::error::{EvalError, Result};
use crate::value::Value;

const NAMES: [&str; 57] = [
    "abs",
    "attr",
    "base64binascii_decode",
    "base64decode",
    "base64encode",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "hash",
    "hmac",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "xmlattr",
];

/// Filters of Jinja that are not here.
pub(crate) const REFUSED: [&str; 4] = ["pprint", "random", "urlize", "wordwrap"];

/// The filter of that name.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|known| **known == name).copied()
}

pub(crate) fn apply(context: &Context<'_>, name: &'static str, value: Value, given: Given) -> Result<Value> {
    match name {
        "default" | "d" => {
            let [other, boolean] = given.bind(name, ["default_value?", "boolean?"])?;
            let absent = matches!(value, Value::Undefined)
                || (boolean.is_some_and(|boolean| boolean.is_true()) && !value.is_true());
            Ok(if absent { other.unwrap_or_else(|| "".into()) } else { value })
        }
        "length" | "count" => {
            let [] = given.plain(name, [])?;
            Ok(Value::Int(value.length()? as i128))
        }
        "attr" => {
            let [name] = given.bind(name, ["name"])?;
            match (&value, need(name)) {
                (Value::Undefined, _) => Err(EvalError::Undefined("what 'attr' is asked of is undefined".to_owned())),
                (Value::Dict(_) | Value::Table(_), Value::Str(name)) => {
                    Ok(crate::methods::attribute(&value, &name).unwrap_or_default())
                }
                (_, Value::Str(name)) => Ok(attribute(&value, &name)),
                _ => Err(EvalError::Type("attribute name must be string".to_owned())),
            }
        }
        "abs" | "filesizeformat" | "float" | "int" | "round" => number::apply(context, name, value, given),
        "capitalize" | "center" | "e" | "escape" | "forceescape" | "format" | "indent" | "lower" | "replace"
        | "safe" | "striptags" | "title" | "trim" | "truncate" | "upper" | "urlencode" | "wordcount" | "xmlattr" => {
            text::apply(context, name, value, given)
        }
        "base64binascii_decode"
        | "base64decode"
        | "base64encode"
        | "hash"
        | "hmac"
        | "regex_replace"
        | "regex_search"
        | "string"
        | "tojson" => airbyte::apply(context, name, value, given),
        _ => list::apply(context, name, value, given),
    }
}

/// What a path of members in text means to filters: `address.city`, `0.name`.
pub(super) fn member_of(value: &Value, path: &Value) -> Result<Value> {
    match path {
        Value::None => Ok(value.clone()),
        Value::Str(path) => path.split('.').try_fold(value.clone(), |value, part| {
            let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let key = if number { part.parse().map_or_else(|_| part.into(), Value::Int) } else { part.into() };
            item(&value, &key)
        }),
        key => item(value, key),
    }
}

/// Small letters where it is text.
pub(super) fn without_case(value: Value) -> Value {
    match value {
        Value::Str(text) => text.to_lowercase().into(),
        value => value,
    }
}
