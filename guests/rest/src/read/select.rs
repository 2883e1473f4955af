//! From a decoded answer to its records: extract, filter, transform. Pure.

use std::rc::Rc;

use expressions::{EvalError, Map, Value, path};

use super::reshape;
use crate::plan::{Added, Expression, Extractor, Selector, Transformation, World};

/// Why an answer has no records.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Path(#[from] path::PathError),
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
    let extracted = extract(&selector.extractor, bodies, world)?;
    let mut selected = Selected { extracted: extracted.len(), records: Vec::with_capacity(extracted.len()) };
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
    Ok(selected)
}

fn extract(extractor: &Extractor, bodies: &[Value], world: &World) -> Result<Vec<Value>, SelectError> {
    let Extractor::Path { path } = extractor;
    let segments = path.iter().map(|segment| segment.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
    let mut records = Vec::new();
    for body in bodies {
        records.extend(path::extract(body, &segments)?);
    }
    Ok(records)
}

fn transformed(
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
        Transformation::Add { fields, condition } => {
            for added in fields {
                add(added, condition.as_ref(), record, slice, world)?;
            }
        }
        Transformation::Remove { pointers, condition } => {
            for pointer in pointers {
                match condition {
                    None => path::delete(record, pointer)?,
                    Some(condition) => path::delete_where(record, |value| {
                        condition.holds(world, &[("property", value.clone())]).map_err(SelectError::from)
                    })?,
                };
            }
        }
        Transformation::KeysToLower => reshape::keys_to_lower(record),
        Transformation::KeysToSnakeCase => reshape::keys_to_snake_case(record),
        Transformation::KeysReplace { old, new } => {
            let names = [("record", record.clone()), ("stream_slice", slice.clone())];
            let (old, new) = (old.text(world, &names)?, new.text(world, &names)?);
            reshape::keys_replace(record, &old, &new);
        }
        Transformation::Flatten { lists } => reshape::flatten(record, *lists),
        Transformation::FlattenPath { path, delete_origin, replace, prefix, suffix } => {
            let segments = path.iter().map(|segment| segment.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
            let affix = |affix: &Option<Expression>| affix.as_ref().map(|affix| affix.text(world, &[])).transpose();
            let (prefix, suffix) =
                (affix(prefix)?.unwrap_or_else(|| "".into()), affix(suffix)?.unwrap_or_else(|| "".into()));
            flatten_path(record, &segments, (*delete_origin, *replace), (&prefix, &suffix))?;
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

/// The members of a member become the record's own, where none of them is there already.
fn flatten_path(
    record: &mut Value,
    segments: &[Value],
    (delete_origin, replace): (bool, bool),
    (prefix, suffix): (&str, &str),
) -> Result<(), SelectError> {
    let found = match segments.iter().any(|segment| segment.as_str() == Some("*")) {
        true => path::values(record, segments)?.into_iter().next(),
        false => path::get(record, segments)?,
    };
    let Some(Value::Dict(found)) = found else { return Ok(()) };
    let lifted: Map =
        found.iter().map(|(name, value)| (format!("{prefix}{name}{suffix}").into(), value.clone())).collect();
    if replace && !lifted.is_empty() {
        *record = Value::from(lifted);
        return Ok(());
    }
    let Value::Dict(members) = &*record else { return Ok(()) };
    if lifted.keys().any(|name| members.contains_key(name)) {
        return Ok(());
    }
    if delete_origin {
        path::delete(record, segments)?;
    }
    if let Value::Dict(members) = record {
        Rc::make_mut(members).extend(lifted);
    }
    Ok(())
}
