//! From a body to a receipt: staging beside the network. Conditions and 304s are the session's; what becomes of a staged
//! content is decided in `deciding`.
//!
//! Hashing, compressing, syncing and asking the state happen on blocking threads, in pieces: no thread waits for a body,
//! so that no number of bodies can wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Stopwatch;
use futures::StreamExt as _;
use rules::budget::{Budget, Budgets};
use rules::domain::{Asked, Body, Digest, Fault, FetchError, Grant, LandError, Receipt, Resource};
use rules::name::{EntityTag, Place};
use rules::redact::Redactor;
use tokio::sync::Semaphore;
use zone::{Intake, LandingError, Likely, Limits, Staging, Zone};

use super::ledger::Ledger;
use crate::config::{Expected, Plan};
use crate::report::Rejection;
use crate::timings::{Beside, Timings};

/// Most jobs on blocking threads at once.
const JOBS: u32 = 8;
/// The same where a job waits for an object store more than it works.
const JOBS_OF_A_STORE: u32 = 16;
/// Bytes of a body that are gathered at least before a blocking thread takes them.
const BATCH: usize = 128 * 1024;
/// The same at most, where few bodies arrive at once: each handing over takes time.
const LARGE_BATCH: usize = 512 * 1024;
/// Bytes that all bodies together gather before they are handed over, as long as each gets its least.
const GATHERED: usize = 2 * 1024 * 1024;
/// Most responses that are landed at once. What an extractor makes itself counts as its memory instead.
const LANDINGS: usize = 64;
/// Most missing grants that are kept.
const MAX_MISSING: usize = 32;
/// Longest one, in bytes: no name of DNS is longer (RFC 1035, 2.3.4), and nobody would grant it.
const MAX_GRANT: usize = 300;
/// How long a run that failed waits for jobs that are still going on.
const PATIENCE: Duration = Duration::from_millis(500);

/// A content that is to land, but for its bytes.
pub(super) struct Landing {
    /// Where it belongs.
    pub(super) place: Place,
    /// What names its file, where the source sends one.
    pub(super) tag: Option<EntityTag>,
    /// What asks for it again, and how it is told then that it is the same.
    pub(super) asked: Option<Asked>,
    /// What it is a representation of; `None` where the extractor made it.
    pub(super) subject: Option<Resource>,
    /// Where it came from; `None` where the extractor made it.
    pub(super) url: Option<String>,
    /// What the answer says that it is, if it says so; the outer one is none where there was no answer.
    pub(super) content_type: Option<Option<String>>,
    /// Whether it is most likely new.
    pub(super) likely_new: bool,
}

impl Landing {
    /// A content that the extractor makes.
    pub(super) fn made(place: Place) -> Self {
        Self { place, tag: None, asked: None, subject: None, url: None, content_type: None, likely_new: false }
    }
}

/// What counts for the run's end.
#[derive(Debug, Default)]
pub(super) struct EndState {
    /// What was asked for and is not granted.
    pub(super) missing: BTreeSet<Grant>,
    /// Whether anything failed that no grant would have helped.
    pub(super) failed_otherwise: bool,
    /// The first failure of the zone or the state; the run cannot succeed after it.
    pub(super) fault: Option<Fault>,
    /// The last durable cursor.
    pub(super) cursor: Option<String>,
    /// Whether this run made it.
    pub(super) cursor_is_new: bool,
    /// By source, how many names were taken by other content, and one of them.
    pub(super) taken: BTreeMap<String, (u64, String)>,
    /// By source, how many contents came that somebody had erased, and the file of one of them.
    pub(super) erased: BTreeMap<String, (u64, String)>,
    /// How many contents were not as expected, and the first of them.
    pub(super) rejected: u64,
    pub(super) rejections: Vec<Rejection>,
}

/// One entry for each content that is being decided on, so that the same content twice at once is one file.
type Deciding = HashMap<(String, Digest), Arc<Mutex<()>>>;

/// The zone and the ledger together.
pub(super) struct Store {
    pub(super) zone: Zone,
    limits: Limits,
    pub(super) budgets: Arc<Budgets>,
    /// What is expected of each source.
    pub(super) expected: Expected,
    pub(super) redactor: Arc<Redactor>,
    timings: Arc<Timings>,
    ledger: Mutex<Ledger>,
    end: Mutex<EndState>,
    pub(super) deciding: Mutex<Deciding>,
    jobs: Arc<Semaphore>,
    /// How many there are at most.
    count: u32,
    /// Turns to land a response; held from before it is asked for, where it is asked for to be landed.
    pub(super) landings: Semaphore,
}

