//! What is made of the values that the operator set, before anything is read.

use expressions::Value;

use super::schema::Check;
use super::transformation::{Added, pointers};
use super::{Expression, Fields, Input};
use crate::manifest::{ManifestError, Place};

/// One change to the configuration.
pub(crate) enum Rule {
    /// A value of these becomes another.
    Map {
        path: Vec<Expression>,
        values: Vec<(Expression, Input)>,
    },
    Add {
        fields: Vec<Added>,
        condition: Option<Expression>,
    },
    Remove {
        pointers: Vec<Vec<Value>>,
        condition: Option<Expression>,
    },
}

/// All rules of a manifest.
#[derive(Default)]
pub(crate) struct Rules {
    /// The changes in their order: migrations come first.
    pub(crate) changes: Vec<Rule>,
    pub(crate) checks: Vec<Check>,
}

pub(crate) fn read(fields: Fields<'_>) -> Result<Rules, ManifestError> {
    let migrations =
        fields.components("config_migrations", |migration| migration.components("transformations", Rule::read))?;
    let mut rules: Vec<Rule> = migrations.into_iter().flatten().collect();
    rules.extend(fields.components("transformations", Rule::read)?);
    Ok(Rules { changes: rules, checks: fields.components("validations", Check::read)? })
}

impl Rule {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let condition = || fields.filled("condition");
        Ok(match fields.kind() {
            "ConfigRemapField" => {
                let path = fields.expressions("field_path")?;
                if path.is_empty() {
                    return Err(fields.missing("field_path"));
                }
                Self::Map { path, values: values(&fields)? }
            }
            "ConfigAddFields" => {
                Self::Add { fields: fields.components("fields", Added::read)?, condition: condition()? }
            }
            "ConfigRemoveFields" => {
                Self::Remove { pointers: pointers(&fields, "field_pointers")?, condition: condition()? }
            }
            _ => return Err(fields.unsupported()),
        })
    }
}

fn values(fields: &Fields<'_>) -> Result<Vec<(Expression, Input)>, ManifestError> {
    let (place, parameters) = (fields.member("map"), fields.parameters());
    let members = fields.members("map")?.ok_or_else(|| fields.missing("map"))?;
    let pair = |(name, value): (&std::rc::Rc<str>, &Value)| {
        let at = Place::Member(&place, name);
        let expression = |value: &Value| {
            let expression = Expression::of(value, &parameters, &at)?;
            fields.secrets().check(expression.template(), &at)?;
            Ok::<_, ManifestError>(expression)
        };
        let name = expression(&Value::Str(name.clone()))?;
        match value {
            Value::Str(_) => Ok((name, Input::Text(expression(value)?))),
            other => Ok((name, Input::Other(other.clone()))),
        }
    };
    members.iter().map(pair).collect()
}
