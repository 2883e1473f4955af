//! Values as Python has them, as far as manifests meet them.

mod arith;
mod order;
mod show;

use std::rc::Rc;

use indexmap::IndexMap;

use crate::error::{EvalError, Result};
use crate::time::{Date, DateTime, Span};

pub(crate) use arith::{Arith, arith, negate};
pub(crate) use order::{compare, contains, holds, sort};
pub(crate) use show::type_name;

/// Members in the order in which they came.
pub type Map = IndexMap<Rc<str>, Value>;

/// A value. Copies are cheap: what is large is shared until it is changed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// A name or a member that is not there.
    #[default]
    Undefined,
    /// Nothing: JSON's null.
    None,
    /// A truth value, which counts as 0 or 1.
    Bool(bool),
    /// A whole number. Python's have no limit; these have 128 bits.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// A whole number of JSON beyond 128 bits, kept by its digits. It counts as a float.
    Digits(Rc<str>),
    /// Text.
    Str(Rc<str>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A list.
    List(Rc<Vec<Value>>),
    /// A list that does not change.
    Tuple(Rc<Vec<Value>>),
    /// A list without an order, in which nothing is twice.
    Set(Rc<Vec<Value>>),
    /// Members by name.
    Dict(Rc<Map>),
    /// Members of which at least one has a key that is not text.
    Table(Rc<Vec<(Value, Value)>>),
    /// What can be gone through, but is no list.
    Iter(Rc<Iter>),
    /// A day.
    Date(Date),
    /// A time.
    Time(DateTime),
    /// A length of time.
    Span(Rc<Span>),
    /// A function that the reference gives to templates.
    Function(&'static str),
    /// A method of a value.
    Method(Rc<(Value, &'static str)>),
}

/// What a filter or a method gives that is not yet a list.
#[derive(Clone, Debug)]
pub struct Iter {
    /// What Python calls its type.
    pub kind: &'static str,
    /// What it yields.
    pub items: Vec<Value>,
}

impl Iter {
    /// Whether it shows what is in a dict, and has a length.
    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind, "dict_keys" | "dict_values" | "dict_items")
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(Rc::new(items))
    }
}

impl From<Map> for Value {
    fn from(members: Map) -> Self {
        Self::Dict(Rc::new(members))
    }
}

impl From<Span> for Value {
    fn from(span: Span) -> Self {
        Self::Span(Rc::new(span))
    }
}

/// Equal as Python's `==` has it: `1 == 1.0 == True`.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        order::equal(self, other)
    }
}

/// `str(value)`.
impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(text) => formatter.write_str(text),
            _ => formatter.write_str(&self.to_text()),
        }
    }
}

impl Value {
    /// Its text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// Its members, where it has some.
    pub fn as_dict(&self) -> Option<&Map> {
        if let Self::Dict(members) = self { Some(members) } else { None }
    }

    /// Its items, where it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// Its whole number, where it is one; a truth value counts as 0 or 1.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(value) => Some((*value).into()),
            _ => None,
        }
    }

    /// Its number, where it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Digits(digits) => digits.parse().ok(),
            _ => self.as_int().map(|number| number as f64),
        }
    }

    /// The member of that name; undefined where there is none, or where this has no members.
    pub fn member(&self, name: &str) -> Self {
        self.as_dict().and_then(|members| members.get(name)).cloned().unwrap_or_default()
    }

    /// Whether it is neither undefined nor nothing.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Undefined | Self::None)
    }

    /// Whether Python takes it for true: not empty, not zero, not nothing.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => !items.is_empty(),
            Self::Dict(members) => !members.is_empty(),
            Self::Iter(iter) => !iter.is_view() || !iter.items.is_empty(),
            Self::Span(span) => !span.is_fixed() || span.micros() != 0,
            Self::Digits(_) | Self::Table(_) | Self::Date(_) | Self::Time(_) | Self::Function(_) | Self::Method(_) => {
                true
            }
        }
    }

    /// `str(value)`: what a template prints.
    pub fn to_text(&self) -> Rc<str> {
        match self {
            Self::Str(text) => text.clone(),
            _ => {
                let mut out = String::new();
                show::str(self, &mut out);
                out.into()
            }
        }
    }

    /// `repr(value)`.
    pub fn to_repr(&self) -> String {
        let mut out = String::new();
        show::repr(self, &mut out);
        out
    }

    /// What a loop goes through.
    pub(crate) fn items(&self) -> Result<Vec<Self>> {
        Ok(match self {
            Self::Undefined => Vec::new(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => items.to_vec(),
            Self::Iter(iter) => iter.items.clone(),
            Self::Dict(members) => members.keys().map(|key| Self::Str(key.clone())).collect(),
            Self::Table(members) => members.iter().map(|(key, _)| key.clone()).collect(),
            Self::Str(text) => text.chars().map(|letter| Self::from(letter.to_string())).collect(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| Self::Int((*byte).into())).collect(),
            _ => return Err(EvalError::Type(format!("'{}' object is not iterable", type_name(self)))),
        })
    }

    /// `len(value)`.
    pub(crate) fn length(&self) -> Result<usize> {
        Ok(match self {
            Self::Undefined => 0,
            Self::Str(text) if text.is_ascii() => text.len(),
            Self::Str(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => items.len(),
            Self::Dict(members) => members.len(),
            Self::Table(members) => members.len(),
            Self::Iter(iter) if iter.is_view() => iter.items.len(),
            _ => return Err(EvalError::Type(format!("object of type '{}' has no len()", type_name(self)))),
        })
    }

    /// A dict of those members, of which the last of a key counts.
    pub(crate) fn dict(pairs: Vec<(Self, Self)>) -> Result<Self> {
        if pairs.iter().all(|(key, _)| matches!(key, Self::Str(_))) {
            let members = pairs.into_iter().map(|(key, value)| (key.to_text(), value));
            return Ok(Self::from(members.collect::<Map>()));
        }
        let mut table: Vec<(Self, Self)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            key.check_hashable()?;
            match table.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => table.push((key, value)),
            }
        }
        Ok(Self::Table(Rc::new(table)))
    }

    /// Keys and values, where it is a dict.
    pub(crate) fn pairs(&self) -> Option<Vec<(Self, Self)>> {
        match self {
            Self::Dict(members) => {
                Some(members.iter().map(|(key, value)| (Self::Str(key.clone()), value.clone())).collect())
            }
            Self::Table(members) => Some(members.to_vec()),
            _ => None,
        }
    }

    /// Whether it may be a key.
    pub(crate) fn check_hashable(&self) -> Result<()> {
        match self {
            Self::List(_) | Self::Dict(_) | Self::Table(_) | Self::Set(_) => {
                Err(EvalError::Type(format!("unhashable type: '{}'", type_name(self))))
            }
            Self::Tuple(items) => items.iter().try_for_each(Self::check_hashable),
            _ => Ok(()),
        }
    }

    pub(crate) fn generator(items: Vec<Self>) -> Self {
        Self::Iter(Rc::new(Iter { kind: "generator", items }))
    }
}
