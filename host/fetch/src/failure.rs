//! What a failure of the HTTP library means: who is to blame, and whether asking again may do better.

use std::error::Error;

use url::Url;

use super::connect::ConnectError;
use rules::domain::FetchError;
use rules::framing::Lax;
use rules::policy::shown_url;

/// An attempt that failed.
pub(super) struct Failure {
    pub(super) error: FetchError,
    /// Whether another attempt may do better.
    pub(super) transient: bool,
    /// Whether the server said that it did nothing, so that any request may be sent again (RFC 9113, 8.7).
    pub(super) unprocessed: bool,
}

impl Failure {
    /// One that no other attempt would change.
    pub(super) fn lasting(error: FetchError) -> Self {
        Self { error, transient: false, unprocessed: false }
    }

    /// Of a request that got no response.
    pub(super) fn of_request(error: &hyper_util::client::legacy::Error, url: &Url) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(ConnectError { error, transient }) = error.downcast_ref::<ConnectError>() {
                return Self { error: error.clone(), transient: *transient, unprocessed: false };
            }
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                return Self::of_head(Cause::of(error), &shown_url(url));
            }
            cause = error.source();
        }
        let error = FetchError::Unreachable(format!("{}: {error}", shown_url(url)));
        Self { error, transient: true, unprocessed: false }
    }

    fn of_head(cause: Cause, url: &str) -> Self {
        match cause {
            Cause::Breach(what) => Self::lasting(FetchError::Protocol(format!("{url} broke HTTP: {what}"))),
            Cause::End { what, unprocessed } => {
                let error = FetchError::Unreachable(format!("the connection to {url} broke off: {what}"));
                Self { error, transient: true, unprocessed }
            }
        }
    }
}

/// Of a body that did not come to its end.
pub(super) fn of_body(error: &hyper::Error) -> FetchError {
    match Cause::of(error) {
        Cause::Breach(what) => FetchError::Protocol(format!("the body did not arrive whole: {what}")),
        Cause::End { what, .. } => FetchError::Broken(format!("the body did not arrive whole: {what}")),
    }
}

enum Cause {
    /// The server broke HTTP.
    Breach(String),
    /// The connection broke off, or the server said that it would not go on.
    End { what: String, unprocessed: bool },
}

impl Cause {
    fn of(error: &hyper::Error) -> Self {
        if let Some(lax) = io_cause::<Lax>(error.source()) {
            return Self::Breach(lax.to_string());
        }
        if let Some(error) = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>()) {
            return Self::of_http2(error);
        }
        if error.is_parse() || error.is_user() {
            return Self::Breach(error.to_string());
        }
        let what = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Self::End { what, unprocessed: false }
    }

    /// What a server says of an error in its own words is not shown.
    fn of_http2(error: &h2::Error) -> Self {
        let reason = error.reason();
        let said = reason.as_ref().map_or("unknown", h2::Reason::description);
        if error.is_library() {
            return Self::Breach(format!("HTTP/2: {said}"));
        }
        let unprocessed = error.is_remote()
            && match reason {
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                // Streams that it may have begun go on after it.
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                _ => false,
            };
        match error.get_io() {
            Some(error) => Self::End { what: error.to_string(), unprocessed: false },
            None => Self::End { what: format!("the server ended it: {said}"), unprocessed },
        }
    }
}

/// What lies inside an error of input or output.
fn io_cause<'a, E: Error + 'static>(error: Option<&'a (dyn Error + 'static)>) -> Option<&'a E> {
    error?.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<E>()
}
