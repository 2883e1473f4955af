//! One run, as its extractor sees it: what `component` asks for, answered by `fetch`, `landing` and `state` together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::civil::Date;

use super::asking::Answered;
use super::storing::{Landing, Store, lock, storage};
use super::values::Values;
use crate::events::Events;
use crate::timings::{Beside, Timings};
use clock::{Clock, Moment, Stopwatch};
use engine::{Content, OpenSource, Services};
use fetch::{Fetcher, Until};
use rules::budget::Held;
use rules::domain::{
    Asked, Body, Digest, Fault, FetchError, Grant, LandError, Level, Outcome, Receipt, Request, Response, Slot, Window,
};
use rules::name::{EntityTag, Place, check_name};
use rules::redact::Redactor;
use rules::request::Checked;
use rules::retry::Attempts;
use rules::validators::{Conditions, Validators};
use state::{FileRow, Known};

/// A run in progress.
pub(super) struct Session {
    pub(super) name: String,
    pub(super) params: BTreeMap<String, String>,
    pub(super) sources: BTreeSet<String>,
    /// Sources that the manifest asks for; `None` is whatever is granted.
    pub(super) asked_sources: Option<BTreeSet<String>>,
    pub(super) backfill: Option<Window>,
    /// Whether to ask and to read without regard to what is known.
    pub(super) fresh: bool,
    pub(super) started: Moment,
    pub(super) clock: Clock,
    /// The component's digest.
    pub(super) component: Digest,
    /// See [`Session::maker`].
    pub(super) maker: OnceLock<Digest>,
    /// Values that wait for the next checkpoint.
    pub(super) values: Arc<Mutex<Values>>,
    pub(super) fetcher: Fetcher,
    pub(super) redactor: Arc<Redactor>,
    pub(super) events: Events,
    pub(super) timings: Arc<Timings>,
    pub(super) store: Arc<Store>,
}

impl Session {
    /// Note a refusal that a grant would have changed, or that something else failed.
    fn note_failure(&self, error: &FetchError) {
        match error {
            FetchError::Denied { grant: Some(grant), .. } => self.store.note_missing(grant.clone()),
            _ => self.store.note_failed(),
        }
    }

    pub(super) fn check(&self, request: &Request) -> Result<Checked, FetchError> {
        self.fetcher.check(request).inspect_err(|error| self.note_failure(error))
    }

    pub(super) async fn send(
        &self,
        request: Checked,
        conditions: &Conditions,
        until: Until,
        attempts: &mut Attempts,
    ) -> Result<Response, FetchError> {
        let shown = request.shown();
        let watch = Stopwatch::start();
        let sent = self.fetcher.send(request, conditions, until, attempts).await;
        self.timings.add(Beside::Answers, watch.elapsed());
        match &sent {
            Ok(response) => self.events.log(Level::Debug, &format!("{} {shown}", response.status)),
            Err(error) => self.events.log(Level::Debug, &format!("{shown}: {error}")),
        }
        sent.inspect_err(|error| self.note_failure(error))
    }

    /// Of the component and its parameters: what else makes the same of the same response. Parameters may be megabytes,
    /// so they are read only where something is derived.
    pub(super) fn maker(&self) -> Digest {
        let texts = self.params.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        *self.maker.get_or_init(|| Digest::of([&self.component.0[..]].into_iter().chain(texts)))
    }

    fn place(&self, source: &OpenSource, slot: &Slot) -> Result<Place, LandError> {
        let date: Date = slot.date.unwrap_or_else(|| self.started.day());
        Place::new(source.name(), date, &slot.extension).map_err(|error| LandError::Invalid(error.to_string()))
    }

    /// Mirror, again where the body did not come whole and the next one may.
    async fn mirror_into(&self, source: OpenSource, request: Request, slot: Slot) -> Result<Receipt, LandError> {
        let place = self.place(&source, &slot)?;
        let checked = self.check(&request)?;
        if !checked.asks_for_content() {
            return Err(LandError::Invalid(format!("a {} has no content to mirror", request.method)));
        }
        let mut attempts = Attempts::default();
        loop {
            let (response, known) = match self.ask(&place, &checked, &request.url, &mut attempts).await? {
                Answered::New(response, known) => (*response, known),
                Answered::Unchanged(receipt) => return Ok(receipt),
            };
            // Not before: who waits for an origin must not keep the others from landing.
            let turn = self.store.landings.acquire().await.map_err(storage)?;
            let landed = self.land_response(place.clone(), response, request.url.clone(), known).await;
            let Err(LandError::Fetch(error)) = landed else { return landed };
            let Some(wait) = self.fetcher.wait_after_body(&error, &checked, &mut attempts) else {
                return Err(error.into());
            };
            drop(turn);
            self.events.log(Level::Debug, &format!("{}: {error}; asking again", checked.shown()));
            self.fetcher.wait(wait).await;
        }
    }

