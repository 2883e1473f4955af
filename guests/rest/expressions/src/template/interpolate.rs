//! From the rendered text to a value: the rules of the reference's `JinjaInterpolation` and what stands on it.

use super::Template;
use crate::error::{EvalError, Result, SyntaxError};
use crate::literal;
use crate::scope::Scope;
use crate::value::{Map, Value};

/// Which types a literal may have; any other leaves the rendered text as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    #[default]
    Any,
    /// Text.
    Text,
    /// Whole numbers and truth values.
    Integer,
    /// Numbers with a fraction.
    Number,
    /// Truth values.
    Boolean,
}

impl Wanted {
    /// Traps 1 to 3: the rendered text is a Python literal where it can be one, otherwise text.
    fn literal(self, text: &str) -> Value {
        let fits = |value: &Value| match self {
            Self::Any => true,
            Self::Text => matches!(value, Value::Str(_)),
            Self::Integer => value.as_int().is_some(),
            Self::Number => matches!(value, Value::Float(_)),
            Self::Boolean => matches!(value, Value::Bool(_)),
        };
        literal::read(text).filter(fits).unwrap_or_else(|| text.into())
    }
}

impl Template {
    /// `JinjaInterpolation.eval` without a default: nothing where it renders to nothing, or uses what is undefined
    /// (trap 5).
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value> {
        self.eval_as(scope, Wanted::Any, None)
    }

    /// [`Template::eval`] where only text counts as a literal: the other types stay the text that was rendered. The
    /// keys of mappings are read so, and what has to be a string.
    pub fn eval_text(&self, scope: &Scope<'_>) -> Result<Value> {
        self.eval_as(scope, Wanted::Text, None)
    }

    /// `InterpolatedString.eval`: the template is its own default. So what renders to nothing gives "", and what uses
    /// something undefined is an error (traps 5 and 6).
    pub fn eval_string(&self, scope: &Scope<'_>) -> Result<Value> {
        self.eval_string_as(scope, Wanted::Any)
    }

    /// [`Template::eval_string`] with the types that a literal may have, as `AddFields` has them by `value_type`.
    pub fn eval_string_as(&self, scope: &Scope<'_>, wanted: Wanted) -> Result<Value> {
        self.eval_as(scope, wanted, Some(self))
    }

    /// `InterpolatedBoolean.eval`: its default is `False` (trap 6), and what counts as false is listed (trap 9).
    pub fn eval_bool(&self, scope: &Scope<'_>) -> Result<bool> {
        let value = match self.rendered(scope) {
            Ok(text) if !text.is_empty() => Wanted::Any.literal(&text),
            Ok(_) | Err(EvalError::Undefined(_)) => Value::Bool(false),
            Err(error) => return Err(error),
        };
        Ok(!is_false(&value))
    }

    /// `JinjaInterpolation.eval`. The default is evaluated in its turn.
    pub fn eval_as(&self, scope: &Scope<'_>, wanted: Wanted, default: Option<&Self>) -> Result<Value> {
        match self.rendered(scope) {
            Ok(text) if !text.is_empty() => return Ok(wanted.literal(&text)),
            Ok(_) | Err(EvalError::Undefined(_)) => {}
            Err(error) => return Err(error),
        }
        match default {
            Some(default) => Ok(wanted.literal(&default.rendered(scope)?)),
            None => Ok(Value::None),
        }
    }

    /// Trap 7: a `TypeError` gives the template's text.
    fn rendered(&self, scope: &Scope<'_>) -> Result<std::rc::Rc<str>> {
        match self.render(scope) {
            Err(EvalError::Type(_)) => Ok(self.source.clone()),
            result => result,
        }
    }
}

/// Trap 9: whether the value of a condition is in the reference's list of what is false. All else is true, "no" and
/// 0.5 too.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Str(text) => matches!(&**text, "False" | "false" | "{}" | "[]" | "()" | "" | "0" | "0.0"),
        Value::None => true,
        Value::Dict(members) => members.is_empty(),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => items.is_empty(),
        // 0 and 0.0 equal Python's False.
        _ => *value == Value::Bool(false),
    }
}

/// `InterpolatedMapping`: names and values are templates, one level deep.
#[derive(Clone, Debug)]
pub struct Mapping {
    members: Vec<(Template, Entry)>,
}

#[derive(Clone, Debug)]
enum Entry {
    Template(Template),
    Value(Value),
}

impl Mapping {
    /// Reads the templates. What is no text stays as it is.
    pub fn parse(members: &Map) -> Result<Self, SyntaxError> {
        let mut parsed = Vec::with_capacity(members.len());
        for (name, value) in members {
            let entry = match value {
                Value::Str(text) => Entry::Template(Template::parse(text)?),
                value => Entry::Value(value.clone()),
            };
            parsed.push((Template::parse(name)?, entry));
        }
        Ok(Self { members: parsed })
    }

    /// The templates in it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.members.iter().flat_map(|(name, entry)| {
            let value = if let Entry::Template(template) = entry { Some(template) } else { None };
            std::iter::once(name).chain(value)
        })
    }

    /// The mapping with all evaluated. A value that renders to nothing, or uses what is undefined, is [`Value::None`]
    /// (trap 5): who sends the mapping leaves it out. The text of a name is always text.
    pub fn eval(&self, scope: &Scope<'_>, wanted: Wanted) -> Result<Map> {
        let mut members = Map::new();
        for (name, entry) in &self.members {
            let name = name.eval_text(scope)?.to_text();
            let value = match entry {
                Entry::Template(template) => template.eval_as(scope, wanted, None)?,
                Entry::Value(value) => value.clone(),
            };
            members.insert(name, value);
        }
        Ok(members)
    }
}

/// `InterpolatedNestedMapping`: templates in members and lists, at any depth.
#[derive(Clone, Debug)]
pub enum Nested {
    /// Text that is evaluated.
    Template(Template),
    /// Members, names too.
    Dict(Vec<(Template, Nested)>),
    /// Items.
    List(Vec<Nested>),
    /// What is no text.
    Value(Value),
}

impl Nested {
    /// Reads the templates of a value as it stands in a manifest.
    pub fn parse(value: &Value) -> Result<Self, SyntaxError> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &Value, depth: usize) -> Result<Self, SyntaxError> {
        if depth > crate::json::DEPTH {
            return Err(SyntaxError::new(1, "a mapping is nested too deeply"));
        }
        Ok(match value {
            Value::Str(text) => Self::Template(Template::parse(text)?),
            Value::Dict(members) => {
                let parse = |(name, value): (_, _)| Ok((Template::parse(name)?, Self::parse_at(value, depth + 1)?));
                Self::Dict(members.iter().map(|(name, value)| parse((&**name, value))).collect::<Result<_, _>>()?)
            }
            Value::List(items) => {
                Self::List(items.iter().map(|item| Self::parse_at(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            value => Self::Value(value.clone()),
        })
    }

    /// The value with all evaluated. Members that are nothing are left out (traps 5 and 25); items of lists are kept.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value> {
        Ok(match self {
            Self::Template(template) => template.eval(scope)?,
            Self::Dict(members) => {
                let mut pairs = Vec::with_capacity(members.len());
                for (name, value) in members {
                    pairs.push((name.eval(scope)?, value.eval(scope)?));
                }
                let given = pairs.into_iter().filter(|(_, value)| !matches!(value, Value::None));
                Value::dict(given.collect())?
            }
            Self::List(items) => items.iter().map(|item| item.eval(scope)).collect::<Result<Vec<_>>>()?.into(),
            Self::Value(value) => value.clone(),
        })
    }
}
