//! What tells one representation from another without reading it: entity tags and dates, and what each of them proves.
//!
//! Pure. `FORMAT.md` says in which cases content counts as unchanged.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::name::EntityTag;

/// Suffixes that servers add to the tag of what they compress on the way, the longest first: Jetty's, then that of
/// Apache, lighttpd and Caddy.
const COMPRESSED: [&[u8]; 2] = [b"--gzip\"", b"-gzip\""];
/// Lengths of digests in hexadecimal: MD5, SHA-1, SHA-256.
const DIGESTS: [usize; 3] = [32, 40, 64];

/// Fields that the host itself adds to a request: the conditions of RFC 9110, 13.1.
pub type Conditions = Vec<(HeaderName, HeaderValue)>;

/// The validators of one answer, as they are kept with the file that they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The URL that sent them, see [`FinalUrl::kept`].
    pub url: String,
    /// The `ETag` field's raw bytes.
    pub etag: Option<Vec<u8>>,
    /// The `Last-Modified` field's raw bytes.
    pub last_modified: Option<Vec<u8>>,
}

/// The URL that answered, after redirects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalUrl {
    /// The URL itself.
    pub text: String,
    /// Whether a redirect led there.
    pub redirected: bool,
}

impl FinalUrl {
    /// The URL as it may be kept. Where a redirect led there its query is left out: it is often a signature that is a
    /// secret and different each time.
    pub fn kept(&self) -> &str {
        match self.is_signed() {
            true => self.text.split('?').next().unwrap_or(&self.text),
            false => &self.text,
        }
    }

    /// Whether the query that answered is one that nobody asked for.
    fn is_signed(&self) -> bool {
        self.redirected && self.text.contains('?')
    }
}

impl Validators {
    /// The validators of an answer; `None` where nothing in it can be trusted as one yet.
    ///
    /// Whatever is made of the time of a change says nothing of a second change within the same second. So where there
    /// is a `Last-Modified`, neither it nor the tag beside it counts before `Date` is a second later (RFC 9110, 8.8.2.2).
    pub fn of(headers: &HeaderMap, from: &FinalUrl) -> Option<Self> {
        let last_modified = headers.get(header::LAST_MODIFIED);
        if last_modified.is_some_and(|field| !is_settled(field, headers.get(header::DATE))) {
            return None;
        }
        let etag = EntityTag::of(headers).map(|tag| tag.as_bytes().to_vec());
        let last_modified = last_modified.map(|field| field.as_bytes().to_vec());
        (etag.is_some() || last_modified.is_some()).then(|| Self { url: from.kept().to_owned(), etag, last_modified })
    }

    /// The conditions that ask whether anything changed since. Servers ignore the date beside a tag (RFC 9110, 13.1.3),
    /// and some take it amiss, so only one of them is sent.
    pub fn conditions(&self) -> Conditions {
        let field = |name, value: Vec<u8>| Some((name, HeaderValue::from_bytes(&value).ok()?));
        let tags = self.etag.as_deref().map(|etag| match bare(etag) {
            // Apache never answers 304 to the tag that it made for the compressed form; it does to a list of both.
            Some(bare) => [etag, b", ", &bare].concat(),
            None => etag.to_vec(),
        });
        tags.and_then(|tags| field(header::IF_NONE_MATCH, tags))
            .or_else(|| field(header::IF_MODIFIED_SINCE, self.last_modified.clone()?))
            .into_iter()
            .collect()
    }

    /// Whether a 304 to these conditions is about what they stand for: it comes from where they came from, and names
    /// the tag that was sent, if it names one (compared weakly, RFC 9111, 4.3.4).
    pub fn confirmed_by(&self, headers: &HeaderMap, from: &FinalUrl) -> bool {
        if from.kept() != self.url {
            return false;
        }
        match (EntityTag::of(headers), &self.etag) {
            (Some(told), Some(sent)) => {
                let told = opaque(told.as_bytes());
                told == opaque(sent) || bare(sent).is_some_and(|bare| told == opaque(&bare))
            }
            // Where each answer comes from another query, nothing else says that it is the same file.
            _ => !from.is_signed(),
        }
    }

