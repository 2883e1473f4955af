//! How fast one origin may be asked: so many requests at once, and so many in a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Most requests to all origins together: each has a connection, or a part of one.
const MAX_OPEN: usize = 128;

/// Turns to ask, for every origin.
pub(super) struct Pace {
    concurrency: usize,
    open: Arc<Semaphore>,
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
#[expect(dead_code, reason = "held for their drop")]
pub(super) struct Turn(Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

impl Pace {
    /// At most `concurrency` requests to an origin at once, and one in every `interval`.
    pub(super) fn new(concurrency: usize, interval: Option<Duration>) -> Self {
        Self { concurrency, open: Arc::new(Semaphore::new(MAX_OPEN)), interval, lanes: Mutex::default() }
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
        // Last, so that nobody holds a part of what all share while it waits for what is its origin's own.
        let open = Arc::clone(&self.open).acquire_owned().await.ok();
        Turn(turn, open)
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
    fn all_origins_together_have_a_limit_that_no_waiting_counts_for() {
        let pace = Pace::new(2, None);
        let turn = |origin: usize| pace.turn(&origin.to_string()).now_or_never();
        let mut first = [turn(0), turn(0)];
        let mut waiting: Vec<_> = (0..MAX_OPEN).map(|_| Box::pin(pace.turn("0"))).collect();
        assert!(waiting.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
        let mut others: Vec<_> = (2..MAX_OPEN).map(turn).collect();
        assert!(others.iter().chain(&first).all(Option::is_some));
        assert!(turn(MAX_OPEN).is_none());
        others.pop();
        assert!(turn(MAX_OPEN).is_some());
        first[0].take();
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
