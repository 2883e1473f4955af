//! How often, and for how long, a store is asked again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::Stopwatch;

/// Most attempts beyond the first.
const RETRIES: u32 = 8;
/// The waits are so many times shorter than between requests to somebody else's server: a store says by 503 that it wants
/// to be asked again.
const HURRY: u32 = 10;

/// How long a call is tried again once this process has to come to an end.
const HURRIED: Duration = Duration::from_secs(1);

/// Whether this process has to come to an end.
static HURRYING: AtomicBool = AtomicBool::new(false);

/// From now on no call is tried again for long.
pub fn hurry() {
    HURRYING.store(true, Ordering::Relaxed);
}

/// The retries of one call.
#[derive(Debug, Clone)]
pub(crate) struct Retrying {
    since: Stopwatch,
    attempt: u32,
    seed: u64,
    /// After so long it is not tried again.
    limit: Duration,
    /// None for a store in memory, which has nothing to recover from.
    waits: bool,
}

impl Retrying {
    pub(crate) fn new(seed: u64, limit: Duration, waits: bool) -> Self {
        Self { since: Stopwatch::start(), attempt: 0, seed, limit, waits }
    }

    /// Wait for the next attempt; whether there is one.
    pub(crate) async fn pause(&mut self) -> bool {
        self.attempt += 1;
        let Some(wait) = rules::retry::wait(self.attempt, RETRIES, None, self.seed) else { return false };
        let limit = if HURRYING.load(Ordering::Relaxed) { HURRIED } else { self.limit };
        if self.since.elapsed() > limit {
            return false;
        }
        if self.waits {
            tokio::time::sleep(wait / HURRY).await;
        }
        true
    }
}
