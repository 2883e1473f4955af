//! One run, as its extractor sees it: what `component` asks for, answered by `fetch`, `landing` and `state` together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, header};
use jiff::civil::Date;

use super::ledger::Seen;
use super::storing::{Errand, Store, storage};
use crate::clock::Moment;
use crate::component::{Content, OpenSource, Services};
use crate::console::Console;
use crate::domain::{
    Body, Digest, FetchError, Grant, LandError, Level, Outcome, Receipt, Request, Response, Slot, Window,
};
use crate::fetch::{Checked, Conditions, Fetcher};
use crate::landing::{EntityTag, Place, check_name};
use crate::state::{FileRow, Validators};

/// Longest `Last-Modified` that is sent back, in bytes; a date has 29 (RFC 9110, 5.6.7).
const MAX_DATE: usize = 64;

/// A run in progress.
pub(super) struct Session {
    pub(super) name: String,
    pub(super) params: BTreeMap<String, String>,
    pub(super) sources: BTreeSet<String>,
    pub(super) backfill: Option<Window>,
    pub(super) started: Moment,
    pub(super) fetcher: Fetcher,
    pub(super) console: Arc<Console>,
    pub(super) store: Arc<Store>,
}

impl Session {
    /// Note a refusal that a grant would have changed.
    fn note_missing(&self, error: &FetchError) {
        if let FetchError::Denied { grant: Some(grant), .. } = error {
            self.store.ledger().missing.insert(grant.clone());
        }
    }

    async fn send(&self, request: Request, conditions: Conditions) -> Result<Response, FetchError> {
        let url = request.url.clone();
        let sent = match self.fetcher.check(&request) {
            Ok(checked) => self.fetcher.send(checked, &conditions).await,
            Err(error) => Err(error),
        };
        match &sent {
            Ok(response) => self.console.log(Level::Debug, &format!("{} {}", response.status, response.url)),
            Err(error) => self.console.log(Level::Debug, &format!("{url}: {error}")),
        }
        sent.inspect_err(|error| self.note_missing(error))
    }

    fn place(&self, source: &OpenSource, slot: &Slot) -> Result<Place, LandError> {
        let date: Date = slot.date.unwrap_or_else(|| self.started.day());
        Place::new(source.name(), date, &slot.extension).map_err(|error| LandError::Invalid(error.to_string()))
    }

    async fn mirror_into(&self, source: OpenSource, request: Request, slot: Slot) -> Result<Receipt, LandError> {
        let place = self.place(&source, &slot)?;
        let url = request.url.clone();
        let checked = self.fetcher.check(&request).inspect_err(|error| self.note_missing(error))?;
        let known = self.known(&place, &checked)?;
        let conditions = known.as_ref().map(conditions).unwrap_or_default();
        let response = self.send(request, conditions).await?;
        if let (304, Some(known)) = (response.status, known) {
            let errand = Errand { place, seen: Seen::default(), url: Some(url) };
            return self.unchanged(&errand, &known.file);
        }
        self.land_response(place, response, url).await
    }

    /// The validators that this resource came with last, where the file that they stand for is still there.
    fn known(&self, place: &Place, request: &Checked) -> Result<Option<Validators>, LandError> {
        let Some(resource) = request.resource() else { return Ok(None) };
        let known = self.store.ledger().validators(place.source(), resource).map_err(storage)?;
        match known {
            Some(known) if self.stands_for(place, &known.file)? => Ok(Some(known)),
            _ => Ok(None),
        }
    }

    /// Whether a recorded file can stand for the content: it is there, and of the extension asked for.
    fn stands_for(&self, place: &Place, file: &FileRow) -> Result<bool, LandError> {
        let there = self.store.zone.holds(&file.path, Some(file.stored_size)).map_err(storage)?;
        Ok(there && place.fits(&file.path) && file.sha256.is_some())
    }

    async fn land_response(&self, place: Place, response: Response, url: String) -> Result<Receipt, LandError> {
        if response.status != 200 {
            return Err(LandError::Status(response.status));
        }
        let last_modified = response.headers.get(header::LAST_MODIFIED).map(|field| field.as_bytes().to_vec());
        let seen = Seen {
            etag: response.resource.as_ref().and_then(|_| EntityTag::of(&response.headers)),
            last_modified: last_modified.filter(|date| date.len() <= MAX_DATE),
            resource: response.resource,
        };
        if let (Some(resource), Some(tag)) = (&seen.resource, &seen.etag) {
            let known = self.store.ledger().with_tag(place.source(), resource, tag).map_err(storage)?;
            if let Some(file) = known
                && self.stands_for(&place, &file)?
            {
                // The tag says it all; the body is not read.
                return self.unchanged(&Errand { place, seen, url: Some(url) }, &file);
            }
        }
        self.store.store(response.body, Errand { place, seen, url: Some(url) }).await
    }

