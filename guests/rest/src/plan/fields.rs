//! A component's members, read one by one, each error with the place that it is about.

use std::rc::Rc;

use expressions::{Map, Value, Wanted};

use super::expression::Expression;
use super::secrets::Secrets;
use crate::manifest::{ManifestError, PARAMETERS, Place};

/// One component of a manifest.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    members: &'a Map,
    place: Place<'a>,
    secrets: &'a Secrets,
}

impl<'a> Fields<'a> {
    /// The members of a value that has to have some.
    pub(crate) fn of(value: &'a Value, place: Place<'a>, secrets: &'a Secrets) -> Result<Self, ManifestError> {
        match value.as_dict() {
            Some(members) => Ok(Self { members, place, secrets }),
            None => Err(ManifestError::at(&place, "it is no component: it has no members")),
        }
    }

    /// What kind of component it is.
    pub(crate) fn kind(&self) -> &'a str {
        self.members.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// An error about the component.
    pub(crate) fn error(&self, reason: impl Into<String>) -> ManifestError {
        ManifestError::at(&self.place, reason)
    }

    /// An error about one of its members.
    pub(crate) fn wrong(&self, name: &str, reason: impl Into<String>) -> ManifestError {
        ManifestError::at(&Place::Member(&self.place, name), reason)
    }

    /// That this kind of component is not carried out here.
    pub(crate) fn unsupported(&self) -> ManifestError {
        match self.kind() {
            _ if self.members.contains_key("class_name") => self.python(),
            kind if kind.starts_with("Custom") => self.python(),
            "" => self.error("it has no `type`, and its place gives it none"),
            kind => self.error(format!("{kind} is not carried out here")),
        }
    }

    fn python(&self) -> ManifestError {
        let class = self.members.get("class_name").and_then(Value::as_str).unwrap_or("without a name");
        self.error(format!("it is the Python class {class}, and no Python is run here"))
    }

    /// Where one of its members stands.
    pub(crate) fn member<'b>(&'b self, name: &'b str) -> Place<'b> {
        Place::Member(&self.place, name)
    }

