//! Building the query of a URL; pure.

use std::fmt::Write;

/// The text with every byte that is not unreserved in RFC 3986 percent-encoded.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// The URL with one more query parameter, in front of its fragment if it has one.
pub fn with_query(url: &str, name: &str, value: &str) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (url, None),
    };
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut url = format!("{url}{separator}{}={}", encode(name), encode(value));
    if let Some(fragment) = fragment {
        url.push('#');
        url.push_str(fragment);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding() {
        let cases = [
            ("", ""),
            ("AZaz09-._~", "AZaz09-._~"),
            ("a b+c", "a%20b%2Bc"),
            ("[out:csv(::id;true;\",\")];", "%5Bout%3Acsv%28%3A%3Aid%3Btrue%3B%22%2C%22%29%5D%3B"),
            ("%\n&=#?/", "%25%0A%26%3D%23%3F%2F"),
            ("ä€😀", "%C3%A4%E2%82%AC%F0%9F%98%80"),
        ];
        for (text, expected) in cases {
            assert_eq!(encode(text), expected);
        }
    }

    #[test]
    fn queries() {
        let cases = [
            ("https://a.example/api", "https://a.example/api?q=1%202"),
            ("https://a.example/api?", "https://a.example/api?q=1%202"),
            ("https://a.example/api?x=y", "https://a.example/api?x=y&q=1%202"),
            ("https://a.example/api?x=y&", "https://a.example/api?x=y&q=1%202"),
            ("https://a.example/api#part", "https://a.example/api?q=1%202#part"),
        ];
        for (url, expected) in cases {
            assert_eq!(with_query(url, "q", "1 2"), expected);
        }
    }
}
