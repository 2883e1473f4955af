//! Regular expressions as Python's `re` has them.

use crate::call::Context;
use crate::error::{EvalError, Result};
use crate::value::Value;

pub(crate) fn search(_context: &Context<'_>, _value: &Value, _pattern: &Value) -> Result<Value> {
    Err(EvalError::Unsupported("regex_search".to_owned()))
}

pub(crate) fn replace(_context: &Context<'_>, _value: &Value, _pattern: &Value, _with: &Value) -> Result<Value> {
    Err(EvalError::Unsupported("regex_replace".to_owned()))
}