    /// A member that is there and is not null.
    pub(crate) fn given(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| value.is_given())
    }

    /// The component's parameters.
    pub(crate) fn parameters(&self) -> Value {
        self.members.get(PARAMETERS).cloned().unwrap_or_else(|| Value::from(Map::new()))
    }

    /// A member's text, which nothing is computed of.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Rc<str>>, ManifestError> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(Rc::clone(text))),
            Some(_) => Err(self.wrong(name, "it has to be text")),
        }
    }

    /// The same of a member that has to be there.
    pub(crate) fn needed_text(&self, name: &str) -> Result<Rc<str>, ManifestError> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// That a member is missing.
    pub(crate) fn missing(&self, name: &str) -> ManifestError {
        self.error(format!("it has no `{name}`"))
    }

    /// The secrets of the manifest.
    pub(crate) fn secrets(&self) -> &'a Secrets {
        self.secrets
    }

    /// Text that something may be computed in; a number or a truth value stands for its text.
    pub(crate) fn expression(&self, name: &str) -> Result<Option<Expression>, ManifestError> {
        self.unchecked(name)?.map(|expression| self.checked(name, expression)).transpose()
    }

    /// The same of what may be a secret.
    pub(crate) fn unchecked(&self, name: &str) -> Result<Option<Expression>, ManifestError> {
        let Some(value) = self.given(name) else { return Ok(None) };
        Expression::of(value, &self.parameters(), &self.member(name)).map(Some)
    }

    /// That it is none.
    pub(crate) fn checked(&self, name: &str, expression: Expression) -> Result<Expression, ManifestError> {
        self.secrets.check(expression.template(), &self.member(name))?;
        Ok(expression)
    }

    /// An expression that is there and is not blank.
    pub(crate) fn filled(&self, name: &str) -> Result<Option<Expression>, ManifestError> {
        Ok(self.expression(name)?.filter(|expression| !expression.written().is_empty()))
    }

    /// An expression that has to be there.
    pub(crate) fn needed_expression(&self, name: &str) -> Result<Expression, ManifestError> {
        self.expression(name)?.ok_or_else(|| self.missing(name))
    }

    /// A list of them.
    pub(crate) fn expressions(&self, name: &str) -> Result<Vec<Expression>, ManifestError> {
        let place = Place::Member(&self.place, name);
        let items = self.items(name)?.iter().enumerate();
        let read = |(at, item)| {
            let place = Place::Item(&place, at);
            let expression = Expression::of(item, &self.parameters(), &place)?;
            self.secrets.check(expression.template(), &place)?;
            Ok(expression)
        };
        items.map(read).collect()
    }

    /// A member that is a list; an empty one where it is not there.
    pub(crate) fn items(&self, name: &str) -> Result<&'a [Value], ManifestError> {
        match self.given(name) {
            None => Ok(&[]),
            Some(value) => value.as_list().ok_or_else(|| self.wrong(name, "it has to be a list")),
        }
    }

    /// A truth value; false where it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ManifestError> {
        match self.given(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::Str(text)) if matches!(&**text, "true" | "True") => Ok(true),
            Some(Value::Str(text)) if matches!(&**text, "false" | "False") => Ok(false),
            Some(_) => Err(self.wrong(name, "it has to be true or false")),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ManifestError> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Int(value)) => i64::try_from(*value).map(Some).map_err(|_| self.wrong(name, "it is too large")),
            Some(Value::Str(text)) => {
                text.trim().parse().map(Some).map_err(|_| self.wrong(name, "it has to be a whole number"))
            }
            Some(_) => Err(self.wrong(name, "it has to be a whole number")),
        }
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, ManifestError> {
        match self.given(name) {
            None => Ok(None),
            Some(value) => match value.as_float().filter(|number| number.is_finite()) {
                Some(number) if !matches!(value, Value::Bool(_)) => Ok(Some(number)),
                _ => Err(self.wrong(name, "it has to be a number")),
            },
        }
    }

    /// What the text that an expression comes to is taken for, by `value_type`.
    pub(crate) fn value_type(&self) -> Result<Wanted, ManifestError> {
        Ok(match self.text("value_type")?.as_deref() {
            None => Wanted::Any,
            Some("string") => Wanted::Text,
            Some("number") => Wanted::Number,
            Some("integer") => Wanted::Integer,
            Some("boolean") => Wanted::Boolean,
            Some(other) => return Err(self.wrong("value_type", format!("{other} is no type of a value"))),
        })
    }

    /// Pairs of a name and a value.
    pub(crate) fn members(&self, name: &str) -> Result<Option<&'a Map>, ManifestError> {
        match self.given(name) {
            None => Ok(None),
            Some(value) => value.as_dict().map(Some).ok_or_else(|| self.wrong(name, "it has to have members")),
        }
    }

    /// Read the component in a member, where there is one.
    pub(crate) fn component<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Result<T, ManifestError>,
    ) -> Result<Option<T>, ManifestError> {
        match self.given(name) {
            None => Ok(None),
            Some(value) => read(Fields::of(value, Place::Member(&self.place, name), self.secrets)?).map(Some),
        }
    }

    /// The same of one that has to be there.
    pub(crate) fn needed<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Result<T, ManifestError>,
    ) -> Result<T, ManifestError> {
        self.component(name, read)?.ok_or_else(|| self.missing(name))
    }

    /// Read the components of a list; one that stands alone counts as a list of one.
    pub(crate) fn components<T>(
        &self,
        name: &str,
        mut read: impl FnMut(Fields<'_>) -> Result<T, ManifestError>,
    ) -> Result<Vec<T>, ManifestError> {
        let place = Place::Member(&self.place, name);
        match self.given(name) {
            None => Ok(Vec::new()),
            Some(Value::List(items)) => {
                let items = items.iter().enumerate();
                items.map(|(at, item)| read(Fields::of(item, Place::Item(&place, at), self.secrets)?)).collect()
            }
            Some(value) => Ok(vec![read(Fields::of(value, place, self.secrets)?)?]),
        }
    }
}
