//! What the first bytes of a content look like.
//!
//! Pure, over bytes that anybody may have sent.

use super::{HEAD, Shape};
use crate::text;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Elements that only a page begins with.
const ROOTS: [&[u8]; 2] = [b"!doctype html", b"html"];
/// Elements that some pages begin with. In XML they are as good as any other.
const PARTS: [&[u8]; 8] = [b"head", b"body", b"title", b"script", b"style", b"meta", b"h1", b"div"];

/// A content without the mark that some writers put before it.
pub(super) fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(MARK).unwrap_or(head)
}

/// The first line, without its end.
pub(super) fn first_line(head: &[u8]) -> &[u8] {
    let line = without_mark(head).split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether this begins as an HTML page does.
pub(super) fn is_page(head: &[u8], in_xml: bool) -> bool {
    let mut rest = without_mark(head).trim_ascii_start();
    // A page may begin with comments, and one in XML with a declaration.
    while let Some(end) = [(&b"<!--"[..], &b"-->"[..]), (b"<?", b"?>")].into_iter().find_map(|(start, end)| {
        let inside = rest.strip_prefix(start)?;
        let at = inside.windows(end.len()).position(|window| window == end)?;
        Some(start.len() + at + end.len())
    }) {
        rest = rest[end..].trim_ascii_start();
    }
    let Some(tag) = rest.strip_prefix(b"<") else { return false };
    let begins = |name: &&[u8]| {
        let (start, rest) = tag.split_at(tag.len().min(name.len()));
        let ends = rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || b">/".contains(byte));
        start.eq_ignore_ascii_case(name) && ends
    };
    ROOTS.iter().any(begins) || !in_xml && PARTS.iter().any(begins)
}

/// Whether this begins as JSON of that shape does; what is wrong where it does not.
pub(super) fn check_json(shape: &Shape, head: &[u8]) -> Result<(), String> {
    let rest = without_mark(head).trim_ascii_start();
    match (shape, rest.first()) {
        (Shape::Array, Some(b'[')) => Ok(()),
        (Shape::Array, _) => Err("it is no JSON array".into()),
        (Shape::Object(keys), Some(b'{')) => {
            let mut missing: Vec<&String> = keys.iter().collect();
            let whole = own_keys(&rest[1..], |key| {
                missing.retain(|wanted| *wanted != key);
                !missing.is_empty()
            });
            match missing.first() {
                None => Ok(()),
                Some(key) => {
                    let place = if whole { "" } else { &format!(" in its first {} KiB", HEAD >> 10) };
                    Err(format!("the JSON object has no key `{}`{place}", text::quoted(key)))
                }
            }
        }
        (Shape::Object(_), _) => Err("it is no JSON object".into()),
    }
}

/// Show the keys of an object, behind its brace, as long as `see` wants more; whether its end was met. What is no JSON
/// has keys until it stops being any.
fn own_keys(mut rest: &[u8], mut see: impl FnMut(&str) -> bool) -> bool {
    let (mut depth, mut is_key) = (1_usize, true);
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => {
                let Some(length) = string_length(behind) else { return false };
                let (string, behind) = behind.split_at(length);
                if depth == 1 && is_key {
                    let quoted = [b"\"", string, b"\""].concat();
                    if serde_json::from_slice::<String>(&quoted).is_ok_and(|key| !see(&key)) {
                        return true;
                    }
                    is_key = false;
                }
                rest = &behind[1..];
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            }
            b',' if depth == 1 => is_key = true,
            _ => {}
        }
    }
    false
}

/// How many bytes there are before the quotation mark that ends a string.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}
