//! All states of an object store as one, to be looked at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use objects::Head;
use rules::domain::Scope;
use rules::name::check_name;
use state::{State, StateError};
use zone::{Lock, STATES};

use super::{ENDING, Remote, RemoteError, claim_of, object_of};

/// How many states are got at once.
const AT_ONCE: usize = 16;

/// A state in a directory of its own.
struct Brought {
    state: State,
    beside: Remote,
    head: Head,
}

impl Remote {
    /// The names of all states.
    pub(crate) fn states(&self) -> Result<Vec<String>, RemoteError> {
        let mut objects = Vec::new();
        for listed in self.objects.list(STATES.trim_end_matches('/'))? {
            objects.push(listed?.path);
        }
        objects.retain(|object| is_state(object));
        Ok(objects)
    }

    /// Put all states together in the spool, where there are any. Whoever has a lease has a lock there.
    pub(crate) fn gather(&self) -> Result<Vec<Lock>, RemoteError> {
        let (objects, mut locks) = (self.states()?, Vec::new());
        if objects.is_empty() {
            return Ok(locks);
        }
        let mut all = State::open_copy(&self.database(), None)?;
        // Put together in the order of their names, so that the same states make the same whole.
        self.each(&objects, |_, brought| {
            let Brought { state, beside, head } = brought?;
            if state.lease()?.is_some_and(|lease| self.left_of(&lease, &head).is_some()) {
                state.running(|_, extractor, claimed| {
                    let lock = claimed.map(|scope| self.spool.lock_extractor(extractor, &scope)).transpose()?;
                    locks.extend(lock.and_then(Result::ok));
                    Ok::<_, RemoteError>(())
                })?;
            }
            drop(state);
            Ok(all.merge(&beside.database())?)
        })?;
        Ok(locks)
    }

    /// The states of the extractors that met a source, and for how long a run has each of them.
    pub(super) fn of_source(&self, source: &str) -> Result<Vec<(String, Option<Duration>)>, RemoteError> {
        let objects = self.states()?;
        let (mut extractors, mut all) = (BTreeSet::new(), Vec::new());
        self.each(&objects, |object, brought| {
            let Brought { state, head, beside: _beside } = brought?;
            if state.has_met(source)? {
                extractors.insert(extractor_of(object).to_owned());
            }
            all.push((object.to_owned(), state.lease()?.and_then(|lease| self.left_of(&lease, &head))));
            Ok(())
        })?;
        all.retain(|(object, _)| extractors.contains(extractor_of(object)));
        Ok(all)
    }

    /// Files that one state has as erased and another as landed: those are the other's. States that cannot be read say
    /// nothing.
    pub(crate) fn landed_though_erased(&self) -> Result<BTreeSet<String>, RemoteError> {
        let objects = self.states()?;
        let (mut erased, mut landed) = (BTreeSet::new(), BTreeSet::new());
        self.each_whole(&objects, |state| state.each_erased(|path| erased.extend([path])))?;
        if !erased.is_empty() {
            self.each_whole(&objects, |state| {
                for path in &erased {
                    if state.landed(path)?.is_some() {
                        landed.insert(path.clone());
                    }
                }
                Ok(())
            })?;
        }
        Ok(landed)
    }

    /// Look at each of these states that can be read.
    fn each_whole(
        &self,
        objects: &[String],
        mut see: impl FnMut(&State) -> Result<(), StateError>,
    ) -> Result<(), RemoteError> {
        self.each(objects, |_, brought| match brought.and_then(|brought| Ok(see(&brought.state)?)) {
            Err(error) if error.is_damage() => Ok(()),
            seen => seen,
        })
    }

    /// Look at each of these states that is there, in their order.
    fn each(
        &self,
        objects: &[String],
        mut see: impl FnMut(&str, Result<Brought, RemoteError>) -> Result<(), RemoteError>,
    ) -> Result<(), RemoteError> {
        for objects in objects.chunks(AT_ONCE) {
            for (object, brought) in objects.iter().zip(self.bring(objects)) {
                let opened =
                    |(beside, head): (Self, Head)| Ok(Brought { state: beside.opened(object, None)?, beside, head });
                if let Some(brought) = brought.transpose() {
                    see(object, brought.and_then(opened))?;
                }
            }
        }
        Ok(())
    }

    /// Have a new state know what was erased, as any other of its extractor does.
    pub(super) fn inherit(&self, extractor: &str, own: &str, state: &mut State) -> Result<(), RemoteError> {
        let (newest, beside) = (object_of(extractor, &Scope::default()), self.beside()?);
        let mut other = newest;
        let mut found = other != own && beside.fetch(&other)?.is_some();
        if !found && let Some(window) = self.any_window_of(extractor)? {
            found = beside.fetch(&window)?.is_some();
            other = window;
        }
        if found {
            drop(beside.opened(&other, None)?);
            state.merge_erased(&beside.database())?;
        }
        Ok(())
    }

    fn any_window_of(&self, extractor: &str) -> Result<Option<String>, RemoteError> {
        for listed in self.objects.list(&format!("{STATES}{extractor}"))? {
            let object = listed?.path;
            if is_state(&object) {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// Get states side by side, each into a directory of its own.
    fn bring(&self, objects: &[String]) -> Vec<Result<Option<(Self, Head)>, RemoteError>> {
        let bring = |object: &String| {
            let beside = self.beside()?;
            Ok(beside.fetch(object)?.map(|head| (beside, head)))
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = objects.iter().map(|object| scope.spawn(move || bring(object))).collect();
            let ended = threads.into_iter().map(|thread| {
                // A panic over there is one here, too.
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            ended.collect()
        })
    }

    /// The same place with another directory.
    pub(super) fn beside(&self) -> Result<Self, RemoteError> {
        let directory = tempfile::tempdir().map_err(RemoteError::Spool)?;
        let spool = Arc::new(zone::Root::open(directory.path())?);
        Ok(Self { objects: Arc::clone(&self.objects), spool, lease: self.lease, cache: None, _directory: directory })
    }
}

/// The extractor of which an object is a state.
pub(super) fn extractor_of(object: &str) -> &str {
    let below = object.trim_start_matches(STATES).trim_end_matches(ENDING);
    below.split('/').next().unwrap_or_default()
}

/// Whether an object is the state of an extractor.
fn is_state(object: &str) -> bool {
    let Some(below) = object.strip_prefix(STATES).and_then(|below| below.strip_suffix(ENDING)) else { return false };
    match below.split_once('/') {
        None => check_name(below).is_ok(),
        Some((extractor, _)) => check_name(extractor).is_ok() && claim_of(object).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_from_what_else_is_there() {
        for (object, expected) in [
            (".state/padel.sqlite.gz", true),
            (".state/padel/2025-01-01..2025-02-01.sqlite.gz", true),
            (".state/.conditions", false),
            (".state/padel/x.sqlite.gz", false),
            (".state/../x.sqlite.gz", false),
            ("padel.sqlite.gz", false),
        ] {
            assert_eq!(is_state(object), expected, "{object}");
        }
    }
}
