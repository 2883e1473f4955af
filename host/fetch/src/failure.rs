//! What a failure of the HTTP library means: who is to blame, and whether asking again may do better.

use std::error::Error;

use url::Url;

use super::connect::ConnectError;
use super::tls;
use rules::domain::FetchError;
use rules::framing::Lax;
use rules::policy::shown_url;

/// An attempt that failed.
pub(super) struct Failure {
    pub(super) error: FetchError,
    pub(super) again: Again,
}

/// Whether another attempt may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It would not.
    Never,
    /// It may, of a request that may be sent twice.
    IfRepeatable,
    /// It may, of any request: the server said that it did nothing (RFC 9113, 8.7).
    Always,
    /// The same on another connection, at once: this one is at its end, as servers have it after some requests.
    Elsewhere,
}

impl Failure {
    /// One that no other attempt would change.
    pub(super) fn lasting(error: FetchError) -> Self {
        Self { error, again: Again::Never }
    }

    /// Of a request that got no response.
    pub(super) fn of_request(error: &hyper_util::client::legacy::Error, url: &Url) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(ConnectError { error, transient }) = error.downcast_ref::<ConnectError>() {
                let again = if *transient { Again::IfRepeatable } else { Again::Never };
                return Self { error: error.clone(), again };
            }
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                return Self::of_head(Cause::of(error), &shown_url(url));
            }
            cause = error.source();
        }
        let error = FetchError::Unreachable(format!("{}: {error}", shown_url(url)));
        Self { error, again: Again::IfRepeatable }
    }

    fn of_head(cause: Cause, url: &str) -> Self {
        match cause {
            Cause::Breach(what) => Self::lasting(FetchError::Protocol(format!("{url} broke HTTP: {what}"))),
            Cause::End { what, again } => {
                let error = FetchError::Unreachable(format!("the connection to {url} broke off: {what}"));
                Self { error, again }
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
    End { what: String, again: Again },
}

impl Cause {
    fn of(error: &hyper::Error) -> Self {
        if let Some(lax) = io_cause::<Lax>(error.source()) {
            return Self::Breach(lax.to_string());
        }
        if let Some(error) = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>()) {
            return Self::of_http2(error);
        }
        if let Some(what) = io_cause(error.source()).and_then(tls::about_client) {
            return Self::End { what: what.into(), again: Again::Never };
        }
        if error.is_parse() || error.is_user() {
            return Self::Breach(error.to_string());
        }
        let what = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Self::End { what, again: Again::IfRepeatable }
    }

    /// What a server says of an error in its own words is not shown.
    fn of_http2(error: &h2::Error) -> Self {
        let reason = error.reason();
        let said = reason.as_ref().map_or("unknown", h2::Reason::description);
        if error.is_library() {
            return Self::Breach(format!("HTTP/2: {said}"));
        }
        let again = match reason {
            Some(h2::Reason::REFUSED_STREAM) if error.is_reset() => Again::Always,
            // Streams that it may have begun go on after it.
            Some(h2::Reason::NO_ERROR) if error.is_go_away() => Again::Elsewhere,
            _ => Again::IfRepeatable,
        };
        match error.get_io() {
            Some(error) => Self::End { what: error.to_string(), again: Again::IfRepeatable },
            None => Self::End { what: format!("the server ended it: {said}"), again },
        }
    }
}

/// What lies inside an error of input or output.
fn io_cause<'a, E: Error + 'static>(error: Option<&'a (dyn Error + 'static)>) -> Option<&'a E> {
    error?.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<E>()
}
