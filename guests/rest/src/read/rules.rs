//! Changes the values that the operator set, as the manifest says. Pure.

use expressions::{EvalError, Value, path};

use crate::plan::{Input, Rule, World};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Path(#[from] path::PathError),
}

/// Apply all changes, one after the other: each sees what those before it made.
pub(crate) fn apply(rules: &[Rule], world: &mut World) -> Result<(), RuleError> {
    rules.iter().try_for_each(|rule| one(rule, world))
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
        Rule::Add { fields, condition } => {
            for field in fields {
                let value = field.value.eval_as(world, &[], field.wanted)?;
                let names = [("value", value.clone()), ("path", Value::from(field.path.clone()))];
                if condition.as_ref().map(|condition| condition.holds(world, &names)).transpose()?.unwrap_or(true) {
                    path::set(&mut world.config, &field.path, value)?;
                }
            }
        }
        Rule::Remove { pointers, condition } => {
            if condition.as_ref().map(|condition| condition.holds(world, &[])).transpose()?.unwrap_or(true) {
                for pointer in pointers {
                    path::delete(&mut world.config, pointer)?;
                }
            }
        }
    }
    Ok(())
}
