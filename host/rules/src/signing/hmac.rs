//! An HMAC over what a service wants to be signed, in the fields that it names.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::mac::{Take, hex, keyed, plain, written};
use super::template::{Template, Word};
use super::{Outgoing, host};
use crate::domain::signature::{Encoding, Hash, Hmac, KeyText, Nonce};
use crate::request::HOST_FIELDS;

/// Most fields that carry a signature and what belongs to it.
const MAX_SIGNED: usize = 16;

/// What signs.
pub(crate) struct Signer {
    hash: Hash,
    encoding: Encoding,
    key: Vec<u8>,
    parts: BTreeMap<String, String>,
    over: Template,
    derive: Option<Template>,
    digest: Digest,
    stamp: Stamp,
    nonce: Nonce,
    /// The last number that was a nonce.
    last: AtomicU64,
    fields: Vec<HeaderName>,
    values: Vec<Template>,
}

struct Digest {
    of: Template,
    hash: Hash,
    encoding: Encoding,
    blank: bool,
}

/// How a moment is written.
enum Stamp {
    Seconds,
    Milliseconds,
    Microseconds,
    Pattern(String),
}

impl Signer {
    pub(super) fn new(hmac: &Hmac, parts: &BTreeMap<String, String>) -> Result<Self, String> {
        if hmac.encoding == Encoding::Raw {
            return Err("its signature is written as `hex` or `base64`: raw bytes fit into no field".into());
        }
        if hmac.fields.is_empty() || hmac.fields.len() > MAX_SIGNED {
            return Err(format!("it sets {} fields, and has to set 1 to {MAX_SIGNED}", hmac.fields.len()));
        }
        let mut fields = Vec::new();
        for name in hmac.fields.keys() {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(field) if HOST_FIELDS.contains(&field.as_str()) => {
                    return Err(format!("the field `{field}` is the host's own"));
                }
                Ok(field) if fields.contains(&field) => return Err(format!("it sets the field `{field}` twice")),
                Ok(field) => fields.push(field),
                Err(_) => return Err("a field of it has no valid name".into()),
            }
        }
        let values = hmac.fields.values().map(|value| Template::parse(value, &[Word::Body]));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if !values.iter().any(|value| value.has(&Word::Signature)) {
            return Err("no field of it holds `{signature}`".into());
        }
        let unmade = [Word::Signature, Word::Digest];
        let digest = &hmac.digest;
        let digest = Digest {
            of: Template::parse(&digest.of, &unmade)?,
            hash: digest.hash,
            encoding: digest.encoding,
            blank: digest.blank,
        };
        if digest.encoding == Encoding::Raw && values.iter().any(|value| value.has(&Word::Digest)) {
            return Err("its digest is raw bytes, which fit into no field".into());
        }
        Ok(Self {
            hash: hmac.hash,
            encoding: hmac.encoding,
            key: key(&parts["key"], hmac.key)?,
            parts: parts.clone(),
            over: Template::parse(&hmac.over, &[Word::Signature])?,
            derive: hmac.derive.as_ref().map(|text| Template::parse(text, &unmade)).transpose()?,
            digest,
            stamp: Stamp::parse(&hmac.timestamp)?,
            nonce: hmac.nonce,
            last: AtomicU64::new(0),
            fields,
            values,
        })
    }

    pub(super) fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    pub(super) fn sign(&self, request: &mut Outgoing<'_>) -> Result<(), String> {
        let known = self.known(request)?;
        let body = request.body;
        let value = |word: &Word| match word {
            Word::Body => body,
            word => known.get(word).map_or(&b""[..], Vec::as_slice),
        };
        let digest = match self.digest.blank && body.is_empty() {
            true => Vec::new(),
            false => written(plain(self.digest.hash, |take| self.digest.of.give(&value, take)), self.digest.encoding),
        };
        let with_digest = |word: &Word| if *word == Word::Digest { digest.as_slice() } else { value(word) };
        let sign = |key: &[u8], give: &dyn Fn(Take<'_>)| written(keyed(self.hash, key, give), self.encoding);
        let derived = self.derive.as_ref().map(|template| sign(&self.key, &|take| template.give(&value, take)));
        let key = derived.as_deref().unwrap_or(&self.key);
        let signature = sign(key, &|take| self.over.give(&with_digest, take));
        let all = |word: &Word| if *word == Word::Signature { signature.as_slice() } else { with_digest(word) };
        let mut filled = Vec::new();
        for (field, template) in self.fields.iter().zip(&self.values) {
            let value = HeaderValue::from_bytes(&template.filled(&all));
            let mut value = value.map_err(|_| format!("the field `{field}` cannot carry what belongs into it"))?;
            value.set_sensitive(true);
            filled.push((field.clone(), value));
        }
        for (field, value) in filled {
            request.headers.insert(field, value);
        }
        Ok(())
    }

    /// What each word in it stands for that is known before anything is signed; all but the body.
    fn known(&self, request: &Outgoing<'_>) -> Result<HashMap<Word, Vec<u8>>, String> {
        let templates = self.values.iter().chain([&self.over, &self.digest.of]).chain(&self.derive);
        let mut known = HashMap::new();
        let mut nonce = None;
        for word in templates.flat_map(Template::words) {
            if matches!(word, Word::Body | Word::Digest | Word::Signature) || known.contains_key(word) {
                continue;
            }
            let value = match word {
                Word::Nonce => nonce.get_or_insert_with(|| self.nonce(request.at)).clone().into_bytes(),
                Word::Timestamp => self.stamp.write(request.at)?.into_bytes(),
                Word::Part(part) => self.parts.get(*part).cloned().unwrap_or_default().into_bytes(),
                word => of_request(word, request)?,
            };
            known.insert(word.clone(), value);
        }
        Ok(known)
    }

    /// What no other request has.
    fn nonce(&self, at: SystemTime) -> String {
        let now = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        let number = now.max(last.saturating_add(1));
        match self.nonce {
            Nonce::Number => number.to_string(),
            Nonce::Uuid => uuid(&keyed(Hash::Sha256, &self.key, |take| take(&number.to_be_bytes()))),
        }
    }
}

