//! One connection to an origin that can be shared is enough: who wants one while it is being made waits for it.
//!
//! Whether a connection can be shared, as those of HTTP/2 can, is known only once it is there. The pool gives it to all
//! who wait, but until then it asks for one connection for each of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A lane for each origin to which connections are being made.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<String, Arc<Lane>>>);

#[derive(Default)]
struct Lane {
    turn: tokio::sync::Mutex<()>,
    /// How many connections were made that can be shared.
    shared: AtomicU64,
    /// Whether one was made that cannot.
    unshared: AtomicBool,
}

impl Lanes {
    /// Make a connection by `connect`, one at a time until it is known that they cannot be shared. Where one was made
    /// meanwhile that can, this never ends: the pool has what it needs, and drops it or lets it time out.
    pub(super) async fn connect<C, E>(
        &self,
        origin: &str,
        connect: impl Future<Output = Result<C, E>>,
        is_shared: impl Fn(&C) -> bool,
    ) -> Result<C, E> {
        let lane = self.enter(origin);
        let before = lane.shared.load(Ordering::SeqCst);
        let turn = lane.turn.lock().await;
        if lane.shared.load(Ordering::SeqCst) != before {
            drop(turn);
            drop(lane);
            return std::future::pending().await;
        }
        let turn = Some(turn).filter(|_| !lane.unshared.load(Ordering::SeqCst));
        let connection = connect.await?;
        if is_shared(&connection) {
            lane.shared.fetch_add(1, Ordering::SeqCst);
        } else {
            lane.unshared.store(true, Ordering::SeqCst);
        }
        drop(turn);
        Ok(connection)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Lane>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, origin: &str) -> Entered<'_> {
        let lane = Arc::clone(self.all().entry(origin.to_owned()).or_default());
        Entered { lane, origin: origin.to_owned(), lanes: self }
    }
}

/// A lane that somebody is on. The last one takes it away.
struct Entered<'a> {
    lane: Arc<Lane>,
    origin: String,
    lanes: &'a Lanes,
}

impl std::ops::Deref for Entered<'_> {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        &self.lane
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.all();
        // One is the map's own.
        if Arc::strong_count(&self.lane) == 2 {
            lanes.remove(&self.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt as _;
    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn a_connection_that_can_be_shared_is_made_once() {
        let (lanes, dialled) = (Lanes::default(), Cell::new(0));
        let connect = |comes: oneshot::Receiver<Result<bool, ()>>| {
            let dialled = &dialled;
            let connect = async move {
                dialled.set(dialled.get() + 1);
                comes.await.expect("a connection")
            };
            Box::pin(lanes.connect("a", connect, |shared| *shared))
        };
        let channels = || oneshot::channel();
        let ((send_1, comes_1), (_send_2, comes_2), (send_3, comes_3)) = (channels(), channels(), channels());
        let (mut first, mut second, mut third) = (connect(comes_1), connect(comes_2), connect(comes_3));
        assert!([&mut first, &mut second, &mut third].into_iter().all(|one| one.now_or_never().is_none()));
        assert_eq!(dialled.get(), 1, "nobody knows yet whether it can be shared");
        send_1.send(Err(())).expect("who waits for it");
        assert_eq!(first.now_or_never(), Some(Err(())));
        drop(second);
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(dialled.get(), 2, "one that failed or went away makes room");
        let (_send_4, comes_4) = channels();
        let mut fourth = connect(comes_4);
        assert!((&mut fourth).now_or_never().is_none());
        send_3.send(Ok(true)).expect("who waits for it");
        assert_eq!(third.now_or_never(), Some(Ok(true)));
        assert!((&mut fourth).now_or_never().is_none());
        assert_eq!(dialled.get(), 2, "the pool gives that connection to the fourth");
        // Who comes later comes because that one is no use any more.
        let (send_5, comes_5) = channels();
        send_5.send(Ok(true)).expect("room");
        assert_eq!(connect(comes_5).now_or_never(), Some(Ok(true)));
        drop(fourth);
        assert!(lanes.all().is_empty());
    }

    #[test]
    fn connections_that_cannot_be_shared_are_made_side_by_side() {
        let (lanes, dialled) = (Lanes::default(), Cell::new(0));
        let connect = |comes: oneshot::Receiver<bool>| {
            let dialled = &dialled;
            let connect = async move {
                dialled.set(dialled.get() + 1);
                comes.await
            };
            Box::pin(lanes.connect("a", connect, |shared| *shared))
        };
        let ((send_1, comes_1), (_send_2, comes_2), (_send_3, comes_3)) =
            (oneshot::channel(), oneshot::channel(), oneshot::channel());
        let (mut first, mut second, mut third) = (connect(comes_1), connect(comes_2), connect(comes_3));
        assert!([&mut first, &mut second, &mut third].into_iter().all(|one| one.now_or_never().is_none()));
        send_1.send(false).expect("who waits for it");
        assert_eq!(first.now_or_never(), Some(Ok(false)));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        assert_eq!(dialled.get(), 3);
    }
}
