//! Taking the state of an extractor and window for a run, or waiting for whoever has it.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Moment, Stopwatch};
use objects::{Head, Tag};
use rules::domain::{Scope, Window};
use state::{CursorKey, Lease, State};

use super::{Cached, Held, Remote, RemoteError, claim_of, conditions, hashed, object_of};
use crate::error::{Error, Kind};
use crate::patience;

/// How often it is looked whether a lease is over: each time is a request.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How much of a number of a run says when it began; the rest tells it from others of the same millisecond.
const A_MILLISECOND: i64 = 1000;

/// What is to be taken, and for how long to wait for it; `None` is without end.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) extractor: String,
    pub(crate) scope: Scope,
    pub(crate) wait: Option<Duration>,
}

/// A state that was taken, in which the run has its row.
pub(crate) struct Taken {
    pub(crate) state: State,
    pub(crate) held: Held,
    pub(crate) dead: usize,
}

impl Remote {
    /// Take a state, with a row for a run in it.
    pub(crate) fn take(self: &Arc<Self>, wanted: &Wanted, clock: &Clock) -> Result<Taken, Error> {
        let waited = Stopwatch::start();
        loop {
            let refused = match self.try_to_take(wanted, clock)? {
                Ok(taken) => return Ok(taken),
                Err(refused) => refused,
            };
            if state::has_to_hurry() || wanted.wait.is_some_and(|wait| waited.elapsed() >= wait) {
                return Err(refused);
            }
            let left = wanted.wait.map_or(PAUSE, |wait| wait.saturating_sub(waited.elapsed()));
            std::thread::sleep(left.min(PAUSE));
        }
    }

    /// The inner error says that somebody else has it.
    fn try_to_take(self: &Arc<Self>, wanted: &Wanted, clock: &Clock) -> Result<Result<Taken, Error>, Error> {
        let object = object_of(&wanted.extractor, &wanted.scope);
        // Of windows there may be any number, and none of them comes again each hour.
        let of_the_newest = wanted.scope == Scope::default();
        let cache = self.cache.as_deref().filter(|_| of_the_newest);
        let cached = cache.map(|cache| Cached::of(cache, self.objects.shown(), &object));
        if let Some(tag) = cached.as_ref().and_then(|cached| self.load(cached))
            && let Ok((now, state)) = self.opened_to_run(&object, clock)
        {
            // Where it is not the newest any more, the one that is decides.
            if let Ok(taken) = self.begin(wanted, now, state, (object.clone(), Some(tag), cached.clone()))? {
                return Ok(Ok(taken));
            }
        }
        let found = self.fetch(&object)?;
        if found.is_none() {
            conditions::check(&self.objects)?;
            self.spool.fresh(zone::DATABASE).map_err(RemoteError::from)?;
        }
        let (now, mut state) = self.opened_to_run(&object, clock)?;
        if found.is_none() {
            self.inherit(&wanted.extractor, &object, &mut state)?;
        }
        if let Some(head) = &found
            && let Some(lease) = state.lease().map_err(RemoteError::from)?
            && let Some(left) = self.left_of(&lease, head)
        {
            return Ok(Err(held_by(&wanted.extractor, wanted.scope.window, left, patience::hint(wanted.wait))));
        }
        self.begin(wanted, now, state, (object, found.map(|head| head.tag), cached))
    }

    /// The state in the spool, for a run that begins now.
    fn opened_to_run(&self, object: &str, clock: &Clock) -> Result<(Moment, State), RemoteError> {
        let now = clock.now();
        let state = self.opened(object, Some(run_number(now.unix_milliseconds())))?;
        Ok((now, state.alone().map_err(RemoteError::from)?))
    }

