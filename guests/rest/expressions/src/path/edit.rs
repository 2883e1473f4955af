//! Setting and deleting at a path.

use std::rc::Rc;

use super::glob::Glob;
use super::{PathError, Step, is_leaf, made_for, show};
use crate::value::Value;

/// How long a list may become by setting an index.
const LONG: i128 = 100_000;

/// `dpath.new`: sets the member at a path, which is no glob, and makes what is missing on the way. Before a segment of
/// digits that is a list, filled with null up to the index (trap 62).
pub fn set(value: &mut Value, path: &[Value], new: Value) -> Result<(), PathError> {
    let Some((last, way)) = path.split_last() else { return Ok(()) };
    let mut at = value;
    for (index, segment) in way.iter().enumerate() {
        let inner = slot(at, segment)?;
        if matches!(inner, Value::Undefined) {
            *inner = made_for(path.get(index + 1));
        }
        if is_leaf(inner) {
            return Err(PathError::Leaf(show(path)));
        }
        at = inner;
    }
    *slot(at, last)? = new;
    Ok(())
}

/// The member or item of a segment; undefined where it was not there.
fn slot<'a>(value: &'a mut Value, segment: &Value) -> Result<&'a mut Value, PathError> {
    match value {
        Value::Dict(members) => Ok(Rc::make_mut(members).entry(segment.to_text()).or_default()),
        Value::List(items) => {
            let bad = || PathError::Index(segment.to_string());
            let number = match segment {
                Value::Str(text) => crate::float::parse_int(text, 10).map_err(|_| bad())?,
                _ => segment.as_int().ok_or_else(bad)?,
            };
            let items = Rc::make_mut(items);
            let number = if number < 0 { number + items.len() as i128 } else { number };
            if number > LONG {
                return Err(PathError::Large(number));
            }
            let index = usize::try_from(number).map_err(|_| bad())?;
            if index >= items.len() {
                items.resize(index, Value::None);
                items.push(Value::Undefined);
            }
            Ok(&mut items[index])
        }
        _ => Err(PathError::Leaf(segment.to_string())),
    }
}

/// `dpath.delete`: deletes what matches the path, and tells how many that were. The last item of a list goes; another
/// becomes null, so that the rest keep their places (trap 65).
pub fn delete(value: &mut Value, path: &[Value]) -> Result<usize, PathError> {
    let glob = Glob::new(path)?;
    let mut matched = Vec::new();
    collect(value, &mut Vec::new(), &mut |steps, _| {
        if glob.matches(steps) {
            matched.push(steps.to_vec());
        }
        Ok::<_, PathError>(())
    })?;
    Ok(remove_all(value, matched))
}

/// `RemoveFields` with a condition: deletes every value without members for which it holds, wherever it is. The path
/// does not count then, in the reference as here.
pub fn delete_where<E>(value: &mut Value, mut condition: impl FnMut(&Value) -> Result<bool, E>) -> Result<usize, E> {
    let mut matched = Vec::new();
    collect(value, &mut Vec::new(), &mut |steps, found| {
        if is_leaf(found) && condition(found)? {
            matched.push(steps.to_vec());
        }
        Ok::<_, E>(())
    })?;
    Ok(remove_all(value, matched))
}

/// Goes through all, a value's members before what is in them.
fn collect<E>(
    value: &Value,
    at: &mut Vec<Step>,
    visit: &mut impl FnMut(&[Step], &Value) -> Result<(), E>,
) -> Result<(), E> {
    let inner: Vec<(Step, &Value)> = match value {
        Value::Dict(members) => members.iter().map(|(name, member)| (Step::Name(name.clone()), member)).collect(),
        Value::List(items) | Value::Tuple(items) => {
            items.iter().enumerate().map(|(index, item)| (Step::Index(index), item)).collect()
        }
        _ => return Ok(()),
    };
    for (step, member) in &inner {
        at.push(step.clone());
        visit(at, member)?;
        at.pop();
    }
    for (step, member) in inner {
        at.push(step);
        collect(member, at, visit)?;
        at.pop();
    }
    Ok(())
}

fn remove_all(value: &mut Value, matched: Vec<Vec<Step>>) -> usize {
    matched.iter().filter(|steps| remove(value, steps)).count()
}

/// Whether there was something to remove.
fn remove(value: &mut Value, steps: &[Step]) -> bool {
    let Some((first, rest)) = steps.split_first() else { return false };
    match (value, first) {
        (Value::Dict(members), Step::Name(name)) => {
            if !members.contains_key(name) {
                return false;
            }
            let members = Rc::make_mut(members);
            if rest.is_empty() {
                return members.shift_remove(name).is_some();
            }
            members.get_mut(name).is_some_and(|inner| remove(inner, rest))
        }
        (Value::List(items), Step::Index(index)) if *index < items.len() => {
            let items = Rc::make_mut(items);
            if !rest.is_empty() {
                return remove(&mut items[*index], rest);
            }
            if *index + 1 == items.len() {
                items.pop();
            } else {
                items[*index] = Value::None;
            }
            true
        }
        _ => false,
    }
}
