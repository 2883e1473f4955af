//! How often, and for how long, a store is asked again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clock::Stopwatch;

/// Most attempts beyond the first.
const RETRIES: u32 = 8;
/// The waits are so many times shorter than between requests to somebody else's server: a store says by 503 that it wants
/// to be asked again.
const HURRY: u32 = 10;

/// How long a call is tried again once this process has to come to an end.
const HURRIED: Duration = Duration::from_secs(1);

/// How long what was given up may take to be removed from the store.
const CLEARING: Duration = Duration::from_secs(5);

/// Whether this process has to come to an end.
static HURRYING: AtomicBool = AtomicBool::new(false);

/// From now on no call is tried again for long.
pub fn hurry() {
    HURRYING.store(true, Ordering::Relaxed);
}

/// How long to wait at most, where this process is about to end, for the store to have nothing left that was given up.
pub(crate) fn clearing() -> Duration {
    if HURRYING.load(Ordering::Relaxed) { HURRIED } else { CLEARING }
}

/// How calls are tried again, each with waits of its own.
#[derive(Debug, Clone)]
pub(crate) struct Retries {
    pub(crate) seed: u64,
    /// After so long a call is not tried again.
    pub(crate) limit: Duration,
    /// Not for a store in memory, which has nothing to recover from.
    pub(crate) waits: bool,
    calls: Arc<AtomicU64>,
}

impl Retries {
    pub(crate) fn new(seed: u64, limit: Duration) -> Self {
        Self { seed, limit, waits: true, calls: Arc::default() }
    }

    /// The retries of one call.
    pub(crate) fn begin(&self) -> Retrying {
        let seed = self.seed.wrapping_add(self.calls.fetch_add(1, Ordering::Relaxed));
        Retrying { since: Stopwatch::start(), attempt: 0, seed, limit: self.limit, waits: self.waits }
    }
}

/// The retries of one call.
#[derive(Debug, Clone)]
pub(crate) struct Retrying {
    since: Stopwatch,
    attempt: u32,
    seed: u64,
    limit: Duration,
    waits: bool,
}

impl Retrying {
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
