//! Why the ledger could not keep what was found.

use rules::domain::{Fault, LandError};
use state::StateError;

use crate::remote::RemoteError;

/// Why what was found is not durable.
#[derive(Debug, thiserror::Error)]
pub(in crate::run) enum LedgerError {
    /// It could not be written down.
    #[error(transparent)]
    State(#[from] StateError),
    /// It could not be sent.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl From<LedgerError> for LandError {
    fn from(error: LedgerError) -> Self {
        Fault::new(error).into()
    }
}