/// The value of a word that the request has.
fn of_request(word: &Word, request: &Outgoing<'_>) -> Result<Vec<u8>, String> {
    let url = &*request.url;
    let query = url.query().unwrap_or_default();
    Ok(match word {
        Word::Method => request.method.as_str().into(),
        Word::Scheme => url.scheme().into(),
        Word::Host => host(url).into_bytes(),
        Word::Port => url.port_or_known_default().unwrap_or_default().to_string().into_bytes(),
        Word::Path => url.path().into(),
        Word::Query => query.into(),
        Word::Target if url.query().is_none() => url.path().into(),
        Word::Target => format!("{}?{query}", url.path()).into_bytes(),
        Word::Date => httpdate::fmt_http_date(request.at).into_bytes(),
        Word::Header(field) => {
            let all: Vec<&[u8]> = request.headers.get_all(field).iter().map(HeaderValue::as_bytes).collect();
            all.join(&b", "[..])
        }
        Word::Form(name) => {
            let mut pairs = url::form_urlencoded::parse(request.body);
            let value = pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned().into_bytes());
            value.ok_or_else(|| format!("it signs `{name}` of a form, and the body has none"))?
        }
        _ => Vec::new(),
    })
}

/// A UUID of version 4 with these bits.
fn uuid(bytes: &[u8]) -> String {
    let mut bytes: [u8; 16] = std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let all = hex(&bytes);
    [&all[..8], &all[8..12], &all[12..16], &all[16..20], &all[20..]].join("-")
}

fn key(text: &str, written: KeyText) -> Result<Vec<u8>, String> {
    match written {
        KeyText::Text => Ok(text.as_bytes().to_vec()),
        KeyText::Base64 => BASE64_STANDARD.decode(text).map_err(|_| "its part `key` is no Base64".to_owned()),
        KeyText::Hex => {
            let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
            let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
                [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                _ => None,
            });
            pairs.collect::<Option<_>>().ok_or_else(|| "its part `key` is not hexadecimal".to_owned())
        }
    }
}

impl Stamp {
    fn parse(text: &str) -> Result<Self, String> {
        let stamp = match text {
            "seconds" => Self::Seconds,
            "milliseconds" => Self::Milliseconds,
            "microseconds" => Self::Microseconds,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            _ => {
                return Err("its `timestamp` is `seconds`, `milliseconds`, `microseconds` or a pattern with `%`".into());
            }
        };
        stamp.write(SystemTime::UNIX_EPOCH)?;
        Ok(stamp)
    }

    fn write(&self, at: SystemTime) -> Result<String, String> {
        let at = Timestamp::try_from(at).map_err(|_| "the clock is at no time that can be written".to_owned())?;
        Ok(match self {
            Self::Seconds => at.as_second().to_string(),
            Self::Milliseconds => at.as_millisecond().to_string(),
            Self::Microseconds => at.as_microsecond().to_string(),
            Self::Pattern(pattern) => jiff::fmt::strtime::format(pattern, &at.to_zoned(TimeZone::UTC))
                .map_err(|_| "its `timestamp` is no pattern of strftime".to_owned())?,
        })
    }
}
