//! What an extractor asks to be sent: checked, told from other requests, and changed by redirects.
//!
//! Pure.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::policy::shown_url;
use super::secret::Secret;
use crate::domain::{Digest, FetchError, Request, Resource};
use crate::retry;
use crate::text;

/// Most bytes of fields in a request, and of a response's head.
pub const MAX_HEAD: usize = 64 * 1024;
/// Most fields of either, and most secrets in a request.
pub const MAX_FIELDS: usize = 100;
/// Longest method, in bytes.
const MAX_METHOD: usize = 64;

/// Fields that belong to the connection, which is the host's (RFC 9110, 7.6.1).
pub const HOST_FIELDS: [&str; 13] = [
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

/// A request that was checked and may be sent.
#[derive(Clone)]
pub struct Checked {
    /// Where it goes.
    pub url: Url,
    /// What it asks for.
    pub subject: Resource,
    /// What it says beside its URL.
    pub fields: Fields,
}

impl Checked {
    /// What it asks for, where asking again means the same.
    pub fn resource(&self) -> Option<&Resource> {
        self.fields.may_be_repeated().then_some(&self.subject)
    }

    /// Where it goes, as it is shown.
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
pub struct Fields {
    /// The method.
    pub method: Method,
    /// Fields that the extractor set.
    pub headers: HeaderMap,
    /// The content to send.
    pub body: Bytes,
    /// Secrets to add on the way.
    pub secrets: Vec<Arc<Secret>>,
    /// For which statuses it is sent again; `None` leaves that to the host.
    pub repeat_on: Option<Vec<u16>>,
    /// How many redirects are followed at most, where the extractor wants fewer than the host would.
    pub follow: Option<u32>,
}

/// What a request says, checked: the method and the fields.
pub fn fields(request: &Request) -> Result<Fields, FetchError> {
    let invalid = |what: &str, text: &str| FetchError::Invalid(format!("`{}` is no valid {what}", text::quoted(text)));
    let method = Some(&request.method).filter(|method| method.len() <= MAX_METHOD);
    let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let method = method.ok_or_else(|| invalid("method", &request.method))?;
    // In any case of letters: they are other methods then, but not everybody on the way thinks so.
    if [Method::CONNECT, Method::TRACE].iter().any(|other| method.as_str().eq_ignore_ascii_case(other.as_str())) {
        return Err(FetchError::Invalid(format!("the method {method} is not for extractors")));
    }
    let size: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if request.headers.len() > MAX_FIELDS || size > MAX_HEAD {
        return Err(FetchError::Invalid(format!(
            "more than {MAX_FIELDS} fields, or more than {MAX_HEAD} bytes of them"
        )));
    }
    if request.secrets.len() > MAX_FIELDS {
        return Err(FetchError::Invalid(format!("more than {MAX_FIELDS} secrets")));
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
    if request.repeat_on.as_ref().is_some_and(|statuses| statuses.len() > MAX_FIELDS) {
        return Err(FetchError::Invalid(format!("more than {MAX_FIELDS} statuses to repeat on")));
    }
    Ok(Fields {
        method,
        headers,
        body: request.body.clone().unwrap_or_default(),
        secrets: Vec::new(),
        repeat_on: request.repeat_on.clone(),
        follow: request.follow,
    })
}

impl Fields {
    /// Have a secret added on the way, once. What signs covers what all others add, so that there can be one that does.
    pub fn add(&mut self, secret: Arc<Secret>) -> Result<(), FetchError> {
        if self.secrets.iter().any(|added| added.name() == secret.name()) {
            return Ok(());
        }
        if let Some(other) = self.secrets.iter().find(|added| added.signs() && secret.signs()) {
            let names = format!("`{}` and `{}`", other.name(), secret.name());
            return Err(FetchError::Invalid(format!("the secrets {names} both sign the request, and only one can")));
        }
        self.secrets.push(secret);
        Ok(())
    }

    /// Whether asking again means the same: a GET without conditions of its own.
    pub fn may_be_repeated(&self) -> bool {
        let conditional = CONDITIONAL_FIELDS.iter().any(|name| self.headers.contains_key(*name));
        self.method == Method::GET && self.body.is_empty() && !conditional
    }

    /// Whether a response of that status is to be asked for again.
    pub fn repeats_on(&self, status: u16) -> bool {
        match &self.repeat_on {
            // An extractor that names a status knows what its request does.
            Some(statuses) => statuses.contains(&status),
            None => retry::is_transient(status) && retry::is_repeatable(&self.method),
        }
    }

    /// Become the request of the next hop: what belongs to one origin does not travel to another.
    pub fn redirected(&mut self, status: u16, same_origin: bool) {
        if !same_origin {
            self.headers.clear();
            self.secrets.clear();
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

/// What a request asks for. Fields that the extractor set may shape the answer, so they are part of the identity, hashed,
/// and so are the names of secrets; of what is no GET, method and body as well.
pub fn subject(url: &str, fields: &Fields) -> Resource {
    let is_get = fields.method == Method::GET && fields.body.is_empty();
    if is_get && fields.headers.is_empty() && fields.secrets.is_empty() {
        return Resource(url.to_owned());
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
    let mut secrets: Vec<&str> = fields.secrets.iter().map(|secret| secret.name()).collect();
    secrets.sort_unstable();
    for name in secrets {
        // No field has an empty name.
        hasher.update(b":");
        hasher.update(name);
        hasher.update(b"\n");
    }
    if !is_get {
        // No name of a field holds a space.
        hasher.update(format!(" {} ", fields.method));
        hasher.update(&fields.body);
    }
    // A URL that is sent has no fragment, so what follows `#` cannot be part of one.
    Resource(format!("{url}#{}", Digest(hasher.finalize().into()).hex(32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_about_its_url_and_whatever_shapes_the_answer() {
        let of = |request: Request| {
            let fields = fields(&request).expect("a request");
            (subject("https://a.example/x", &fields).0, fields.may_be_repeated())
        };
        let get = || Request::get("https://a.example/x");
        let post = |body: &str| Request { method: "POST".into(), body: Some(body.as_bytes().to_vec().into()), ..get() };
        let with = |name: &str| Request { headers: vec![(name.into(), b"1".to_vec())], ..get() };
        assert_eq!(of(get()), ("https://a.example/x".into(), true));
        let all = [
            get(),
            with("accept"),
            with("range"),
            post("q=1"),
            post("q=2"),
            Request { method: "PUT".into(), ..post("q=1") },
        ];
        let all: Vec<_> = all.into_iter().map(of).collect();
        assert_eq!(all.iter().map(|(_, again)| *again).collect::<Vec<_>>(), [true, true, false, false, false, false]);
        let mut subjects: Vec<_> = all.into_iter().map(|(subject, _)| subject).collect();
        assert!(subjects.iter().all(|subject| subject.starts_with("https://a.example/x")));
        subjects.dedup();
        assert_eq!(subjects.len(), 6);
        assert_eq!(of(post("q=1")), of(post("q=1")));
    }

    #[test]
    fn methods_that_open_tunnels_or_echo_are_closed_in_any_case_of_letters() {
        let asked = |method: &str| {
            let request = Request { method: method.to_owned(), ..Request::get("https://example.org/") };
            fields(&request).map(|fields| fields.method.to_string()).map_err(|error| error.to_string())
        };
        for closed in ["CONNECT", "connect", "Connect", "TRACE", "trace", "tRaCe"] {
            assert_eq!(asked(closed), Err(format!("the method {closed} is not for extractors")));
        }
        for open in ["GET", "get", "POST", "PROPFIND", "CONNECTED", "TRAC"] {
            assert_eq!(asked(open), Ok(open.to_owned()));
        }
        for none in ["", " GET", "GET /", "G\u{e9}T", "GET\r\n"] {
            assert!(asked(none).is_err_and(|error| error.contains("no valid method")), "{none:?}");
        }
    }
}
