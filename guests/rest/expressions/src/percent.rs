//! `text % values`.

use crate::error::{Budget, EvalError, Result};
use crate::value::Value;

pub(crate) fn format(_budget: &Budget, _format: &str, _values: &Value) -> Result<Value> {
    Err(EvalError::Unsupported("'%' of a string".to_owned()))
}

pub(crate) fn braces(_context: &crate::call::Context<'_>, _format: &str, _given: crate::call::Given) -> Result<Value> {
    Err(EvalError::Unsupported("the method 'format' of str".to_owned()))
}
