//! The expressions of declarative sources: Jinja as their reference (`airbyte-cdk` 7.39.1) evaluates it, over values as
//! Python has them. Pure: the time and random bytes are given, nothing is read or sent.
//!
//! - [`Value`] is what everything is computed in; [`json`] reads and writes it, [`literal`] reads Python's literals.
//! - [`Template`] reads a template once and evaluates it in a [`Scope`]; [`Mapping`] and [`Nested`] are mappings of them.
//! - [`time`] has dates, times and lengths of time; [`path`] finds, sets and deletes members,
//!   [`reshape`] renames and moves them.

mod access;
mod call;
mod error;
mod filters;
mod float;
mod functions;
pub mod json;
pub mod literal;
mod methods;
mod numbers;
pub mod path;
mod pattern;
mod percent;
mod quote;
pub mod reshape;
mod scope;
mod template;
mod tests;
mod text;
pub mod time;
mod value;
#[cfg(test)]
mod vectors;

pub use error::{EvalError, SyntaxError};
pub use scope::{Random, Scope};
pub use template::{Mapping, Nested, Shape, Template, Wanted};
pub use value::{Iter, Map, Value};
