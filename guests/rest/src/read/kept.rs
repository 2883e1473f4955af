//! What a stream's cursor keeps between runs, as values by key.
//!
//! `STREAM` has the stream's own point, `STREAM|PARTITION` that of a partition, `STREAM^PARENT` that of a parent stream
//! as far as the stream has read its records.

use expressions::{Map, Value, json};
use landing::run;
use sha2::{Digest as _, Sha256};

/// Longest key (the contract: `set-value`), in bytes.
const MAX_KEY: usize = 256;

/// What is kept for one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The newest record's point.
    pub(crate) cursor: Option<String>,
    /// The end of the last slice that was read whole, where a run did not come to its end.
    pub(crate) after: Option<String>,
    /// How long the last run took, in seconds: a partition that is new begins that much earlier.
    pub(crate) lookback: i64,
}

/// The key of a partition of a stream.
pub(crate) fn key(stream: &str, partition: &Map) -> String {
    if partition.is_empty() {
        return stream.to_owned();
    }
    let text = sorted(&Value::from(partition.clone()));
    let key = format!("{stream}|{text}");
    if key.len() <= MAX_KEY { key } else { format!("{stream}|{}", digest(text.as_bytes())) }
}

/// The key of a parent stream.
pub(crate) fn parent_key(stream: &str, parent: &str) -> String {
    format!("{stream}^{parent}")
}

/// A value as JSON, the same whatever the order of its members.
fn sorted(value: &Value) -> String {
    json::python(value, true, None).unwrap_or_else(|_| value.to_repr())
}

/// The first half of a SHA-256, in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept under a key; none where nothing ever was.
pub(crate) async fn load(key: &str) -> Option<Kept> {
    run::value(key.to_owned()).await.map(|text| read(&text))
}

fn read(text: &str) -> Kept {
    let value = json::read(text.as_bytes()).unwrap_or_default();
    let text = |name: &str| value.member(name).as_str().map(str::to_owned);
    let lookback = value.member("lookback").as_int().and_then(|seconds| i64::try_from(seconds).ok());
    Kept { cursor: text("cursor"), after: text("after"), lookback: lookback.unwrap_or(0) }
}

/// Keep something with the next checkpoint.
pub(crate) fn save(key: &str, kept: &Kept) {
    run::set_value(key, Some(&written(kept)));
}

fn written(kept: &Kept) -> String {
    let mut members = Map::new();
    for (name, text) in [("cursor", &kept.cursor), ("after", &kept.after)] {
        if let Some(text) = text {
            members.insert(name.into(), Value::from(text.as_str()));
        }
    }
    if kept.lookback > 0 {
        members.insert("lookback".into(), Value::Int(kept.lookback.into()));
    }
    sorted(&Value::from(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let kept = Kept { cursor: Some("2025-01-31".into()), after: Some("2025-02-28".into()), lookback: 12 };
        assert_eq!(read(&written(&kept)), kept);
        assert_eq!(read(&written(&Kept::default())), Kept::default());
        assert_eq!(read("broken"), Kept::default());
    }

    #[test]
    fn keys_are_short_and_the_same_whatever_the_order() {
        let partition = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(name, value)| ((*name).into(), Value::from(*value))).collect()
        };
        assert_eq!(key("orders", &Map::new()), "orders");
        assert_eq!(key("orders", &partition(&[("b", "2"), ("a", "1")])), "orders|{\"a\": \"1\", \"b\": \"2\"}");
        let long = "x".repeat(MAX_KEY);
        assert!(key("orders", &partition(&[("a", &long)])).len() <= MAX_KEY);
    }
}
