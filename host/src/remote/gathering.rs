//! All states of an object store as one, to be looked at.

use std::sync::Arc;

use rules::domain::Window;
use rules::name::check_name;
use state::State;
use zone::{Lock, STATES};

use super::{ENDING, Remote, RemoteError, window_of};

impl Remote {
    /// Put all states together in the spool, where there are any. Whoever has a lease has a lock there.
    pub(crate) fn gather(&self) -> Result<Vec<Lock>, RemoteError> {
        let mut objects = Vec::new();
        for listed in self.objects.list(STATES.trim_end_matches('/'))? {
            let listed = listed?;
            objects.extend(whose(&listed.path).map(|(extractor, window)| (listed.path, extractor, window)));
        }
        let mut locks = Vec::new();
        if objects.is_empty() {
            return Ok(locks);
        }
        let beside = self.beside()?;
        let mut all = State::open_copy(&self.database(), None)?;
        for (object, extractor, window) in objects {
            let Some(head) = beside.fetch(&object)? else { continue };
            let lease = State::open_copy(&beside.database(), None)?.lease()?;
            if lease.is_some_and(|lease| self.left_of(&lease, &head).is_some()) {
                locks.extend(self.spool.lock_extractor(&extractor, window)?.ok());
            }
            all.merge(&beside.database())?;
        }
        Ok(locks)
    }

    /// The same place with another directory.
    pub(super) fn beside(&self) -> Result<Self, RemoteError> {
        let directory = tempfile::tempdir().map_err(RemoteError::Spool)?;
        let spool = Arc::new(zone::Root::open(directory.path())?);
        Ok(Self { objects: Arc::clone(&self.objects), spool, lease: self.lease, _directory: directory })
    }
}

/// Whose state an object is; `None` where it is none.
fn whose(object: &str) -> Option<(String, Option<Window>)> {
    let below = object.strip_prefix(STATES)?.strip_suffix(ENDING)?;
    let (extractor, window) = match below.split_once('/') {
        None => (below, None),
        Some((extractor, _)) => (extractor, Some(window_of(object)?)),
    };
    check_name(extractor).is_ok().then(|| (extractor.to_owned(), window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tells_whose_it_is() {
        let window = "2025-01-01..2025-02-01";
        let told = |object: &str| whose(object).map(|(name, window)| (name, window.map(|window| window.to_string())));
        assert_eq!(told(".state/padel.sqlite.gz"), Some(("padel".into(), None)));
        assert_eq!(told(&format!(".state/padel/{window}.sqlite.gz")), Some(("padel".into(), Some(window.into()))));
        for other in [".state/.conditions", ".state/padel/x.sqlite.gz", ".state/../x.sqlite.gz", "padel.sqlite.gz"] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
