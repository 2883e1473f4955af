//! What of an answer is a record.

use super::{Expression, Fields, Transformation};
use crate::manifest::ManifestError;

/// What of an answer is a record.
pub(crate) struct Selector {
    pub(crate) extractor: Extractor,
    pub(crate) filter: Option<Expression>,
    pub(crate) transformations: Vec<Transformation>,
    pub(crate) transform_first: bool,
}

/// Where in an answer the records are.
pub(crate) enum Extractor {
    Path { path: Vec<Expression> },
}

impl Selector {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "RecordSelector" {
            return Err(fields.unsupported());
        }
        if fields.text("schema_normalization")?.is_some_and(|normalization| &*normalization != "None") {
            return Err(fields.wrong("schema_normalization", "values are not made to fit a schema here"));
        }
        let filter = fields.component("record_filter", |fields| match fields.kind() {
            "RecordFilter" => fields.expression("condition"),
            _ => Err(fields.unsupported()),
        })?;
        Ok(Self {
            extractor: fields.needed("extractor", Extractor::read)?,
            filter: filter.flatten().filter(|condition| !condition.written().is_empty()),
            transformations: Vec::new(),
            transform_first: fields.flag("transform_before_filtering")?,
        })
    }
}

impl Extractor {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        match fields.kind() {
            "DpathExtractor" => {
                if fields.given("record_expander").is_some() {
                    return Err(fields.wrong("record_expander", "it is not carried out here"));
                }
                Ok(Self::Path { path: fields.expressions("field_path")? })
            }
            _ => Err(fields.unsupported()),
        }
    }
}
