//! Changing a state while no run has it.

use std::sync::Arc;
use std::time::Duration;

use objects::Put;
use rules::domain::Scope;
use state::{Lease, State, StateError};
use zone::{DATABASE, STATES};

use super::gathering::extractor_of;
use super::taking::{PAUSE, held_by, holder};
use super::{Held, Remote, RemoteError, claim_of, object_of};
use crate::error::{Error, Kind};
use crate::patience::{self, Patience, patiently};
use crate::upkeep::UpkeepError;

/// How often it is tried again where somebody else changes it at the same time.
const ATTEMPTS: usize = 5;
/// Below what damaged states are kept.
const DAMAGED: &str = "damaged";

/// Why a state was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmendError {
    /// It did not come or go.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// What was to be done to it failed.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// A run has it, for that long.
    #[error("a run has the lease of {0}")]
    Leased(String, Duration),
    /// It was changed by others each time.
    #[error("the state {0} changed each time while it was to be changed")]
    Busy(String),
}

impl AmendError {
    /// Whether a new state would do better.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Remote(error) => error.is_damage(),
            Self::Upkeep(UpkeepError::State(error)) => error.is_damage(),
            _ => false,
        }
    }
}

fn leased(object: &str, left: Duration, wait: &str) -> Error {
    held_by(extractor_of(object), claim_of(object).and_then(|(window, _)| window), left, wait)
}

impl From<AmendError> for Error {
    fn from(error: AmendError) -> Self {
        match error {
            AmendError::Remote(error) => error.into(),
            AmendError::Upkeep(error) => error.into(),
            AmendError::Leased(object, left) => leased(&object, left, patience::hint(None)),
            AmendError::Busy(_) => Self::new(Kind::Locked, error).hint("say the same again in a while"),
        }
    }
}

impl Remote {
    /// Change the state of an extractor for a scope; what `change` gave, and `None` where there is no state.
    pub(crate) fn amend<T>(
        self: &Arc<Self>,
        extractor: &str,
        scope: &Scope,
        change: impl Fn(&mut State) -> Result<T, StateError>,
    ) -> Result<Option<T>, Error> {
        let change = |state: &mut State| change(state).map_err(RemoteError::from);
        Ok(self.amend_object(&object_of(extractor, scope), change)?)
    }

