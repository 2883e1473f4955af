//! Where something stands in a source of the short form, by where it stands in the manifest that was made of it. Pure.

use serde_json::Value;

/// Places below a stream of a manifest, and the keys that stand for them: those of a stream, or of the source.
const KEYS: [(&str, &str); 16] = [
    ("retriever.requester.url_base", "base"),
    ("retriever.requester.authenticator", "auth"),
    ("retriever.requester.request_headers", "headers"),
    ("retriever.requester.path", ".path"),
    ("retriever.requester.request_parameters", ".query"),
    ("retriever.requester.request_body_json", ".body"),
    ("retriever.record_selector.record_filter", ".keep"),
    ("retriever.record_selector.extractor", ".records"),
    ("retriever.paginator", ".pages"),
    ("incremental_sync.cursor_field", ".cursor.field"),
    ("incremental_sync.datetime_format", ".cursor.format"),
    ("incremental_sync.start_datetime", ".cursor.start"),
    ("incremental_sync.step", ".cursor.step"),
    ("incremental_sync.lookback_window", ".cursor.lookback"),
    ("incremental_sync", ".cursor"),
    ("", ""),
];

/// What is said of a manifest, with the place as its author wrote it.
pub(in crate::adding) fn told(manifest: &str, message: &str) -> String {
    let Some((place, reason)) = message.split_once(": ") else { return message.to_owned() };
    let Some(key) = serde_json::from_str(manifest).ok().and_then(|manifest| key(&manifest, place)) else {
        return message.to_owned();
    };
    format!("{key}: {reason}")
}

/// The key that a place stands for; nothing where it is not in a stream.
fn key(manifest: &Value, place: &str) -> Option<String> {
    let (mut at, mut stream, mut below) = (manifest, None, Vec::new());
    for step in place.split('.').flat_map(|step| step.split('[')) {
        let next = match step.strip_suffix(']') {
            Some(number) => at.get(number.parse::<usize>().ok()?),
            None => at.get(step),
        };
        at = next.unwrap_or(&Value::Null);
        below.push(step);
        if at["type"] == "DeclarativeStream" {
            stream = at["name"].as_str();
            below.clear();
        }
    }
    let (stream, below) = (stream?, below.join("."));
    let (_, key) = KEYS.iter().find(|(place, _)| below.starts_with(place))?;
    Some(match key.strip_prefix('.') {
        Some(key) => format!("streams.{stream}.{key}"),
        None if key.is_empty() => format!("streams.{stream}"),
        None => (*key).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_author() {
        let text = "base = \"https://api.example\"\n[streams.items]\npath = \"items\"\n\
                    [streams.parts]\npath = \"{item}\"\nof = { stream = \"items\", key = \"id\", name = \"item\" }\n";
        let manifest = super::super::manifest(text).expect("a manifest");
        let parent = "streams[1].retriever.partition_router[0].parent_stream_configs[0].stream";
        for (message, expected) in [
            ("streams[1].retriever.requester.path: no", "streams.parts.path: no"),
            ("streams[0].retriever.requester.url_base: no", "base: no"),
            ("streams[0].retriever.requester.request_parameters.a: no: at all", "streams.items.query: no: at all"),
            (&*format!("{parent}.incremental_sync.start_datetime: no"), "streams.items.cursor.start: no"),
            ("streams[0].retriever: no", "streams.items: no"),
            ("streams[7].retriever: no", "streams[7].retriever: no"),
            ("the manifest: no", "the manifest: no"),
            ("it is empty", "it is empty"),
        ] {
            assert_eq!(told(&manifest, message), expected);
        }
    }
}