    /// Land a response, unless it says of itself that it is what is known.
    async fn land_response(
        &self,
        place: Place,
        response: Response,
        url: String,
        known: Option<Known>,
    ) -> Result<Receipt, LandError> {
        if response.status != 200 {
            self.store.note_failed();
            return Err(LandError::Status(response.status));
        }
        if !response.has_body {
            return Err(LandError::Invalid("the response to a HEAD has no content to land".into()));
        }
        let url = Some(self.redactor.text(&url).into_owned());
        let subject = Some(response.subject.clone());
        let content_type = response.headers.get(http::header::CONTENT_TYPE);
        let content_type = Some(content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let Some(resource) = response.resource().cloned() else {
            // What cannot be asked for again has no validators, and nothing is known of it.
            let landing = Landing { subject, url, content_type, ..Landing::made(place) };
            return self.store.store(response.body, landing).await;
        };
        let validators = Validators::of(&response.headers, &response.url);
        // A server that was asked whether it changed says that it did.
        let likely_new = !self.fresh && known.as_ref().is_none_or(|known| !known.validators.conditions().is_empty());
        let same = known.filter(|known| {
            validators.as_ref().is_some_and(|answer| known.validators.recognise(answer, &response.url))
        });
        let tag = EntityTag::of(&response.headers);
        let asked = Asked { resource, url: response.url.kept().to_owned(), validators };
        let landing = Landing { place, tag, asked: Some(asked), subject, url, content_type, likely_new };
        match same {
            Some(known) => self.unchanged(landing, known.file).await,
            None => self.store.store(response.body, landing).await,
        }
    }

    pub(super) async fn unchanged(&self, landing: Landing, file: FileRow) -> Result<Receipt, LandError> {
        let digest: Digest = file.sha256.ok_or_else(|| storage("a file without a digest counts as unchanged"))?;
        let record =
            move |store: &Store| store.record(&landing, landing.asked.as_ref(), &file, digest, Outcome::Unchanged);
        self.store.job(record).await
    }

    async fn land_made(&self, place: Place, body: Body) -> Result<Receipt, LandError> {
        self.store.store(body, Landing::made(place)).await
    }

    /// A job whose failure ends the run.
    fn fault_of<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, LandError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, Fault>> {
        async move {
            let _work = self.clock.work();
            self.store.job(work).await.map_err(|error| match error {
                LandError::Storage(fault) => fault,
                error => Fault::new(error),
            })
        }
        .boxed()
    }

    fn landed(&self, landed: Result<Receipt, LandError>) -> Result<Receipt, LandError> {
        if let Ok(receipt) = &landed {
            self.events.landed(receipt);
        }
        landed
    }
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

    fn params(&self) -> Vec<(String, String)> {
        self.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn has_secret(&self, name: &str) -> bool {
        self.fetcher.has_secret(name)
    }

    fn now(&self) -> u64 {
        self.clock.now().unix_milliseconds()
    }

    fn is_simulated(&self) -> bool {
        self.clock.simulated().is_some()
    }

    fn randomise(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.clock.randomise(bytes).map_err(Fault::new)
    }

    fn wait(&self, duration: Duration) -> BoxFuture<'_, ()> {
        match self.clock.simulated() {
            Some(simulated) => simulated.wait(duration).boxed(),
            None => tokio::time::sleep(duration).boxed(),
        }
    }

    fn cursor(&self) -> Option<String> {
        self.store.end().cursor.clone()
    }

    fn open(&self, source: &str) -> Result<OpenSource, LandError> {
        check_name(source).map_err(|error| LandError::Invalid(error.to_string()))?;
        if !self.sources.contains(source) && self.asked_sources.as_ref().is_some_and(|asked| !asked.contains(source)) {
            let reason =
                format!("the extractor's manifest does not ask for source `{source}`, so that no grant opens it");
            return Err(LandError::Denied(reason));
        }
        if !self.sources.contains(source) {
            self.store.note_missing(Grant::Source(source.to_owned()));
            return Err(LandError::Denied(format!("source `{source}` is not granted")));
        }
        Ok(OpenSource::new(source))
    }

    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async move {
            let _work = self.clock.work();
            let request = self.check(&request)?;
            self.send(request, &Conditions::new(), Until::Head, &mut Attempts::default()).await
        }
        .boxed()
    }

