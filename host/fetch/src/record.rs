//! Keeps the exchanges of a run, to be written as a HAR at its end. Secrets are taken out before anything is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, header};
use url::Url;

use super::exchange::Shown;
use super::failure::{Again, Failure};
use super::har::{
    Content, Creator, Empty, Entry, Failed, File, Log, MAX_ENTRIES, MAX_HAR, Page, Pair, PostData, Request, Response,
    Timings,
};
use clock::{Moment, Stopwatch};
use rules::domain::FetchError;
use rules::redact::Redactor;

/// Bytes that an exchange counts for beside its bodies and fields.
const ENTRY: u64 = 1024;

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is larger than what could be read again.
    #[error("the recording is larger than the limit of {} MiB, or has more than {MAX_ENTRIES} exchanges", MAX_HAR >> 20)]
    TooLarge,
    /// It cannot be written as JSON.
    #[error("the recording cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// The exchanges of one run.
#[derive(Debug)]
pub struct Recorder {
    extractor: String,
    redactor: Arc<Redactor>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    started: Option<Moment>,
    exchanges: Vec<Exchange>,
    size: u64,
    too_large: bool,
}

#[derive(Debug)]
struct Exchange {
    started: Moment,
    took: f64,
    asked: Shown,
    head: Option<http::response::Parts>,
    body: Vec<u8>,
    end: End,
}

/// How far a body was read.
#[derive(Debug)]
enum End {
    Whole,
    /// Nobody read on.
    Open,
    Failed(FetchError, Option<Again>),
    /// It does not count.
    Forgotten,
}

/// One exchange that is being recorded.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    recorder: Arc<Recorder>,
    index: Option<usize>,
    watch: Stopwatch,
}

impl Recorder {
    /// A recorder for the run of an extractor.
    pub fn new(extractor: &str, redactor: &Arc<Redactor>) -> Self {
        Self { extractor: extractor.to_owned(), redactor: Arc::clone(redactor), kept: Mutex::default() }
    }

    /// Say when the run started.
    pub fn started(&self, moment: Moment) {
        self.kept().started = Some(moment);
    }

    /// A request is about to be sent.
    pub(crate) fn ask(self: &Arc<Self>, asked: Shown) -> Tap {
        let mut kept = self.kept();
        let fields: usize = asked.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let size = (asked.url.len() + fields + asked.body.len()) as u64 + ENTRY;
        let fits = kept.takes(size) && kept.exchanges.len() < MAX_ENTRIES;
        kept.too_large |= !fits;
        let index = fits.then_some(kept.exchanges.len());
        if fits {
            let started = Moment::now();
            kept.exchanges.push(Exchange { started, took: 0.0, asked, head: None, body: Vec::new(), end: End::Open });
        }
        Tap { recorder: Arc::clone(self), index, watch: Stopwatch::start() }
    }

