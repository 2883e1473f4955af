//! WIT to domain and back, function by function: conversions and handles, no logic.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use jiff::civil::Date;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::Guest;
use super::bindings::landing::extractor::{http, run, zone};
use super::draft::{Answer, Draft};
use super::services::{Content, OpenSource, Services};
use super::streams::{BodyProducer, GuestVerdict, GuestWrites, ended_by};
use rules::domain::{self, Body, Fault, FetchError, LandError, Level, Outcome};
use rules::name::check_extension;

/// Longest cursor, in bytes.
const MAX_CURSOR: usize = 4096;
/// What each field, and each name of a secret, takes beside its texts, in bytes.
const ENTRY: usize = 128;

/// What a landing of content that a guest makes takes in the host, in bytes.
const LANDING: usize = 640 * 1024;

/// The host failed in a way that the extractor cannot mend: the run ends.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HostFailed(pub(super) Fault);

impl From<FetchError> for http::Error {
    fn from(error: FetchError) -> Self {
        let text = error.to_string();
        match error {
            FetchError::Invalid(_) => Self::Invalid(text),
            FetchError::Denied { .. } => Self::Denied(text),
            FetchError::Unreachable(_) => Self::Unreachable(text),
            FetchError::Timeout(_) => Self::Timeout(text),
            FetchError::TooLarge(limit) => Self::TooLarge(limit),
            FetchError::Protocol(_) | FetchError::Broken(_) => Self::Protocol(text),
            FetchError::GivenUp(_) => Self::Other(text),
            FetchError::Budget(_) => Self::Budget(text),
        }
    }
}

impl From<LandError> for zone::Error {
    fn from(error: LandError) -> Self {
        let text = error.to_string();
        match error {
            LandError::Denied(_) => Self::Denied(text),
            LandError::Invalid(_) => Self::Invalid(text),
            LandError::Fetch(error) => Self::Fetch(error.into()),
            LandError::Status(status) => Self::Status(status),
            LandError::Storage(_) => Self::Storage(text),
        }
    }
}

impl From<domain::Receipt> for zone::Receipt {
    fn from(receipt: domain::Receipt) -> Self {
        let outcome = match receipt.outcome {
            Outcome::Written => zone::Outcome::Written,
            Outcome::Unchanged => zone::Outcome::Unchanged,
        };
        Self { outcome, path: receipt.path, sha256: receipt.sha256.to_string(), size: receipt.size }
    }
}

fn slot(services: &dyn Services, slot: zone::Slot) -> wasmtime::Result<Result<domain::Slot, zone::Error>> {
    if let Err(error) = check_extension(&slot.extension) {
        return Ok(Err(zone::Error::Invalid(error.to_string())));
    }
    services.may_record("extension", &slot.extension).map_err(HostFailed)?;
    Ok(dated(slot))
}

fn dated(slot: zone::Slot) -> Result<domain::Slot, zone::Error> {
    let date = slot.date.map(|date| {
        let day = |part: u8| i8::try_from(part).ok();
        i16::try_from(date.year)
            .ok()
            .and_then(|year| Date::new(year, day(date.month)?, day(date.day)?).ok())
            .ok_or_else(|| zone::Error::Invalid(format!("{}-{}-{} is no date", date.year, date.month, date.day)))
    });
    Ok(domain::Slot { extension: slot.extension, date: date.transpose()? })
}