    /// The same of the state that an object is. Where nothing is changed, nothing is sent.
    pub(crate) fn amend_object<T, E>(
        self: &Arc<Self>,
        object: &str,
        change: impl Fn(&mut State) -> Result<T, E>,
    ) -> Result<Option<T>, AmendError>
    where
        AmendError: From<E>,
    {
        for _ in 0..ATTEMPTS {
            let Some(head) = self.fetch(object)? else { return Ok(None) };
            let mut state = self.opened(object, None)?;
            let before = state.lease().map_err(RemoteError::from)?;
            let changes = state.changes();
            if let Some(left) = before.as_ref().and_then(|lease| self.left_of(lease, &head)) {
                return Err(AmendError::Leased(object.to_owned(), left));
            }
            let changed = change(&mut state)?;
            if state.changes() == changes {
                return Ok(Some(changed));
            }
            // A holder of its own: a run that was only stalled must not take this for what it wrote itself, and its lease
            // must not begin again.
            let token = before.map_or(0, |before| before.token) + 1;
            let lease = Lease { holder: holder()?, token, sequence: 0, seconds: 0 };
            let (remote, object) = (Arc::clone(self), object.to_owned());
            let mut held =
                Held { remote, object, tag: Some(head.tag), lease, lost: false, run_id: 0, sent: 0, cached: None };
            match held.publish(&mut state) {
                Ok(()) => return Ok(Some(changed)),
                Err(RemoteError::Fenced) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AmendError::Busy(object.to_owned()))
    }

    /// The states of the extractors that met a source, once no run has any of them.
    pub(crate) fn unheld(&self, source: &str, patience: &Patience) -> Result<Vec<String>, Error> {
        loop {
            let all = self.of_source(source)?;
            let held = all.iter().filter(|(_, left)| left.is_some()).map(|(object, _)| object.clone());
            let held: Vec<String> = held.collect();
            if held.is_empty() {
                return Ok(all.into_iter().map(|(object, _)| object).collect());
            }
            // Meanwhile no others are looked at.
            for object in held {
                patiently(patience.left(), PAUSE, || {
                    let left = self.lease_of(&object)?;
                    Ok(left.map_or(Ok(()), |left| Err(leased(&object, left, patience.hint()))))
                })?;
            }
        }
    }

    /// Change all of these.
    pub(crate) fn amend_all_of(
        self: &Arc<Self>,
        source: &str,
        patience: &Patience,
        change: impl Fn(&mut State) -> Result<(), StateError>,
    ) -> Result<(), Error> {
        let change = |state: &mut State| change(state).map_err(RemoteError::from);
        for object in self.unheld(source, patience)? {
            patiently(patience.left(), PAUSE, || match self.amend_object(&object, change) {
                Ok(_) => Ok(Ok(())),
                Err(AmendError::Leased(object, left)) => Ok(Err(leased(&object, left, patience.hint()))),
                Err(error @ AmendError::Busy(_)) => Ok(Err(error.into())),
                Err(error) => Err(error.into()),
            })?;
        }
        Ok(())
    }

    /// Keep a damaged state under another name, and put what can be read of it in its place; that name, and how many runs
    /// could be read.
    pub(crate) fn replace_damaged(&self, object: &str) -> Result<(String, usize), RemoteError> {
        let Some((head, mut reader)) = self.objects.get(object)? else { return Ok((String::new(), 0)) };
        let mut raw = self.spool.scratch()?;
        std::io::copy(&mut reader, &mut raw).map_err(RemoteError::Spool)?;
        let seconds = clock::Moment::now().unix_seconds();
        let kept = format!("{STATES}{DAMAGED}/{}-{seconds}", object.trim_start_matches(STATES).replace('/', "-"));
        self.objects.create(&kept, &objects::Content::of_file(raw.reader()).map_err(RemoteError::Spool)?)?;
        // As much of the database as comes out of it.
        let damaged = self.beside()?;
        let mut output = damaged.spool.fresh(DATABASE)?;
        let _ = zone::unpack(raw.reader(), |piece| std::io::Write::write_all(&mut output, piece));
        drop(output);
        self.spool.fresh(DATABASE)?;
        let mut state = State::open_copy(&self.database(), None)?;
        let salvaged = state.take_over(&damaged.database())?;
        // What others of its extractor know to be erased must not land again.
        self.inherit(extractor_of(object), object, &mut state)?;
        drop(state);
        match self.objects.replace(object, &self.packed()?, &head.tag)? {
            Put::Done(_) => Ok((kept, salvaged)),
            Put::Taken(_) => Err(RemoteError::Fenced),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use clock::Clock;
    use objects::Objects;
    use state::CursorKey;

    use super::super::Wanted;
    use super::*;

    #[test]
    fn of_two_changes_at_the_same_time_none_is_lost() {
        let objects = Arc::new(Objects::in_memory().expect("a thread"));
        let remote = || Arc::new(Remote::over(Arc::clone(&objects), Duration::from_secs(60)).expect("a directory"));
        let newest = Scope::default();
        let wanted = Wanted { extractor: "x".into(), scope: newest.clone(), wait: None };
        let mut taken = remote().take(&wanted, &Clock::Machine).expect("a lease");
        taken.held.end(&mut taken.state).expect("a store");
        let keys = ["", "2025-01-01..2025-01-02"].map(|scope| CursorKey::new("x", &scope.parse().expect(scope)));
        let set = |state: &mut State, number: usize| state.set_cursor(&keys[number], Some("here"));
        let alone = Cell::new(true);
        let change = |state: &mut State| {
            if alone.replace(false) {
                remote().amend("x", &newest, |state| set(state, 1)).expect("a change");
            }
            set(state, 0)
        };
        remote().amend("x", &newest, change).expect("a change");
        for key in &keys {
            let cursor = remote().amend("x", &newest, |state| state.cursor(key)).expect("a state");
            assert_eq!(cursor, Some(Some("here".to_owned())), "{key:?}");
        }
    }
}
