//! HTTP requests, which the host performs: the contract's `http` interface, with builders.

use std::fmt;

use wit_bindgen::{FutureReader, StreamReader};

pub use crate::bindings::landing::extractor::http::{Header, Request, Response, fetch};

/// Says at a stream's end whether the stream was whole, or why it was not.
pub type Whole = FutureReader<Result<(), Error>>;

/// Why a request gave no response, or a body did not arrive whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request itself is malformed: no absolute http or https URL, a field that HTTP forbids or the host owns.
    Invalid(String),
    /// The egress policy refuses it; the text says which rule and which hop.
    Denied(String),
    /// No connection: name resolution, connect, TLS.
    Unreachable(String),
    /// The connect, idle, or whole-request time limit passed.
    Timeout(String),
    /// The body passed the limit of that many bytes.
    TooLarge(u64),
    /// The peer broke HTTP, or the body ended early or failed to decode.
    Protocol(String),
    /// The run's budget of requests or bytes is spent.
    Budget(String),
    /// Anything else; the text says what.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => write!(formatter, "the request is malformed: {text}"),
            Self::Denied(text) => write!(formatter, "the egress policy refuses it: {text}"),
            Self::Unreachable(text) => write!(formatter, "no connection: {text}"),
            Self::Timeout(text) => write!(formatter, "it took too long: {text}"),
            Self::TooLarge(limit) => write!(formatter, "the body is larger than {limit} bytes"),
            Self::Protocol(text) => write!(formatter, "the answer is broken: {text}"),
            Self::Budget(text) => write!(formatter, "the run's budget is spent: {text}"),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl Request {
    /// A GET of an absolute http or https URL.
    pub fn get(url: &str) -> Self {
        Self::new(url)
    }

    /// A POST of this body.
    pub fn post(url: &str, body: &[u8]) -> Self {
        let request = Self::new(url);
        request.set_method("POST");
        request.set_body(body);
        request
    }

    /// The same request with one more field.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        self.add_header(name, value);
        self
    }

    /// The same request, to which the host will add this secret.
    #[must_use]
    pub fn with_secret(self, name: &str) -> Self {
        self.use_secret(name);
        self
    }

    /// Send it. Any status is a response; only a failure to get one is an error.
    pub async fn send(self) -> Result<Response, Error> {
        fetch(self).await
    }
}

impl Response {
    /// The whole decoded body.
    pub async fn into_bytes(self) -> Result<Vec<u8>, Error> {
        Self::bytes(self).await
    }

    /// The whole decoded body as text; what is no UTF-8 becomes U+FFFD.
    pub async fn into_text(self) -> Result<String, Error> {
        let bytes = Self::bytes(self).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The decoded body as it arrives, and whether it arrived whole: the pair that
    /// [`Source::land_stream`](crate::Source::land_stream) takes. [`Source::land`](crate::Source::land) is shorter.
    pub fn into_body(self) -> (StreamReader<u8>, Whole) {
        Self::body(self)
    }
}
