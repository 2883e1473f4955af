//! A clock that goes on only by being waited for, so that the same run at another time is the same run.
//!
//! Whoever waits gets its turn in the order of the moments that are waited for, and not before everything else that could
//! change the world has come to its end: work says that it goes on by [`Simulated::work`].

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often one that waits lets the others come first, so that those that begin to wait at the same time are compared.
const COURTESY: u32 = 4;

/// A simulated clock.
#[derive(Debug, Default)]
pub struct Simulated(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since the start.
    now: Duration,
    /// What goes on and is not waiting.
    working: usize,
    /// By the moment that is waited for, and then in order.
    waiting: BTreeMap<(Duration, u64), Option<Waker>>,
    next: u64,
    random: u64,
}

impl State {
    /// Have the first one that waits look again.
    fn call(&mut self) {
        if self.working == 0
            && let Some(mut first) = self.waiting.first_entry()
            && let Some(waker) = first.get_mut().take()
        {
            waker.wake();
        }
    }
}

impl Simulated {
    /// The time that passed since the start.
    pub fn passed(&self) -> Duration {
        self.state().now
    }

    /// The number of the next thing that has to differ from all before it.
    pub(crate) fn next_random(&self) -> u64 {
        let mut state = self.state();
        state.random += 1;
        state.random
    }

    /// Something goes on until this is dropped, and no wait ends before it.
    pub fn work(self: &Arc<Self>) -> Work {
        self.state().working += 1;
        Work(Arc::clone(self))
    }

    /// Wait for so long.
    pub fn wait(self: &Arc<Self>, duration: Duration) -> Wait {
        self.waiting(duration, false)
    }

    /// The same as a part of work, which pauses meanwhile.
    pub fn wait_at_work(self: &Arc<Self>, duration: Duration) -> Wait {
        self.waiting(duration, true)
    }

    fn waiting(self: &Arc<Self>, duration: Duration, pauses: bool) -> Wait {
        let mut state = self.state();
        let key = (state.now.saturating_add(duration), state.next);
        state.next += 1;
        state.waiting.insert(key, None);
        if pauses {
            state.working = state.working.saturating_sub(1);
            state.call();
        }
        drop(state);
        Wait { clock: Arc::clone(self), key, courtesy: COURTESY, pauses }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole after every statement, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that goes on.
#[derive(Debug)]
pub struct Work(Arc<Simulated>);

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.working = state.working.saturating_sub(1);
        state.call();
    }
}

/// The end of a wait.
#[derive(Debug)]
pub struct Wait {
    clock: Arc<Simulated>,
    key: (Duration, u64),
    courtesy: u32,
    /// Whether work pauses for it.
    pauses: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut state = clock.state();
        let is_first = state.waiting.first_key_value().is_some_and(|(key, _)| *key == self.key);
        if state.working > 0 || !is_first {
            self.courtesy = COURTESY;
            state.waiting.insert(self.key, Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if self.courtesy > 0 {
            self.courtesy -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        state.now = state.now.max(self.key.0);
        Poll::Ready(())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        state.waiting.remove(&self.key);
        if self.pauses {
            state.working += 1;
        }
        state.call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Poll all of these until they are done; the order in which that came about.
    fn finish(waits: Vec<(&'static str, Wait)>) -> Vec<&'static str> {
        let mut waits: Vec<_> = waits.into_iter().map(|(name, wait)| (name, Box::pin(wait))).collect();
        let mut done = Vec::new();
        for _ in 0..100 {
            waits.retain_mut(|(name, wait)| {
                let ready = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if ready {
                    done.push(*name);
                }
                !ready
            });
        }
        done
    }

    #[test]
    fn waits_end_in_the_order_of_their_moments() {
        let clock = Arc::new(Simulated::default());
        let seconds = Duration::from_secs;
        let waits = vec![("late", clock.wait(seconds(3600))), ("soon", clock.wait(seconds(1)))];
        assert_eq!(finish(waits), ["soon", "late"]);
        assert_eq!(clock.passed(), seconds(3600), "both began at the same moment");
        assert_eq!(finish(vec![("more", clock.wait(seconds(1)))]), ["more"]);
        assert_eq!(clock.passed(), seconds(3601));
    }

    #[test]
    fn no_wait_ends_while_something_goes_on() {
        let clock = Arc::new(Simulated::default());
        let work = clock.work();
        let mut wait = Box::pin(clock.wait(Duration::from_secs(9)));
        for _ in 0..20 {
            assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        // Unless that waits itself.
        let own = clock.wait_at_work(Duration::from_secs(1));
        assert_eq!(finish(vec![("own", own)]), ["own"]);
        assert_eq!(clock.passed(), Duration::from_secs(1));
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(work);
        assert_eq!(finish(vec![("other", *Pin::into_inner(wait))]), ["other"]);
    }
}