    /// Whether a 200 says by its tag that it is what these validators stand for, so that its body need not be read: by a
    /// strong tag, from where it came before. A query that changes each time may lead to another file with the same
    /// tag, unless the tag is a digest of the content.
    pub fn recognise(&self, answer: &Self, from: &FinalUrl) -> bool {
        let Some(tag) = answer.etag.as_deref().filter(|tag| !tag.starts_with(b"W/")) else { return false };
        self.url == answer.url && self.etag.as_deref() == Some(tag) && (!from.is_signed() || is_digest(tag))
    }
}

/// Whether a response was made at least a second after what it says of the last change.
fn is_settled(last_modified: &HeaderValue, date: Option<&HeaderValue>) -> bool {
    let parse = |field: &HeaderValue| httpdate::parse_http_date(field.to_str().ok()?).ok();
    let age =
        date.and_then(parse).zip(parse(last_modified)).and_then(|(made, changed)| made.duration_since(changed).ok());
    age.is_some_and(|age| age >= Duration::from_secs(1))
}

/// The tag of the uncompressed form, where a server says by a suffix that this is the compressed one's.
fn bare(etag: &[u8]) -> Option<Vec<u8>> {
    let stem = COMPRESSED.iter().find_map(|suffix| etag.strip_suffix(*suffix))?;
    // Nothing but the opening quote is no tag.
    (stem.last() != Some(&b'"')).then(|| [stem, b"\""].concat())
}

fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

