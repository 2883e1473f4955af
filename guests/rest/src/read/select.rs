//! From a decoded answer to its records: extract, filter, transform. Pure.

use std::rc::Rc;

use super::extract::{Extracted, extract};
use super::normalise::normalise;
use expressions::reshape::{self, Lift, ReshapeError};
use expressions::{EvalError, Map, Value, path};

use crate::plan::{Added, Change, Expression, Selector, Transformation, World};

/// Why an answer has no records.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Path(#[from] path::PathError),
    #[error(transparent)]
    Reshape(#[from] ReshapeError),
    #[error("the list at {0} of a record is not all of it, and nothing says how to get the rest")]
    Truncated(String),
}

/// What was selected of one answer.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) records: Vec<Value>,
    /// How many there were before the filter, which is what pages are counted by.
    pub(crate) extracted: usize,
}

/// Select the records of an answer. `slice` is what it was asked for by.
pub(crate) fn select(
    selector: &Selector,
    bodies: &[Value],
    slice: &Value,
    token: &Value,
    world: &World,
) -> Result<Selected, SelectError> {
    let Extracted { records: extracted, count } = extract(&selector.extractor, bodies, world)?;
    let mut selected = Selected { extracted: count, records: Vec::with_capacity(extracted.len()) };
    for record in extracted {
        let kept = |record: &Value| match &selector.filter {
            Some(condition) => {
                let names = [
                    ("record", record.clone()),
                    ("stream_slice", slice.clone()),
                    ("stream_interval", slice.clone()),
                    ("stream_partition", slice.clone()),
                    ("next_page_token", token.clone()),
                ];
                condition.holds(world, &names)
            }
            None => Ok(true),
        };
        if selector.transform_first {
            let record = transformed(&selector.transformations, record, slice, world)?;
            if kept(&record)? {
                selected.records.push(record);
            }
        } else if kept(&record)? {
            selected.records.push(transformed(&selector.transformations, record, slice, world)?);
        }
    }
    if let Some(schema) = selector.fitting.as_ref().and_then(|fitting| fitting.found.get()) {
        selected.records.iter_mut().for_each(|record| normalise(record, schema));
    }
    Ok(selected)
}

/// A record with all changes made, in their order.
pub(super) fn transformed(
    transformations: &[Transformation],
    mut record: Value,
    slice: &Value,
    world: &World,
) -> Result<Value, SelectError> {
    for transformation in transformations {
        transform(transformation, &mut record, slice, world)?;
    }
    Ok(record)
}

fn transform(
    transformation: &Transformation,
    record: &mut Value,
    slice: &Value,
    world: &World,
) -> Result<(), SelectError> {
    match transformation {
        Transformation::Change(Change::Add(fields), condition) => {
            for added in fields {
                add(added, condition.as_ref(), record, slice, world)?;
            }
        }
        Transformation::Change(Change::Remove(pointers), condition) => {
            for pointer in pointers {
                match condition {
                    None => path::delete(record, pointer)?,
                    Some(condition) => path::delete_where(record, |value| {
                        condition.holds(world, &[("property", value.clone())]).map_err(SelectError::from)
                    })?,
                };
            }
        }
        Transformation::KeysToLower => reshaped(record, |record| Ok(reshape::keys_to_lower(record)))?,
        Transformation::KeysToSnakeCase => reshaped(record, reshape::keys_to_snake_case)?,
        Transformation::KeysReplace { old, new } => {
            let names = [("record", record.clone()), ("stream_slice", slice.clone())];
            let (old, new) = (old.text(world, &names)?, new.text(world, &names)?);
            reshaped(record, |record| Ok(reshape::keys_replace(record, &old, &new)))?;
        }
        Transformation::Flatten { lists } => reshaped(record, |record| Ok(reshape::flatten(record, *lists)))?,
        Transformation::FlattenPath { path, delete_origin, replace, prefix, suffix } => {
            let segments = path.iter().map(|segment| segment.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
            let affix = |affix: &Option<Expression>| affix.as_ref().map(|affix| affix.text(world, &[])).transpose();
            let how = Lift {
                delete_origin: *delete_origin,
                replace_record: *replace,
                prefix: affix(prefix)?.map(|text| text.to_string()),
                suffix: affix(suffix)?.map(|text| text.to_string()),
            };
            reshaped(record, |record| reshape::lift(record, &segments, &how))?;
        }
    }
    Ok(())
}

fn add(
    added: &Added,
    condition: Option<&Expression>,
    record: &mut Value,
    slice: &Value,
    world: &World,
) -> Result<(), SelectError> {
    let names = [
        ("record", record.clone()),
        ("stream_slice", slice.clone()),
        ("stream_interval", slice.clone()),
        ("stream_partition", slice.clone()),
    ];
    let value = added.value.eval_as(world, &names, added.wanted)?;
    if let Some(condition) = condition {
        let mut names = names.to_vec();
        names.extend([("value", value.clone()), ("path", Value::from(added.path.clone()))]);
        if !condition.holds(world, &names)? {
            return Ok(());
        }
    }
    path::set(record, &added.path, value)?;
    Ok(())
}

/// Give a record another form; what has no members stays as it is.
fn reshaped(record: &mut Value, reshape: impl FnOnce(Map) -> Result<Map, ReshapeError>) -> Result<(), SelectError> {
    if let Value::Dict(members) = record {
        *record = Value::from(reshape(Rc::unwrap_or_clone(std::mem::take(members)))?);
    }
    Ok(())
}