/// What is behind a lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every call; a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    pub(super) fn new(zone: Zone, plan: &Plan, timings: Arc<Timings>, ledger: Ledger, end: EndState) -> Self {
        let count = if matches!(plan.landing, crate::landing::Landing::Store(_)) { JOBS_OF_A_STORE } else { JOBS };
        Self {
            zone,
            limits: plan.content,
            budgets: Arc::clone(&plan.budgets),
            expected: plan.expected.clone(),
            redactor: Arc::clone(&plan.redactor),
            timings,
            ledger: Mutex::new(ledger),
            end: Mutex::new(end),
            deciding: Mutex::default(),
            jobs: Arc::new(Semaphore::new(count as usize)),
            count,
            landings: Semaphore::new(LANDINGS),
        }
    }

    /// The ledger, for one call on a blocking thread.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// What counts for the end, for one look.
    pub(super) fn end(&self) -> MutexGuard<'_, EndState> {
        lock(&self.end)
    }

    /// Note something that a grant would have allowed.
    pub(super) fn note_missing(&self, grant: Grant) {
        let (Grant::Origin(text) | Grant::Source(text) | Grant::Secret(text)) = &grant;
        if text.len() > MAX_GRANT {
            return self.note_failed();
        }
        let mut end = self.end();
        if end.missing.len() < MAX_MISSING {
            end.missing.insert(grant);
        }
    }

    /// Note that something failed, whatever is granted.
    pub(super) fn note_failed(&self) {
        self.end().failed_otherwise = true;
    }

    /// Do something that may wait for the disk or another process. What was begun is done, even if nobody waits for it.
    pub(super) async fn job<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, LandError> + Send + 'static,
    ) -> Result<T, LandError> {
        let turn = Arc::clone(&self.jobs).acquire_owned().await.map_err(storage)?;
        let store = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let (_turn, watch) = (turn, Stopwatch::start());
            // Noted here and not by whoever waits: the extractor may have given up waiting.
            let done = work(&store).inspect_err(|error| store.note_fault(error));
            store.timings.add(Beside::Storing, watch.elapsed());
            done
        });
        done.await.unwrap_or_else(|error| {
            let error = storage(format!("a storing thread failed: {error}"));
            self.note_fault(&error);
            Err(error)
        })
    }

    fn note_fault(&self, error: &LandError) {
        if let LandError::Storage(fault) = error {
            self.end().fault.get_or_insert_with(|| fault.clone());
        }
    }

    /// Wait until no job goes on: all of them after a success, for a moment after a failure. Whether there is none.
    pub(super) async fn settle_down(&self, success: bool) -> bool {
        let idle = self.jobs.acquire_many(self.count);
        if success { idle.await.is_ok() } else { tokio::time::timeout(PATIENCE, idle).await.is_ok() }
    }

    /// Take a body to its end and store it. Dropping the future before the body's end leaves nothing behind.
    pub(super) async fn store(self: &Arc<Self>, mut body: Body, landing: Landing) -> Result<Receipt, LandError> {
        let (place, tag) = (&landing.place, landing.tag.as_ref());
        let likely = landing
            .likely_new
            .then(|| Likely { directory: place.directory(tag.is_some()), name: tag.map(|tag| place.tagged(tag)) });
        let mut taken = futures::future::Either::Left(std::future::ready(Ok(Staging::new(self.limits, likely))));
        let mut reserved = self.budgets.reserve(Budget::Landed);
        loop {
            // The next batch arrives while the one before is looked at and kept; whichever fails first ends it.
            let ((batch, over), mut staging) = futures::try_join!(gather(&mut body, self.batch()), taken)?;
            // It takes room on the disk from now on, whether it turns out new or not.
            reserved.grow_to(staging.intake.size()).map_err(FetchError::from)?;
            if over {
                let settle = move |store: &Self| {
                    staging.intake.push(&batch).map_err(LandingError::from)?;
                    staging.bytes.push(&store.zone, &batch)?;
                    store.settle(staging, reserved, &landing)
                };
                return self.job(settle).await;
            }
            taken = futures::future::Either::Right(Box::pin(self.take(staging, batch)));
        }
    }

    /// How many bytes of a body are to be gathered, going by how many bodies arrive.
    fn batch(&self) -> usize {
        let arriving = LANDINGS.saturating_sub(self.landings.available_permits()).max(1);
        (GATHERED / arriving).clamp(BATCH, LARGE_BATCH)
    }

    /// Look at a batch on one thread, and keep it on another.
    async fn take(self: &Arc<Self>, staging: Staging, batch: Vec<u8>) -> Result<Staging, LandError> {
        let Staging { mut intake, mut bytes } = staging;
        let batch = Arc::new(batch);
        let same = Arc::clone(&batch);
        let look = move |_: &Self| {
            intake.push(&same).map_err(LandingError::from)?;
            Ok::<Intake, LandError>(intake)
        };
        let keep = move |store: &Self| {
            bytes.push(&store.zone, &batch)?;
            Ok(bytes)
        };
        let (intake, bytes) = futures::try_join!(self.job(look), self.job(keep))?;
        Ok(Staging { intake, bytes })
    }
}

/// The next bytes of a body, and whether it is over. They are copied: a chunk of one byte may hold on to a buffer of
/// many.
async fn gather(body: &mut Body, least: usize) -> Result<(Vec<u8>, bool), LandError> {
    let mut batch = Vec::new();
    while batch.len() < least {
        match body.next().await {
            Some(chunk) => {
                let chunk = chunk?;
                if batch.len() + chunk.len() > BATCH {
                    // It will be as large as it may be; growing by doubling would take twice that.
                    batch.reserve_exact(least.saturating_sub(batch.len()).max(chunk.len()));
                }
                batch.extend_from_slice(&chunk);
            }
            None => return Ok((batch, true)),
        }
    }
    Ok((batch, false))
}

/// An error of the zone, the state, or the machine.
pub(super) fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LandError {
    LandError::Storage(Fault::new(error))
}
