//! Changes the values that the operator set, as the manifest says. Pure.

use expressions::{EvalError, Value, json, path};

use super::fits;
use crate::plan::{Change, Check, Input, Rule, Rules, World};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Path(#[from] path::PathError),
    #[error("the value at {0} is no JSON: {1}")]
    Json(String, json::JsonError),
    #[error("the value at {0}: {1}")]
    Misfit(String, String),
}

/// Apply all changes, one after the other: each sees what those before it made. What is there has to pass the checks.
pub(crate) fn apply(rules: &Rules, world: &mut World) -> Result<(), RuleError> {
    rules.changes.iter().try_for_each(|rule| one(rule, world))?;
    rules.checks.iter().try_for_each(|rule| check(rule, world))
}

fn check(check: &Check, world: &World) -> Result<(), RuleError> {
    let path = check.path.iter().map(|step| step.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
    let place = || path.iter().map(|step| step.to_text().to_string()).collect::<Vec<_>>().join(".");
    for value in path::values(&world.config, &path)? {
        // Text is JSON that somebody wrote.
        let value = match &value {
            Value::Str(text) => json::read(text.as_bytes()).map_err(|error| RuleError::Json(place(), error))?,
            _ => value,
        };
        if let Some(reason) = fits::misfit(&value, &check.schema) {
            return Err(RuleError::Misfit(place(), reason));
        }
    }
    Ok(())
}

fn one(rule: &Rule, world: &mut World) -> Result<(), RuleError> {
    match rule {
        Rule::Map { path, values } => {
            let path = path.iter().map(|step| step.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
            let Some(there) = path::get(&world.config, &path)?.filter(Value::is_given) else { return Ok(()) };
            for (name, value) in values.iter().rev() {
                if name.eval_or_none(world, &[])? == there {
                    let value = match value {
                        Input::Text(value) | Input::Part(value) => value.eval_or_none(world, &[])?,
                        Input::Other(value) => value.clone(),
                    };
                    path::set(&mut world.config, &path, value)?;
                    break;
                }
            }
        }
        Rule::Change(Change::Add(fields), condition) => {
            for field in fields {
                let value = field.value.eval_as(world, &[], field.wanted)?;
                let names = [("value", value.clone()), ("path", Value::from(field.path.clone()))];
                if condition.as_ref().map(|condition| condition.holds(world, &names)).transpose()?.unwrap_or(true) {
                    path::set(&mut world.config, &field.path, value)?;
                }
            }
        }
        Rule::Change(Change::Remove(pointers), condition) => {
            if condition.as_ref().map(|condition| condition.holds(world, &[])).transpose()?.unwrap_or(true) {
                for pointer in pointers {
                    path::delete(&mut world.config, pointer)?;
                }
            }
        }
    }
    Ok(())
}
