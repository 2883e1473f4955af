//! Answers requests from a HAR, and opens no socket: what the host recorded, or what a browser saved.

mod nearest;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::exchange::{Arriving, Shown};
use super::failure::{Again, Failure};
use super::har::{self, Entry, MAX_HAR};
use clock::Moment;
use rules::domain::{FetchError, Lasting};
use rules::policy::Origin;
use rules::text;

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is larger than any recording of the host.
    #[error("it is larger than the limit of {} MiB", MAX_HAR >> 20)]
    TooLarge,
    /// It ends in the middle.
    #[error("it is cut off in the middle, at line {0}")]
    Cut(usize),
    /// It is something else.
    #[error("it is not JSON: line {0}, column {1}")]
    NotJson(usize, usize),
    /// It is other JSON.
    #[error("it is JSON and no HAR: {0}")]
    NotHar(String),
    /// One exchange in it is not usable.
    #[error("exchange {number} ({url}) has {reason}")]
    Exchange {
        /// Which one, from 1.
        number: usize,
        /// What it asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A recording.
#[derive(Debug)]
pub struct Replay {
    exchanges: Vec<Recorded>,
    /// Which of them asked for a URL.
    by_url: HashMap<String, Vec<usize>>,
    started: Option<Moment>,
    /// Which exchanges were given out already.
    given: Mutex<Vec<bool>>,
}

#[derive(Debug)]
struct Recorded {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Head(StatusCode, HeaderMap, Bytes, Option<FetchError>),
    Failed(FetchError, Again),
}

impl Replay {
    /// What a file says.
    pub fn parse(bytes: &[u8]) -> Result<Self, HarError> {
        if bytes.len() as u64 > MAX_HAR {
            return Err(HarError::TooLarge);
        }
        // Some editors put a mark before a text.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let file: har::File = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => HarError::Cut(error.line()),
            serde_json::error::Category::Data => HarError::NotHar(text::line(&error.to_string())),
            _ => HarError::NotJson(error.line(), error.column()),
        })?;
        let har::Log { pages, entries, .. } = file.log;
        let moments = |texts: &mut dyn Iterator<Item = &String>| texts.filter_map(|text| Moment::parse(text)).min();
        let started = moments(&mut pages.iter().map(|page| &page.started_date_time))
            .or_else(|| moments(&mut entries.iter().map(|entry| &entry.started_date_time)));
        let numbered = entries.into_iter().zip(1..);
        let exchanges: Vec<Recorded> = numbered
            .map(|(entry, number)| {
                let url = text::quoted(&entry.request.url);
                recorded(entry).map_err(|reason| HarError::Exchange { number, url, reason })
            })
            .collect::<Result<_, _>>()?;
        let given = Mutex::new(vec![false; exchanges.len()]);
        let mut by_url: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, exchange) in exchanges.iter().enumerate() {
            by_url.entry(exchange.url.clone()).or_default().push(at);
        }
        Ok(Self { exchanges, by_url, started, given })
    }

    /// When what it holds began.
    pub fn started(&self) -> Option<Moment> {
        self.started
    }

    /// The origins that were asked.
    pub fn origins(&self) -> BTreeSet<String> {
        let urls = self.exchanges.iter().filter_map(|exchange| Url::parse(&exchange.url).ok());
        urls.filter_map(|url| Origin::of(&url)).map(|origin| origin.to_string()).collect()
    }

    /// What was answered to this request: of several answers the next one, and the last one again and again.
    pub(crate) fn answer(&self, asked: &Shown) -> Result<http::Response<Arriving>, Failure> {
        let of_url = self.by_url.get(&asked.url).into_iter().flatten().copied();
        let same: Vec<usize> = of_url.filter(|at| self.exchanges[*at].answers(asked)).collect();
        // Where a field shaped the answer, the one that was asked so.
        let alike: Vec<usize> = same.iter().copied().filter(|at| self.exchanges[*at].is_alike(asked)).collect();
        let candidates = if alike.is_empty() { same } else { alike };
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let next = candidates.iter().find(|at| !given[**at]).or(candidates.last()).copied();
        let Some(next) = next else {
            return Err(Failure::lasting(FetchError::NotRecorded(nearest::told(asked, &self.exchanges))));
        };
        given[next] = true;
        self.exchanges[next].answer.give()
    }
}

impl Recorded {
    fn answers(&self, asked: &Shown) -> bool {
        let same = self.method == asked.method && self.body == asked.body;
        let value = |headers: &[(String, String)], name: &str| {
            headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
        };
        let ranged = value(&asked.headers, "range") == value(&self.headers, "range");
        let conditional =
            ["if-none-match", "if-modified-since"].iter().any(|name| value(&asked.headers, name).is_some());
        let unchanged = matches!(&self.answer, Answer::Head(StatusCode::NOT_MODIFIED, ..));
        same && ranged && (conditional || !unchanged)
    }

