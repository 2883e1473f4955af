//! From a body to a receipt: staging beside the network, then the one decision whether the content is new.
//!
//! It must not know about requests; conditions and 304s are the session's. Hashing, compressing, syncing and asking the
//! state happen on blocking threads, in pieces: no thread waits for a body, so that no number of bodies can wait for
//! each other.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::Semaphore;

use super::ledger::{Ledger, Seen};
use crate::console::Console;
use rules::budget::{Budget, Budgets, Reserved};
use rules::domain::{Body, Digest, Fault, FetchError, Grant, LandError, Level, Outcome, Receipt};
use rules::name::{EntityTag, Place, fingerprint};
use state::{FileRow, FoundRow};
use zone::{Found, LandingError, Limits, Staging, Zone};

/// Most jobs on blocking threads at once.
const JOBS: u32 = 8;
/// Bytes of a body that are gathered before a blocking thread takes them.
const BATCH: usize = 128 * 1024;
/// Most responses that are landed at once. What an extractor makes itself counts as its memory instead.
const LANDINGS: usize = 64;
/// What a receipt and the facts of a landing take beside their texts, in bytes.
const RECEIPT: usize = 512;
/// Most missing grants that are kept.
const MAX_MISSING: usize = 32;
/// How long a run that failed waits for jobs that are still going on.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is to be stored, beside its bytes.
pub(super) struct Errand {
    pub(super) place: Place,
    pub(super) seen: Seen,
    pub(super) url: Option<String>,
}

/// What counts for the run's end.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What was asked for and is not granted.
    pub(super) missing: BTreeSet<Grant>,
    /// Whether anything failed that no grant would have helped.
    pub(super) failed_otherwise: bool,
    /// The first failure of the zone or the state; the run cannot succeed after it.
    pub(super) broken: Option<Fault>,
    /// The last durable cursor.
    pub(super) cursor: Option<String>,
    /// Whether this run made it.
    pub(super) cursor_is_new: bool,
}

/// The zone and the ledger together.
pub(super) struct Store {
    pub(super) zone: Zone,
    limits: Limits,
    budgets: Arc<Budgets>,
    console: Arc<Console>,
    ledger: Mutex<Ledger>,
    notes: Mutex<Notes>,
    deciding: Mutex<Deciding>,
    jobs: Arc<Semaphore>,
    /// Turns to land a response; held from before it is asked for, where it is asked for to be landed.
    pub(super) landings: Semaphore,
}