    fn unchanged(&self, errand: &Errand, file: &FileRow) -> Result<Receipt, LandError> {
        let digest: Digest = file.sha256.ok_or_else(|| storage("a file without a digest counts as unchanged"))?;
        Ok(self.store.record(errand, file, digest, Outcome::Unchanged))
    }

    async fn land_made(&self, place: Place, body: Body) -> Result<Receipt, LandError> {
        self.store.store(body, Errand { place, seen: Seen::default(), url: None }).await
    }

    fn landed(&self, landed: Result<Receipt, LandError>) -> Result<Receipt, LandError> {
        match &landed {
            Ok(receipt) => self.console.landed(receipt),
            Err(LandError::Storage(reason)) => {
                self.store.ledger().broken.get_or_insert_with(|| reason.clone());
            }
            Err(_) => {}
        }
        landed
    }
}

fn conditions(known: &Validators) -> Conditions {
    let field = |name, value: &Option<Vec<u8>>| {
        let value = HeaderValue::from_bytes(value.as_deref()?).ok()?;
        Some((name, value))
    };
    // A recipient must ignore the date beside a tag (RFC 9110, 13.1.3), so only one of them is sent.
    field(header::IF_NONE_MATCH, &known.etag)
        .or_else(|| field(header::IF_MODIFIED_SINCE, &known.last_modified))
        .into_iter()
        .collect()
}

impl Services for Session {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn backfill(&self) -> Option<Window> {
        self.backfill
    }

    fn started_at(&self) -> u64 {
        self.started.unix_seconds()
    }

    fn param(&self, name: &str) -> Option<String> {
        self.params.get(name).cloned()
    }

    fn cursor(&self) -> Result<Option<String>, String> {
        self.store.ledger().cursor().map_err(|error| error.to_string())
    }

    fn open(&self, source: &str) -> Result<OpenSource, LandError> {
        check_name(source).map_err(|error| LandError::Invalid(error.to_string()))?;
        let mut ledger = self.store.ledger();
        if !self.sources.contains(source) {
            ledger.missing.insert(Grant::Source(source.to_owned()));
            return Err(LandError::Denied(source.to_owned()));
        }
        let list = || {
            let found = self.store.zone.list(source).map_err(|error| error.to_string())?;
            let row = |file: crate::landing::Found| FileRow {
                path: file.path,
                sha256: None,
                size: None,
                stored_size: file.stored_size,
            };
            Ok(found.into_iter().map(row).collect())
        };
        if let Err(reason) = ledger.open(source, list) {
            ledger.broken.get_or_insert_with(|| reason.clone());
            return Err(LandError::Storage(reason));
        }
        Ok(OpenSource::new(source))
    }

    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.send(request, Conditions::new()).boxed()
    }

    fn mirror(&self, source: OpenSource, request: Request, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>> {
        async move { self.landed(self.mirror_into(source, request, slot).await) }.boxed()
    }

    fn land(&self, source: OpenSource, content: Content, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>> {
        async move {
            let place = self.place(&source, &slot)?;
            let landed = match content {
                Content::Response(response) => {
                    let url = response.url.clone();
                    self.land_response(place, response, url).await
                }
                Content::Made(body) => self.land_made(place, body).await,
            };
            self.landed(landed)
        }
        .boxed()
    }

    fn checkpoint(&self, cursor: String) -> BoxFuture<'_, Result<(), String>> {
        let store = Arc::clone(&self.store);
        async move {
            // On a thread of its own, since another process's transaction may have to be waited for.
            let written = tokio::task::spawn_blocking(move || {
                let mut ledger = store.ledger();
                if let Some(reason) = &ledger.broken {
                    return Err(reason.clone());
                }
                // Under the ledger's lock, so that no fact comes in between whose file was not synced.
                store.zone.sync().map_err(|error| error.to_string())?;
                ledger.checkpoint(cursor).map_err(|error| error.to_string())
            });
            written.await.map_err(|error| error.to_string())?
        }
        .boxed()
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.console.progress(done, total);
    }

    fn log(&self, level: Level, line: &str) {
        self.console.log(level, line);
    }
}