    /// Begin a run in the state that is in the spool, if it is that version of the object.
    fn begin(
        self: &Arc<Self>,
        wanted: &Wanted,
        now: Moment,
        mut state: State,
        (object, tag, cached): (String, Option<Tag>, Option<Cached>),
    ) -> Result<Result<Taken, Error>, Error> {
        let (before, is_new) = (state.lease().map_err(RemoteError::from)?, tag.is_none());
        let key = CursorKey::new(&wanted.extractor, &wanted.scope);
        let (run_id, dead) = state.begin(&key, &now.iso8601(), |_| false).map_err(RemoteError::from)?;
        let lease = Lease {
            holder: holder()?,
            token: before.map_or(0, |before| before.token) + 1,
            sequence: 0,
            seconds: u32::try_from(self.lease.as_secs()).unwrap_or(u32::MAX),
        };
        let mut held = Held { remote: Arc::clone(self), object, tag, lease, lost: false, run_id, sent: 0, cached };
        match held.publish(&mut state) {
            Ok(()) => {}
            // Somebody was faster.
            Err(RemoteError::Fenced) => {
                return Ok(Err(held_by(
                    &wanted.extractor,
                    wanted.scope.window,
                    self.lease,
                    patience::hint(wanted.wait),
                )));
            }
            Err(error) => return Err(error.into()),
        }
        if is_new {
            // Once more: what is erased from now on waits for this lease.
            self.inherit(&wanted.extractor, &held.object, &mut state).map_err(Error::from)?;
        }
        // Each of two that begin at the same time has its own lease before it looks for the other's, so that one at least
        // sees the other.
        if let Some((other, left)) = self.overlapping(wanted)? {
            state.withdraw(run_id).map_err(RemoteError::from)?;
            held.end(&mut state)?;
            return Ok(Err(held_by(&wanted.extractor, Some(other), left, patience::hint(wanted.wait))));
        }
        Ok(Ok(Taken { state, held, dead }))
    }

    /// How long a lease goes on; `None` where it is over.
    pub(super) fn left_of(&self, lease: &Lease, head: &Head) -> Option<Duration> {
        self.objects.left(head, Duration::from_secs(lease.seconds.into()))
    }

    /// Another window of the extractor that has days of this one and is being run, and for how long its lease goes on.
    fn overlapping(&self, wanted: &Wanted) -> Result<Option<(Window, Duration)>, Error> {
        let Some(own) = wanted.scope.window else { return Ok(None) };
        let below = format!("{}{}", zone::STATES, wanted.extractor);
        let part = wanted.scope.part.as_ref().map(hashed);
        let mut others = Vec::new();
        for listed in self.objects.list(&below).map_err(RemoteError::from)? {
            let listed = listed.map_err(RemoteError::from)?;
            if let Some((Some(other), others_part)) = claim_of(&listed.path)
                && others_part == part.as_deref()
                && other != own
                && other.overlaps(own)
            {
                others.push((listed.path, other));
            }
        }
        for (object, other) in others {
            if let Some(left) = self.lease_of(&object)? {
                return Ok(Some((other, left)));
            }
        }
        Ok(None)
    }

    /// How long the lease on an object goes on; `None` where nobody has it.
    pub(super) fn lease_of(&self, object: &str) -> Result<Option<Duration>, Error> {
        let other = self.beside()?;
        let Some(head) = other.fetch(object)? else { return Ok(None) };
        let lease = other.opened(object, None)?.lease().map_err(RemoteError::from)?;
        Ok(lease.and_then(|lease| self.left_of(&lease, &head)))
    }
}

/// A number that no other run has, and that is larger than those of earlier ones: below 2^53, so that JSON readers keep it.
fn run_number(unix_milliseconds: u64) -> i64 {
    let mut random = [0; 2];
    // Without randomness two runs of one millisecond have one number, of which the store refuses the second.
    let _ = clock::randomise(&mut random);
    i64::try_from(unix_milliseconds).unwrap_or(i64::MAX / A_MILLISECOND) * A_MILLISECOND
        + i64::from(u16::from_le_bytes(random)) % A_MILLISECOND
}

pub(super) fn holder() -> Result<String, RemoteError> {
    let mut random = [0; 16];
    clock::randomise(&mut random).map_err(RemoteError::Random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn held_by(name: &str, window: Option<Window>, left: Duration, wait: &str) -> Error {
    let whose = match window {
        Some(window) => format!("another run of {name} for {window}"),
        None => format!("another run of {name}"),
    };
    let message = format!("{whose} has its lease, for {} s more unless it renews it", left.as_secs().max(1));
    Error::new(Kind::Locked, message).hint(format!("{wait}; `host runs` shows when it started"))
}
