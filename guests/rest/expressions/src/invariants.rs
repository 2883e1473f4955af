//! What holds for every template, literal, time and JSON text, whatever the bytes. For tests and fuzzing only.

use crate::{Scope, Template, Value, json, literal, path, time};

/// Nothing panics, takes more than its budget or loses what it wrote.
pub fn expressions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let config = json::read(br#"{"a": [1, "x", null], "e": {"x": 2.5}, "t": "2024-01-31"}"#).unwrap_or_default();
    let scope = Scope::new(0).with("config", config);
    for source in [text.to_string(), format!("{{{{ {text} }}}}")] {
        let Ok(template) = Template::parse(&source) else { continue };
        let _ = template.eval_string(&scope);
        let _ = template.eval_bool(&scope);
        if let Some(constant) = template.constant() {
            assert_eq!(template.render(&scope).ok().as_deref(), Some(constant));
        }
    }
    let _ = literal::read(&text);
    times(&text);
    written(bytes);
}

fn times(text: &str) {
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let _ = time::strptime(&text[..half], &text[half..]);
    let _ = time::parse(&text[..half], &text[half..]);
    if let Ok(moment) = time::isoparse(text) {
        let _ = time::format(moment, text);
        assert_eq!(time::isoparse(&moment.iso('T')).map(time::DateTime::micros), Ok(moment.micros()));
    }
    if let (Ok(span), Ok(moment)) = (time::parse_span(text), time::DateTime::from_micros(0)) {
        let _ = moment.plus(&span, -1);
        let _ = time::format(moment, text);
    }
}

/// What is written reads back as the same.
fn written(bytes: &[u8]) {
    let copied = json::copy(bytes, &[], None);
    let Ok(mut value) = json::read(bytes) else {
        assert_eq!(copied, None);
        return;
    };
    if let (Some(copied), Some(records)) = (copied, value.as_list()) {
        let mut lines = Vec::new();
        for record in records {
            assert_eq!(json::write(record, &mut lines), Ok(()));
            lines.push(b'\n');
        }
        assert_eq!(copied.lines, lines);
    }
    let mut out = Vec::new();
    assert_eq!(json::write(&value, &mut out), Ok(()));
    let again = json::read(&out);
    let inexact =
        bytes.windows(3).any(|window| matches!(window, b"NaN" | b"Inf")) || out.windows(4).any(|word| word == b"null");
    assert!(inexact || again == Ok(value.clone()));
    let steps = [Value::from(String::from_utf8_lossy(bytes).into_owned()), Value::Int(1)];
    let _ = path::set(&mut value, &steps, Value::None);
    let _ = path::values(&value, &steps);
}
