//! A state that this run has: what it knows is sent under the condition that nobody else wrote it meanwhile.

use std::sync::Arc;

use objects::{Put, Tag};
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
        self.sent = content.size();
        let objects = &self.remote.objects;
        let put = match &self.tag {
            Some(tag) => objects.replace(&self.object, &content, tag)?,
            None => objects.create(&self.object, &content)?,
        };
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
        if self.remote.fetch(&self.object)?.is_none() {
            return Ok(false);
        }
        let theirs = self.remote.opened(&self.object, None)?;
        Ok(ours.is_some() && theirs.ended(self.run_id)? == ours)
    }

    /// What to tell of a state that has become large.
    pub(crate) fn told_large(&self) -> Option<String> {
        let tell = || format!("the state has {} MB, which each run gets once and sends twice", self.sent / 1_000_000);
        (self.sent > LARGE).then(tell)
    }
}
