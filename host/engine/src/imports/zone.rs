//! `landing:extractor/zone`: sources, what lands in them, and what is made of responses.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::{ENTRY, HostFailed};
use crate::Guest;
use crate::bindings::landing::extractor::http;
use crate::bindings::landing::extractor::zone::{self, ErrorKind};
use crate::draft::{Answer, Made};
use crate::services::{Content, OpenSource, Services};
use crate::streams::{BodyProducer, GuestVerdict, GuestWrites, ended_by};
use rules::budget::Held;
use rules::domain::{self, Body, LandError, Outcome};
use rules::name::check_extension;

/// What a landing of content that a guest makes takes in the host, in bytes.
const LANDING: usize = 640 * 1024;
/// Most requests that are mirrored at once.
const MOST_AT_ONCE: u32 = 64;

impl From<LandError> for zone::Error {
    fn from(error: LandError) -> Self {
        let code = error.code().to_owned();
        let failed = |kind, message| Self { kind, code: code.clone(), message, status: None, fetch: None };
        match error {
            LandError::Denied(reason) => failed(ErrorKind::Denied, reason),
            LandError::Invalid(reason) => failed(ErrorKind::Invalid, reason),
            LandError::Fetch(error) => {
                let fetch = http::Error::from(error);
                Self { fetch: Some(fetch.clone()), ..failed(ErrorKind::Fetch, fetch.message) }
            }
            LandError::Status(status) => {
                let message = format!("the server answered with status {status} and no content to land");
                Self { status: Some(status), ..failed(ErrorKind::Status, message) }
            }
            rejected @ LandError::Rejected { .. } => failed(ErrorKind::Rejected, rejected.to_string()),
            LandError::Storage(fault) => {
                failed(ErrorKind::Storage, format!("the landing zone could not be written: {fault}"))
            }
        }
    }
}

impl From<domain::Receipt> for zone::Receipt {
    fn from(receipt: domain::Receipt) -> Self {
        let outcome = match receipt.outcome {
            Outcome::Written => zone::Outcome::Written,
            Outcome::Unchanged | Outcome::Erased => zone::Outcome::Unchanged,
        };
        Self { outcome, path: receipt.path, sha256: receipt.sha256.to_string(), size: receipt.size }
    }
}

fn slot(services: &dyn Services, slot: zone::Slot) -> wasmtime::Result<Result<domain::Slot, zone::Error>> {
    if let Err(error) = check_extension(&slot.extension) {
        return Ok(Err(LandError::Invalid(error.to_string()).into()));
    }
    services.may_record("extension", &slot.extension).map_err(HostFailed)?;
    Ok(dated(slot).map_err(Into::into))
}

fn dated(slot: zone::Slot) -> Result<domain::Slot, LandError> {
    let date = slot.date.map(|date| {
        let day = |part: u8| i8::try_from(part).ok();
        i16::try_from(date.year)
            .ok()
            .and_then(|year| Date::new(year, day(date.month)?, day(date.day)?).ok())
            .ok_or_else(|| LandError::Invalid(format!("{}-{}-{} is no date", date.year, date.month, date.day)))
    });
    Ok(domain::Slot { extension: slot.extension, date: date.transpose()? })
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

impl zone::HostDerivation for Guest {
    fn drop(&mut self, derivation: Resource<Made>) -> wasmtime::Result<()> {
        self.table.delete(derivation)?;
        Ok(())
    }
}

impl zone::Host for Guest {
    fn describe(&mut self, error: zone::Error) -> wasmtime::Result<String> {
        Ok(super::sentence(error.message, &error.code))
    }
}

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

async fn mirror<T: 'static>(
    accessor: &Accessor<T, HasSelf<Guest>>,
    services: &dyn Services,
    source: OpenSource,
    request: Resource<http::Request>,
    wit_slot: zone::Slot,
) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
    let draft = accessor.with(|mut access| access.get().table.delete(request))?;
    let (request, _held) = draft.into_request();
    let slot = match slot(services, wit_slot)? {
        Ok(slot) => slot,
        Err(error) => return Ok(Err(error)),
    };
    Ok(services.mirror(source, request, slot).await.map(Into::into).map_err(Into::into))
}

