//! The lease of a run in an object store, renewed for as long as the run goes on.

use std::sync::Arc;
use std::time::Duration;

use rules::domain::Level;
use tokio::task::JoinHandle;

use super::storing::{Store, storage};
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
                let events = events.clone();
                let renew = move |store: &Store| match store.ledger().renew() {
                    // The run cannot succeed any more: what it says at its end does not count.
                    Err(error @ RemoteError::Fenced) => Err(storage(error)),
                    Err(error) => {
                        events.log(Level::Warn, &format!("the lease was not renewed, and is tried again: {error}"));
                        Ok(())
                    }
                    Ok(()) => Ok(()),
                };
                if store.job(renew).await.is_err() {
                    return;
                }
            }
        }))
    }
}
