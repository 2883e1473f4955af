//! How the client library reaches a store: HTTP/1.1 over TLS, each answer within its time.
//!
//! It is the host's own way out and no guest's: nothing here knows an extractor, a grant or a policy.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use clock::Stopwatch;
use http::header::{DATE, HeaderValue, IF_NONE_MATCH};
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};

/// How the client library's words for our errors begin.
pub(crate) const SOURCE: &str = "HTTP error";
/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Most bytes of a request that are sent at once, so that it is seen how it advances.
const PIECE: usize = 256 * 1024;

/// Makes clients; all share one set of connections, and what they learn of the store's clock.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) tls: rustls::ClientConfig,
    /// How long the store may say and take nothing.
    pub(crate) patience: Duration,
    pub(crate) date: ServerDate,
}

/// The newest `Date` of a store's answers (RFC 9110, 6.6.1).
#[derive(Debug, Clone, Default)]
pub struct ServerDate(Arc<Mutex<Option<SystemTime>>>);

impl ServerDate {
    pub(crate) fn get(&self) -> Option<SystemTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store said that it is so late.
    pub fn learn(&self, date: SystemTime) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = (*newest).max(Some(date));
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECTING.min(self.patience)));
        tcp.set_nodelay(true);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            // The layer above repeats what may be repeated.
            .retry_canceled_requests(false)
            .build(https);
        Ok(HttpClient::new(Service { client, patience: self.patience, date: self.date.clone() }))
    }
}

#[derive(Clone)]
struct Service {
    client: Client<HttpsConnector<Tcp>, Advancing>,
    patience: Duration,
    date: ServerDate,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// Why there was no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("{0} did not answer within {1} s")]
    Silent(String, u64),
    #[error("cannot connect to {0}: {1}")]
    Unreachable(String, String),
    #[error("{0} ended the connection: {1}")]
    Broken(String, String),
}

/// The first of all causes.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let advance = Advance::default();
        let mut request = request.map(|body| Advancing { body, rest: Bytes::new(), advance: advance.clone() });
        if completes_parts(&request) {
            // The client library has no way to say so. S3 does not ask for this field to be signed.
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let response = tokio::select! {
            response = self.client.request(request) => response.map_err(|error| {
                let (connecting, reason) = (error.is_connect(), innermost(&error));
                match connecting {
                    true => HttpError::new(HttpErrorKind::Connect, Cut::Unreachable(authority.clone(), reason)),
                    false => HttpError::new(HttpErrorKind::Interrupted, Cut::Broken(authority.clone(), reason)),
                }
            })?,
            () = advance.stops(self.patience) => return Err(silent(authority, self.patience)),
        };
        let date = response.headers().get(DATE).and_then(|field| field.to_str().ok());
        if let Some(date) = date.and_then(|text| httpdate::parse_http_date(text).ok()) {
            self.date.learn(date);
        }
        let (parts, body) = response.into_parts();
        let arriving = Arriving { body, patience: self.patience, silence: None, authority };
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(arriving)))
    }
}

/// Whether a request makes one object of uploaded parts (S3's CompleteMultipartUpload).
fn completes_parts(request: &http::Request<Advancing>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == http::Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}

fn silent(authority: String, patience: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, Cut::Silent(authority, patience.as_secs().max(1)))
}

/// When a request last advanced.
#[derive(Clone)]
struct Advance(Arc<Mutex<Stopwatch>>);

impl Default for Advance {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Stopwatch::start())))
    }
}

impl Advance {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// Wait until it has not advanced for so long.
    async fn stops(&self, patience: Duration) {
        loop {
            let still = self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match patience.checked_sub(still) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// The body of a request, in pieces.
struct Advancing {
    body: HttpRequestBody,
    rest: Bytes,
    advance: Advance,
}

impl Body for Advancing {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.advance.note();
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                over => return Poll::Ready(over),
            }
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.body.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => SizeHint::default(),
        }
    }
}

/// The body of an answer, each piece of it within its time.
struct Arriving {
    body: hyper::body::Incoming,
    patience: Duration,
    silence: Option<Pin<Box<tokio::time::Sleep>>>,
    authority: String,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            let broken = |error: hyper::Error| {
                HttpError::new(HttpErrorKind::Interrupted, Cut::Broken(self.authority.clone(), innermost(&error)))
            };
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let patience = self.patience;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        std::task::ready!(silence.as_mut().poll(context));
        Poll::Ready(Some(Err(silent(self.authority.clone(), patience))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
