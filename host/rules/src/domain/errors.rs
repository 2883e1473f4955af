//! What may go wrong, each with a word that never changes.

use std::sync::Arc;

use super::Grant;
use crate::text;

/// Why a request gave no response, or a body did not arrive whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The request itself is malformed.
    #[error("{0}")]
    Invalid(String),
    /// The egress policy refuses it.
    #[error("{reason}")]
    Denied {
        /// Which rule, on which hop.
        reason: String,
        /// The grant that would allow it, where one could.
        grant: Option<Grant>,
    },
    /// A secret has no value, since a token could not be got: until somebody does something, or for now.
    #[error("{0}")]
    NoValue(String, Lasting),
    /// Name resolution, connect or TLS failed.
    #[error("{0}")]
    Unreachable(String),
    /// A time limit passed; the text says which.
    #[error("{0}")]
    Timeout(String),
    /// The body passed the limit of that many bytes.
    #[error("the body is larger than the limit of {}", text::counted(*.0, "byte"))]
    TooLarge(u64),
    /// The peer broke HTTP, or the body ended early or failed to decode.
    #[error("{0}")]
    Protocol(String),
    /// The connection broke off inside the body.
    #[error("{0}")]
    Broken(String),
    /// The extractor gave up content that it was making.
    #[error("{0}")]
    GivenUp(String),
    /// A budget of the run is spent.
    #[error("{0}")]
    Budget(String),
    /// The answers come from a recording, and this one is not in it.
    #[error("{0}")]
    NotRecorded(String),
}

/// Whether something stays as it is until somebody changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It does.
    Yes,
    /// It may be otherwise the next time.
    No,
}

impl FetchError {
    /// What it is, in a word that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "request-invalid",
            Self::Denied { grant: Some(Grant::Secret(_)), .. } => "secret-denied",
            Self::Denied { .. } => "egress-denied",
            Self::NoValue(..) => "secret-unavailable",
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::TooLarge(_) => "body-too-large",
            Self::Protocol(_) => "protocol",
            Self::Broken(_) => "body-broken",
            Self::GivenUp(_) => "given-up",
            Self::Budget(_) => "budget-spent",
            Self::NotRecorded(_) => "not-recorded",
        }
    }

    /// The same with its text changed.
    pub fn map_text(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Invalid(text) => Self::Invalid(change(text)),
            Self::Denied { reason, grant } => Self::Denied { reason: change(reason), grant },
            Self::NoValue(text, lasting) => Self::NoValue(change(text), lasting),
            Self::Unreachable(text) => Self::Unreachable(change(text)),
            Self::Timeout(text) => Self::Timeout(change(text)),
            Self::Protocol(text) => Self::Protocol(change(text)),
            Self::Broken(text) => Self::Broken(change(text)),
            Self::GivenUp(text) => Self::GivenUp(change(text)),
            Self::Budget(text) => Self::Budget(change(text)),
            Self::NotRecorded(text) => Self::NotRecorded(change(text)),
            Self::TooLarge(limit) => Self::TooLarge(limit),
        }
    }
}

/// A failure of the zone, the state or the machine: its type is known only where it comes from and where it ends.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Fault(Arc<dyn std::error::Error + Send + Sync>);

impl Fault {
    /// Carry an error, or a sentence, to the edge.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }

    /// The first of its causes, itself included, that is a `T`.
    pub fn find<T: std::error::Error + 'static>(&self) -> Option<&T> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*self.0);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Fault {}

/// Why nothing landed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandError {
    /// The source may not be appended to; the text says why.
    #[error("{0}")]
    Denied(String),
    /// A slot or source that names no valid file.
    #[error("{0}")]
    Invalid(String),
    /// The request failed, or its body did.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The server answered, but with no content to land.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The content is not what is expected of the source.
    #[error("the content is not as expected: {what}")]
    Rejected {
        /// How, in a word that never changes.
        code: &'static str,
        /// How, without any of its own words.
        what: String,
    },
    /// The landing zone or the state could not be written.
    #[error(transparent)]
    Storage(#[from] Fault),
}

impl LandError {
    /// What it is, in a word that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "source-denied",
            Self::Invalid(_) => "slot-invalid",
            Self::Fetch(error) => error.code(),
            Self::Status(_) => "status",
            Self::Rejected { code, .. } => code,
            Self::Storage(_) => "storage-failed",
        }
    }
}