    /// Whether the fields that the extractor set were the same.
    fn is_alike(&self, asked: &Shown) -> bool {
        let own = asked.headers.iter().filter(|(name, _)| asked.own.contains(name));
        own.into_iter().all(|field| self.headers.contains(field))
    }
}

impl Answer {
    fn give(&self) -> Result<http::Response<Arriving>, Failure> {
        match self {
            Self::Failed(error, again) => Err(Failure { error: error.clone(), again: *again }),
            Self::Head(status, headers, body, then) => {
                let mut response = http::Response::new(Arriving::recorded(body.clone(), then.clone()));
                *response.status_mut() = *status;
                *response.headers_mut() = headers.clone();
                Ok(response)
            }
        }
    }
}

fn recorded(entry: Entry) -> Result<Recorded, String> {
    let Entry { request, response, error, .. } = entry;
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "no valid method".to_owned())?;
    let mut url = Url::parse(&request.url).map_err(|error| format!("no valid URL: {error}"))?;
    url.set_fragment(None);
    let body = match request.post_data {
        Some(data) => decoded(data.text, &data.encoding)?,
        None => Bytes::new(),
    };
    let lower = |pair: har::Pair| (pair.name.to_ascii_lowercase(), pair.value);
    let headers = request.headers.into_iter().map(lower).filter(|(name, _)| !name.starts_with(':')).collect();
    let answer = answer(response, error)?;
    Ok(Recorded { method, url: url.into(), headers, body, answer })
}

fn answer(response: har::Response, error: Option<har::Failed>) -> Result<Answer, String> {
    let status = u16::try_from(response.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let Some(status) = status else {
        // What a browser did not get, it writes with status 0.
        let message = "there was no response when this was recorded".to_owned();
        let failed = error.unwrap_or(har::Failed { code: "unreachable".into(), message, again: "never".into() });
        return Ok(Answer::Failed(failure(&failed), again(&failed.again)));
    };
    let mut headers = HeaderMap::new();
    for har::Pair { name, value } in response.headers {
        // HTTP/2 has fields that HTTP/1 has none of.
        if name.starts_with(':') {
            continue;
        }
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("a field without a valid name, `{}`", text::quoted(&name)))?;
        // Chrome writes fields of one name as the lines of one.
        for line in value.split('\n') {
            let value = HeaderValue::from_bytes(line.trim().as_bytes())
                .map_err(|_| format!("an invalid value of the field `{field}`"))?;
            headers.try_append(&field, value).map_err(|_| "too many fields".to_owned())?;
        }
    }
    if status.is_redirection() && !headers.contains_key(header::LOCATION) && !response.redirect_url.is_empty() {
        let location =
            HeaderValue::from_str(&response.redirect_url).map_err(|_| "an invalid redirectURL".to_owned())?;
        headers.insert(header::LOCATION, location);
    }
    let missing = response.content.text.is_none() && response.content.size > 0;
    let body = decoded(response.content.text.unwrap_or_default(), &response.content.encoding)?;
    let then = match error {
        Some(error) => Some(failure(&error)),
        None if missing => Some(FetchError::NotRecorded("the answer was recorded without its content".into())),
        None => None,
    };
    Ok(Answer::Head(status, headers, body, then))
}

pub(crate) fn decoded(text: String, encoding: &str) -> Result<Bytes, String> {
    match encoding {
        "" => Ok(text.into()),
        "base64" => {
            BASE64_STANDARD.decode(&text).map(Bytes::from).map_err(|error| format!("a body that is no Base64: {error}"))
        }
        other => Err(format!("a body in the unknown encoding `{}`", text::quoted(other))),
    }
}

/// An error as it was recorded.
fn failure(failed: &har::Failed) -> FetchError {
    let message = text::line(&failed.message);
    match failed.code.as_str() {
        "request-invalid" => FetchError::Invalid(message),
        "secret-unavailable" => FetchError::NoValue(message, Lasting::No),
        "egress-denied" | "secret-denied" => FetchError::Denied { reason: message, grant: None },
        "unreachable" => FetchError::Unreachable(message),
        "timeout" => FetchError::Timeout(message),
        "protocol" => FetchError::Protocol(message),
        "body-broken" => FetchError::Broken(message),
        "given-up" => FetchError::GivenUp(message),
        _ => FetchError::NotRecorded(message),
    }
}

fn again(word: &str) -> Again {
    match word {
        "if-repeatable" => Again::IfRepeatable,
        "always" => Again::Always,
        "elsewhere" => Again::Elsewhere,
        _ => Again::Never,
    }
}
