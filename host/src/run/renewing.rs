//! The lease of a run in an object store, renewed for as long as the run goes on.

use std::sync::Arc;
use std::time::Duration;

use rules::domain::{Fault, Level};
use tokio::task::JoinHandle;

use super::storing::Store;
use crate::events::Events;
use crate::remote::RemoteError;

/// How often a lease is renewed in its time, so that one answer may be late or missing.
const TIMES: u32 = 3;

/// Renews it until this is dropped.
pub(super) struct Renewing(JoinHandle<()>);

impl Drop for Renewing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Renewing {
    /// Begin to renew a lease that holds for so long.
    pub(super) fn start(store: &Arc<Store>, lease: Duration, events: &Events) -> Self {
        let (store, events) = (Arc::clone(store), events.clone());
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(lease / TIMES).await;
                // No job, since all of them may be at contents that take longer than the lease to send.
                let renewing = Arc::clone(&store);
                let renewed = tokio::task::spawn_blocking(move || renewing.ledger().renew()).await;
                match renewed {
                    Ok(Ok(())) => {}
                    // The run cannot succeed any more: what it says at its end does not count.
                    Ok(Err(error @ RemoteError::Fenced)) => {
                        store.end().fault.get_or_insert_with(|| Fault::new(error));
                        return;
                    }
                    Ok(Err(error)) => {
                        events.log(Level::Warn, &format!("the lease was not renewed, and is tried again: {error}"));
                    }
                    // It panicked, and has said so.
                    Err(_) => return,
                }
            }
        }))
    }
}
