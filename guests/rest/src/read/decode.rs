//! From the bytes of an answer to the values in it. Pure.
//!
//! Where the reference reads what it cannot decode as nothing, this is an error: nothing is lost in silence.

mod csv;
mod xml;
mod zip;

use std::io::Read as _;

use expressions::{Map, Value, json};
use flate2::bufread::MultiGzDecoder;

use crate::plan::{Decoder, Encoding};

/// Most bytes that a body may unpack to; the memory of the extractor is a limit as well.
const MAX_UNPACKED: u64 = 256 << 20;

/// The values in a body. What an expression calls `response` is the first of them.
pub(crate) fn decode(decoder: &Decoder, body: &[u8]) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    into(decoder, body, &mut values)?;
    // A list without items, and no body at all, count as an empty object.
    if values.is_empty() && matches!(decoder, Decoder::Json) {
        values.push(Value::from(Map::new()));
    }
    Ok(values)
}

fn into(decoder: &Decoder, body: &[u8], values: &mut Vec<Value>) -> Result<(), String> {
    match decoder {
        Decoder::Json if body.trim_ascii().is_empty() => {}
        Decoder::Json => match json::read(body).map_err(|error| format!("its body is no JSON: {error}"))? {
            Value::List(items) => values.extend(items.iter().cloned()),
            other => values.push(other),
        },
        Decoder::Jsonl => {
            for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
                if !line.trim_ascii().is_empty() {
                    values
                        .push(json::read(line).map_err(|error| format!("line {} of it is no JSON: {error}", at + 1))?);
                }
            }
        }
        Decoder::JsonItems(path) => {
            let whole = json::read(body).map_err(|error| format!("its body is no JSON: {error}"))?;
            let found = path.split('.').fold(whole, |value, name| value.member(name));
            values.extend(found.as_list().unwrap_or_default().iter().cloned());
        }
        Decoder::Csv { delimiter, encoding, nulls } => csv::rows(&text(body, *encoding)?, *delimiter, nulls, values),
        Decoder::Xml => values.push(xml::read(body)?),
        Decoder::Lines => {
            for line in text(body, Encoding::Utf8)?.lines() {
                values.push(Value::from(Map::from_iter([("record".into(), Value::from(line))])));
            }
        }
        Decoder::Gzip(inner) => into(inner, &unpacked(body)?, values)?,
        Decoder::Zip(inner) => {
            for file in zip::files(body, MAX_UNPACKED)? {
                into(inner, &file, values)?;
            }
        }
    }
    Ok(())
}

/// The body as it lands: one that was packed by gzip is unpacked, since the host packs what it keeps.
pub(crate) fn landed(decoder: &Decoder, body: Vec<u8>) -> Result<Vec<u8>, String> {
    match decoder {
        Decoder::Gzip(inner) => landed(inner, unpacked(&body)?),
        _ => Ok(body),
    }
}

/// What gzip packed; the same bytes where it did not.
fn unpacked(body: &[u8]) -> Result<Vec<u8>, String> {
    if !body.starts_with(b"\x1f\x8b") {
        return Ok(body.to_vec());
    }
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(body).take(MAX_UNPACKED + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("its body is no whole gzip: {error}"))?;
    if bytes.len() as u64 > MAX_UNPACKED {
        return Err(format!("its body unpacks to more than {} MiB", MAX_UNPACKED >> 20));
    }
    Ok(bytes)
}

fn text(body: &[u8], encoding: Encoding) -> Result<String, String> {
    match encoding {
        Encoding::Latin1 => Ok(body.iter().copied().map(char::from).collect()),
        Encoding::Utf8 => {
            let text = std::str::from_utf8(body).map_err(|error| format!("its body is no UTF-8: {error}"))?;
            Ok(text.trim_start_matches('\u{feff}').to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(decoder: &Decoder, body: &[u8]) -> String {
        match decode(decoder, body) {
            Ok(values) => values.iter().map(Value::to_repr).collect::<Vec<_>>().join(" "),
            Err(reason) => reason,
        }
    }

    #[test]
    fn bodies_are_decoded_as_the_reference_does() {
        let csv = Decoder::Csv { delimiter: b',', encoding: Encoding::Utf8, nulls: vec!["NA".into()] };
        for (decoder, body, expected) in [
            (Decoder::Json, "[{\"a\":1},{\"a\":2}]", "{'a': 1} {'a': 2}"),
            (Decoder::Json, "{\"a\":[1]}", "{'a': [1]}"),
            (Decoder::Json, "[]", "{}"),
            (Decoder::Json, "", "{}"),
            (Decoder::Jsonl, "{\"a\":1}\n\n{\"a\":2}\n", "{'a': 1} {'a': 2}"),
            (Decoder::JsonItems("data.items".into()), "{\"data\":{\"items\":[1,2]}}", "1 2"),
            (Decoder::Lines, "x\ny", "{'record': 'x'} {'record': 'y'}"),
            (
                csv.clone(),
                "a,b\n1,\"x,\"\"y\"\"\"\n2,NA\n3\n",
                "{'a': '1', 'b': 'x,\"y\"'} {'a': '2', 'b': None} {'a': '3', 'b': None}",
            ),
            (csv, "a\r\n\r\n1\r\n", "{'a': '1'}"),
            (
                Decoder::Xml,
                "<r><i id=\"1\">x</i><i>y</i><e/></r>",
                "{'r': {'i': [{'@id': '1', '#text': 'x'}, 'y'], 'e': None}}",
            ),
        ] {
            assert_eq!(shown(&decoder, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_told() {
        for (decoder, body, expected) in [
            (Decoder::Json, &b"<html>"[..], "its body is no JSON"),
            (Decoder::Jsonl, b"{}\nx", "line 2 of it is no JSON"),
            (Decoder::Gzip(Box::new(Decoder::Json)), b"\x1f\x8b\x08", "no whole gzip"),
            (Decoder::Xml, b"<a><b></a>", "its body is no XML"),
            (Decoder::Zip(Box::new(Decoder::Json)), b"PK", "its body is no zip"),
            (Decoder::Lines, b"\xff", "no UTF-8"),
        ] {
            let reason = shown(&decoder, body);
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
