//! The values that a manifest's specification asks for: each becomes a parameter, or a secret.

use expressions::{Value, json};

use crate::manifest::ManifestError;
use crate::plan::{Way, setting};

/// How deep properties are looked for.
const MAX_DEPTH: usize = 8;
/// Most properties; the manifest of a component has no room for more.
const MAX_PROPERTIES: usize = 190;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// A list or an object, as JSON.
    Json,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }

    pub(crate) fn of(name: &str) -> Self {
        match name {
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "json" => Self::Json,
            _ => Self::Text,
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) way: Way,
    pub(crate) kind: Kind,
    pub(crate) help: String,
    pub(crate) default: Option<String>,
    /// The values that it may have; none where that is open.
    pub(crate) choices: Vec<Value>,
    pub(crate) secret: bool,
    pub(crate) required: bool,
}

impl Property {
    /// What an operator calls it.
    pub(crate) fn name(&self) -> String {
        setting(&self.way)
    }

    /// One that is read and that nothing describes.
    pub(crate) fn undeclared(way: Way) -> Self {
        Self {
            way,
            kind: Kind::Text,
            help: String::new(),
            default: None,
            choices: Vec::new(),
            secret: false,
            required: false,
        }
    }
}

/// All properties of a specification (JSON Schema, draft 7).
pub(crate) fn of(schema: &Value) -> Result<Vec<Property>, ManifestError> {
    let mut properties = Vec::new();
    collect(schema, &mut Vec::new(), true, &mut properties);
    if properties.len() > MAX_PROPERTIES {
        let reason = format!("it has {} properties, and {MAX_PROPERTIES} is the most", properties.len());
        return Err(ManifestError::At { place: "spec.connection_specification".into(), reason });
    }
    Ok(properties)
}

fn collect(schema: &Value, way: &mut Way, required: bool, properties: &mut Vec<Property>) {
    if way.len() > MAX_DEPTH {
        return;
    }
    let needed = schema.member("required");
    let needed = needed.as_list().unwrap_or_default();
    let members = schema.member("properties");
    for (name, property) in members.as_dict().into_iter().flatten() {
        way.push(name.clone());
        let is_needed = required && needed.iter().any(|needed| needed.as_str() == Some(name));
        if has_members(property) {
            collect(property, way, is_needed, properties);
        } else if !properties.iter().any(|there| there.way == *way) {
            properties.push(one(property, way.clone(), is_needed));
        } else {
            also(property, way, properties);
        }
        way.pop();
    }
    for alternatives in ["oneOf", "anyOf", "allOf"] {
        for alternative in schema.member(alternatives).as_list().unwrap_or_default() {
            collect(alternative, way, required && alternatives == "allOf", properties);
        }
    }
}

fn has_members(schema: &Value) -> bool {
    ["properties", "oneOf", "anyOf", "allOf"].iter().any(|name| match schema.member(name) {
        Value::Dict(members) => !members.is_empty(),
        Value::List(items) => items.iter().any(has_members),
        _ => false,
    })
}

/// A property that an alternative before had already: one more value that it may have.
fn also(schema: &Value, way: &Way, properties: &mut [Property]) {
    let there = properties.iter_mut().find(|there| there.way == *way);
    if let (Some(there), constant) = (there, schema.member("const"))
        && constant.is_given()
        && !there.choices.contains(&constant)
    {
        there.choices.push(constant);
    }
}

fn one(schema: &Value, way: Way, required: bool) -> Property {
    let kind = match schema.member("type") {
        Value::Str(kind) => kind.to_string(),
        Value::List(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    let kind = match &*kind {
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        "array" | "object" => Kind::Json,
        _ => Kind::Text,
    };
    let constant = schema.member("const");
    let choices = match schema.member("enum") {
        Value::List(choices) => choices.to_vec(),
        _ if constant.is_given() => vec![constant.clone()],
        _ => Vec::new(),
    };
    let default = Some(schema.member("default")).filter(Value::is_given);
    Property {
        kind,
        default: default.map(|value| written(&value)),
        help: help(schema, &choices),
        choices,
        secret: matches!(schema.member("airbyte_secret"), Value::Bool(true)),
        required,
        way,
    }
}

/// A value as it is given on a command line.
fn written(value: &Value) -> String {
    match value {
        Value::Bool(true) => "true".to_owned(),
        Value::Bool(false) => "false".to_owned(),
        Value::List(_) | Value::Dict(_) => json::python(value, false, None).unwrap_or_default(),
        other => other.to_text().to_string(),
    }
}

fn help(schema: &Value, choices: &[Value]) -> String {
    let text = |name: &str| schema.member(name).as_str().map(str::to_owned);
    let mut help = text("description").or_else(|| text("title")).unwrap_or_default();
    if !choices.is_empty() {
        let choices: Vec<String> = choices.iter().take(20).map(written).collect();
        help.push_str(&format!(" One of {}.", choices.join(", ")));
    }
    if let Some(pattern) = text("pattern") {
        help.push_str(&format!(" It has to match {pattern}"));
    }
    help
}