    /// All of it as a HAR.
    pub fn har(&self) -> Result<Vec<u8>, RecordError> {
        let mut kept = std::mem::take(&mut *self.kept());
        if kept.too_large {
            return Err(RecordError::TooLarge);
        }
        let started = kept.started.map(Moment::rfc3339).unwrap_or_default();
        let counts = |exchange: &Exchange| !matches!(exchange.end, End::Forgotten);
        let entries = kept.exchanges.drain(..).filter(counts).map(|exchange| self.entry(exchange)).collect();
        let creator = Creator { name: "host".into(), version: env!("CARGO_PKG_VERSION").into() };
        let page = Page {
            started_date_time: started,
            id: "run".into(),
            title: self.extractor.clone(),
            page_timings: Empty::default(),
        };
        let log = Log { version: "1.2".into(), creator, pages: vec![page], entries };
        let mut har = serde_json::to_vec_pretty(&File { log })?;
        har.push(b'\n');
        if har.len() as u64 > MAX_HAR { Err(RecordError::TooLarge) } else { Ok(har) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // It is whole after every statement, so a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, exchange: Exchange) -> Entry {
        let Exchange { started, took, asked, head, body, end } = exchange;
        let version = head.as_ref().map(|head| format!("{:?}", head.version)).unwrap_or_default();
        // What a redirect says beside where it leads is never read.
        let unread = head.as_ref().is_some_and(|head| head.status.is_redirection()) && body.is_empty();
        let error = match end {
            End::Whole | End::Forgotten => None,
            End::Open if unread => None,
            End::Open => {
                let message = match head {
                    Some(_) => "nobody read on when this was recorded",
                    None => "the recorded run ended before an answer came",
                };
                let message = message.to_owned();
                Some(Failed { code: "not-recorded".into(), message, again: String::new() })
            }
            End::Failed(error, again) => Some(Failed {
                code: error.code().to_owned(),
                message: self.redactor.text(&error.to_string()).into_owned(),
                again: again.map(word).unwrap_or_default().to_owned(),
            }),
        };
        Entry {
            pageref: "run".into(),
            started_date_time: started.rfc3339(),
            time: took,
            request: request(asked, &version),
            response: head.map(|head| self.response(&head, body, &version)).unwrap_or_default(),
            cache: Empty::default(),
            timings: Timings { send: 0.0, wait: took, receive: 0.0 },
            error,
        }
    }

    fn response(&self, head: &http::response::Parts, body: Vec<u8>, version: &str) -> Response {
        let body = self.redactor.bytes(&body).unwrap_or(body);
        let (size, (text, encoding)) = (body.len(), text_of(body));
        let headers = self.fields(&head.headers);
        let first = |name: header::HeaderName| {
            headers.iter().find(|pair| pair.name == name.as_str()).map(|pair| pair.value.clone()).unwrap_or_default()
        };
        Response {
            status: head.status.as_u16().into(),
            status_text: head.status.canonical_reason().unwrap_or_default().to_owned(),
            http_version: version.to_owned(),
            cookies: Vec::new(),
            content: Content {
                size: i64::try_from(size).unwrap_or(i64::MAX),
                mime_type: first(header::CONTENT_TYPE),
                text: Some(text),
                encoding,
            },
            redirect_url: first(header::LOCATION),
            headers,
            headers_size: -1,
            body_size: -1,
        }
    }

    fn fields(&self, headers: &HeaderMap) -> Vec<Pair> {
        let clean = |bytes: &[u8]| {
            let clean = self.redactor.bytes(bytes);
            String::from_utf8_lossy(clean.as_deref().unwrap_or(bytes)).into_owned()
        };
        let pair = |(name, value): (&header::HeaderName, &header::HeaderValue)| Pair {
            name: clean(name.as_str().as_bytes()),
            value: clean(value.as_bytes()),
        };
        headers.iter().map(pair).collect()
    }
}

impl Kept {
    /// Whether so many more bytes fit.
    fn takes(&mut self, more: u64) -> bool {
        self.size = self.size.saturating_add(more);
        if self.size > MAX_HAR {
            self.too_large = true;
            self.exchanges.iter_mut().for_each(|exchange| exchange.body = Vec::new());
        }
        !self.too_large
    }
}

impl Tap {
    fn change(&self, change: impl FnOnce(&mut Exchange)) {
        let mut kept = self.recorder.kept();
        if let Some(exchange) = self.index.and_then(|index| kept.exchanges.get_mut(index)) {
            change(exchange);
        }
    }

    /// A response came.
    pub(crate) fn answered<B>(&self, response: &http::Response<B>) {
        let took = self.watch.elapsed().as_secs_f64() * 1000.0;
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = response.status();
        head.version = response.version();
        head.headers = response.headers().clone();
        self.change(|exchange| {
            exchange.took = took;
            exchange.head = Some(head);
        });
    }

    /// What came is not the answer: the same is asked with another value of a secret, which no replay does.
    pub(crate) fn forget(&self) {
        self.change(|exchange| exchange.end = End::Forgotten);
    }

    /// No response came.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.change(|exchange| exchange.end = End::Failed(failure.error.clone(), Some(failure.again)));
    }

    /// More of the decoded body came, or an error in its place.
    pub(crate) fn came(&self, chunk: &Result<Bytes, FetchError>) {
        if let Ok(chunk) = chunk
            && !self.recorder.kept().takes(chunk.len() as u64)
        {
            return;
        }
        self.change(|exchange| match chunk {
            Ok(chunk) => exchange.body.extend_from_slice(chunk),
            Err(error) => exchange.end = End::Failed(error.clone(), None),
        });
    }

    /// The body came to its end.
    pub(crate) fn ended(&self) {
        self.change(|exchange| {
            if matches!(exchange.end, End::Open) {
                exchange.end = End::Whole;
            }
        });
    }
}

fn word(again: Again) -> &'static str {
    match again {
        Again::Never => "never",
        Again::IfRepeatable => "if-repeatable",
        Again::Always => "always",
        Again::Elsewhere => "elsewhere",
    }
}

fn request(asked: Shown, version: &str) -> Request {
    let Shown { method, url, headers, body, .. } = asked;
    let query = Url::parse(&url).map(|url| {
        url.query_pairs().map(|(name, value)| Pair { name: name.into_owned(), value: value.into_owned() }).collect()
    });
    let mime = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone());
    let body_size = i64::try_from(body.len()).unwrap_or(i64::MAX);
    let post_data = (!body.is_empty()).then(|| {
        let (text, encoding) = text_of(body);
        PostData { mime_type: mime.unwrap_or_default(), text, encoding }
    });
    Request {
        method: method.to_string(),
        url,
        http_version: version.to_owned(),
        cookies: Vec::new(),
        headers: headers.into_iter().map(|(name, value)| Pair { name, value }).collect(),
        query_string: query.unwrap_or_default(),
        post_data,
        headers_size: -1,
        body_size,
    }
}

/// Bytes as a text of JSON, and how they are encoded in it.
fn text_of(bytes: Vec<u8>) -> (String, String) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, String::new()),
        Err(error) => (BASE64_STANDARD.encode(error.as_bytes()), "base64".to_owned()),
    }
}
