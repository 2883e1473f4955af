//! The bounded WASI that Python's and `wasm32-wasip2`'s components need: an empty world, output into the log, and
//! `wasi:http` through the same fetcher as everything else.
//!
//! It must not open anything of the machine to a guest: no file, no variable, no argument, no socket.

mod bounded;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::Guest;
use super::limits::Log;
use super::services::Services;
use rules::budget::{Budgets, Held};
use rules::domain::{Fault, FetchError, Level, Request};

/// Bytes that a guest may write at once.
const CHUNK: usize = 64 * 1024;
/// Most bytes of all fields of a request or response.
const MAX_FIELDS: usize = 16 * 1024;
/// Bytes of a request's body that are taken from a guest at once.
const HTTP_CHUNK: usize = 8 * 1024;
/// Most things of `wasi:http` that are open at once. wasmtime keeps their memory, at most some tens of kilobytes each, and
/// no account of it.
pub(super) const MAX_HTTP_ENTRIES: usize = 1000;
/// Most bytes that a component may pass to the host in one call where it imports `wasi:http` 0.3, whose errors hold texts
/// that wasmtime keeps as well.
pub(super) const MAX_PASSED_HTTP: u64 = 64 * 1024;
/// Most bytes of a line before it is logged without its end.
const MAX_PARTIAL: usize = 16 * 1024;
/// Random bytes after which those of a simulated run begin anew.
const RANDOM: usize = 4096;
/// Most random bytes that a guest gets at once.
const MAX_RANDOM: u64 = 1024 * 1024;

type Sent = wasmtime_wasi_http::Result<(http::Response<WasiBody>, Driver)>;
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Offer WASI to a component that asks for it.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    bounded::put_in_place(linker)
}

/// A world with nothing in it but two streams into the log.
pub(super) fn context(output: &[LogLines; 2], services: &Arc<dyn Services>) -> Result<WasiCtx, Fault> {
    let [stdout, stderr] = output;
    let mut context = WasiCtx::builder();
    context.stdout(stdout.clone()).stderr(stderr.clone()).max_random_size(MAX_RANDOM);
    context.wall_clock(RunClock(Arc::clone(services)));
    if services.is_simulated() {
        let mut bytes = [0; RANDOM];
        services.randomise(&mut bytes)?;
        context.secure_random(Deterministic::new(bytes.to_vec()));
        context.insecure_random(Deterministic::new(bytes.to_vec()));
        let (seed, _) = bytes.split_first_chunk().unwrap_or((&[0; 16], &[]));
        context.insecure_random_seed(u128::from_le_bytes(*seed));
    }
    Ok(context.build())
}

/// The clock of the run, as `wasi:clocks` has it.
struct RunClock(Arc<dyn Services>);

impl HostWallClock for RunClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now())
    }
}

/// The bounds of `wasi:http`.
pub(super) fn http_context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(MAX_FIELDS);
    context
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.wasi_hooks, table: &mut self.table, ctx: &mut self.wasi_http }
    }
}

/// Sends what `wasi:http` is asked to send.
pub(super) struct Hooks {
    pub(super) services: Arc<dyn Services>,
    /// What requests' bodies are counted in.
    pub(super) budgets: Arc<Budgets>,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _verdict: Driver,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let services = Arc::clone(&self.services);
        let budgets = Arc::clone(&self.budgets);
        Box::new(async move {
            let (head, body) = request.into_parts();
            let (body, _held) = whole(body, &budgets).await?;
            let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                (name.as_str().to_owned(), value.as_bytes().to_vec())
            };
            let request = Request {
                method: head.method.to_string(),
                headers: head.headers.iter().filter(|(name, _)| !is_hosts(name)).map(field).collect(),
                body: (!body.is_empty()).then_some(body),
                ..Request::get(head.uri.to_string())
            };
            let answer = services.fetch(request).await.map_err(error)?;
            let frames = futures::StreamExt::map(answer.body, |chunk| chunk.map(http_body::Frame::data).map_err(error));
            let mut response = http::Response::new(StreamBody::new(frames).boxed_unsync());
            *response.status_mut() = http::StatusCode::from_u16(answer.status).map_err(|_| Error::HttpProtocolError)?;
            *response.headers_mut() = answer.headers;
            Ok((response, Box::new(async { Ok(()) }) as Driver))
        })
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        HTTP_CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        HTTP_CHUNK
    }
}

/// A request's body, and its memory.
async fn whole(mut body: WasiBody, budgets: &Arc<Budgets>) -> Result<(Bytes, Held), Error> {
    let too_large = |_| Error::HttpRequestBodySize(None);
    let (mut content, mut held) = (Vec::new(), budgets.hold(0).map_err(too_large)?);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            held.grow(data.len()).map_err(too_large)?;
            content.extend_from_slice(&data);
        }
    }
    Ok((content.into(), held))
}

/// Fields that WASI clients send of themselves and that the host sets anyway.
fn is_hosts(name: &http::HeaderName) -> bool {
    use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING};
    [ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING].contains(name)
}

fn error(error: FetchError) -> Error {
    match error {
        FetchError::Invalid(_) => Error::HttpRequestUriInvalid,
        FetchError::Denied { .. } => Error::HttpRequestDenied,
        FetchError::NoValue(reason, _) => Error::InternalError(Some(reason)),
        FetchError::Unreachable(_) => Error::DestinationUnavailable,
        FetchError::Timeout(_) => Error::ConnectionReadTimeout,
        FetchError::TooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
        FetchError::Protocol(_) | FetchError::Broken(_) => Error::HttpProtocolError,
        FetchError::GivenUp(reason) | FetchError::NotRecorded(reason) => Error::InternalError(Some(reason)),
        FetchError::Budget(_) => Error::ConnectionLimitReached,
    }
}

/// A standard stream that ends in the log, line by line.
#[derive(Clone)]
pub(super) struct LogLines {
    log: Log,
    level: Level,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl LogLines {
    pub(super) fn new(log: Log, level: Level) -> Self {
        Self { log, level, partial: Arc::default() }
    }

    fn push(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || partial.len() > MAX_PARTIAL {
                self.log.write(self.level, &String::from_utf8_lossy(&std::mem::take(&mut *partial)));
            }
        }
    }

    /// Log what came without an end of line.
    pub(super) fn finish(&self) {
        let partial = std::mem::take(&mut *self.partial.lock().unwrap_or_else(PoisonError::into_inner));
        if !partial.is_empty() {
            self.log.write(self.level, &String::from_utf8_lossy(&partial));
        }
    }
}

impl IsTerminal for LogLines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogLines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogLines {
    async fn ready(&mut self) {}
}

impl OutputStream for LogLines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > CHUNK {
            // As WASI has it for more than `check-write` allows.
            return Err(StreamError::trap(&format!("it wrote more than {CHUNK} bytes at once")));
        }
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

impl AsyncWrite for LogLines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let count = bytes.len().min(CHUNK);
        self.push(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
