//! AWS Signature Version 4, in the fields of a request.
//!
//! What is signed are the host, the type and the digest of the content, and all fields `x-amz-…`: what the services ask for,
//! and what nobody on the way changes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;

use super::mac::{hex, keyed, plain};
use super::{Outgoing, host};
use crate::domain::signature::{Aws, Hash};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const SESSION: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Services that sign a path as it is sent. All others sign it encoded once more.
const ENCODED_ONCE: [&str; 3] = ["s3", "s3-object-lambda", "s3-outposts"];

/// What signs.
pub(crate) struct Signer {
    id: String,
    key: String,
    session: Option<HeaderValue>,
    region: String,
    service: String,
    fields: Vec<HeaderName>,
}

impl Signer {
    pub(super) fn new(aws: &Aws, parts: &BTreeMap<String, String>) -> Result<Self, String> {
        for (what, text) in [("region", &aws.region), ("service", &aws.service)] {
            // Braces are around the name of a parameter until its value is known.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.{}".contains(&byte);
            if text.is_empty() || !text.bytes().all(plain) {
                return Err(format!("its {what} is no name of letters, digits and `-`"));
            }
        }
        let carried = |part: &str, text: &String| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| format!("its part `{part}` holds bytes that no field can carry"))?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        let id = parts["access-key-id"].clone();
        carried("access-key-id", &id)?;
        let session = parts.get("session-token").map(|token| carried("session-token", token)).transpose()?;
        let mut fields = vec![header::AUTHORIZATION, DATE, CONTENT];
        fields.extend(session.as_ref().map(|_| SESSION));
        let (region, service) = (aws.region.clone(), aws.service.clone());
        Ok(Self { id, key: parts["secret-access-key"].clone(), session, region, service, fields })
    }

    pub(super) fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    pub(super) fn sign(&self, request: &mut Outgoing<'_>) -> Result<(), String> {
        in_one_spelling(request);
        let moment = moment(request.at)?;
        let content = hex(&plain(Hash::Sha256, |take| take(request.body)));
        let text = |text: &str| HeaderValue::from_str(text).map_err(|_| "it cannot be put into a field".to_owned());
        request.headers.insert(DATE, text(&moment)?);
        request.headers.insert(CONTENT, text(&content)?);
        if let Some(session) = &self.session {
            request.headers.insert(SESSION, session.clone());
        }
        let (canonical, signed) = self.canonical(request, &content);
        let scope = format!("{}/{}/{}/aws4_request", &moment[..8], self.region, self.service);
        let digest = hex(&plain(Hash::Sha256, |take| take(&canonical)));
        let signature = self.signature(&scope, &format!("{ALGORITHM}\n{moment}\n{scope}\n{digest}"));
        let credentials =
            format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", self.id);
        let mut credentials = text(&credentials)?;
        credentials.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, credentials);
        Ok(())
    }

    /// The canonical request, and the names of the fields in it.
    fn canonical(&self, request: &Outgoing<'_>, content: &str) -> (Vec<u8>, String) {
        let path = match ENCODED_ONCE.contains(&self.service.as_str()) {
            true => request.url.path().to_owned(),
            false => encoded(&without_empty_segments(request.url.path()), b"/"),
        };
        let mut fields = signed_fields(request.headers);
        fields.insert("host", host(request.url).into_bytes());
        let signed = fields.keys().copied().collect::<Vec<_>>().join(";");
        let mut canonical = format!("{}\n{path}\n{}\n", request.method, sorted_query(request.url.query())).into_bytes();
        for (name, value) in &fields {
            canonical.extend_from_slice(name.as_bytes());
            canonical.push(b':');
            canonical.extend_from_slice(value);
            canonical.push(b'\n');
        }
        canonical.extend_from_slice(format!("\n{signed}\n{content}").as_bytes());
        (canonical, signed)
    }

    fn signature(&self, scope: &str, text: &str) -> String {
        let first = format!("AWS4{}", self.key).into_bytes();
        let key = scope.split('/').fold(first, |key, word| keyed(Hash::Sha256, &key, |take| take(word.as_bytes())));
        hex(&keyed(Hash::Sha256, &key, |take| take(text.as_bytes())))
    }
}

/// The moment as it is signed: `20150830T123600Z`.
fn moment(at: SystemTime) -> Result<String, String> {
    let at = Timestamp::try_from(at).map_err(|_| "the clock is at no time that can be written".to_owned())?;
    Ok(at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// The fields that are signed: values of one name in one line, without the spaces that nobody means.
fn signed_fields(headers: &HeaderMap) -> BTreeMap<&str, Vec<u8>> {
    let mut all: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let names = headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in
        names.filter(|(name, _)| *name == "content-type" || *name == "content-md5" || name.starts_with("x-amz-"))
    {
        let words = value.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let trimmed = words.collect::<Vec<_>>().join(&b' ');
        all.entry(name).and_modify(|line| *line = [line.as_slice(), &trimmed].join(&b',')).or_insert(trimmed.clone());
    }
    all
}

/// The parameters in the order of the alphabet.
fn sorted_query(query: Option<&str>) -> String {
    let mut pairs: Vec<(&str, &str)> = pairs(query).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let all = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    all.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Write a URL in the one spelling that the services read as it is written: a server that decodes and encodes it again gets
/// the same.
fn in_one_spelling(request: &mut Outgoing<'_>) {
    let path = spelled(request.url.path(), b"/", false);
    request.url.set_path(&path);
    let query = request.url.query().map(|query| {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let spelled = pairs.map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{}={}", spelled(name, b"", true), spelled(value, b"", true)),
            None => spelled(pair, b"", true),
        });
        spelled.collect::<Vec<_>>().join("&")
    });
    request.url.set_query(query.as_deref().filter(|query| !query.is_empty()));
}

/// Every byte encoded that is not unreserved (RFC 3986, 2.3) or among those to keep, and no other one.
fn spelled(text: &str, keep: &[u8], plus_is_space: bool) -> String {
    let (mut spelled, mut rest) = (String::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let escaped =
            (*byte == b'%').then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())).flatten();
        let escaped =
            escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')));
        let (byte, kept) = match escaped {
            // A slash that was escaped is none between segments.
            Some(byte) => (byte, &b""[..]),
            None if *byte == b'+' && plus_is_space => (b' ', keep),
            None => (*byte, keep),
        };
        push(&mut spelled, byte, kept);
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    spelled
}

/// The same of a text in which nothing is escaped yet.
fn encoded(text: &str, keep: &[u8]) -> String {
    let mut encoded = String::new();
    text.bytes().for_each(|byte| push(&mut encoded, byte, keep));
    encoded
}

fn push(text: &mut String, byte: u8, keep: &[u8]) {
    match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
        true => text.push(char::from(byte)),
        false => text.push_str(&format!("%{byte:02X}")),
    }
}

/// A path in which no slash follows another one, as all services but those of objects read it.
fn without_empty_segments(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}
