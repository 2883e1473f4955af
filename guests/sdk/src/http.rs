//! HTTP requests, which the host performs: the contract's `http` interface, with builders.

use std::fmt;

use wit_bindgen::{FutureReader, StreamReader};

pub use crate::bindings::landing::extractor::http::{ErrorKind, Header, Request, Response, fetch};

/// Says at a stream's end whether the stream was whole, or why it was not.
pub type Whole = FutureReader<Result<(), Error>>;

/// Why a request gave no response, or a body did not arrive whole. Its text is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What an extractor may want to act on.
    pub kind: ErrorKind,
    /// The same more closely, in words that never change: `body-broken`. Later hosts know more of them.
    pub code: String,
    /// What happened, for the person who reads it.
    pub message: String,
}

impl Error {
    /// A failure of the extractor's own making, for content that it gives up.
    pub fn other(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Other, code: "given-up".to_owned(), message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
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

    /// The same request, which the host repeats for these statuses and no others, whatever its method; none of them where
    /// the list is empty.
    #[must_use]
    pub fn repeated_on(self, statuses: &[u16]) -> Self {
        self.repeat_on(statuses);
        self
    }

    /// The same request, which follows at most so many redirects; the next one is the response.
    #[must_use]
    pub fn following(self, redirects: u32) -> Self {
        self.follow(redirects);
        self
    }

    /// Send it. Any status is a response; only a failure to get one is an error.
    pub async fn send(self) -> Result<Response, Error> {
        fetch(self).await
    }
}

impl Response {
    /// The response itself where its status is a success (200 to 299), else an error that says which one it is.
    pub fn successful(self) -> Result<Self, Error> {
        match self.status() {
            200..=299 => Ok(self),
            status => Err(Error {
                kind: ErrorKind::Other,
                code: "status".to_owned(),
                message: format!("the server answered with status {status}"),
            }),
        }
    }

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
