//! HTTP for extractors: one choke point through which every request of every interface goes.
//!
//! It owns policy, redirects, retries, framing and limits. It must not know the landing zone, the state or wasm.

mod address;
mod body;
#[expect(clippy::disallowed_methods, reason = "this is the sockets' room")]
mod connect;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod policy;
mod retry;

use std::error::Error as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use url::Url;

pub use policy::{OriginGrant, Policy};

use crate::clock;
use crate::domain::{Body, Digest, FetchError, Grant, Request, Resource, Response};
use crate::text;
use body::BodyLimits;
use connect::{ConnectError, Connector};
use policy::{MAX_REDIRECTS, Refusal, shown_url};

/// Most bytes of a response's head, and most fields in it.
const MAX_HEAD: usize = 64 * 1024;
const MAX_FIELDS: usize = 100;

/// Fields that belong to the connection, which is the host's (RFC 9110, 7.6.1).
const HOST_FIELDS: [&str; 13] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
];

/// Fields that ask for less than the whole representation (RFC 9110, 13.1 and 14.2).
const CONDITIONAL_FIELDS: [&str; 6] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];

/// What requests may cost.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// The longest wait for a response's head, and for the next bytes of its body.
    pub idle: Duration,
    /// Most bytes of a body, on the wire and decoded.
    pub body: u64,
    /// How often a failed request is sent again.
    pub retries: u32,
    /// Most requests in flight.
    pub concurrency: usize,
    /// Whether a body may end with its connection and nothing else.
    pub unframed: bool,
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(reason) => Self::Invalid(reason),
            Refusal::Denied(reason, grant) => Self::Denied { reason, grant },
        }
    }
}

/// Fields that the host itself adds, on every hop: the conditions of RFC 9110, 13.1.
pub type Conditions = Vec<(HeaderName, HeaderValue)>;

/// Sends requests.
pub struct Fetcher {
    policy: Policy,
    client: Client<Connector, Full<Bytes>>,
    limits: FetchLimits,
    in_flight: Semaphore,
    user_agent: HeaderValue,
    seed: u64,
}

/// A request that was checked and may be sent.
#[derive(Clone)]
pub struct Checked {
    url: Url,
    resource: Option<Resource>,
    fields: Fields,
}

impl Checked {
    /// What it asks for, where asking again means the same.
    pub fn resource(&self) -> Option<&Resource> {
        self.resource.as_ref()
    }

    /// Where it goes, without what may be secret in it.
    pub fn shown(&self) -> String {
        shown_url(&self.url)
    }

    /// Whether an answer to it can be content: a GET's, or a POST's that asks as GETs cannot.
    pub fn asks_for_content(&self) -> bool {
        matches!(self.fields.method, Method::GET | Method::POST)
    }
}

/// What a request says beside its URL.
#[derive(Clone)]
struct Fields {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

/// An attempt that failed.
struct Failure {
    error: FetchError,
    transient: bool,
}

impl Fetcher {
    /// A fetcher under `policy`, for the run that `seed` tells from others. `authorities` are PEM files of CAs to trust
    /// beside the system's.
    pub fn new(policy: Policy, limits: FetchLimits, authorities: Vec<PathBuf>, extractor: &str, seed: u64) -> Self {
        let connector = Connector::new(policy.clone(), connect::System, limits.connect, authorities);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .http1_max_buf_size(MAX_HEAD)
            .http1_max_headers(MAX_FIELDS)
            .build(connector);
        let in_flight = Semaphore::new(limits.concurrency);
        let user_agent = HeaderValue::from_str(&format!("host/{} ({extractor})", env!("CARGO_PKG_VERSION")))
            .unwrap_or(HeaderValue::from_static("host"));
        Self { policy, client, limits, in_flight, user_agent, seed }
    }

    /// Check a request without sending anything.
    pub fn check(&self, request: &Request) -> Result<Checked, FetchError> {
        let fields = fields(request)?;
        let url = self.policy.first_hop(&request.url)?;
        let resource = resource(&url, &fields);
        Ok(Checked { url, resource, fields })
    }

