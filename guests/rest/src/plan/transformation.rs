//! How a record is changed before it lands.

use expressions::{Value, Wanted};

use super::{Expression, Fields};
use crate::manifest::ManifestError;

/// Fields that are added or removed, of a record or of the configuration.
pub(crate) enum Change {
    Add(Vec<Added>),
    Remove(Vec<Vec<Value>>),
}

/// A change to a record.
pub(crate) enum Transformation {
    Change(Change, Option<Expression>),
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
        Ok(match fields.kind() {
            "AddFields" => Self::Change(Change::add(&fields)?, fields.filled("condition")?),
            "RemoveFields" => Self::Change(Change::remove(&fields)?, fields.filled("condition")?),
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

impl Change {
    pub(super) fn add(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        fields.components("fields", Added::read).map(Self::Add)
    }

    pub(super) fn remove(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        const POINTERS: &str = "field_pointers";
        let pointers = fields.items(POINTERS)?.iter().map(|pointer| match pointer.as_list() {
            Some(names) if !names.is_empty() => Ok(names.to_vec()),
            _ => Err(fields.wrong(POINTERS, "each has to be a list of names")),
        });
        pointers.collect::<Result<_, _>>().map(Self::Remove)
    }
}

impl Added {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let path = fields.items("path")?.to_vec();
        if path.is_empty() {
            return Err(fields.missing("path"));
        }
        Ok(Self { path, value: fields.needed_expression("value")?, wanted: fields.value_type()? })
    }
}
