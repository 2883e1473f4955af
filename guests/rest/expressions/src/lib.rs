//! The expressions of declarative sources: Jinja as their reference (`airbyte-cdk` 7.39.1) evaluates it, over values as
//! Python has them. Pure: the time and random bytes are given, nothing is read or sent.
//!
//! - [`Value`] is what everything is computed in; [`json`] reads and writes it, [`literal`] reads Python's literals.
//! - [`Template`] reads a template once and evaluates it in a [`Scope`]; [`Mapping`] and [`Nested`] are mappings of them.
//! - [`time`] has dates, times and lengths of time; [`path`] finds, sets and deletes members,
//!   [`reshape`] renames and moves them.
//!
//! # Where it departs from the reference
//! - Filters, tests, functions, tags and time zones that are not here are refused when a template is read, by name:
//!   among Jinja's own `pprint`, `random`, `urlize`, `wordwrap`, macros, inheritance, recursive loops and `*args`, and of
//!   the zones all that need a database. So are methods that change a value (`append`, `update`, `pop` of a name).
//! - In the reference a string that once fell back on its own text (trap 7) stays that text; here every evaluation counts.
//! - Whole numbers have 128 bits; more is an error, though JSON keeps the digits. In JSON they are exact (trap 64).
//! - Functions, methods and generators print without an address. What a generator yields can be gone through again.
//! - `safe`, `escape` and `tojson` give plain text: what is added to it is not escaped.
//! - `...`, complex numbers in lists and `\N{…}` in strings stay the text that was rendered.
//! - `loop` and namespaces are dicts. Attributes with `__` before them are undefined, not forbidden.
//! - A slice of a literal that has none (`none[1:]`) is a `TypeError`, as it is of a name; Jinja makes it undefined.
//! - Steps, text and depth have limits ([`EvalError::Budget`]).

mod access;
mod call;
mod error;
mod filters;
mod float;
mod functions;
#[cfg(any(test, fuzzing))]
pub mod invariants;
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
