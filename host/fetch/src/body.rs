//! A response's body while it arrives: framing checked, decoded, timed, capped.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Version, header};

use super::exchange::Arriving;
use super::pace::Turn;
use super::record::Tap;
use clock::Stopwatch;
use rules::domain::{Body, FetchError};
use rules::gunzip::{self, Gunzip, Stop};
use rules::text;

/// Compressed bytes decoded at a time: gzip makes at most about a thousand times as many, which must fit in memory.
const SLICE: usize = 128;

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Most bytes, both on the wire and decoded.
    pub(super) size: u64,
    /// The longest wait for the next bytes.
    pub(super) idle: Duration,
    /// The least bytes per second, on average, once that long was waited.
    pub(super) speed: u64,
    /// Whether a body may end with its connection and nothing else.
    pub(super) unframed: bool,
}

/// Check a response's fields before any of its body is read: their size, since the HTTP library's limit is only about
/// right, and how they say that the body ends (RFC 9112, 6.3). Whatever is not exactly one way of framing is refused:
/// what lies between two readings of it is how bodies are truncated and smuggled. In HTTP/2 the frames say where a body
/// ends, so a length is checked against them and a transfer encoding is out of place (RFC 9113, 8.1.1 and 8.2.2).
pub(super) fn check_head(
    headers: &HeaderMap,
    version: Version,
    has_body: bool,
    limits: BodyLimits,
) -> Result<(), FetchError> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let broken = |reason: &str| Err(FetchError::Protocol(reason.to_owned()));
    if headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > super::MAX_HEAD {
        return broken("the response's head is too large: more than 64 KiB of fields");
    }
    if headers.len() > super::MAX_FIELDS {
        return broken("the response's head has more than 100 fields");
    }
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (_, Some(_), _, _) => broken("the response has more than one Content-Length field"),
        (Some(_), _, Some(_), _) => broken("the response has both Content-Length and Transfer-Encoding"),
        (_, _, Some(_), _) if version == Version::HTTP_2 => {
            broken("the response is of HTTP/2 and has a Transfer-Encoding field")
        }
        (_, _, Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (_, _, Some(_), _) => broken("the response has a transfer encoding other than `chunked`"),
        (Some(length), ..) => {
            let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match digits.and_then(|digits| digits.parse::<u64>().ok()) {
                None => broken("the response's Content-Length is no number"),
                Some(length) if has_body && limits.size < length => Err(FetchError::TooLarge(limits.size)),
                Some(_) => Ok(()),
            }
        }
        (None, _, None, _) if has_body && !limits.unframed && version != Version::HTTP_2 => {
            broken("the response does not say where its body ends: neither Content-Length nor chunked")
        }
        (None, _, None, _) => Ok(()),
    }
}

/// The decoded body of a response with this head. The turn is given back at its end.
pub(super) fn decoded(
    incoming: Arriving,
    head: &http::response::Parts,
    limits: BodyLimits,
    turn: Option<Turn>,
) -> Result<Body, FetchError> {
    let tap = head.extensions.get::<Tap>().cloned();
    let mut decoder = None;
    for field in head.headers.get_all(header::CONTENT_ENCODING).iter().filter(|_| !incoming.is_decoded()) {
        for coding in field.to_str().unwrap_or("?").split(',').map(str::trim).filter(|coding| !coding.is_empty()) {
            match coding.to_ascii_lowercase().as_str() {
                "identity" => {}
                "gzip" | "x-gzip" if decoder.is_none() => decoder = Some(Box::<Gunzip>::default()),
                other => {
                    let other = text::quoted(other);
                    return Err(FetchError::Protocol(format!("the content encoding `{other}` was not asked for")));
                }
            }
        }
    }
    let reader = Reader {
        incoming,
        says_its_end: head.version == Version::HTTP_2,
        decoder,
        limits,
        _turn: turn,
        tap,
        received: 0,
        waited: Duration::ZERO,
        made: 0,
        waiting: Bytes::new(),
        ready: VecDeque::new(),
    };
    Ok(Body::new(stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let Some(chunk) = reader.next().await.transpose() else {
            reader.tap.iter().for_each(Tap::ended);
            return None;
        };
        reader.tap.iter().for_each(|tap| tap.came(&chunk));
        let failed = chunk.is_err();
        Some((chunk, (!failed).then_some(reader)))
    })))
}

struct Reader {
    incoming: Arriving,
    /// What keeps it.
    tap: Option<Tap>,
    /// Whether the end of its chunks is only an end where the body says so as well.
    says_its_end: bool,
    decoder: Option<Box<Gunzip>>,
    limits: BodyLimits,
    /// Held for its drop.
    _turn: Option<Turn>,
    received: u64,
    /// How long the server was waited for.
    waited: Duration,
    made: u64,
    /// Received and not decoded yet.
    waiting: Bytes,
    /// Decoded and not given out yet.
    ready: VecDeque<Bytes>,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(Some(chunk));
            }
            if !self.waiting.is_empty() {
                self.decode()?;
                continue;
            }
            let Some(chunk) = self.receive().await? else {
                // No bytes at all are an empty body, whatever its coding.
                if let Some(decoder) = self.decoder.as_ref().filter(|_| self.received > 0) {
                    // All of it came, but it was cut before it was sent, which may be better next time.
                    decoder.finish().map_err(|error| FetchError::Broken(error.to_string()))?;
                }
                return Ok(None);
            };
            if self.decoder.is_none() {
                return Ok(Some(chunk));
            }
            self.waiting = chunk;
        }
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let asked = Stopwatch::start();
            let next = tokio::time::timeout(self.limits.idle, self.incoming.next()).await;
            self.waited += asked.elapsed();
            let chunk = match next {
                Err(_) => return Err(FetchError::Timeout(format!("no data within {:?}", self.limits.idle))),
                // A reset without an error reads like an end (RFC 9113, 8.1).
                Ok(None) if self.says_its_end && !self.incoming.is_end_stream() => {
                    let reason = "the body did not arrive whole: the server ended it before its end";
                    return Err(FetchError::Broken(reason.into()));
                }
                Ok(None) => return Ok(None),
                Ok(Some(chunk)) => chunk?,
            };
            self.received += chunk.len() as u64;
            if self.received > self.limits.size {
                return Err(FetchError::TooLarge(self.limits.size));
            }
            let BodyLimits { idle, speed, .. } = self.limits;
            if self.waited > idle && (self.received as f64) < speed as f64 * self.waited.as_secs_f64() {
                let reason = format!("the body came with less than {speed} bytes per second");
                return Err(FetchError::Timeout(reason));
            }
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    fn decode(&mut self) -> Result<(), FetchError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let slice = self.waiting.split_to(self.waiting.len().min(SLICE));
        let (ready, made, limit, received) = (&mut self.ready, &mut self.made, self.limits.size, self.received);
        let pushed = decoder.push(&slice, |piece| {
            *made += piece.len() as u64;
            if *made > limit {
                return Err(FetchError::TooLarge(limit));
            }
            if gunzip::is_bomb(received, *made) {
                return Err(FetchError::Protocol(gunzip::BOMB.into()));
            }
            ready.push_back(Bytes::copy_from_slice(piece));
            Ok(())
        });
        pushed.map_err(|stop| match stop {
            Stop::Gzip(error) => FetchError::Protocol(error.to_string()),
            Stop::Sink(error) => error,
        })
    }
}
