//! URLs as Python's `urllib` and `requests` make them, since that is what manifests were written for. Pure.

use std::borrow::Cow;

/// Resolve a reference against a base (RFC 3986, 5.2), as `urllib.parse.urljoin` does.
pub(crate) fn join(base: &str, reference: &str) -> String {
    if reference.is_empty() {
        return base.to_owned();
    }
    if has_scheme(reference) {
        return reference.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    if let Some(authority) = reference.strip_prefix("//") {
        return format!("{scheme}://{authority}");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let base_path = path.split(['?', '#']).next().unwrap_or_default();
    let (reference_path, tail) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let path = if reference_path.is_empty() {
        base_path.to_owned()
    } else if reference_path.starts_with('/') {
        without_dots(reference_path)
    } else {
        let directory = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
        without_dots(&format!("{directory}{reference_path}"))
    };
    format!("{scheme}://{authority}{path}{tail}")
}

/// Whether a reference is a whole URL.
fn has_scheme(reference: &str) -> bool {
    let letters = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
    };
    reference.split_once(':').is_some_and(|(scheme, rest)| letters(scheme) && rest.starts_with("//"))
}

/// A path without the segments `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').collect();
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match *segment {
            "." if is_last => kept.push(""),
            "." => {}
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    kept.join("/")
}

/// The directory that paths are resolved against.
pub(crate) fn with_slash(base: &str) -> String {
    if base.ends_with('/') { base.to_owned() } else { format!("{base}/") }
}

/// Text for a query or a form, as `urllib.parse.quote_plus` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => quoted.push(byte.into()),
            b' ' => quoted.push('+'),
            _ => {
                quoted.push('%');
                quoted.push(hexadecimal(byte >> 4));
                quoted.push(hexadecimal(byte & 15));
            }
        }
    }
    quoted
}

fn hexadecimal(digit: u8) -> char {
    char::from(if digit < 10 { b'0' + digit } else { b'A' + digit - 10 })
}

