//! `landing:extractor/http`: requests, responses and their bodies.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::ENTRY;
use crate::Guest;
use crate::bindings::landing::extractor::http::{self, ErrorKind};
use crate::draft::{Answer, Draft};
use crate::streams::BodyProducer;
use rules::domain::{self, FetchError, Lasting};
use rules::text;

impl From<FetchError> for http::Error {
    fn from(error: FetchError) -> Self {
        let (kind, what) = match &error {
            FetchError::Invalid(_) => (ErrorKind::Invalid, "the request is malformed: "),
            FetchError::Denied { .. } => (ErrorKind::Denied, "the egress policy refuses it: "),
            FetchError::NoValue(_, Lasting::Yes) => (ErrorKind::Denied, ""),
            FetchError::NoValue(_, Lasting::No) => (ErrorKind::Unreachable, ""),
            FetchError::Unreachable(_) => (ErrorKind::Unreachable, "no connection: "),
            FetchError::Timeout(_) => (ErrorKind::Timeout, "it took too long: "),
            FetchError::TooLarge(_) => (ErrorKind::TooLarge, ""),
            FetchError::Protocol(_) | FetchError::Broken(_) => (ErrorKind::Protocol, "the answer is broken: "),
            FetchError::GivenUp(_) | FetchError::NotRecorded(_) => (ErrorKind::Other, ""),
            FetchError::Budget(_) => (ErrorKind::Budget, "the run's budget is spent: "),
        };
        Self { kind, code: error.code().to_owned(), message: format!("{what}{error}") }
    }
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

    fn repeat_on(&mut self, request: Resource<http::Request>, statuses: Vec<u16>) -> wasmtime::Result<()> {
        let draft = self.table.get_mut(&request)?;
        draft.fields.grow(size_of_val(&statuses[..]))?;
        draft.request.repeat_on = Some(statuses);
        Ok(())
    }

    fn follow(&mut self, request: Resource<http::Request>, redirects: u32) -> wasmtime::Result<()> {
        self.table.get_mut(&request)?.request.follow = Some(redirects);
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

impl http::Host for Guest {
    fn describe(&mut self, error: http::Error) -> wasmtime::Result<String> {
        Ok(super::sentence(error.message, &error.code))
    }
}

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
                Ok(chunk) => {
                    let size = text::counted((content.len() + chunk.len()) as u64, "byte");
                    let message = format!("{size} and more do not fit into the memory that the run may use");
                    return Ok(Err(http::Error { kind: ErrorKind::TooLarge, code: "memory".into(), message }));
                }
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
        let (request, _held) = draft.into_request();
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