/// Whether a tag is a digest in hexadecimal, with the number of parts behind it where an object store put it together.
fn is_digest(etag: &[u8]) -> bool {
    let text = etag.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or_default();
    let (digits, parts) = match text.iter().position(|byte| *byte == b'-') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let counted = parts.is_none_or(|parts| (1..=5).contains(&parts.len()) && parts.iter().all(u8::is_ascii_digit));
    DIGESTS.contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit) && counted
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: &str = "Sun, 15 Jun 2025 08:00:00 GMT";

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).expect(name), HeaderValue::from_str(value).expect(value))
        };
        fields.iter().map(field).collect()
    }

    fn at(url: &str, redirected: bool) -> FinalUrl {
        FinalUrl { text: url.to_owned(), redirected }
    }

    fn tagged(tag: &str) -> Validators {
        let headers = headers(&[("etag", tag)]);
        Validators::of(&headers, &at("https://a.example/x", false)).expect(tag)
    }

    #[test]
    fn nothing_counts_that_was_changed_within_the_second_of_its_date() {
        for (changed, date, counts) in [
            (Some("Sun, 15 Jun 2025 07:59:59 GMT"), Some(LATER), true),
            (Some(LATER), Some(LATER), false),
            (Some("Sun, 15 Jun 2025 08:00:01 GMT"), Some(LATER), false),
            (Some("yesterday"), Some(LATER), false),
            (Some("Sun, 15 Jun 2025 07:00:00 GMT"), None, false),
            (None, Some(LATER), true),
            (None, None, true),
        ] {
            let date = date.map(|date| ("date", date));
            let fields: Vec<_> =
                [("etag", "\"1-2\"")].into_iter().chain(changed.map(|at| ("last-modified", at))).collect();
            let fields = [fields, date.into_iter().collect()].concat();
            let found = Validators::of(&headers(&fields), &at("https://a.example/x", false));
            assert_eq!(found.is_some(), counts, "{changed:?} {date:?}");
        }
    }

    #[test]
    fn the_query_of_a_redirect_is_not_kept() {
        for (url, redirected, kept) in [
            ("https://a.example/x?page=2", false, "https://a.example/x?page=2"),
            ("https://a.example/x?sig=s3cr3t", true, "https://a.example/x"),
            ("https://a.example/x", true, "https://a.example/x"),
        ] {
            assert_eq!(at(url, redirected).kept(), kept);
        }
    }

    #[test]
    fn conditions_list_the_tag_of_the_uncompressed_form_as_well() {
        for (tag, sent) in [
            ("\"2d-5f1\"", "\"2d-5f1\""),
            ("W/\"2d-5f1\"", "W/\"2d-5f1\""),
            ("\"2d-5f1-gzip\"", "\"2d-5f1-gzip\", \"2d-5f1\""),
            ("W/\"2d-5f1-gzip\"", "W/\"2d-5f1-gzip\", W/\"2d-5f1\""),
            ("W/\"2d-5f1--gzip\"", "W/\"2d-5f1--gzip\", W/\"2d-5f1\""),
            ("\"-gzip\"", "\"-gzip\""),
        ] {
            let conditions = tagged(tag).conditions();
            assert_eq!(conditions, [(header::IF_NONE_MATCH, HeaderValue::from_str(sent).expect(sent))]);
        }
        let dated = headers(&[("last-modified", "Sun, 15 Jun 2025 07:00:00 GMT"), ("date", LATER)]);
        let dated = Validators::of(&dated, &at("https://a.example/x", false)).expect("a date");
        assert_eq!(dated.conditions()[0].0, header::IF_MODIFIED_SINCE);
    }

    #[test]
    fn a_304_counts_for_the_tag_and_the_place_that_were_asked_about() {
        let here = at("https://a.example/x", false);
        for (sent, told, from, counts) in [
            ("\"1\"", Some("\"1\""), &here, true),
            ("\"1\"", Some("W/\"1\""), &here, true),
            ("\"1\"", None, &here, true),
            ("\"1\"", Some("\"2\""), &here, false),
            ("\"1-gzip\"", Some("\"1\""), &here, true),
            ("\"1-gzip\"", Some("\"2\""), &here, false),
            ("\"1\"", Some("\"1\""), &at("https://a.example/y", false), false),
            ("\"1\"", Some("\"1\""), &at("https://a.example/x?sig=2", true), true),
            ("\"1\"", None, &at("https://a.example/x?sig=2", true), false),
            ("\"1\"", Some("\"1\""), &at("https://a.example/x?page=2", false), false),
        ] {
            let headers = headers(&told.map(|tag| vec![("etag", tag)]).unwrap_or_default());
            assert_eq!(tagged(sent).confirmed_by(&headers, from), counts, "{sent} {told:?} {from:?}");
        }
    }

    #[test]
    fn a_200_is_recognised_by_a_strong_tag_only_and_behind_a_signature_by_a_digest() {
        let (here, signed) = (at("https://a.example/x", false), at("https://a.example/x?sig=2", true));
        let digest = "\"9b2cf535f27731c974343645a3985328\"";
        let parts = "\"9b2cf535f27731c974343645a3985328-12\"";
        for (known, told, from, recognised) in [
            ("\"1\"", "\"1\"", &here, true),
            ("\"1\"", "\"2\"", &here, false),
            ("W/\"1\"", "W/\"1\"", &here, false),
            ("\"1\"", "\"1\"", &signed, false),
            (digest, digest, &signed, true),
            (parts, parts, &signed, true),
            ("\"66f0a1b2-4e20\"", "\"66f0a1b2-4e20\"", &signed, false),
            ("\"0x8DC5A1B2C3D4E5F\"", "\"0x8DC5A1B2C3D4E5F\"", &signed, false),
            (digest, digest, &at("https://b.example/x", true), false),
        ] {
            let answer = Validators { url: from.kept().to_owned(), ..tagged(told) };
            assert_eq!(tagged(known).recognise(&answer, from), recognised, "{known} {told} {from:?}");
        }
    }
}
