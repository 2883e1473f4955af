//! From a body to a receipt: staging beside the network, then the one decision whether the content is new.
//!
//! It must not know about requests; conditions and 304s are the session's. Hashing, compressing and syncing happen on
//! a blocking thread, so that the network and the extractor go on meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::ledger::{Ledger, Seen};
use crate::console::Console;
use crate::domain::{Body, Digest, FetchError, LandError, Level, Outcome, Receipt};
use crate::landing::{IntakeError, LandingError, Limits, Place, Staged, Zone};
use crate::state::FileRow;

/// Chunks on their way from the network to the disk.
const IN_FLIGHT: usize = 8;

/// What is to be stored, beside its bytes.
pub(super) struct Errand {
    pub(super) place: Place,
    pub(super) seen: Seen,
    pub(super) url: Option<String>,
}

/// The zone and the ledger together.
pub(super) struct Store {
    pub(super) zone: Zone,
    pub(super) limits: Limits,
    pub(super) console: Arc<Console>,
    ledger: Mutex<Ledger>,
    /// One entry for each content that is being decided on, so that the same content twice at once is one file.
    deciding: Mutex<HashMap<(String, Digest), Arc<Mutex<()>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every call; a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    pub(super) fn new(zone: Zone, limits: Limits, console: Arc<Console>, ledger: Ledger) -> Self {
        Self { zone, limits, console, ledger: Mutex::new(ledger), deciding: Mutex::default() }
    }

    /// The ledger, for one call.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Take a body to its end and store it. Dropping the future before the body's end leaves nothing behind.
    pub(super) async fn store(self: &Arc<Self>, mut body: Body, errand: Errand) -> Result<Receipt, LandError> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let store = Arc::clone(self);
        let worker = tokio::task::spawn_blocking(move || {
            let staged = store.zone.stage(Arrivals { receiver, over: false }, store.limits);
            staged.map_err(failed).and_then(|staged| store.settle(staged, &errand))
        });
        while let Some(chunk) = body.next().await {
            if sender.send(Arrival::Chunk(chunk)).await.is_err() {
                break;
            }
        }
        // The worker may be gone already, with an error to tell.
        let _ = sender.send(Arrival::End).await;
        let receipt =
            worker.await.map_err(|error| LandError::Storage(format!("the storing thread failed: {error}")))?;
        if let Err(LandError::Storage(reason)) = &receipt {
            self.ledger().broken.get_or_insert_with(|| reason.clone());
        }
        receipt
    }

    /// Decide whether a staged content is new, and record what became of it.
    fn settle(&self, staged: Staged, errand: &Errand) -> Result<Receipt, LandError> {
        let (source, digest) = (errand.place.source().to_owned(), staged.digest());
        let key = (source, digest);
        let turn = Arc::clone(lock(&self.deciding).entry(key.clone()).or_default());
        let outcome = {
            let _turn = lock(&turn);
            self.decide(staged, errand)
        };
        lock(&self.deciding).remove(&key);
        let (file, outcome) = outcome?;
        Ok(self.record(errand, &file, digest, outcome))
    }

    fn decide(&self, staged: Staged, errand: &Errand) -> Result<(FileRow, Outcome), LandError> {
        let Errand { place, seen, .. } = errand;
        let (source, digest, size) = (place.source(), staged.digest(), staged.size());
        if let Some(file) = self.held(errand, &digest)? {
            return Ok((file, Outcome::Unchanged));
        }
        let tag = seen.etag.as_ref().filter(|_| seen.resource.is_some());
        let landed = self.zone.commit(staged, place, tag).map_err(failed)?;
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
    fn held(&self, errand: &Errand, digest: &Digest) -> Result<Option<FileRow>, LandError> {
        let Errand { place, seen, .. } = errand;
        let source = place.source();
        let known = self.ledger().with_digest(source, digest).map_err(storage)?;
        for file in known {
            if place.fits(&file.path) && self.zone.holds(&file.path, Some(file.stored_size)).map_err(storage)? {
                return Ok(Some(file));
            }
        }
        let unread = self.ledger().unread(source, |path| place.may_hold(path, seen.etag.as_ref(), digest));
        for mut file in unread {
            // What cannot be read is no file of ours to count on; `commit` leaves it alone.
            let Ok(Some((found, size))) = self.zone.identify::<FetchError>(&file.path) else { continue };
            file.sha256 = Some(found);
            file.size = Some(size);
            self.ledger().file(source, file.clone(), None);
            if found == *digest {
                return Ok(Some(file));
            }
        }
        Ok(None)
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
        let mut ledger = self.ledger();
        ledger.seen(errand.place.source(), errand.seen.clone(), file);
        ledger.count(&receipt);
        receipt
    }
}

/// An error of the zone or the state.
pub(super) fn storage(error: impl std::fmt::Display) -> LandError {
    LandError::Storage(error.to_string())
}

fn failed(error: LandingError<FetchError>) -> LandError {
    match error {
        LandingError::Source(error) => LandError::Fetch(error),
        LandingError::Intake(IntakeError::TooLarge(limit)) => LandError::Fetch(FetchError::TooLarge(limit)),
        LandingError::Intake(error) => LandError::Fetch(FetchError::Protocol(error.to_string())),
        error => storage(error),
    }
}

enum Arrival {
    Chunk(Result<Bytes, FetchError>),
    End,
}

/// A body as it arrives on the blocking thread. A channel that closes without an end is a body that was given up.
struct Arrivals {
    receiver: mpsc::Receiver<Arrival>,
    over: bool,
}

impl Iterator for Arrivals {
    type Item = Result<Bytes, FetchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.receiver.blocking_recv() {
            Some(Arrival::Chunk(Ok(chunk))) => Some(Ok(chunk)),
            Some(Arrival::Chunk(Err(error))) => {
                self.over = true;
                Some(Err(error))
            }
            Some(Arrival::End) => {
                self.over = true;
                None
            }
            None => {
                self.over = true;
                Some(Err(FetchError::Protocol("the body was given up".into())))
            }
        }
    }
}
