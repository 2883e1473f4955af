//! What botocore signs, signed here: `tests/python/aws_signatures.py` made the table.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::{Outgoing, Signer};
use crate::domain::SecretPlace;
use crate::fuzzing::bent;

#[derive(serde::Deserialize)]
struct Table {
    id: String,
    key: String,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    service: String,
    region: String,
    token: Option<String>,
    at: String,
    method: String,
    url: String,
    fields: Vec<(String, String)>,
    body: String,
    content: String,
    date: String,
    authorization: String,
}

/// What signs as a place of this text says, with these parts.
pub(super) fn signer(place: &str, parts: &[(&str, &str)]) -> Result<Signer, String> {
    let place: SecretPlace = serde_json::from_str(place).expect(place);
    let parts: BTreeMap<String, String> =
        parts.iter().map(|(part, value)| ((*part).to_owned(), (*value).to_owned())).collect();
    place.parts().expect("parts").check(parts.keys().map(String::as_str))?;
    Ok(Signer::new(&place, &parts)?.expect("what signs"))
}

/// The URL and the fields of a request that was signed at a moment.
pub(super) fn signed(
    signer: &Signer,
    (method, url): (&str, &str),
    fields: &[(String, String)],
    body: &str,
    at: SystemTime,
) -> Result<(String, HeaderMap), String> {
    let (mut headers, mut url) = (HeaderMap::new(), Url::parse(url).expect(url));
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect(name);
        headers.append(name, HeaderValue::from_str(value).expect(value));
    }
    let method = Method::from_bytes(method.as_bytes()).expect(method);
    let (url, headers) = (&mut url, &mut headers);
    signer.sign(&mut Outgoing { method: &method, url, headers, body: body.as_bytes(), at })?;
    Ok((url.to_string(), headers.clone()))
}

#[test]
fn requests_are_signed_as_botocore_signs_them() {
    let Table { id, key, cases } = serde_json::from_str(include_str!("aws.json")).expect("a table");
    assert!(cases.len() > 30);
    for case in cases {
        let place = format!("{{\"aws\": {{\"region\": \"{}\", \"service\": \"{}\"}}}}", case.region, case.service);
        let mut parts = vec![("access-key-id", id.as_str()), ("secret-access-key", &key)];
        parts.extend(case.token.as_deref().map(|token| ("session-token", token)));
        let signer = signer(&place, &parts).expect("a signer");
        let at: jiff::Timestamp = case.at.parse().expect("a moment");
        let (url, headers) =
            signed(&signer, (&case.method, &case.url), &case.fields, &case.body, at.into()).expect("a request");
        let field = |name: &str| headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        let expected = Url::parse(&case.url).expect("a URL").to_string();
        assert_eq!(url, expected, "{}", case.name);
        assert_eq!(field("x-amz-content-sha256"), Some(case.content), "{}", case.name);
        assert_eq!(field("x-amz-date"), Some(case.date), "{}", case.name);
        assert_eq!(field("x-amz-security-token"), case.token, "{}", case.name);
        assert_eq!(field("authorization"), Some(case.authorization), "{}", case.name);
    }
}

#[test]
fn a_url_is_sent_in_the_spelling_that_is_signed() {
    let place = "{\"aws\": {\"region\": \"r\", \"service\": \"s3\"}}";
    let signer = signer(place, &[("access-key-id", "id"), ("secret-access-key", "key")]).expect("a signer");
    for (written, sent) in [
        ("/a+b(c)!*'", "/a%2Bb%28c%29%21%2A%27"),
        ("/a:b@c;d=e&f,g$", "/a%3Ab%40c%3Bd%3De%26f%2Cg%24"),
        ("/%7eme/%41%2e%2fx%zz%", "/~me/A.%2Fx%25zz%25"),
        ("/Zürich/a b", "/Z%C3%BCrich/a%20b"),
        ("/x?a=b+c&d=%2b%2B&e=f=g", "/x?a=b%20c&d=%2B%2B&e=f%3Dg"),
        ("/x?b=1&&a=2&", "/x?b=1&a=2"),
        ("/x?", "/x"),
        ("/x?key&ke:y=a/b", "/x?key&ke%3Ay=a%2Fb"),
        ("/x?q=%+1%2", "/x?q=%25%201%252"),
    ] {
        let url = format!("https://a.example{written}");
        let (url, _) = signed(&signer, ("GET", &url), &[], "", SystemTime::UNIX_EPOCH).expect(written);
        assert_eq!(url, format!("https://a.example{sent}"));
        let (again, _) = signed(&signer, ("GET", &url), &[], "", SystemTime::UNIX_EPOCH).expect(written);
        assert_eq!(again, url, "it is one spelling");
    }
}

#[test]
fn another_spelling_says_the_same() {
    let place = "{\"aws\": {\"region\": \"r\", \"service\": \"s3\"}}";
    let signer = signer(place, &[("access-key-id", "id"), ("secret-access-key", "key")]).expect("a signer");
    let base = Url::parse("https://a.example/").expect("a URL");
    // By the rules of forms, in which a plus is a space.
    let path = |url: &Url| {
        let path = url.path().replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
        url::form_urlencoded::parse(path.as_bytes()).next().map(|(path, _)| path.into_owned())
    };
    let query = |url: &Url| {
        let pairs = url.query_pairs().into_owned();
        pairs.filter(|(name, value)| !name.is_empty() || !value.is_empty()).collect::<Vec<_>>()
    };
    let seeds: [&[u8]; 4] =
        [b"/a+b/%2B%2f//..%2e/x", b"/\xc3\xbc(!)*'?a=b+c&d=%2B&&e", b"/%zz%?%=%&=+&x", b"?q=%41%7e%2E&\\/%5c#f"];
    bent(&seeds, 20_000, |bytes| {
        let Ok(url) = base.join(&String::from_utf8_lossy(bytes)) else { return };
        if url.origin() != base.origin() {
            return;
        }
        let text = url.as_str().split('#').next().unwrap_or_default().to_owned();
        let url = Url::parse(&text).expect(&text);
        let (sent, _) = signed(&signer, ("GET", &text), &[], "", SystemTime::UNIX_EPOCH).expect(&text);
        let parsed = Url::parse(&sent).expect(&sent);
        assert_eq!((parsed.as_str(), parsed.origin()), (sent.as_str(), url.origin()), "{text}");
        assert_eq!((path(&parsed), query(&parsed)), (path(&url), query(&url)), "{text} {sent}");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%?&=:".contains(&byte);
        assert!(sent.bytes().all(plain), "{text} {sent}");
    });
}

#[test]
fn what_cannot_sign_is_refused() {
    let parts = [("access-key-id", "hid"), ("secret-access-key", "hid")];
    for (region, service, parts, reason) in [
        ("", "s3", &parts[..], "its region is no name"),
        ("eu west", "s3", &parts, "its region is no name"),
        ("eu-west-1", "a/b", &parts, "its service is no name"),
        ("eu-west-1", "s3", &parts[..1], "its part `secret-access-key`"),
        ("eu-west-1", "s3", &[parts[0], parts[1], ("session-token", "a\nb")], "its part `session-token` holds bytes"),
        ("eu-west-1", "s3", &[("access-key-id", "h\u{7f}id"), parts[1]], "its part `access-key-id` holds bytes"),
    ] {
        let place = format!("{{\"aws\": {{\"region\": \"{region}\", \"service\": \"{service}\"}}}}");
        let error = signer(&place, parts).err().expect(reason);
        assert!(error.contains(reason) && !error.contains("hid"), "{error}");
    }
}
