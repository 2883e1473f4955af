//! The expressions of declarative sources: Jinja as their reference (`airbyte-cdk`) evaluates it, over values as Python
//! has them. Pure: the time is given, nothing is read or sent.
//!
//! - [`Value`] is what everything is computed in; `json` reads and writes it.

mod value;

pub use value::{Map, Value};