/// What a quoted text stands for.
fn unquoted(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let (bytes, mut plain, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

/// A URL with these parameters behind those that it has. One that it has already with the same value is left out.
pub(crate) fn with_query(url: &str, parameters: &[(String, String)]) -> String {
    let (bare, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (head, query) = bare.split_once('?').unwrap_or((bare, ""));
    let there: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let is_there = |name: &str, value: &str| {
        // Of several of one name the first counts.
        let first = there.iter().find(|(key, value)| unquoted(key) == name && !value.is_empty());
        first.is_some_and(|(_, first)| unquoted(first) == value)
    };
    let pair = |(name, value): &(String, String)| format!("{}={}", quoted(name), quoted(value));
    let added: Vec<String> = parameters.iter().filter(|(name, value)| !is_there(name, value)).map(pair).collect();
    let query: Vec<&str> =
        [query].into_iter().filter(|query| !query.is_empty()).chain(added.iter().map(String::as_str)).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{head}{mark}{}{fragment}", query.join("&"))
}

/// A URL without the parameters of these names.
pub(crate) fn without(url: &str, names: &[&str]) -> String {
    let (bare, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let Some((head, query)) = bare.split_once('?').filter(|_| !names.is_empty()) else { return url.to_owned() };
    let is_kept = |pair: &&str| !names.contains(&&*unquoted(pair.split('=').next().unwrap_or_default()));
    let query: Vec<&str> = query.split('&').filter(is_kept).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{head}{mark}{}{fragment}", query.join("&"))
}

/// The links of a `Link` field by their relation (RFC 8288), as `requests` reads them: relation, then URL.
pub(crate) fn links(field: &str) -> Vec<(String, Vec<(String, String)>)> {
    let trim = |text: &str| text.trim_matches([' ', '\'', '"']).to_owned();
    let mut links = Vec::new();
    for link in split_links(field) {
        let (url, parameters) = link.split_once(';').unwrap_or((link, ""));
        let mut members = vec![("url".to_owned(), url.trim_matches(['<', '>', ' ', '\'', '"']).to_owned())];
        for parameter in parameters.split(';') {
            let Some((name, value)) = parameter.split_once('=') else { break };
            members.push((trim(name), trim(value)));
        }
        let relation = members.iter().find(|(name, _)| name == "rel").unwrap_or(&members[0]).1.clone();
        links.push((relation, members));
    }
    links
}

/// The links of a field: they are separated by a comma before the next `<`.
fn split_links(field: &str) -> Vec<&str> {
    let (mut links, mut from) = (Vec::new(), 0);
    for (at, _) in field.match_indices(',') {
        if field[at + 1..].trim_start().starts_with('<') {
            links.push(field[from..at].trim());
            from = at + 1;
        }
    }
    let last = field[from..].trim();
    links.extend(Some(last).filter(|last| !last.is_empty()));
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3.11's `urljoin` gives.
    #[test]
    fn references_are_resolved_as_python_does() {
        for (base, reference, expected) in [
            ("https://a.example/v1/", "items", "https://a.example/v1/items"),
            ("https://a.example/v1/", "/items", "https://a.example/items"),
            ("https://a.example/v1/", "../v2/items", "https://a.example/v2/items"),
            ("https://a.example/v1/", "https://b.example/x?y=1", "https://b.example/x?y=1"),
            ("https://a.example/v1/", "//b.example/x", "https://b.example/x"),
            ("https://a.example/v1/x/", "?page=2", "https://a.example/v1/x/?page=2"),
            ("https://a.example/v1/", "items/a:b", "https://a.example/v1/items/a:b"),
            ("https://a.example/v1/", "items?x=../y", "https://a.example/v1/items?x=../y"),
            ("https://a.example/", "./x/.", "https://a.example/x/"),
            ("https://a.example:8080/v1/", "", "https://a.example:8080/v1/"),
            ("https://a.example/v1/?k=v/", "x", "https://a.example/v1/x"),
        ] {
            assert_eq!(join(base, reference), expected, "{base} + {reference}");
        }
    }

    #[test]
    fn parameters_go_behind_those_that_are_there() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (url, parameters, expected) in [
            ("https://a.example/x", &[("a", "1 2"), ("b", "ü/&")][..], "https://a.example/x?a=1+2&b=%C3%BC%2F%26"),
            ("https://a.example/x?a=1", &[("a", "1"), ("b", "2")], "https://a.example/x?a=1&b=2"),
            ("https://a.example/x?a=1", &[("a", "2")], "https://a.example/x?a=1&a=2"),
            ("https://a.example/x?a=1%202", &[("a", "1 2")], "https://a.example/x?a=1%202"),
            ("https://a.example/x#f", &[("a", "~")], "https://a.example/x?a=~#f"),
            ("https://a.example/x", &[], "https://a.example/x"),
        ] {
            assert_eq!(with_query(url, &pairs(parameters)), expected);
        }
    }

    #[test]
    fn parameters_are_left_out_by_their_names() {
        for (url, expected) in [
            ("https://a.example/x?key=s&page=2", "https://a.example/x?page=2"),
            ("/x?page=2&api%5Fkey=s&keys=1#f", "/x?page=2&keys=1#f"),
            ("https://a.example/x?key=s", "https://a.example/x"),
            ("https://a.example/x?a=1?key=2&b", "https://a.example/x?a=1?key=2&b"),
            ("key", "key"),
        ] {
            assert_eq!(without(url, &["key", "api_key"]), expected);
        }
        assert_eq!(without("https://a.example/x?", &[]), "https://a.example/x?");
    }

    #[test]
    fn links_are_found_by_their_relation() {
        let url = |field: &str, relation: &str| {
            let found = links(field).into_iter().find(|(name, _)| name == relation)?;
            Some(found.1[0].1.clone())
        };
        let field = "<https://a.example/x?p=1,2>; rel=\"prev\", <https://a.example/x?p=3>; rel=next; title='t'";
        assert_eq!(url(field, "next").as_deref(), Some("https://a.example/x?p=3"));
        assert_eq!(url(field, "prev").as_deref(), Some("https://a.example/x?p=1,2"));
        assert_eq!(url("", "next"), None);
    }
}
