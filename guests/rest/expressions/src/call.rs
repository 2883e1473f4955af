//! The arguments of a call, and what everything that is called can use.

use std::rc::Rc;

use crate::error::{Budget, EvalError, Result};
use crate::scope::Scope;
use crate::value::{Value, type_name};

/// What a function, a filter or a method can use besides its arguments.
pub(crate) struct Context<'a> {
    pub scope: &'a Scope<'a>,
    pub budget: Budget,
}

/// The arguments of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub positional: Vec<Value>,
    pub named: Vec<(Rc<str>, Value)>,
}

impl Given {
    /// The arguments in the order of the parameters. A `?` at the end of a parameter's name says that it may be left out.
    pub fn bind<const N: usize>(self, function: &str, parameters: [&str; N]) -> Result<[Option<Value>; N]> {
        let fail = |message: String| Err(EvalError::Type(format!("{function}() {message}")));
        let count = self.positional.len();
        if count > N {
            return fail(format!("takes {N} positional arguments but {count} were given"));
        }
        let mut found = [const { None }; N];
        for (slot, value) in found.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(at) = parameters.iter().position(|parameter| parameter.trim_end_matches('?') == &*name) else {
                return fail(format!("got an unexpected keyword argument '{name}'"));
            };
            if found[at].replace(value).is_some() {
                return fail(format!("got multiple values for argument '{name}'"));
            }
        }
        for (slot, parameter) in found.iter().zip(parameters) {
            if slot.is_none() && !parameter.ends_with('?') {
                return fail(format!("missing 1 required positional argument: '{parameter}'"));
            }
        }
        Ok(found)
    }

    /// [`Given::bind`] where Python takes no names.
    pub fn plain<const N: usize>(self, function: &str, parameters: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.named.is_empty() {
            return self.bind(function, parameters);
        }
        Err(EvalError::Type(format!("{function}() takes no keyword arguments")))
    }
}

/// What is taken where a required argument is: `bind` has seen to it that it is there.
pub(crate) fn need(value: Option<Value>) -> Value {
    value.unwrap_or_default()
}

/// The text of an argument that has to be text.
pub(crate) fn text(value: &Value, what: &str) -> Result<Rc<str>> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        _ => Err(EvalError::Type(format!("{what} has to be a string, not {}", type_name(value)))),
    }
}

/// The number of an argument that has to be whole.
pub(crate) fn whole(value: &Value, what: &str) -> Result<i128> {
    let message = || format!("{what}: '{}' object cannot be interpreted as an integer", type_name(value));
    value.as_int().ok_or_else(|| EvalError::Type(message()))
}

/// A count that is at least 0; what is too large for any list is as large as can be.
pub(crate) fn size(value: i128) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX)
}
