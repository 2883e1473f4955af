//! How the client library reaches a store: the way of `outbound`, in its words.
//!
//! It is the host's own way out and no guest's: nothing here knows an extractor, a grant or a policy.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::header::{DATE, HeaderValue, IF_NONE_MATCH};
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use outbound::{Client, Cut, Judge};
use rules::proxy::Proxy;

/// How the client library's words for our errors begin.
pub(crate) const SOURCE: &str = "HTTP error";

/// Makes clients; all share one set of connections, and what they learn of the store's clock.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) tls: rustls::ClientConfig,
    /// How long the store may say and take nothing.
    pub(crate) patience: Duration,
    pub(crate) proxy: Option<Proxy>,
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
        let client = Client::new(self.tls.clone(), self.patience, Judge::any(), self.proxy.clone());
        Ok(HttpClient::new(Service { client, date: self.date.clone() }))
    }
}

#[derive(Clone)]
struct Service {
    client: Client<HttpRequestBody>,
    date: ServerDate,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// In the client library's words.
fn said(cut: Cut) -> HttpError {
    let kind = match &cut {
        Cut::Silent(..) => HttpErrorKind::Timeout,
        Cut::Unreachable(..) | Cut::NoTunnel(..) => HttpErrorKind::Connect,
        Cut::Broken(..) => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, cut)
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if completes_parts(&request) {
            // The client library has no way to say so. S3 does not ask for this field to be signed.
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let response = self.client.send(request).await.map_err(said)?;
        let date = response.headers().get(DATE).and_then(|field| field.to_str().ok());
        if let Some(date) = date.and_then(|text| httpdate::parse_http_date(text).ok()) {
            self.date.learn(date);
        }
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(said))))
    }
}

/// Whether a request makes one object of uploaded parts (S3's CompleteMultipartUpload).
fn completes_parts(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == http::Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}
