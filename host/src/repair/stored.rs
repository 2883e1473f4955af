//! Repairing a zone in an object store: each state by itself, for the sources that its extractor appends to. Each change
//! is sent under the condition that nobody wrote the state meanwhile.

use std::sync::Arc;

use super::plan::{Others, Plan};
use super::{Done, Repair};
use crate::console::Console;
use crate::error::Error;
use crate::landing::Place;
use crate::remote::{Remote, RemoteError};
use crate::upkeep::{Found, UpkeepError};
use state::StateError;

/// Repair all states, and make new ones in the place of damaged ones.
pub(super) fn repair(place: &Place, console: &Console) -> Result<Repair, Error> {
    let remote = Arc::new(Remote::open(place)?);
    remote.check()?;
    let zone = remote.zone();
    let spool = Arc::clone(remote.spool());
    let found = Found::new(&spool);
    let landed = remote.landed_though_erased()?;
    let mut all = Done::default();
    for object in remote.states()? {
        let done = remote.amend_object(&object, |state| {
            if let Some(problem) = state.problems()?.into_iter().next() {
                return Err(StateError::damaged(problem).into());
            }
            let others = Others { sources: state.appended_to()?, landed: &landed };
            let plan = Plan::make((&spool, &zone), Some(&others), Some(state), &found)?;
            plan.read(&found, console)?.carry_out(state)
        });
        match done {
            Ok(Some(done)) => all.add(done),
            Ok(None) => {}
            Err(error) if error.is_damage() => all.add(anew(&remote, &object)?),
            Err(error) => return Err(error.into()),
        }
    }
    let findings = found.sorted().map_err(UpkeepError::from)?;
    Ok(Repair { done: all, findings })
}

/// Keep a damaged state under another name, and put what can be read of it in its place. The next run of its extractor
/// lists its sources again, and reads what it finds.
fn anew(remote: &Arc<Remote>, object: &str) -> Result<Done, RemoteError> {
    let (kept, salvaged) = remote.replace_damaged(object)?;
    Ok(Done { moved_to: Some(kept.into()), salvaged, ..Done::default() })
}

impl Done {
    fn add(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.forgotten += other.forgotten;
        self.swept += other.swept;
        self.erased += other.erased;
        self.ended += other.ended;
        self.salvaged += other.salvaged;
        self.torn += other.torn;
        self.unreadable += other.unreadable;
        self.moved_to = other.moved_to.or(self.moved_to.take());
    }
}
