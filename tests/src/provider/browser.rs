//! A browser, and whoever sits before it: as much of one as it takes to agree to something.

use std::collections::BTreeMap;
use std::net::TcpStream;

use crate::ask::{Answer, ask};

/// How many redirects and forms there may be.
const STEPS: usize = 30;

/// Where a browser got to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its URL.
    pub url: String,
    /// The status.
    pub status: u16,
    /// What is shown.
    pub text: String,
}

/// Open a URL of a server, and agree to whatever is asked there.
pub(super) fn open(server: &str, url: &str) -> Page {
    let mut cookies = BTreeMap::new();
    let mut form = None;
    let mut url = url.to_owned();
    for _ in 0..STEPS {
        let (authority, target) = split(&url);
        if authority != server {
            return elsewhere(url);
        }
        let jar: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let jar = jar.join("; ");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let fields = [("accept", "text/html,*/*;q=0.8"), ("cookie", &*jar), kind];
        let answer = match form.take() {
            None => ask(authority, "GET", target, &fields[..2], b""),
            Some(body) => ask(authority, "POST", target, &fields, String::as_bytes(&body)),
        };
        let answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
        keep(&mut cookies, &answer);
        let text = answer.text();
        if let Some(to) = answer.fields("location").next().filter(|_| (300..400).contains(&answer.status)) {
            url = joined(authority, to);
        } else if let Some((action, body)) = filled(&text) {
            url = joined(authority, &action);
            form = Some(body);
        } else {
            return Page { url, status: answer.status, text };
        }
    }
    panic!("no end of redirects: {url}");
}

/// Open what a redirect led to. Browsers connect more often than they ask, and ask for an icon as well.
fn elsewhere(url: String) -> Page {
    let (authority, target) = split(&url);
    let _silent = TcpStream::connect(authority);
    let answer = ask(authority, "GET", target, &[("accept", "text/html,*/*;q=0.8")], b"");
    let answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
    // Nobody may listen any more.
    let _ = ask(authority, "GET", "/favicon.ico", &[], b"");
    Page { status: answer.status, text: answer.text(), url }
}

/// The authority and the target of an HTTP URL.
fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("no URL for this browser: {url}"));
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest.split_at(at),
        _ => (rest, "/"),
    }
}

fn joined(authority: &str, to: &str) -> String {
    if to.starts_with('/') { format!("http://{authority}{to}") } else { to.to_owned() }
}

/// Cookies go by their names alone: a server that is asked for one thing has no two of the same name.
fn keep(cookies: &mut BTreeMap<String, String>, answer: &Answer) {
    for cookie in answer.fields("set-cookie") {
        let pair = cookie.split(';').next().unwrap_or_default();
        match pair.split_once('=') {
            Some((name, "")) => drop(cookies.remove(name)),
            Some((name, value)) => drop(cookies.insert(name.to_owned(), value.to_owned())),
            None => {}
        }
    }
}

/// Where the form of a page leads, and what it sends; nothing where there is anything to fill in.
fn filled(page: &str) -> Option<(String, String)> {
    let form = page.split_once("<form ")?.1.split("</form>").next()?;
    let action = attribute(form.split('>').next()?, "action")?;
    let inputs = form.split("<input").skip(1).map(|input| {
        let input = input.split('>').next()?;
        Some(format!("{}={}", attribute(input, "name")?, encoded(&attribute(input, "value")?)))
    });
    Some((action, inputs.collect::<Option<Vec<_>>>()?.join("&")))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}

/// As forms encode.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