    fn mirror(&self, source: OpenSource, request: Request, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>> {
        async move {
            let _work = self.clock.work();
            self.landed(self.mirror_into(source, request, slot).await)
        }
        .boxed()
    }

    fn land(&self, source: OpenSource, content: Content, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>> {
        async move {
            let place = self.place(&source, &slot)?;
            let landed = match content {
                Content::Response(response) => {
                    let _work = self.clock.work();
                    let url = response.url.kept().to_owned();
                    let known = self.known(&place, response.resource()).await?;
                    let _turn = self.store.landings.acquire().await.map_err(storage)?;
                    self.land_response(place, response, url, known).await
                }
                Content::Made(body) => self.land_made(place, body).await,
            };
            self.landed(landed)
        }
        .boxed()
    }

    fn derive(
        &self,
        source: OpenSource,
        request: Request,
    ) -> BoxFuture<'_, Result<Option<(Response, Option<Asked>)>, LandError>> {
        async move {
            let _work = self.clock.work();
            self.derive_from(&source, &request).await
        }
        .boxed()
    }

    fn derived(&self, source: OpenSource, asked: Asked, files: Vec<String>) -> BoxFuture<'_, Result<(), Fault>> {
        let maker = self.maker();
        let record = move |store: &Store| {
            store.ledger().derive(source.name(), asked, maker, files);
            Ok(())
        };
        self.fault_of(record)
    }

    fn value(&self, key: String) -> BoxFuture<'_, Result<Option<String>, Fault>> {
        if let Some(set) = lock(&self.values).get(&key) {
            return std::future::ready(Ok(set.clone())).boxed();
        }
        self.fault_of(move |store| Ok(store.ledger().value(&key)?))
    }

    fn set_value(&self, key: String, value: Option<String>, held: Held) {
        lock(&self.values).set(key, value, held);
    }

    fn keys(&self, prefix: String, after: Option<String>, most: usize) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        let values = Arc::clone(&self.values);
        let after = after.unwrap_or_default();
        self.fault_of(move |store| {
            let enough = most + lock(&values).pending().len();
            let kept = store.ledger().keys(&prefix, &after, enough)?;
            Ok(lock(&values).merge(kept, &prefix, &after, most))
        })
    }

    fn checkpoint(&self, cursor: Option<String>) -> BoxFuture<'_, Result<(), Fault>> {
        let values = Arc::clone(&self.values);
        let write = move |store: &Store| {
            if let Some(fault) = &store.end().fault {
                return Err(fault.clone().into());
            }
            // Under the ledger's lock, so that no fact comes in between whose file was not synced.
            let mut ledger = store.ledger();
            if let Err(error) = store.zone.sync() {
                ledger.sync_failed();
                return Err(error.into());
            }
            let mut values = lock(&values);
            ledger.checkpoint(cursor.as_deref(), &values)?;
            *values = Values::default();
            if cursor.is_some() {
                let mut end = store.end();
                end.cursor = cursor;
                end.cursor_is_new = true;
            }
            Ok(())
        };
        self.fault_of(write)
    }

    fn line(&self, text: &str) -> String {
        self.redactor.line(text)
    }

    /// What is recorded comes back in the next run, so that nothing can stand in a secret's place. The run ends: an
    /// extractor that went on would know whether it guessed right, and could guess again.
    fn may_record(&self, what: &str, text: &str) -> Result<(), Fault> {
        match self.redactor.finds(text) {
            true => Err(Fault::new(format!("the {what} holds a secret, and {what}s are recorded"))),
            false => Ok(()),
        }
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.events.progress(done, total);
    }

    fn log(&self, level: Level, line: &str) {
        self.events.log(level, line);
    }
}
