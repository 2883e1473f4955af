//! `host copy`: a landing zone with its state from one place to another. Files come first, each whole and compared by its
//! digest, none in the place of another; the state comes once all of them are there. What was copied before is found there,
//! so that a copy that was stopped goes on.

mod state_of;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::console::Console;
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;
use crate::upkeep::{self, UpkeepError};
use crate::view::View;
use rules::domain::Digest;
use rules::findings::is_listed;
use rules::name::Quarantined;
use rules::text;
use state::State;
use zone::{Adopted, Lock, Met, Root, Seen, Zone};

/// How many files are on their way at once.
const AT_ONCE: usize = 16;
/// Most files that could not be copied that are named.
const MAX_NAMED: usize = 20;

/// What a copy did.
#[derive(Debug, Default, serde::Serialize)]
pub struct Copied {
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there already.
    pub there: u64,
    /// Files that no host and no original named: they stay where they are.
    pub foreign: u64,
    /// States that were copied: one of a directory, or one of each extractor and scope of an object store.
    pub states: u64,
    /// Files that could not be copied, and why; the first of them.
    pub failed: Vec<String>,
    /// How many there are.
    pub failures: u64,
}

/// One end of a copy.
struct End {
    root: Arc<Root>,
    zone: Zone,
    remote: Option<Arc<Remote>>,
    _lock: Option<Lock>,
}

/// A file that is to be copied, and what is recorded of its content.
struct Job {
    path: String,
    size: u64,
    recorded: Option<Digest>,
}

/// Copy a landing zone. Nobody else may be at work at either end; `wait` is how long to wait for that, `None` without end.
pub fn copy(from: &Landing, to: &Landing, wait: Option<Duration>, console: &Console) -> Result<Copied, Error> {
    let view = View::open(from)?.ok_or_else(|| {
        Error::usage(format!("there is no landing directory {from}"))
            .hint("the first place is copied from: a landing directory that is there, or s3://BUCKET/PREFIX")
    })?;
    let _from = match from {
        Landing::Directory(path) => Some(upkeep::alone(view.root(), path, wait)?),
        Landing::Store(_) if view.is_at_work() => {
            return Err(Error::new(Kind::Locked, format!("a run is going on in {from}"))
                .hint("copy it once that has ended; `host runs` shows the runs"));
        }
        Landing::Store(_) => None,
    };
    let state = view.state()?;
    let end = End::open(to, wait)?;
    let copied = Mutex::new(Copied::default());
    let zone = view.zone();
    files(&zone, state.as_ref(), &end, console, &copied)?;
    end.zone.sync().map_err(UpkeepError::from)?;
    let mut copied = copied.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let (Some(state), 0) = (state, copied.failures) {
        copied.states = state_of::copy(&state, to, &end)?;
    }
    Ok(copied)
}

impl End {
    fn open(to: &Landing, wait: Option<Duration>) -> Result<Self, Error> {
        match to {
            Landing::Directory(path) => {
                let root = Root::open(path).map_err(|error| Error::new(Kind::Failed, error))?;
                let lock = upkeep::alone(&root, path, wait)?;
                if root.is_for_tests().map_err(|error| Error::new(Kind::Failed, error))? {
                    return Err(Error::usage(format!("{to} is for tests")).hint("name another directory"));
                }
                let root = Arc::new(root);
                Ok(Self { zone: Zone::new(Arc::clone(&root)), root, remote: None, _lock: Some(lock) })
            }
            Landing::Store(place) => {
                let remote = Arc::new(Remote::open(place)?);
                remote.check()?;
                let (root, zone) = (Arc::clone(remote.spool()), remote.zone());
                Ok(Self { root, zone, remote: Some(remote), _lock: None })
            }
        }
    }

    /// A directory for what is on its way to this end.
    fn directory(&self) -> &Path {
        self.root.path()
    }
}

/// Copy all files, many at once.
fn files(from: &Zone, state: Option<&State>, to: &End, console: &Console, copied: &Mutex<Copied>) -> Result<(), Error> {
    let done = AtomicU64::new(0);
    let (jobs, waiting) = sync_channel::<Job>(AT_ONCE);
    let waiting = Mutex::new(waiting);
    let work = || {
        while let Some(job) = next(&waiting) {
            one(from, to, &job, copied);
            console.progress(done.fetch_add(1, Ordering::Relaxed) + 1, None);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let told = tell(from, state, copied, |job| jobs.send(job).is_ok());
        drop(jobs);
        for worker in workers {
            // A panic over there is one here, too.
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        told.map_err(Error::from)
    })
}

fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Find what is to be copied.
fn tell(
    from: &Zone,
    state: Option<&State>,
    copied: &Mutex<Copied>,
    mut give: impl FnMut(Job) -> bool,
) -> Result<(), UpkeepError> {
    for seen in from.walk()? {
        let Seen { path, met } = seen?;
        let Met::File(size) = met else { continue };
        let path = match String::from_utf8(path) {
            Ok(path) if is_listed(&path) || Quarantined::parse(&path).is_some() => path,
            _ => {
                lock(copied).foreign += 1;
                continue;
            }
        };
        let recorded = match state {
            Some(state) if is_listed(&path) => state.recorded(&path)?.map(|(digest, _)| digest),
            Some(state) => state.quarantined_digest(&path)?.map(|(digest, _)| digest),
            None => None,
        };
        if !give(Job { path, size, recorded }) {
            break;
        }
    }
    Ok(())
}

fn lock(copied: &Mutex<Copied>) -> std::sync::MutexGuard<'_, Copied> {
    copied.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one(from: &Zone, to: &End, job: &Job, copied: &Mutex<Copied>) {
    let adopted = from.read(&job.path).and_then(|file| match file {
        Some(file) => to.zone.adopt(&job.path, file, job.recorded),
        None => Ok(Adopted::Gone),
    });
    let mut copied = lock(copied);
    let reason = match adopted {
        Ok(Adopted::Written) => {
            copied.files += 1;
            copied.bytes += job.size;
            return;
        }
        Ok(Adopted::There) => {
            copied.there += 1;
            return;
        }
        Ok(Adopted::Gone) => "it was there a moment ago, and is gone".to_owned(),
        Ok(Adopted::Taken) => "the other place holds something else under that name".to_owned(),
        Ok(Adopted::Altered) => "it does not hold what is recorded of it".to_owned(),
        Err(error) => error.to_string(),
    };
    copied.failures += 1;
    if copied.failed.len() < MAX_NAMED {
        copied.failed.push(format!("{}: {reason}", text::line(&job.path)));
    }
}