    /// Send a request and follow where it leads; the response's body is still to be read.
    pub async fn send(&self, request: Checked, conditions: &Conditions) -> Result<Response, FetchError> {
        let Checked { mut url, resource, mut fields } = request;
        for hop in 1.. {
            let response = self.hop(&fields, &url, conditions).await?;
            let Some(location) = redirect(&response) else { return self.receive(response, url, &fields, resource) };
            if hop > MAX_REDIRECTS {
                let reason = format!("more than {MAX_REDIRECTS} redirects, the last from {}", shown_url(&url));
                return Err(FetchError::Protocol(reason));
            }
            let next = self.policy.redirect(&url, &location, hop)?;
            fields.redirected(response.status().as_u16(), url.origin() == next.origin());
            url = next;
        }
        unreachable!("the loop counts without end")
    }

    /// How long to wait before asking again for a body that broke off; `None` where that was done often enough.
    pub fn wait_after_broken_body(&self, attempt: u32, request: &Checked) -> Option<Duration> {
        let repeatable = retry::is_repeatable(&request.fields.method);
        retry::wait(attempt, self.limits.retries, None, self.seed_for(&request.url)).filter(|_| repeatable)
    }

    /// Requests of one run should not all come back at the same moment either.
    fn seed_for(&self, url: &Url) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, url.as_str()).hash(&mut hasher);
        hasher.finish()
    }

    /// One hop, sent again while it fails in a way that may pass.
    async fn hop(
        &self,
        fields: &Fields,
        url: &Url,
        conditions: &Conditions,
    ) -> Result<http::Response<Incoming>, FetchError> {
        let repeatable = retry::is_repeatable(&fields.method);
        for attempt in 1.. {
            let (failure, asked) = match self.attempt(fields, url, conditions).await {
                Ok(response) if !retry::is_transient(response.status().as_u16()) => return Ok(response),
                Ok(response) => {
                    let asked = response.headers().get(header::RETRY_AFTER);
                    let asked = asked.and_then(|field| retry::retry_after(field.as_bytes(), clock::system()));
                    (Ok(response), asked)
                }
                Err(failure) if !failure.transient => return Err(failure.error),
                Err(failure) => (Err(failure.error), None),
            };
            let wait = retry::wait(attempt, self.limits.retries, asked, self.seed_for(url)).filter(|_| repeatable);
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return failure,
            }
        }
        unreachable!("the loop counts without end")
    }

    async fn attempt(
        &self,
        fields: &Fields,
        url: &Url,
        conditions: &Conditions,
    ) -> Result<http::Response<Incoming>, Failure> {
        let lasting = |error| Failure { error, transient: false };
        let mut request = http::Request::new(Full::new(fields.body.clone()));
        *request.method_mut() = fields.method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|error| {
            lasting(FetchError::Invalid(format!("{} cannot be requested: {error}", shown_url(url))))
        })?;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        for name in fields.headers.keys() {
            headers.remove(name);
        }
        headers.extend(fields.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.extend(conditions.iter().cloned());

        let _permit =
            self.in_flight.acquire().await.map_err(|_| lasting(FetchError::Budget("the run is over".into())))?;
        let idle = self.limits.idle;
        match tokio::time::timeout(idle, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(&error, url)),
            Err(_) => Err(lasting(FetchError::Timeout(format!("no response from {} within {idle:?}", shown_url(url))))),
        }
    }

    fn receive(
        &self,
        response: http::Response<Incoming>,
        url: Url,
        fields: &Fields,
        resource: Option<Resource>,
    ) -> Result<Response, FetchError> {
        let (mut head, incoming) = response.into_parts();
        let status = head.status.as_u16();
        let has_body = fields.method != Method::HEAD && !matches!(status, 100..=199 | 204 | 304);
        let limits = BodyLimits { size: self.limits.body, idle: self.limits.idle, unframed: self.limits.unframed };
        body::check_framing(&head.headers, has_body, limits)?;
        let body =
            if has_body { body::decoded(incoming, &head.headers, limits)? } else { Body::from_bytes(Bytes::new()) };
        if has_body && head.headers.remove(header::CONTENT_ENCODING).is_some() {
            // The body is given out decoded, and these spoke of the other one.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        Ok(Response { status, url: url.into(), headers: head.headers, body, has_body, resource })
    }
}

