//! Values as Python has them, as far as manifests meet them.

use std::rc::Rc;

use indexmap::IndexMap;

/// Members in the order in which they came.
pub type Map = IndexMap<Rc<str>, Value>;

/// A value. Copies are cheap: what is large is shared until it is changed.
#[derive(Clone, Debug, Default)]
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
    /// Text.
    Str(Rc<str>),
    /// A list.
    List(Rc<Vec<Value>>),
    /// A list that does not change.
    Tuple(Rc<Vec<Value>>),
    /// Members by name.
    Dict(Rc<Map>),
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

    /// The member of that name; undefined where there is none, or where this has no members.
    pub fn member(&self, name: &str) -> Self {
        self.as_dict().and_then(|members| members.get(name)).cloned().unwrap_or_default()
    }

    /// Whether it is neither undefined nor nothing.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Undefined | Self::None)
    }
}
