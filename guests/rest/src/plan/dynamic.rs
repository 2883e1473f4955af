//! Streams that are known only once a run has begun: a template, and what is put into it for each.

use expressions::{Value, Wanted};

use super::{Expression, Fields, Retriever, Stream};
use crate::manifest::ManifestError;

/// Streams made of a template.
pub(crate) struct Dynamic {
    /// The template, with types and parameters as they were before anything was put in.
    pub(crate) template: Value,
    /// The same as a stream, as far as that can be read of a template.
    pub(crate) shape: Box<Stream>,
    pub(crate) resolver: Resolver,
    pub(crate) mapping: Vec<Mapping>,
    /// Whether parameters from outside count more than a component's own.
    pub(crate) outer_win: bool,
}

/// Where the values come from that are put in.
pub(crate) enum Resolver {
    /// From lists in the configuration: one of each, in all combinations.
    Config(Vec<ConfigList>),
    /// From the records of a request.
    Http(Box<Retriever>),
    /// They stand in the manifest.
    Written(Vec<Value>),
}

/// A list in the configuration.
pub(crate) struct ConfigList {
    pub(crate) pointer: Vec<Expression>,
    pub(crate) more: Vec<Value>,
}

/// A value that is put into the template.
pub(crate) struct Mapping {
    pub(crate) path: Vec<Expression>,
    pub(crate) value: Expression,
    pub(crate) wanted: Wanted,
    /// Whether what is not there is made.
    pub(crate) create: bool,
    pub(crate) condition: Option<Expression>,
}

impl Dynamic {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let template = fields.given("stream_template").cloned().ok_or_else(|| fields.missing("stream_template"))?;
        let shape = fields.needed("stream_template", Stream::read_template)?;
        let (resolver, mapping) = fields.needed("components_resolver", |fields| {
            let mapping = fields.components("components_mapping", Mapping::read)?;
            Ok((Resolver::read(&fields)?, mapping))
        })?;
        Ok(Self {
            template,
            shape: Box::new(shape),
            resolver,
            mapping,
            outer_win: fields.given("use_parent_parameters").is_none() || fields.flag("use_parent_parameters")?,
        })
    }
}

impl Resolver {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        Ok(match fields.kind() {
            "ConfigComponentsResolver" => Self::Config(fields.components("stream_config", |list| {
                Ok(ConfigList {
                    pointer: list.expressions("configs_pointer")?,
                    more: list.items("default_values")?.to_vec(),
                })
            })?),
            "HttpComponentsResolver" => {
                Self::Http(Box::new(fields.needed("retriever", |fields| match fields.kind() {
                    "SimpleRetriever" => Retriever::read(fields),
                    _ => Err(fields.unsupported()),
                })?))
            }
            "ParametrizedComponentsResolver" => Self::Written(
                fields
                    .component("stream_parameters", |list| Ok(list.items("list_of_parameters_for_stream")?.to_vec()))?
                    .unwrap_or_default(),
            ),
            _ => return Err(fields.unsupported()),
        })
    }
}

impl Mapping {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        Ok(Self {
            path: fields.expressions("field_path")?,
            value: fields.needed_expression("value")?,
            wanted: fields.value_type()?,
            create: fields.flag("create_or_update")?,
            condition: fields.filled("condition")?,
        })
    }
}
