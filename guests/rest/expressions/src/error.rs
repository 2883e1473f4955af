//! What can go wrong with a template, and what bounds its evaluation.

use std::cell::Cell;

use thiserror::Error;

use crate::time::TimeError;

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (line {line})")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line of the template, from 1.
    pub line: usize,
}

impl SyntaxError {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), line }
    }
}

/// Why a template has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvalError {
    /// Something was done with what is not there: Jinja's `UndefinedError`.
    #[error("{0}")]
    Undefined(String),
    /// Python's `TypeError`: the reference takes the template's own text in its place (trap 7).
    #[error("{0}")]
    Type(String),
    /// Another of Python's exceptions, which ends the stream.
    #[error("{kind}: {message}")]
    Raised {
        /// The exception's name.
        kind: &'static str,
        /// What it says.
        message: String,
    },
    /// Names that nothing gives a value to (trap 8).
    #[error("the template reads {0}, which has no value here")]
    Undeclared(String),
    /// What the reference can do and this crate cannot.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The template does or makes too much.
    #[error("the template {0}")]
    Budget(&'static str),
}

impl EvalError {
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::Raised { kind: "ValueError", message: message.into() }
    }

    pub(crate) fn raised(kind: &'static str, message: impl Into<String>) -> Self {
        Self::Raised { kind, message: message.into() }
    }

    pub(crate) fn large() -> Self {
        Self::raised("OverflowError", "a whole number needs more than 128 bits")
    }
}

impl From<TimeError> for EvalError {
    fn from(error: TimeError) -> Self {
        match error.python() {
            "TypeError" => Self::Type(error.to_string()),
            kind => Self::raised(kind, error.to_string()),
        }
    }
}

pub(crate) type Result<T, E = EvalError> = std::result::Result<T, E>;

/// How much one evaluation may do.
const STEPS: u64 = 500_000;

/// How many bytes of text and items of lists one evaluation may make.
const BYTES: u64 = 32 << 20;

/// What is left of both.
pub(crate) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { steps: Cell::new(STEPS), bytes: Cell::new(BYTES) }
    }

    /// Some work was done.
    pub(crate) fn work(&self, steps: usize) -> Result<()> {
        let left = self.steps.get().checked_sub(steps as u64);
        self.steps.set(left.ok_or(EvalError::Budget("takes too many steps"))?);
        Ok(())
    }

    /// Something of that size is going to be made.
    pub(crate) fn make(&self, bytes: usize) -> Result<()> {
        let left = self.bytes.get().checked_sub(bytes as u64);
        self.bytes.set(left.ok_or(EvalError::Budget("makes too much text or too long a list"))?);
        Ok(())
    }
}
