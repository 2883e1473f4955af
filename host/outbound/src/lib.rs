//! How the host itself reaches servers that its operator names: HTTP/1.1 over TLS, each answer within its time.
//!
//! It is no extractor's way out: nothing here knows an extractor, a grant or a policy.

mod bodies;
mod resolving;
mod way;

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use hyper::body::Body;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rules::proxy::{NoTunnel, Proxy};

pub use bodies::Arriving;
pub use resolving::Judge;

use bodies::{Advance, Advancing};
use way::Way;

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Why there was no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// Nothing came for so many seconds.
    #[error("{0} did not answer within {1} s")]
    Silent(String, u64),
    /// There is no connection.
    #[error("cannot connect to {0}: {1}")]
    Unreachable(String, String),
    /// The proxy does not lead there.
    #[error("no way to {0}: {1}")]
    NoTunnel(String, NoTunnel),
    /// There was one.
    #[error("{0} ended the connection: {1}")]
    Broken(String, String),
}

impl Cut {
    fn silent(authority: String, patience: Duration) -> Self {
        Self::Silent(authority, patience.as_secs().max(1))
    }
}

/// One set of connections. Its clones share it.
#[derive(Clone)]
pub struct Client<B> {
    inner: legacy::Client<HttpsConnector<Way>, Advancing<B>>,
    patience: Duration,
    judge: Judge,
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A client that waits `patience` for anything to happen, and connects to the addresses alone that `judge` takes. What
    /// a proxy leads to has addresses of the proxy's, which nobody judges here.
    pub fn new(tls: rustls::ClientConfig, patience: Duration, judge: Judge, proxy: Option<Proxy>) -> Self {
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Way::new(patience, judge.clone(), proxy));
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            // The layer above repeats what may be repeated.
            .retry_canceled_requests(false)
            .build(https);
        Self { inner, patience, judge }
    }

    /// Send a request; the head of the answer, with a body that arrives.
    pub async fn send(&self, request: Request<B>) -> Result<Response<Arriving>, Cut> {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        // The connector asks no resolver for an address that is written as one.
        if let Some(address) = literal(request.uri()) {
            self.judge.judge(&[address]).map_err(|reason| Cut::Unreachable(authority.clone(), reason))?;
        }
        let advance = Advance::default();
        let request = request.map(|body| Advancing::new(body, advance.clone()));
        let response = tokio::select! {
            response = self.inner.request(request) => response.map_err(|error| {
                match (way::no_tunnel(&error), error.is_connect()) {
                    (Some(reason), _) => Cut::NoTunnel(authority.clone(), reason),
                    (None, true) => Cut::Unreachable(authority.clone(), innermost(&error)),
                    (None, false) => Cut::Broken(authority.clone(), innermost(&error)),
                }
            })?,
            () = advance.stops(self.patience) => return Err(Cut::silent(authority, self.patience)),
        };
        Ok(response.map(|body| Arriving::new(body, self.patience, authority)))
    }
}

/// What TLS needs to know where it trusts nobody: for a server that is asked plainly.
pub fn without_roots() -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// The address that stands in the place of a name.
fn literal(uri: &Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// The first of all causes.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
