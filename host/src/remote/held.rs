//! A state that this run has: what it knows is sent under the condition that nobody else wrote it meanwhile.

use std::sync::Arc;

use objects::{Content, ObjectsError, Put, Tag};
use state::{Lease, State};

use super::{Cached, LARGE, Remote, RemoteError};

/// The state of one extractor and window, and the lease on it.
pub(crate) struct Held {
    pub(super) remote: Arc<Remote>,
    pub(super) object: String,
    /// The version that the next one replaces; `None` where there is none yet.
    pub(super) tag: Option<Tag>,
    pub(super) lease: Lease,
    /// Whether somebody else has it now.
    pub(super) lost: bool,
    pub(super) run_id: i64,
    /// How many bytes it had when it was sent last.
    pub(super) sent: u64,
    /// Where what is sent last is kept, for the next run on this machine.
    pub(super) cached: Option<Cached>,
}

impl Held {
    /// The number of the run that has it.
    pub(crate) fn run_id(&self) -> i64 {
        self.run_id
    }

    /// Send the state as it is now, which keeps the lease for its time.
    pub(crate) fn publish(&mut self, state: &mut State) -> Result<(), RemoteError> {
        if self.lost {
            return Err(RemoteError::Fenced);
        }
        self.lease.sequence += 1;
        state.set_lease(&self.lease)?;
        let content = self.remote.packed()?;
        let sent_before = self.sent > 0;
        self.sent = content.size();
        let mut put = self.send(&content)?;
        // One that was given up on may have arrived after all. Before the first there was none, so that nobody has to ask.
        if sent_before
            && let Put::Taken(Some(_)) = put
            && let Some(own) = self.own_version()?
        {
            self.tag = Some(own);
            put = self.send(&content)?;
        }
        match put {
            Put::Done(tag) => {
                if let Some(cached) = self.cached.as_ref().filter(|_| self.lease.seconds == 0) {
                    cached.keep(&tag, &mut content.reader());
                }
                self.tag = Some(tag);
                Ok(())
            }
            Put::Taken(_) => {
                self.cached.iter().for_each(Cached::forget);
                self.lost = true;
                Err(RemoteError::Fenced)
            }
        }
    }

    fn send(&self, content: &Content) -> Result<Put, ObjectsError> {
        let objects = &self.remote.objects;
        match &self.tag {
            Some(tag) => objects.replace(&self.object, content, tag),
            None => objects.create(&self.object, content),
        }
    }

    /// The version that is there, where this run wrote it.
    fn own_version(&self) -> Result<Option<Tag>, RemoteError> {
        let beside = self.remote.beside()?;
        let Some(head) = beside.fetch(&self.object)? else { return Ok(None) };
        let lease = beside.opened(&self.object, None)?.lease()?;
        Ok(lease.filter(|lease| lease.holder == self.lease.holder).map(|_| head.tag))
    }

    /// Send the state for the last time, and give the lease back.
    pub(crate) fn end(&mut self, state: &mut State) -> Result<(), RemoteError> {
        self.lease.seconds = 0;
        match self.publish(state) {
            Err(RemoteError::Fenced) if self.went_before(state)? => Ok(()),
            ended => ended,
        }
    }

    /// Whether the end was written, and its answer lost, before somebody else took the lease that it gave back: their state
    /// knows of it then.
    fn went_before(&self, state: &State) -> Result<bool, RemoteError> {
        let ours = state.ended(self.run_id)?;
        let beside = self.remote.beside()?;
        if beside.fetch(&self.object)?.is_none() {
            return Ok(false);
        }
        Ok(ours.is_some() && beside.opened(&self.object, None)?.ended(self.run_id)? == ours)
    }

    /// What to tell of a state that has become large.
    pub(crate) fn told_large(&self) -> Option<String> {
        let tell = || format!("the state has {} MB, which each run gets once and sends twice", self.sent / 1_000_000);
        (self.sent > LARGE).then(tell)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::Clock;
    use objects::Objects;
    use rules::domain::Scope;

    use super::super::{Taken, Wanted};
    use super::*;

    fn take(objects: &Arc<Objects>, lease: Duration) -> Option<Taken> {
        let remote = Arc::new(Remote::over(Arc::clone(objects), lease).expect("a directory"));
        let wanted = Wanted { extractor: "x".into(), scope: Scope::default(), wait: Some(Duration::ZERO) };
        remote.take(&wanted, &Clock::Machine).ok()
    }

    /// The same, as a request of its own has it that is still on its way.
    fn on_its_way(held: &Held) -> Held {
        let (remote, object, lease) = (Arc::clone(&held.remote), held.object.clone(), held.lease.clone());
        let Held { tag, lost, run_id, sent, .. } = held;
        Held { remote, object, tag: tag.clone(), lease, lost: *lost, run_id: *run_id, sent: *sent, cached: None }
    }

    #[test]
    fn a_write_that_was_given_up_and_arrives_after_all_fences_nobody() {
        let objects = Arc::new(Objects::in_memory().expect("a thread"));
        let Taken { mut state, mut held, .. } = take(&objects, Duration::from_secs(60)).expect("a lease");
        on_its_way(&held).publish(&mut state).expect("a store");
        held.publish(&mut state).expect("it is this run's own");
        assert!(take(&objects, Duration::from_secs(60)).is_none(), "the lease holds");
        held.end(&mut state).expect("a store");
        assert!(take(&objects, Duration::from_secs(60)).is_some(), "the lease was given back");
    }

    #[test]
    fn a_run_that_was_stalled_does_not_take_back_what_somebody_changed_meanwhile() {
        let objects = Arc::new(Objects::in_memory().expect("a thread"));
        let Taken { mut state, mut held, .. } = take(&objects, Duration::ZERO).expect("a lease");
        held.publish(&mut state).expect("a store");
        let remote = Arc::new(Remote::over(Arc::clone(&objects), Duration::ZERO).expect("a directory"));
        let key = state::CursorKey::new("x", &Scope::default());
        remote.amend("x", &Scope::default(), |state| state.set_cursor(&key, Some("here"))).expect("a change");
        assert!(matches!(held.publish(&mut state), Err(RemoteError::Fenced)));
        let cursor = remote.amend("x", &Scope::default(), |state| state.cursor(&key)).expect("a state");
        assert_eq!(cursor, Some(Some("here".to_owned())));
    }

    #[test]
    fn who_lost_the_lease_is_fenced() {
        let objects = Arc::new(Objects::in_memory().expect("a thread"));
        let Taken { mut state, mut held, .. } = take(&objects, Duration::ZERO).expect("a lease");
        let mut next = take(&objects, Duration::ZERO).expect("the lease is over");
        assert!(matches!(held.publish(&mut state), Err(RemoteError::Fenced)));
        assert!(matches!(held.end(&mut state), Err(RemoteError::Fenced)));
        next.held.end(&mut next.state).expect("a store");
    }
}
