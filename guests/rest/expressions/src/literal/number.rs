//! Numbers as Python's source has them.

use crate::float;
use crate::value::Value;

/// The number that the text begins with, and how long it is.
pub(super) fn read(text: &str) -> Option<(Value, usize)> {
    let bytes = text.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let exponent = matches!(byte, b'+' | b'-')
            && end > 0
            && matches!(bytes[end - 1], b'e' | b'E')
            && !text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
        if !is_word(byte) && *byte != b'.' && !exponent {
            break;
        }
        end += 1;
    }
    let word = &text[..end];
    let lower = word.to_ascii_lowercase();
    let value = if lower.starts_with("0x") || lower.starts_with("0o") || lower.starts_with("0b") {
        whole(&lower)?
    } else if lower.contains(['.', 'e']) {
        Value::Float(fraction(&lower)?)
    } else {
        whole(&lower)?
    };
    Some((value, end))
}

fn whole(word: &str) -> Option<Value> {
    match float::parse_int(word, 0) {
        Ok(number) => Some(Value::Int(number)),
        // As long as CPython reads one.
        Err(true) if word.len() <= 4300 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') => {
            Some(Value::Digits(word.replace('_', "").into()))
        }
        Err(_) => None,
    }
}

fn fraction(word: &str) -> Option<f64> {
    let digits = |text: &str| {
        let grouped = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
        grouped && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let (mantissa, exponent) =
        word.split_once('e').map_or((word, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fits = digits(before) && digits(after) && !(before.is_empty() && after.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !fits || !exponent_fits {
        return None;
    }
    word.replace('_', "").parse().ok()
}
