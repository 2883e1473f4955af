//! Schemas that a value of the configuration has to fit (JSON Schema, draft 7), as far as they are carried out.

use std::rc::Rc;

use expressions::Value;

use super::{Expression, Fields};
use crate::manifest::{ManifestError, Place};

/// That what stands at a place of the configuration fits a schema.
pub(crate) struct Check {
    pub(crate) path: Vec<Expression>,
    pub(crate) schema: Value,
}

/// What says nothing about a value.
const NOTES: [&str; 8] = ["$schema", "$id", "$comment", "title", "description", "default", "examples", "format"];
/// What is a number, a truth value or a list, and no schema.
const PLAIN: [&str; 16] = [
    "type",
    "enum",
    "const",
    "required",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
];

impl Check {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "DpathValidator" {
            return Err(fields.unsupported());
        }
        let path = fields.expressions("field_path")?;
        if path.is_empty() {
            return Err(fields.missing("field_path"));
        }
        let schema = fields.needed("validation_strategy", |strategy| match strategy.kind() {
            "ValidateAdheresToSchema" => {
                let schema = strategy.given("base_schema").ok_or_else(|| strategy.missing("base_schema"))?;
                supported(schema, &strategy.member("base_schema"))?;
                Ok(schema.clone())
            }
            _ => Err(strategy.unsupported()),
        })?;
        Ok(Self { path, schema })
    }
}

/// That a schema has nothing that is not carried out.
fn supported(schema: &Value, place: &Place<'_>) -> Result<(), ManifestError> {
    let members = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Dict(members) => members,
        _ => return Err(ManifestError::at(place, "it is no schema")),
    };
    for (name, value) in members.iter() {
        let at = Place::Member(place, name);
        match &**name {
            "properties" => {
                let named = value.as_dict().ok_or_else(|| ManifestError::at(&at, "it has to have members"))?;
                named.iter().try_for_each(|(name, schema)| supported(schema, &Place::Member(&at, name)))?;
            }
            "items" | "additionalProperties" | "not" => supported(value, &at)?,
            "allOf" | "anyOf" | "oneOf" => {
                let all = value.as_list().ok_or_else(|| ManifestError::at(&at, "it has to be a list"))?;
                all.iter().enumerate().try_for_each(|(index, schema)| supported(schema, &Place::Item(&at, index)))?;
            }
            "pattern" => {
                let text: Rc<str> = value.to_text();
                regex_lite::Regex::new(&text).map_err(|error| ManifestError::at(&at, error.to_string()))?;
            }
            name if NOTES.contains(&name) || PLAIN.contains(&name) => {}
            name => return Err(ManifestError::at(place, format!("`{name}` of a schema is not carried out here"))),
        }
    }
    Ok(())
}