fn date(date: Date) -> zone::Date {
    zone::Date { year: date.year().unsigned_abs(), month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
}

impl http::HostRequest for Guest {
    fn new(&mut self, url: String) -> wasmtime::Result<Resource<http::Request>> {
        let fields = self.budgets.hold(url.len())?;
        Ok(self.table.push(Draft { request: domain::Request::get(url), fields, body: None })?)
    }

    fn set_method(&mut self, request: Resource<http::Request>, method: String) -> wasmtime::Result<()> {
        let draft = self.table.get_mut(&request)?;
        draft.fields.grow(method.len())?;
        draft.request.method = method;
        Ok(())
    }

    fn add_header(&mut self, request: Resource<http::Request>, name: String, value: String) -> wasmtime::Result<()> {
        let draft = self.table.get_mut(&request)?;
        draft.fields.grow(name.len() + value.len() + ENTRY)?;
        draft.request.headers.push((name, value.into_bytes()));
        Ok(())
    }

    fn set_body(&mut self, request: Resource<http::Request>, body: Vec<u8>) -> wasmtime::Result<()> {
        let draft = self.table.get_mut(&request)?;
        draft.body = Some(self.budgets.hold(body.len())?);
        draft.request.body = Some(Bytes::from(body));
        Ok(())
    }

    fn use_secret(&mut self, request: Resource<http::Request>, name: String) -> wasmtime::Result<()> {
        let draft = self.table.get_mut(&request)?;
        draft.fields.grow(name.len() + ENTRY)?;
        draft.request.secrets.push(name);
        Ok(())
    }

    fn drop(&mut self, request: Resource<http::Request>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl http::HostResponse for Guest {
    fn status(&mut self, response: Resource<http::Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.response.status)
    }

    fn url(&mut self, response: Resource<http::Response>) -> wasmtime::Result<String> {
        Ok(self.table.get(&response)?.response.told.clone())
    }

    fn headers(&mut self, response: Resource<http::Response>) -> wasmtime::Result<Vec<http::Header>> {
        let text = |value: &::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = &self.table.get(&response)?.response.headers;
        Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
    }

    fn header(&mut self, response: Resource<http::Response>, name: String) -> wasmtime::Result<Option<String>> {
        let value = self.table.get(&response)?.response.headers.get(name);
        Ok(value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }

    fn drop(&mut self, response: Resource<http::Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl http::Host for Guest {}

impl<T: 'static> http::HostResponseWithStore<T> for HasSelf<Guest> {
    async fn bytes(
        accessor: &Accessor<T, Self>,
        response: Resource<http::Response>,
    ) -> wasmtime::Result<Result<Vec<u8>, http::Error>> {
        let (mut answer, mut held) = accessor.with(|mut access| {
            let guest = access.get();
            wasmtime::error::Ok((guest.table.delete(response)?, guest.budgets.hold(0)?))
        })?;
        let mut content = Vec::new();
        while let Some(chunk) = answer.response.body.next().await {
            match chunk {
                Ok(chunk) if held.grow(chunk.len()).is_ok() => content.extend_from_slice(&chunk),
                // It can be landed all the same, so it is no reason to stop the extractor.
                Ok(chunk) => return Ok(Err(http::Error::TooLarge((content.len() + chunk.len()) as u64))),
                Err(error) => return Ok(Err(error.into())),
            }
        }
        Ok(Ok(content))
    }

    fn body(
        mut access: Access<'_, T, Self>,
        response: Resource<http::Response>,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<Result<(), http::Error>>)> {
        let answer = access.get().table.delete(response)?;
        let (producer, verdict) = BodyProducer::new(answer.response.body, answer.held);
        let stream = StreamReader::new(access.as_context_mut(), producer)?;
        let future = FutureReader::new(access.as_context_mut(), async move {
            let unread = || FetchError::GivenUp("the body was not read to its end".into());
            wasmtime::error::Ok(verdict.await.unwrap_or_else(|_| Err(unread())).map_err(http::Error::from))
        })?;
        Ok((stream, future))
    }
}

impl<T: 'static> http::HostWithStore<T> for HasSelf<Guest> {
    async fn fetch(
        accessor: &Accessor<T, Self>,
        request: Resource<http::Request>,
    ) -> wasmtime::Result<Result<Resource<http::Response>, http::Error>> {
        let (draft, services) = accessor.with(|mut access| {
            let guest = access.get();
            wasmtime::error::Ok((guest.table.delete(request)?, Arc::clone(&guest.services)))
        })?;
        // What it holds stays counted until it is sent.
        let Draft { request, fields: _fields, body: _body } = draft;
        match services.fetch(request).await {
            Ok(response) => accessor.with(|mut access| {
                let guest = access.get();
                let answer = Answer::new(response, &guest.budgets)?;
                Ok(Ok(guest.table.push(answer)?))
            }),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl zone::HostSource for Guest {
    fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<OpenSource>, zone::Error>> {
        match self.services.open(&name) {
            Ok(source) => Ok(Ok(self.table.push(source)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn drop(&mut self, source: Resource<OpenSource>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

impl zone::Host for Guest {}

/// Land in a source what `content` makes.
async fn land<T: 'static>(
    accessor: &Accessor<T, HasSelf<Guest>>,
    source: Resource<OpenSource>,
    content: Content,
    wit_slot: zone::Slot,
) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
    let (source, services) = source_of(accessor, &source)?;
    let slot = match slot(&*services, wit_slot)? {
        Ok(slot) => slot,
        Err(error) => return Ok(Err(error)),
    };
    Ok(services.land(source, content, slot).await.map(Into::into).map_err(Into::into))
}

fn source_of<T: 'static>(
    accessor: &Accessor<T, HasSelf<Guest>>,
    source: &Resource<OpenSource>,
) -> wasmtime::Result<(OpenSource, Arc<dyn Services>)> {
    accessor.with(|mut access| {
        let guest = access.get();
        Ok((guest.table.get(source)?.clone(), Arc::clone(&guest.services)))
    })
}

impl<T: 'static> zone::HostSourceWithStore<T> for HasSelf<Guest> {
    async fn mirror(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        request: Resource<http::Request>,
        wit_slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let draft = accessor.with(|mut access| access.get().table.delete(request))?;
        let Draft { request, fields: _fields, body: _body } = draft;
        let (source, services) = source_of(accessor, &source)?;
        let slot = match slot(&*services, wit_slot)? {
            Ok(slot) => slot,
            Err(error) => return Ok(Err(error)),
        };
        Ok(services.mirror(source, request, slot).await.map(Into::into).map_err(Into::into))
    }

    async fn land(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        response: Resource<http::Response>,
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        // What it holds stays counted until it has landed.
        let Answer { response, held: _held } = accessor.with(|mut access| access.get().table.delete(response))?;
        land(accessor, source, Content::Response(response), slot).await
    }

    async fn land_bytes(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        content: Vec<u8>,
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let _held = accessor.with(|mut access| access.get().budgets.hold(content.len()))?;
        land(accessor, source, Content::Made(Body::from_bytes(content)), slot).await
    }

    async fn land_stream(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        content: StreamReader<u8>,
        whole: FutureReader<Result<(), http::Error>>,
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let (verdict, said) = GuestVerdict::new();
        accessor.with(|mut access| whole.pipe(access.as_context_mut(), verdict))?;
        let (body, _held) = match accessor.with(|mut access| content.try_into::<BodyProducer>(access.as_context_mut()))
        {
            Ok(producer) => (ended_by(producer, said), None),
            Err(content) => {
                let (writes, written) = GuestWrites::new();
                let held = accessor.with(|mut access| {
                    content.pipe(access.as_context_mut(), writes)?;
                    wasmtime::error::Ok(access.get().budgets.hold(LANDING)?)
                })?;
                (ended_by(written, said), Some(held))
            }
        };
        land(accessor, source, Content::Made(body), slot).await
    }
}

impl run::Host for Guest {
    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.services.name())
    }

    fn backfill(&mut self) -> wasmtime::Result<Option<run::Window>> {
        let window = self.services.backfill();
        Ok(window.map(|window| run::Window { start: date(window.start), end: date(window.end) }))
    }

    fn started_at(&mut self) -> wasmtime::Result<u64> {
        Ok(self.services.started_at())
    }

    fn param(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.services.param(&name))
    }

    fn cursor(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.services.cursor())
    }

    fn progress(&mut self, done: u64, total: Option<u64>) -> wasmtime::Result<()> {
        self.services.progress(done, total);
        Ok(())
    }

    fn log(&mut self, level: run::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            run::Level::Trace => Level::Trace,
            run::Level::Debug => Level::Debug,
            run::Level::Info => Level::Info,
            run::Level::Warn => Level::Warn,
            run::Level::Error => Level::Error,
        };
        self.log.write(level, &message);
        Ok(())
    }
}

impl<T: 'static> run::HostWithStore<T> for HasSelf<Guest> {
    async fn checkpoint(accessor: &Accessor<T, Self>, cursor: String) -> wasmtime::Result<()> {
        if cursor.len() > MAX_CURSOR {
            let reason = format!("the cursor is {} bytes long, and the limit is {MAX_CURSOR}", cursor.len());
            return Err(HostFailed(Fault::new(reason)).into());
        }
        let services = accessor.with(|mut access| Arc::clone(&access.get().services));
        services.may_record("cursor", &cursor).map_err(HostFailed)?;
        Ok(services.checkpoint(cursor).await.map_err(HostFailed)?)
    }
}