/// One entry for each content that is being decided on, so that the same content twice at once is one file.
type Deciding = HashMap<(String, Digest), Arc<Mutex<()>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every call; a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    pub(super) fn new(
        zone: Zone,
        (limits, budgets): (Limits, Arc<Budgets>),
        console: Arc<Console>,
        ledger: Ledger,
        notes: Notes,
    ) -> Self {
        Self {
            zone,
            limits,
            budgets,
            console,
            ledger: Mutex::new(ledger),
            notes: Mutex::new(notes),
            deciding: Mutex::default(),
            jobs: Arc::new(Semaphore::new(JOBS as usize)),
            landings: Semaphore::new(LANDINGS),
        }
    }

    /// The ledger, for one call on a blocking thread.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// The notes, for one look.
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    /// Note something that a grant would have allowed.
    pub(super) fn note_missing(&self, grant: Grant) {
        let mut notes = self.notes();
        if notes.missing.len() < MAX_MISSING {
            notes.missing.insert(grant);
        }
    }

    /// Note that something failed, whatever is granted.
    pub(super) fn note_failed(&self) {
        self.notes().failed_otherwise = true;
    }

    /// Do something that may wait for the disk or another process. What was begun is done, even if nobody waits for it.
    pub(super) async fn job<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, LandError> + Send + 'static,
    ) -> Result<T, LandError> {
        let turn = Arc::clone(&self.jobs).acquire_owned().await.map_err(storage)?;
        let store = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // Noted here and not by whoever waits: the extractor may have given up waiting.
            work(&store).inspect_err(|error| store.note_broken(error))
        });
        done.await.unwrap_or_else(|error| {
            let error = storage(format!("a storing thread failed: {error}"));
            self.note_broken(&error);
            Err(error)
        })
    }

    fn note_broken(&self, error: &LandError) {
        if let LandError::Storage(fault) = error {
            self.notes().broken.get_or_insert_with(|| fault.clone());
        }
    }

    /// Wait until no job goes on: all of them after a success, for a moment after a failure. Whether there is none.
    pub(super) async fn settle_down(&self, success: bool) -> bool {
        let idle = self.jobs.acquire_many(JOBS);
        if success { idle.await.is_ok() } else { tokio::time::timeout(PATIENCE, idle).await.is_ok() }
    }

    /// Take a body to its end and store it. Dropping the future before the body's end leaves nothing behind.
    pub(super) async fn store(self: &Arc<Self>, mut body: Body, errand: Errand) -> Result<Receipt, LandError> {
        let mut taken = futures::future::Either::Left(std::future::ready(Ok(Staging::new(self.limits))));
        let mut reserved = self.budgets.reserve();
        loop {
            // The next batch arrives while the one before is hashed; whichever fails first ends it.
            let ((batch, over), mut staging) = futures::try_join!(gather(&mut body), taken)?;
            // It takes room on the disk from now on, whether it turns out new or not.
            reserved.grow(batch.len()).map_err(FetchError::from)?;
            if over {
                let settle = move |store: &Self| {
                    staging.push(&store.zone, &batch)?;
                    store.settle(staging, reserved, &errand)
                };
                return self.job(settle).await;
            }
            let push = move |store: &Self| {
                staging.push(&store.zone, &batch)?;
                Ok(staging)
            };
            taken = futures::future::Either::Right(Box::pin(self.job(push)));
        }
    }

    /// Decide whether a staged content is new, and record what became of it.
    fn settle(&self, staging: Staging, reserved: Reserved, errand: &Errand) -> Result<Receipt, LandError> {
        let staged = staging.finish().map_err(LandingError::from)?;
        let digest = staged.digest();
        let key = (errand.place.source().to_owned(), digest);
        let turn = Arc::clone(lock(&self.deciding).entry(key.clone()).or_default());
        let decided = {
            let _turn = lock(&turn);
            self.decide(staged, reserved, errand)
        };
        {
            let mut deciding = lock(&self.deciding);
            // The map's own and this one: nobody else waits for the same turn.
            if Arc::strong_count(&turn) == 2 {
                deciding.remove(&key);
            }
        }
        let (file, outcome) = decided?;
        Ok(self.record(errand, &file, digest, outcome))
    }

    fn decide(
        &self,
        staged: zone::Staged,
        reserved: Reserved,
        errand: &Errand,
    ) -> Result<(FileRow, Outcome), LandError> {
        let (place, tag) = (&errand.place, errand.seen.etag.as_ref());
        let (source, digest, size) = (place.source(), staged.digest(), staged.size());
        if let Some(file) = self.held(place, tag, &digest)? {
            return Ok((file, Outcome::Unchanged));
        }
        // Before the file gets its name: what goes beyond the budget must not be there.
        self.budgets.spend(Budget::Files, 1).map_err(FetchError::from)?;
        let landed = self.zone.commit(staged, place, tag)?;
        reserved.keep();
        for taken in &landed.taken {
            let message = format!("{taken} holds other content, so the new one is beside it at {}", landed.path);
            self.console.log(Level::Warn, &message);
        }
        let file =
            FileRow { path: landed.path, sha256: Some(digest), size: Some(size), stored_size: landed.stored_size };
        self.ledger().file(source, file.clone(), errand.url.as_deref());
        Ok((file, if landed.written { Outcome::Written } else { Outcome::Unchanged }))
    }

    /// The file that holds this content already, going by the state, or by files that were found and not read yet.
    fn held(&self, place: &Place, tag: Option<&EntityTag>, digest: &Digest) -> Result<Option<FileRow>, LandError> {
        let source = place.source();
        self.open(source)?;
        let known = self.ledger().with_digest(source, digest)?;
        for file in known {
            if self.stands_for(place, &file)? {
                return Ok(Some(file));
            }
        }
        let unread = self.ledger().unread(source, &place.fingerprints(tag, digest))?;
        for mut file in unread {
            // What cannot be read is no file of ours to count on; `commit` leaves it alone.
            let Ok(Some((found, size))) = self.zone.identify(&file.path) else { continue };
            file.sha256 = Some(found);
            file.size = Some(size);
            self.zone.count_on(&file.path);
            self.ledger().file(source, file.clone(), None);
            if found == *digest && place.fits(&file.path) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Get to know a source before anything is looked up in it.
    pub(super) fn open(&self, source: &str) -> Result<(), LandError> {
        self.ledger().open(source, || {
            let found = |Found { path, stored_size }| FoundRow { fingerprint: fingerprint(&path), path, stored_size };
            Ok(self.zone.list(source)?.into_iter().map(found).collect())
        })
    }

    /// Whether a recorded file can stand for a content: it is there, and of the extension asked for.
    pub(super) fn stands_for(&self, place: &Place, file: &FileRow) -> Result<bool, LandError> {
        let there = self.zone.holds(&file.path, file.stored_size)?;
        Ok(there && place.fits(&file.path) && file.sha256.is_some())
    }

    /// Record that a content is in `file`, and count it.
    pub(super) fn record(&self, errand: &Errand, file: &FileRow, digest: Digest, outcome: Outcome) -> Receipt {
        let receipt = Receipt {
            path: file.path.clone(),
            sha256: digest,
            size: file.size.unwrap_or_default(),
            stored_size: file.stored_size,
            outcome,
            url: errand.url.clone(),
        };
        // Kept to the end of the run: the receipt and the facts, with their texts.
        let kept = 2 * (receipt.path.len() + errand.url.as_ref().map_or(0, String::len)) + RECEIPT;
        // Who is refused here has landed all the same; it is the run that ends.
        let _ = self.budgets.spend(Budget::Memory, kept as u64);
        let mut ledger = self.ledger();
        ledger.seen(errand.place.source(), errand.seen.clone(), file);
        ledger.count(&receipt);
        receipt
    }
}

/// The next bytes of a body, and whether it is over. They are copied: a chunk of one byte may hold on to a buffer of
/// many.
async fn gather(body: &mut Body) -> Result<(Vec<u8>, bool), LandError> {
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        match body.next().await {
            Some(chunk) => batch.extend_from_slice(&chunk?),
            None => return Ok((batch, true)),
        }
    }
    Ok((batch, false))
}

/// An error of the zone or the state.
pub(super) fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LandError {
    LandError::Storage(Fault::new(error))
}
