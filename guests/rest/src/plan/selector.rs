//! What of an answer is a record.

use super::{Expression, Fields, Fitting, Transformation};
use crate::manifest::ManifestError;

/// What of an answer is a record.
pub(crate) struct Selector {
    pub(crate) extractor: Extractor,
    pub(crate) filter: Option<Expression>,
    pub(crate) transformations: Vec<Transformation>,
    pub(crate) transform_first: bool,
    /// Whether values are made to fit the stream's schema.
    pub(crate) normalises: bool,
    pub(crate) fitting: Option<Fitting>,
}

/// Where in an answer the records are.
pub(crate) enum Extractor {
    Path {
        path: Vec<Expression>,
        expander: Option<Expander>,
    },
    /// Of all of them, or of the first that finds any.
    Combined {
        extractors: Vec<Extractor>,
        first: bool,
        skip_empty: bool,
    },
}

/// What makes several records of one: each item of a list in it.
pub(crate) struct Expander {
    pub(crate) path: Vec<Expression>,
    /// The record itself is the member `original_record` of each.
    pub(crate) keep_original: bool,
    /// Members of the record that each has as well.
    pub(crate) parent_fields: Vec<(Vec<Expression>, Vec<Expression>)>,
    /// Each has all other members of the record that it has not itself.
    pub(crate) merge: bool,
    /// A record without items stays.
    pub(crate) keep_empty: bool,
    /// What says that the list in the record is not all of it.
    pub(crate) truncated: Vec<Expression>,
}

impl Selector {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "RecordSelector" {
            return Err(fields.unsupported());
        }
        if fields.given("schema_normalization").is_some_and(|normalization| normalization.as_dict().is_some()) {
            fields.needed("schema_normalization", |custom| Err::<(), _>(custom.unsupported()))?;
        }
        let normalises = match fields.text("schema_normalization")?.as_deref() {
            None | Some("None") => false,
            Some("Default") => true,
            Some(other) => return Err(fields.wrong("schema_normalization", format!("{other} is no way to do it"))),
        };
        let filter = fields.component("record_filter", |fields| match fields.kind() {
            "RecordFilter" => fields.filled("condition"),
            _ => Err(fields.unsupported()),
        })?;
        Ok(Self {
            extractor: fields.needed("extractor", Extractor::read)?,
            filter: filter.flatten(),
            transformations: Vec::new(),
            transform_first: fields.flag("transform_before_filtering")?,
            normalises,
            fitting: None,
        })
    }
}

impl Extractor {
    /// What takes all that was decoded.
    pub(crate) fn whole() -> Self {
        Self::Path { path: Vec::new(), expander: None }
    }

    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        match fields.kind() {
            "DpathExtractor" => Ok(Self::Path {
                path: fields.expressions("field_path")?,
                expander: fields.component("record_expander", Expander::read)?,
            }),
            "CombinedExtractor" => {
                let extractors = fields.components("extractors", Self::read)?;
                if extractors.is_empty() {
                    return Err(fields.missing("extractors"));
                }
                let first = match fields.text("mode")?.as_deref() {
                    None | Some("union") => false,
                    Some("first_match") => true,
                    Some(other) => return Err(fields.wrong("mode", format!("{other} is no way to combine"))),
                };
                Ok(Self::Combined { extractors, first, skip_empty: fields.flag("skip_empty_records")? })
            }
            _ => Err(fields.unsupported()),
        }
    }
}

impl Expander {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.given("truncated_list_retriever").is_some() {
            return Err(fields.wrong("truncated_list_retriever", "it is not carried out here"));
        }
        let keep_empty = match fields.text("on_no_records")?.as_deref() {
            None | Some("skip") => false,
            Some("emit_parent") => true,
            Some(other) => return Err(fields.wrong("on_no_records", format!("{other} is nothing to do"))),
        };
        let parent_fields = fields.components("parent_fields", |field| {
            Ok((field.expressions("parent_path")?, field.expressions("record_path")?))
        })?;
        Ok(Self {
            path: fields.expressions("expand_records_from_field")?,
            keep_original: fields.flag("remain_original_record")?,
            parent_fields,
            merge: fields.flag("merge_parent")?,
            keep_empty,
            truncated: fields.expressions("truncation_indicator_path")?,
        })
    }
}
