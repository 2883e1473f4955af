//! Changing a state while no run has it.

use std::sync::Arc;

use rules::domain::Window;
use state::{Lease, State, StateError};

use super::taking::{Wanted, held_by};
use super::{Held, Remote, RemoteError, object_of};
use crate::error::{Error, Kind};

/// How often it is tried again where somebody else changes it at the same time.
const ATTEMPTS: usize = 5;

impl Remote {
    /// Change the state of an extractor, or of one of its windows; what `change` gave, and `None` where there is no state.
    pub(crate) fn amend<T>(
        self: &Arc<Self>,
        extractor: &str,
        window: Option<Window>,
        change: impl Fn(&mut State) -> Result<T, StateError>,
    ) -> Result<Option<T>, Error> {
        let wanted = Wanted { extractor: extractor.to_owned(), window, wait: None };
        for _ in 0..ATTEMPTS {
            let object = object_of(extractor, window);
            let Some(head) = self.fetch(&object)? else { return Ok(None) };
            let mut state = self.opened(&object, None)?;
            let before = state.lease().map_err(RemoteError::from)?;
            if let Some(left) = before.as_ref().and_then(|lease| self.left_of(lease, &head)) {
                return Err(held_by(&wanted, window, left));
            }
            let changed = change(&mut state).map_err(RemoteError::from)?;
            // Writing the state must not let the lease of a killed run begin again.
            let before = before.unwrap_or(Lease { holder: String::new(), token: 0, sequence: 0, seconds: 0 });
            let lease = Lease { seconds: 0, ..before };
            let remote = Arc::clone(self);
            let mut held = Held { remote, object, tag: Some(head.tag), lease, lost: false, run_id: 0, sent: 0 };
            match held.publish(&mut state) {
                Ok(()) => return Ok(Some(changed)),
                Err(RemoteError::Fenced) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let message = format!("the state of {extractor} changed {ATTEMPTS} times while it was to be changed");
        Err(Error::new(Kind::Locked, message).hint("say the same again in a while"))
    }
}
