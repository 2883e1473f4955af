//! Text of a manifest that something may be computed in, with the parameters of its component.

use std::collections::BTreeSet;
use std::rc::Rc;

use expressions::{EvalError, Map, Scope, Shape, Template, Value, Wanted};

use super::secrets::{Secrets, Way};
use crate::manifest::{ManifestError, Place};

/// Fills bytes with random ones.
pub(crate) type Random = Box<dyn Fn(&mut [u8])>;

/// What the expressions of a run see, beside the names that their place gives them.
pub(crate) struct World {
    /// The values that the operator set, as the manifest's specification types them.
    pub(crate) config: Value,
    /// Microseconds since 1970, UTC.
    pub(crate) now: Box<dyn Fn() -> i64>,
    pub(crate) random: Random,
    /// Secrets that are sent only where the operator has them.
    pub(crate) optional: BTreeSet<String>,
}

/// Names and what they stand for, in one place of a manifest.
pub(crate) type Names<'a> = &'a [(&'a str, Value)];

/// A value of the configuration with text around it.
pub(crate) struct Configured {
    pub(crate) way: Way,
    pub(crate) prefix: Rc<str>,
    pub(crate) suffix: Rc<str>,
}

/// A text and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    text: Rc<str>,
    template: Rc<Template>,
    parameters: Value,
}

impl Expression {
    /// Read one. A number or a truth value stands for its text.
    pub(crate) fn of(value: &Value, parameters: &Value, place: &Place<'_>) -> Result<Self, ManifestError> {
        let text: Rc<str> = match value {
            Value::Str(text) => Rc::clone(text),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => value.to_text(),
            _ => return Err(ManifestError::at(place, "it has to be text")),
        };
        if text.contains("stream_state") {
            return Err(ManifestError::at(
                place,
                "it uses `stream_state`, which is no longer there: use `stream_interval`",
            ));
        }
        let template = Template::parse(&text).map_err(|error| ManifestError::at(place, error.to_string()))?;
        Ok(Self { text, template: Rc::new(template), parameters: parameters.clone() })
    }

    /// The text as it is written.
    pub(crate) fn written(&self) -> &str {
        &self.text
    }

    /// The template itself, to look at.
    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    fn scope<'a>(&self, world: &'a World, names: Names<'_>) -> Scope<'a> {
        let mut scope = Scope::new((world.now)()).with_random(&*world.random);
        scope.set("config", world.config.clone());
        scope.set("parameters", self.parameters.clone());
        for (name, value) in names {
            scope.set(name, value.clone());
        }
        scope
    }

    /// What it comes to; its own text computed once more where that is nothing.
    pub(crate) fn eval(&self, world: &World, names: Names<'_>) -> Result<Value, EvalError> {
        self.template.eval_string(&self.scope(world, names))
    }

    /// The same, and nothing where it is nothing.
    pub(crate) fn eval_or_none(&self, world: &World, names: Names<'_>) -> Result<Value, EvalError> {
        self.template.eval(&self.scope(world, names))
    }

    /// The same as text.
    pub(crate) fn text(&self, world: &World, names: Names<'_>) -> Result<Rc<str>, EvalError> {
        Ok(self.eval(world, names)?.to_text())
    }

    /// The same where only text counts as a literal, as the names of members do.
    pub(crate) fn name(&self, world: &World, names: Names<'_>) -> Result<Rc<str>, EvalError> {
        Ok(self.template.eval_text(&self.scope(world, names))?.to_text())
    }

    /// What it comes to, if that is of a type; else its text.
    pub(crate) fn eval_as(&self, world: &World, names: Names<'_>, wanted: Wanted) -> Result<Value, EvalError> {
        self.template.eval_string_as(&self.scope(world, names), wanted)
    }

    /// The value of the configuration that it is, with nothing computed of it: and the text before and behind.
    pub(crate) fn configured(&self) -> Option<Configured> {
        match self.template.shape() {
            Shape::Path { prefix, path, suffix } if path.len() > 1 && &*path[0] == "config" => {
                Some(Configured { way: path[1..].to_vec(), prefix, suffix })
            }
            _ => None,
        }
    }

    /// What it reads of the configuration.
    pub(crate) fn reads_of_config(&self) -> impl Iterator<Item = &[Rc<str>]> {
        let config = |read: &'_ Vec<Rc<str>>| read.first().is_some_and(|first| &**first == "config");
        self.template.reads().iter().filter(move |read| config(read)).map(|read| &read[1..])
    }

    /// The text that it renders to, which nothing is read from.
    pub(crate) fn rendered(&self, world: &World, names: Names<'_>) -> Result<Value, EvalError> {
        self.template.render(&self.scope(world, names)).map(Value::Str)
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, world: &World, names: Names<'_>) -> Result<bool, EvalError> {
        self.template.eval_bool(&self.scope(world, names))
    }
}

/// A value in which text may be computed, at any depth.
#[derive(Debug, Clone)]
pub(crate) enum Nested {
    Text(Expression),
    List(Vec<Nested>),
    Dict(Vec<(Expression, Nested)>),
    Other(Value),
}

impl Nested {
    pub(crate) fn of(
        value: &Value,
        parameters: &Value,
        place: &Place<'_>,
        secrets: &Secrets,
    ) -> Result<Self, ManifestError> {
        let text = |value: &Value, place: &Place<'_>| {
            let expression = Expression::of(value, parameters, place)?;
            secrets.check(expression.template(), place)?;
            Ok::<_, ManifestError>(expression)
        };
        Ok(match value {
            Value::Str(_) => Self::Text(text(value, place)?),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Self::List(
                    items
                        .map(|(at, item)| Self::of(item, parameters, &Place::Item(place, at), secrets))
                        .collect::<Result<_, _>>()?,
                )
            }
            Value::Dict(members) => {
                let member = |(name, value): (&Rc<str>, &Value)| {
                    let at = Place::Member(place, name);
                    let name = text(&Value::Str(Rc::clone(name)), &at)?;
                    Ok((name, Self::of(value, parameters, &at, secrets)?))
                };
                Self::Dict(members.iter().map(member).collect::<Result<_, ManifestError>>()?)
            }
            other => Self::Other(other.clone()),
        })
    }

    /// What it comes to. Members that come to nothing are left out.
    pub(crate) fn eval(&self, world: &World, names: Names<'_>) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Text(expression) => expression.eval_or_none(world, names)?,
            Self::List(items) => {
                Value::from(items.iter().map(|item| item.eval(world, names)).collect::<Result<Vec<_>, _>>()?)
            }
            Self::Dict(members) => {
                let mut evaluated = Map::new();
                for (name, value) in members {
                    let value = value.eval(world, names)?;
                    if value.is_given() {
                        evaluated.insert(name.name(world, names)?, value);
                    }
                }
                Value::from(evaluated)
            }
            Self::Other(value) => value.clone(),
        })
    }
}
