//! What is made of the values that the operator set, before anything is read.

use expressions::Value;

use super::schema::Check;
use super::transformation::Change;
use super::{Expression, Fields, Input, Way};
use crate::manifest::{ManifestError, Place};

/// One change to the configuration.
pub(crate) enum Rule {
    /// A value of these becomes another.
    Map {
        path: Vec<Expression>,
        values: Vec<(Expression, Input)>,
    },
    Change(Change, Option<Expression>),
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
    // What only they read is from a time before the specification: nobody is asked for it.
    fields.secrets().forget_reads();
    let mut rules: Vec<Rule> = migrations.into_iter().flatten().collect();
    rules.extend(fields.components("transformations", Rule::read)?);
    Ok(Rules { changes: rules, checks: fields.components("validations", Check::read)? })
}

impl Rules {
    /// Where they put values, as far as that is known.
    pub(crate) fn made(&self) -> Vec<Way> {
        let added = self.changes.iter().flat_map(|rule| match rule {
            Rule::Change(Change::Add(fields), _) => &fields[..],
            _ => &[],
        });
        added.map(|field| field.path.iter().map(Value::to_text).collect()).collect()
    }

    /// The same, with those that become others.
    pub(crate) fn changed(&self) -> Vec<Way> {
        let way = |path: &[Expression]| path.iter().map(|step| step.template().constant().map(Into::into)).collect();
        let mapped = self.changes.iter().filter_map(|rule| match rule {
            Rule::Map { path, .. } => way(path),
            _ => None,
        });
        self.made().into_iter().chain(mapped).collect()
    }
}

impl Rule {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        Ok(match fields.kind() {
            "ConfigRemapField" => {
                let path = fields.expressions("field_path")?;
                if path.is_empty() {
                    return Err(fields.missing("field_path"));
                }
                Self::Map { path, values: values(&fields)? }
            }
            "ConfigAddFields" => Self::Change(Change::add(&fields)?, fields.filled("condition")?),
            "ConfigRemoveFields" => Self::Change(Change::remove(&fields)?, fields.filled("condition")?),
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
