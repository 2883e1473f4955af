//! What the values of records are made to fit: schemas that are written down, or that an endpoint gives.

use std::cell::OnceCell;
use std::rc::Rc;

use expressions::{Map, Value};

use super::{Expression, Fields, Retriever, Transformation};
use crate::manifest::{ManifestError, Place};

/// The schemas of a stream.
pub(crate) struct Fitting {
    pub(crate) loaders: Vec<Loader>,
    /// Whether they are one schema together, the first counting most.
    pub(crate) is_list: bool,
    /// What they come to, once that is known.
    pub(crate) found: OnceCell<Value>,
}

/// Where a schema is.
pub(crate) enum Loader {
    Written(Value),
    Fetched(Box<Fetched>),
}

/// A schema that is made of the first record of a request.
pub(crate) struct Fetched {
    pub(crate) retriever: Retriever,
    /// Where in the record the list of properties is, and where in each its name and its type.
    pub(crate) list: Vec<Expression>,
    pub(crate) name: Vec<Expression>,
    pub(crate) kind: Vec<Expression>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) filter: Option<Expression>,
    pub(crate) transformations: Vec<Transformation>,
}

/// A type of the endpoint's, and the schema that it stands for.
pub(crate) struct Kind {
    pub(crate) named: Value,
    pub(crate) schema: Value,
    pub(crate) condition: Option<Expression>,
}

impl Fitting {
    /// That of a stream; none where it has no schema.
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Option<Self>, ManifestError> {
        const LOADER: &str = "schema_loader";
        let loaders = fields.components(LOADER, Loader::read)?;
        let is_list = fields.given(LOADER).is_some_and(|loader| loader.as_list().is_some());
        Ok((!loaders.is_empty()).then(|| Self { loaders, is_list, found: OnceCell::new() }))
    }

    /// The retrievers that have to be asked for them.
    pub(crate) fn retrievers(&self) -> impl Iterator<Item = &Retriever> {
        self.loaders.iter().filter_map(|loader| match loader {
            Loader::Fetched(fetched) => Some(&fetched.retriever),
            Loader::Written(_) => None,
        })
    }
}

impl Loader {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        match fields.kind() {
            "InlineSchemaLoader" => Ok(Self::Written(fields.given("schema").cloned().unwrap_or_default())),
            "DynamicSchemaLoader" => Fetched::read(&fields).map(|fetched| Self::Fetched(Box::new(fetched))),
            _ => Err(fields.unsupported()),
        }
    }
}

impl Fetched {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let retriever = fields.needed("retriever", |fields| match fields.kind() {
            "SimpleRetriever" => Retriever::read(fields),
            _ => Err(fields.unsupported()),
        })?;
        let filter = fields.component("schema_filter", |fields| match fields.kind() {
            "RecordFilter" => fields.filled("condition"),
            _ => Err(fields.unsupported()),
        })?;
        let transformations = fields.components("schema_transformations", Transformation::read)?;
        fields.needed("schema_type_identifier", |fields| {
            Ok(Self {
                retriever,
                list: fields.expressions("schema_pointer")?,
                name: fields.expressions("key_pointer")?,
                kind: fields.expressions("type_pointer")?,
                kinds: fields.components("types_mapping", Kind::read)?,
                filter: filter.flatten(),
                transformations,
            })
        })
    }
}

impl Kind {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let named = fields.given("current_type").cloned().ok_or_else(|| fields.missing("current_type"))?;
        let target = fields.given("target_type").ok_or_else(|| fields.missing("target_type"))?;
        let schema = schema_of(target, &fields.member("target_type"))?;
        Ok(Self { named, schema, condition: fields.filled("condition")? })
    }
}

/// The schema that a type of a manifest stands for, which may be two types, or a list of one.
fn schema_of(target: &Value, place: &Place<'_>) -> Result<Value, ManifestError> {
    if let Some(members) = target.as_dict() {
        let name = members.get("field_type").cloned().unwrap_or_default();
        let of_items = members.get("items").filter(|items| items.is_true());
        let schema = schema_of(&name, &Place::Member(place, "field_type"))?;
        return match (of_items, schema) {
            (None, schema) => Ok(schema),
            (Some(of_items), Value::Dict(mut schema)) if name.as_str() == Some("array") => {
                let of_items = schema_of(of_items, &Place::Member(place, "items"))?;
                Rc::make_mut(&mut schema).insert("items".into(), of_items);
                Ok(Value::Dict(schema))
            }
            _ => Err(ManifestError::at(place, "only an `array` has `items`")),
        };
    }
    simple_schema(target).ok_or_else(|| ManifestError::at(place, format!("{} is no type here", target.to_repr())))
}

/// The schema that the name of a type stands for, or a list of two names.
pub(crate) fn simple_schema(name: &Value) -> Option<Value> {
    let schema = |kind: &str, more: &[(&str, &str)]| {
        let kinds = Value::from(vec![Value::from("null"), Value::from(kind)]);
        let more = more.iter().map(|(name, value)| (Rc::from(*name), Value::from(*value)));
        Value::from([(Rc::from("type"), kinds)].into_iter().chain(more).collect::<Map>())
    };
    let text = |format: &str, named: Option<&str>| {
        let named = named.map(|named| ("airbyte_type", named));
        schema("string", &[("format", format)].into_iter().chain(named).collect::<Vec<_>>())
    };
    if let Some([one, other]) = name.as_list() {
        let both = vec![simple_schema(&Value::from(one.as_str()?))?, simple_schema(&Value::from(other.as_str()?))?];
        return Some(Value::from(Map::from_iter([("oneOf".into(), Value::from(both))])));
    }
    Some(match name.as_str()? {
        kind @ ("string" | "boolean" | "integer" | "number" | "array" | "object") => schema(kind, &[]),
        "date" => text("date", None),
        "timestamp_with_timezone" => text("date-time", None),
        named @ "timestamp_without_timezone" => text("date-time", Some(named)),
        named @ ("time_without_timezone" | "time_with_timezone") => text("time", Some(named)),
        _ => return None,
    })
}
