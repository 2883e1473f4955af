//! How fast one origin may be asked: so many requests at once, and so many in a time.
//!
//! It must not know what is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Turns to ask, for every origin.
pub(super) struct Pace {
    concurrency: usize,
    interval: Option<Duration>,
    lanes: Mutex<HashMap<String, Lane>>,
}

struct Lane {
    turns: Arc<Semaphore>,
    /// When the next request may be sent.
    next: Option<Instant>,
}

impl Lane {
    /// When the next request may be sent, which is this one's own then.
    fn reserve(&mut self, now: Instant, interval: Duration) -> Instant {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + interval);
        at
    }
}

/// A turn to ask, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Pace {
    /// At most `concurrency` requests to an origin at once, and one in every `interval`.
    pub(super) fn new(concurrency: usize, interval: Option<Duration>) -> Self {
        Self { concurrency, interval, lanes: Mutex::default() }
    }

    /// Wait for a turn.
    pub(super) async fn turn(&self, origin: &str) -> Turn {
        let turns = self.lane(origin, |lane| Arc::clone(&lane.turns));
        // Nobody closes it, so there is no turn only where the run is over.
        let turn = turns.acquire_owned().await.ok();
        if let Some(interval) = self.interval {
            let at = self.lane(origin, |lane| lane.reserve(Instant::now(), interval));
            tokio::time::sleep_until(at).await;
        }
        Turn(turn)
    }

    fn lane<T>(&self, origin: &str, look: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(origin) {
            return look(lane);
        }
        let lane = Lane { turns: Arc::new(Semaphore::new(self.concurrency)), next: None };
        look(lanes.entry(origin.to_owned()).or_insert(lane))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn an_origin_is_asked_so_often_at_once() {
        let pace = Pace::new(1, None);
        let first = pace.turn("a").now_or_never().expect("a turn");
        assert!(pace.turn("a").now_or_never().is_none());
        assert!(pace.turn("b").now_or_never().is_some(), "each origin has turns of its own");
        drop(first);
        assert!(pace.turn("a").now_or_never().is_some());
    }

    #[test]
    fn requests_keep_their_distance() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut lane = Lane { turns: Arc::new(Semaphore::new(9)), next: None };
        assert_eq!(
            [0, 0, 1].map(|later| lane.reserve(now + second * later, 2 * second)),
            [0, 2, 4].map(|s| now + second * s)
        );
        assert_eq!(lane.reserve(now + 60 * second, 2 * second), now + 60 * second, "what was not used is not saved up");
    }
}
