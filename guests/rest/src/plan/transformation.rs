//! How a record is changed before it lands.

use expressions::{Value, Wanted};

use super::{Expression, Fields};
use crate::manifest::ManifestError;

/// A change to a record.
pub(crate) enum Transformation {
    Add {
        fields: Vec<Added>,
        condition: Option<Expression>,
    },
    Remove {
        pointers: Vec<Vec<Value>>,
        condition: Option<Expression>,
    },
    KeysToLower,
    KeysToSnakeCase,
    KeysReplace {
        old: Expression,
        new: Expression,
    },
    Flatten {
        lists: bool,
    },
    FlattenPath {
        path: Vec<Expression>,
        delete_origin: bool,
        replace: bool,
        prefix: Option<Expression>,
        suffix: Option<Expression>,
    },
}

/// A field to add.
pub(crate) struct Added {
    pub(crate) path: Vec<Value>,
    pub(crate) value: Expression,
    pub(crate) wanted: Wanted,
}

impl Transformation {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let condition = || fields.filled("condition");
        Ok(match fields.kind() {
            "AddFields" => Self::Add { fields: fields.components("fields", Added::read)?, condition: condition()? },
            "RemoveFields" => Self::Remove { pointers: pointers(&fields, "field_pointers")?, condition: condition()? },
            "KeysToLower" => Self::KeysToLower,
            "KeysToSnakeCase" => Self::KeysToSnakeCase,
            "KeysReplace" => {
                Self::KeysReplace { old: fields.needed_expression("old")?, new: fields.needed_expression("new")? }
            }
            "FlattenFields" => {
                Self::Flatten { lists: fields.given("flatten_lists").is_none() || fields.flag("flatten_lists")? }
            }
            "DpathFlattenFields" => {
                let affix = |name: &str| {
                    fields.component("key_transformation", |keys| keys.expression(name)).map(Option::flatten)
                };
                Self::FlattenPath {
                    path: fields.expressions("field_path")?,
                    delete_origin: fields.flag("delete_origin_value")?,
                    replace: fields.flag("replace_record")?,
                    prefix: affix("prefix")?,
                    suffix: affix("suffix")?,
                }
            }
            _ => return Err(fields.unsupported()),
        })
    }
}

impl Added {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let path = fields.items("path")?.to_vec();
        if path.is_empty() {
            return Err(fields.missing("path"));
        }
        Ok(Self { path, value: fields.needed_expression("value")?, wanted: fields.value_type()? })
    }
}

/// Lists of the names that lead to a field.
pub(super) fn pointers(fields: &Fields<'_>, name: &str) -> Result<Vec<Vec<Value>>, ManifestError> {
    let pointers = fields.items(name)?.iter().map(|pointer| match pointer.as_list() {
        Some(names) if !names.is_empty() => Ok(names.to_vec()),
        _ => Err(fields.wrong(name, "each has to be a list of names")),
    });
    pointers.collect()
}