/// What a guest writes or passes on, and what it takes in the host meanwhile.
fn streamed<T: 'static>(
    accessor: &Accessor<T, HasSelf<Guest>>,
    content: StreamReader<u8>,
    whole: FutureReader<Result<(), http::Error>>,
) -> wasmtime::Result<(Body, Option<Held>)> {
    let (verdict, said) = GuestVerdict::new();
    accessor.with(|mut access| whole.pipe(access.as_context_mut(), verdict))?;
    match accessor.with(|mut access| content.try_into::<BodyProducer>(access.as_context_mut())) {
        Ok(producer) => Ok((ended_by(producer, said), None)),
        Err(content) => {
            let (writes, written) = GuestWrites::new();
            let held = accessor.with(|mut access| {
                content.pipe(access.as_context_mut(), writes)?;
                wasmtime::error::Ok(access.get().budgets.hold(LANDING)?)
            })?;
            Ok((ended_by(written, said), Some(held)))
        }
    }
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
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let (source, services) = source_of(accessor, &source)?;
        mirror(accessor, &*services, source, request, slot).await
    }

    async fn mirror_all(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        requests: Vec<(Resource<http::Request>, zone::Slot)>,
        at_once: u32,
    ) -> wasmtime::Result<Vec<Result<zone::Receipt, zone::Error>>> {
        let (source, services) = source_of(accessor, &source)?;
        let mirrored =
            requests.into_iter().map(|(request, slot)| mirror(accessor, &*services, source.clone(), request, slot));
        let at_once = at_once.clamp(1, MOST_AT_ONCE) as usize;
        futures::stream::iter(mirrored).buffered(at_once).try_collect().await
    }

    async fn derive(
        accessor: &Accessor<T, Self>,
        source: Resource<OpenSource>,
        request: Resource<http::Request>,
    ) -> wasmtime::Result<Result<Option<(Resource<Answer>, Resource<Made>)>, zone::Error>> {
        let draft = accessor.with(|mut access| access.get().table.delete(request))?;
        let (source, services) = source_of(accessor, &source)?;
        let (request, _held) = draft.into_request();
        match services.derive(source.clone(), request).await {
            Ok(Some((response, asked))) => accessor.with(|mut access| {
                let guest = access.get();
                let answer = Answer::new(response, &guest.budgets)?;
                let held = guest.budgets.hold(ENTRY)?;
                let made = Made { source, asked, files: Vec::new(), held };
                Ok(Ok(Some((guest.table.push(answer)?, guest.table.push(made)?))))
            }),
            Ok(None) => Ok(Ok(None)),
            Err(error) => Ok(Err(error.into())),
        }
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
        let (body, _held) = streamed(accessor, content, whole)?;
        land(accessor, source, Content::Made(body), slot).await
    }
}

/// Land in a derivation's source what `body` makes, and keep which file holds it.
async fn land_made<T: 'static>(
    accessor: &Accessor<T, HasSelf<Guest>>,
    derivation: Resource<Made>,
    body: Body,
    wit_slot: zone::Slot,
) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
    let (source, services) = accessor.with(|mut access| {
        let guest = access.get();
        wasmtime::error::Ok((guest.table.get(&derivation)?.source.clone(), Arc::clone(&guest.services)))
    })?;
    let slot = match slot(&*services, wit_slot)? {
        Ok(slot) => slot,
        Err(error) => return Ok(Err(error)),
    };
    match services.land(source, Content::Made(body), slot).await {
        Ok(receipt) => accessor.with(|mut access| {
            let made = access.get().table.get_mut(&derivation)?;
            made.held.grow(receipt.path.len() + ENTRY)?;
            made.files.push(receipt.path.clone());
            Ok(Ok(receipt.into()))
        }),
        Err(error) => {
            if let LandError::Rejected { .. } = error {
                // Not all of it has landed, whatever the extractor says: it is to be made again.
                accessor.with(|mut access| {
                    access.get().table.get_mut(&derivation)?.asked = None;
                    wasmtime::error::Ok(())
                })?;
            }
            Ok(Err(error.into()))
        }
    }
}

impl<T: 'static> zone::HostDerivationWithStore<T> for HasSelf<Guest> {
    async fn land_bytes(
        accessor: &Accessor<T, Self>,
        derivation: Resource<Made>,
        content: Vec<u8>,
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let _held = accessor.with(|mut access| access.get().budgets.hold(content.len()))?;
        land_made(accessor, derivation, Body::from_bytes(content), slot).await
    }

    async fn land_stream(
        accessor: &Accessor<T, Self>,
        derivation: Resource<Made>,
        content: StreamReader<u8>,
        whole: FutureReader<Result<(), http::Error>>,
        slot: zone::Slot,
    ) -> wasmtime::Result<Result<zone::Receipt, zone::Error>> {
        let (body, _held) = streamed(accessor, content, whole)?;
        land_made(accessor, derivation, body, slot).await
    }

    async fn complete(accessor: &Accessor<T, Self>, derivation: Resource<Made>) -> wasmtime::Result<()> {
        let (made, services) = accessor.with(|mut access| {
            let guest = access.get();
            wasmtime::error::Ok((guest.table.delete(derivation)?, Arc::clone(&guest.services)))
        })?;
        let Made { source, asked, files, held: _held } = made;
        match asked {
            Some(asked) => Ok(services.derived(source, asked, files).await.map_err(HostFailed)?),
            // What cannot be asked for again is made anew each time.
            None => Ok(()),
        }
    }
}