/// What a request says, checked: the method, the fields, the secrets that it may not have.
fn fields(request: &Request) -> Result<Fields, FetchError> {
    let invalid = |what: &str, text: &str| FetchError::Invalid(format!("`{}` is no valid {what}", text::quoted(text)));
    if let Some(secret) = request.secrets.first() {
        let reason = format!("the secret `{}` is not granted", text::quoted(secret));
        return Err(FetchError::Denied { reason, grant: Some(Grant::Secret(text::quoted(secret))) });
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| invalid("method", &request.method))?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(FetchError::Invalid(format!("the method {method} is not for extractors")));
    }
    let size: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if request.headers.len() > MAX_FIELDS || size > MAX_HEAD {
        return Err(FetchError::Invalid(format!(
            "more than {MAX_FIELDS} fields, or more than {MAX_HEAD} bytes of them"
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("field name", name))?;
        if HOST_FIELDS.contains(&field.as_str()) {
            return Err(FetchError::Invalid(format!("the field `{field}` is the host's own")));
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| invalid("value of a field", name))?;
        headers.try_append(field, value).map_err(|_| FetchError::Invalid("too many fields".into()))?;
    }
    Ok(Fields { method, headers, body: request.body.clone().unwrap_or_default() })
}

/// Where a response sends its client on (RFC 9110, 15.4).
fn redirect(response: &http::Response<Incoming>) -> Option<Vec<u8>> {
    let leads_on = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION)?;
    leads_on.then(|| location.as_bytes().to_vec())
}

impl Fields {
    /// Become the request of the next hop: what belongs to one origin does not travel to another.
    fn redirected(&mut self, status: u16, same_origin: bool) {
        if !same_origin {
            self.headers.clear();
        }
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
                self.headers.remove(name);
            }
        }
    }
}

/// What a request asks for, where asking again means the same: a GET without conditions of its own. Fields that the
/// extractor set may shape the answer, so they are part of the identity, hashed.
fn resource(url: &Url, fields: &Fields) -> Option<Resource> {
    let conditional = CONDITIONAL_FIELDS.iter().any(|name| fields.headers.contains_key(*name));
    if fields.method != Method::GET || !fields.body.is_empty() || conditional {
        return None;
    }
    if fields.headers.is_empty() {
        return Some(Resource(url.to_string()));
    }
    let mut sorted: Vec<_> = fields.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    sorted.sort_unstable();
    let mut hasher = Sha256::new();
    for (name, value) in sorted {
        hasher.update(name);
        hasher.update(b":");
        hasher.update(value);
        hasher.update(b"\n");
    }
    // A URL that is sent has no fragment, so what follows `#` cannot be part of one.
    Some(Resource(format!("{url}#{}", Digest(hasher.finalize().into()).hex(32))))
}

fn failure(error: &hyper_util::client::legacy::Error, url: &Url) -> Failure {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return Failure { error: error.error.clone(), transient: error.transient };
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return broken_head(error, url);
        }
        cause = error.source();
    }
    Failure { error: FetchError::Unreachable(format!("{}: {error}", shown_url(url))), transient: true }
}

fn broken_head(error: &hyper::Error, url: &Url) -> Failure {
    let url = shown_url(url);
    if error.is_parse() || error.is_parse_too_large() || error.is_user() {
        return Failure { error: FetchError::Protocol(format!("{url} broke HTTP: {error}")), transient: false };
    }
    let error = match error.source() {
        Some(cause) => FetchError::Unreachable(format!("the connection to {url} broke off: {cause}")),
        None => FetchError::Unreachable(format!("the connection to {url} broke off: {error}")),
    };
    Failure { error, transient: true }
}

/// What to say of a body that broke off.
fn broken_body(error: &hyper::Error) -> String {
    match error.source() {
        Some(cause) => format!("the body did not arrive whole: {cause}"),
        None => format!("the body did not arrive whole: {error}"),
    }
}
