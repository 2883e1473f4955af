//! `host repair`: making the state fit the landing zone again. A lost or damaged database is rebuilt from the files, a
//! sound one is brought up to date.
//!
//! It removes nothing that could be data, but for what somebody had erased and is still there. What it cannot know, such as where a file came from, it leaves open.

mod plan;
mod stored;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::console::Console;
use crate::error::Error;
use crate::landing::Landing;
use crate::upkeep::{self, Findings, Found, UpkeepError};
use clock::Moment;
use plan::Plan;
use state::{State, StateError};
use zone::{Root, Zone};

/// What a repair did.
pub struct Repair {
    /// What it counted.
    pub done: Done,
    /// Files that are not whole gzip, and what could not be read; all of it was left alone.
    pub findings: Findings,
}

/// What a repair counted.
#[derive(Debug, Default, serde::Serialize)]
pub struct Done {
    /// Files that were read and recorded.
    pub recorded: u64,
    /// Records that were dropped, since their files are gone or not whole, or no host wrote them.
    pub forgotten: u64,
    /// Left-overs of killed runs that were removed.
    pub swept: u64,
    /// Files that somebody had erased, and that were still there.
    pub erased: u64,
    /// Runs that said they were running and are marked as failed.
    pub ended: usize,
    /// Where the damaged database is now.
    pub moved_to: Option<PathBuf>,
    /// Rows of runs that could be read out of it.
    pub salvaged: usize,
    /// Files that are not whole.
    #[serde(skip)]
    pub torn: u64,
    /// Files and directories that could not be read.
    #[serde(skip)]
    pub unreadable: u64,
}

/// Repair a landing directory, while no run is going on in it; `wait` is how long to wait for that, `None` without end.
pub fn repair(landing: &Landing, wait: Option<Duration>, console: &Console) -> Result<Repair, Error> {
    let landing = match landing {
        Landing::Directory(landing) => landing,
        Landing::Store(place) => return stored::repair(place, console),
    };
    let root = Arc::new(upkeep::open(landing)?);
    let _alone = upkeep::alone(&root, landing, wait)?;
    let mut moved = Done::default();
    loop {
        let found = Found::new(&root);
        match mend(&root, &found, console) {
            Ok(done) => {
                let done = Done { moved_to: moved.moved_to, salvaged: moved.salvaged, ..done };
                return Ok(Repair { done, findings: found.sorted().map_err(UpkeepError::from)? });
            }
            // Nothing was written yet that counts; and it is not to be expected of a new one.
            Err(UpkeepError::State(error)) if error.is_damage() && moved.moved_to.is_none() => {
                replace(&root, &mut moved)?;
            }
            Err(error @ UpkeepError::State(_)) => {
                return Err(Error::from(error).hint("only a damaged database is replaced; this one is not"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Make the state fit the files, if it is sound.
fn mend(root: &Arc<Root>, found: &Found<'_>, console: &Console) -> Result<Done, UpkeepError> {
    let path = root.database();
    let zone = Zone::new(Arc::clone(root));
    // Looked at before it is opened to be written: a damaged one is set aside as it is.
    let state = State::open_to_read(&path)?;
    let plan = std::thread::scope(|scope| {
        let soundness = scope.spawn(|| sound(&path));
        let plan = Plan::make((root, &zone), None, state.as_ref(), found);
        // A panic over there is one here, too.
        soundness.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        plan
    })?;
    drop(state);
    let mut state = State::open(&path)?;
    plan.read(found, console)?.carry_out(&mut state)
}

fn sound(path: &Path) -> Result<(), StateError> {
    let Some(state) = State::open_to_read(path)? else { return Ok(()) };
    state.problems()?.into_iter().next().map_or(Ok(()), |problem| Err(StateError::damaged(problem)))
}

/// Set the damaged database aside, and make a new one with what can be read out of it.
fn replace(root: &Root, moved: &mut Done) -> Result<(), UpkeepError> {
    let aside = root.set_database_aside(&format!("damaged-{}", Moment::now().unix_seconds()))?;
    moved.salvaged = State::open(&root.database())?.take_over(&aside)?;
    moved.moved_to = Some(aside);
    Ok(())
}
