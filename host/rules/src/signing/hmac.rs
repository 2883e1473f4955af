//! An HMAC over what a service wants to be signed, in the fields and parameters that it names.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use super::mac::{Take, hex, keyed, plain, written};
use super::template::{Template, Word};
use super::{Outgoing, host};
use crate::domain::signature::{Encoding, Hash, Hmac, KeyText, Nonce};
use crate::request::HOST_FIELDS;
use crate::text;

/// Most fields and parameters that carry a signature and what belongs to it.
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
    parameters: Vec<Parameter>,
}

/// A parameter that it adds to the query.
struct Parameter {
    name: String,
    value: Template,
}

impl Parameter {
    fn is_signed(&self) -> bool {
        !self.value.has(&Word::Signature)
    }
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
        let count = hmac.fields.len() + hmac.query.len();
        if count == 0 || count > MAX_SIGNED {
            return Err(format!("it sets {count} fields and parameters, and has to set 1 to {MAX_SIGNED}"));
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
        let parameters = parameters(&hmac.query)?;
        let is_sent = |word: &Word| {
            values.iter().chain(parameters.iter().map(|parameter| &parameter.value)).any(|value| value.has(word))
        };
        if !is_sent(&Word::Signature) {
            return Err("no field or parameter of it holds `{signature}`".into());
        }
        let unmade = [Word::Signature, Word::Digest];
        let digest = &hmac.digest;
        let digest = Digest {
            of: Template::parse(&digest.of, &unmade)?,
            hash: digest.hash,
            encoding: digest.encoding,
            blank: digest.blank,
        };
        if digest.encoding == Encoding::Raw && is_sent(&Word::Digest) {
            return Err("its digest is raw bytes, which fit into no field and no parameter".into());
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
            parameters,
        })
    }

    pub(super) fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    /// The parameters that it adds to the query.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| &*parameter.name)
    }

    pub(super) fn sign(&self, request: &mut Outgoing<'_>) -> Result<(), String> {
        let mut known = HashMap::new();
        self.learn(&mut known, self.parameters.iter().map(|parameter| &parameter.value), request)?;
        without(request.url, &self.parameters);
        let (before, after): (Vec<_>, Vec<_>) = self.parameters.iter().partition(|parameter| parameter.is_signed());
        append(request.url, &before, &|word| known.get(word).map_or(&b""[..], Vec::as_slice))?;
        let rest = self.values.iter().chain([&self.over, &self.digest.of]).chain(&self.derive);
        self.learn(&mut known, rest, request)?;
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
        append(request.url, &after, &all)?;
        for (field, value) in filled {
            request.headers.insert(field, value);
        }
        Ok(())
    }

    /// Learn what each word in these stands for that is known before anything is signed; all but the body.
    fn learn<'a>(
        &self,
        known: &mut HashMap<Word, Vec<u8>>,
        templates: impl Iterator<Item = &'a Template>,
        request: &Outgoing<'_>,
    ) -> Result<(), String> {
        for word in templates.flat_map(Template::words) {
            if matches!(word, Word::Body | Word::Digest | Word::Signature) || known.contains_key(word) {
                continue;
            }
            let value = match word {
                Word::Nonce => self.nonce(request.at).into_bytes(),
                Word::Timestamp => self.stamp.write(request.at)?.into_bytes(),
                Word::Part(part) => self.parts.get(*part).cloned().unwrap_or_default().into_bytes(),
                word => of_request(word, request)?,
            };
            known.insert(word.clone(), value);
        }
        Ok(())
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

/// The parameters of these templates. What is signed cannot be of what is signed.
fn parameters(query: &BTreeMap<String, String>) -> Result<Vec<Parameter>, String> {
    let of = |(name, text): (&String, &String)| {
        let value = Template::parse(text, &[Word::Body, Word::Query, Word::Target])?;
        match value.has(&Word::Digest) && !value.has(&Word::Signature) {
            true => Err(format!("its parameter `{}` is signed, and cannot have `digest`", text::quoted(name))),
            false => Ok(Parameter { name: name.clone(), value }),
        }
    };
    query.iter().map(of).collect()
}

/// Take parameters out of a query: a redirect may have those of the request before.
fn without(url: &mut Url, parameters: &[Parameter]) {
    let is_own = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    if !url.query_pairs().any(|(name, _)| is_own(&name)) {
        return;
    }
    let query = url.query().unwrap_or_default().split('&').filter(|pair| {
        let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
        !pairs.next().is_some_and(|(name, _)| is_own(&name))
    });
    let query = query.collect::<Vec<_>>().join("&");
    url.set_query((!query.is_empty()).then_some(&query));
}

/// Append parameters to a query.
fn append<'a>(url: &mut Url, parameters: &[&Parameter], value: &impl Fn(&Word) -> &'a [u8]) -> Result<(), String> {
    for Parameter { name, value: template } in parameters {
        let filled = String::from_utf8(template.filled(value))
            .map_err(|_| format!("the parameter `{}` cannot carry what belongs into it", text::quoted(name)))?;
        url.query_pairs_mut().append_pair(name, &filled);
    }
    Ok(())
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
