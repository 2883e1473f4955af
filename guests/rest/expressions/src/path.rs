//! `dpath` as the reference uses it: paths into values, some with globs.
//!
//! A segment is text or a number. In a glob `*` stands for one segment, `**` for any number of them (once in a path), and
//! text may have `*`, `?` and `[…]` as `fnmatch` has them. The index of a list is matched by its digits. A member with
//! an empty name is no error, as it is in `dpath`.

use std::rc::Rc;

use thiserror::Error;

use crate::value::{Map, Value};

mod edit;
mod glob;

pub use edit::{delete, delete_where, set};
use glob::Glob;

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// `get` found more than one.
    #[error("more than one member matches the path {0}")]
    Many(String),
    /// A segment leads into what has no members.
    #[error("the path {0} leads into a value that has no members")]
    Leaf(String),
    /// A segment is no index of a list.
    #[error("'{0}' is no index of a list")]
    Index(String),
    /// More than one `**`.
    #[error("a path has '**' more than once")]
    Stars,
    /// A list would have to be too long.
    #[error("the index {0} is too large")]
    Large(i128),
}

/// The one value at a path with globs; nothing where there is none.
pub fn get(value: &Value, path: &[Value]) -> Result<Option<Value>, PathError> {
    if path.is_empty() {
        return Ok(Some(value.clone()));
    }
    let mut found = Walk::new(path, 2)?.run(value)?;
    match found.len() {
        2 => Err(PathError::Many(show(path))),
        _ => Ok(found.pop()),
    }
}

/// All values at a path with globs, outer ones first.
pub fn values(value: &Value, path: &[Value]) -> Result<Vec<Value>, PathError> {
    Walk::new(path, usize::MAX)?.run(value)
}

/// What `DpathExtractor` takes out of a body (trap 61): with a segment `*` all that match, otherwise the one value or
/// nothing. A list gives its items, anything else that is true itself, what is false nothing.
pub fn extract(body: &Value, path: &[Value]) -> Result<Vec<Value>, PathError> {
    let star = |segment: &Value| segment.as_str() == Some("*");
    let found = if path.iter().any(star) {
        values(body, path)?.into()
    } else {
        get(body, path)?.unwrap_or_else(|| Vec::new().into())
    };
    Ok(match found {
        Value::List(items) => Rc::unwrap_or_clone(items),
        found if found.is_true() => vec![found],
        _ => Vec::new(),
    })
}

fn show(path: &[Value]) -> String {
    Value::from(path.to_vec()).to_repr()
}

/// Whether a value has no members for dpath.
fn is_leaf(value: &Value) -> bool {
    !matches!(value, Value::Dict(_) | Value::List(_) | Value::Tuple(_))
}

struct Walk<'a> {
    glob: Glob<'a>,
    found: Vec<Value>,
    limit: usize,
}

/// A step of a path through a value.
#[derive(Clone, Debug)]
enum Step {
    Name(Rc<str>),
    Index(usize),
}

impl<'a> Walk<'a> {
    fn new(path: &'a [Value], limit: usize) -> Result<Self, PathError> {
        Ok(Self { glob: Glob::new(path)?, found: Vec::new(), limit })
    }

    fn run(mut self, value: &Value) -> Result<Vec<Value>, PathError> {
        if let Some(plain) = self.glob.plain() {
            return Ok(straight(value, plain).into_iter().collect());
        }
        self.walk(value, &mut Vec::new());
        Ok(self.found)
    }

    /// The members of a value first, then what is in them.
    fn walk(&mut self, value: &Value, at: &mut Vec<Step>) {
        let mut inner = Vec::new();
        match value {
            Value::Dict(members) => {
                inner.extend(members.iter().map(|(name, member)| (Step::Name(name.clone()), member)));
            }
            Value::List(items) | Value::Tuple(items) => {
                inner.extend(items.iter().enumerate().map(|(index, item)| (Step::Index(index), item)));
            }
            _ => return,
        }
        for (step, member) in &inner {
            at.push(step.clone());
            if self.found.len() < self.limit && self.glob.matches(at) {
                self.found.push((*member).clone());
            }
            at.pop();
        }
        // Nothing that is deeper than the path can match, unless it has `**`.
        if !self.glob.reaches(at.len() + 2) {
            return;
        }
        for (step, member) in inner {
            if self.found.len() >= self.limit {
                return;
            }
            at.push(step);
            self.walk(member, at);
            at.pop();
        }
    }
}

/// A path without globs, which needs no search.
fn straight(value: &Value, path: &[Value]) -> Option<Value> {
    let mut at = value;
    for segment in path {
        at = match at {
            Value::Dict(members) => segment.as_str().and_then(|name| members.get(name))?,
            Value::List(items) | Value::Tuple(items) => glob::index(segment).and_then(|index| items.get(index))?,
            _ => return None,
        };
    }
    Some(at.clone())
}

/// A dict or a list, empty, for what comes next in a path.
fn made_for(next: Option<&Value>) -> Value {
    let number = match next {
        Some(Value::Int(_)) => true,
        Some(Value::Str(text)) => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    if number { Vec::new().into() } else { Map::new().into() }
}
