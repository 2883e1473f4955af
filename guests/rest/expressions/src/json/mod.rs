//! JSON as the reference reads it, and as it is written, a record a line.
//!
//! Reading takes what `orjson` takes, and then what Python's `json` takes, as the reference's decoder does: `NaN` and
//! `Infinity` are numbers. Of members with one name the last counts, in the place of the first. Whole numbers are exact:
//! up to 128 bits as numbers, beyond as their digits, where the reference makes floats of them (trap 64). Half of a
//! surrogate pair, which UTF-8 cannot hold, becomes U+FFFD.
//!
//! Writing makes the shortest text: the shortest digits that read back as the same number, no spaces, UTF-8. `NaN` and
//! infinities become `null`, as in `orjson`.

mod copy;
mod read;
mod write;

use thiserror::Error;

pub use copy::{Copied, copy};
pub use read::{Reader, read};
pub use write::python;
pub use write::write;

/// How deep lists and members may be nested.
pub const DEPTH: usize = 256;

/// Why a text is no JSON, or a value cannot be written as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The text has something else where JSON has to go on.
    #[error("{message} at byte {at}")]
    Syntax {
        /// What is wrong.
        message: &'static str,
        /// Where, from 0.
        at: usize,
    },
    /// The value is of a type that JSON does not have.
    #[error("a value of type {0} cannot be written as JSON")]
    Type(&'static str),
    /// Nested too deeply to write.
    #[error("the value is nested more than {DEPTH} levels deep")]
    Deep,
}
