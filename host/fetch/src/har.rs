//! HTTP Archive 1.2 as it is written and as it is read: the shape of the file alone, and no meaning.
//!
//! What is read may come from a browser, so every field but a few may be missing or null, and unknown ones are passed over.

use serde::{Deserialize, Deserializer, Serialize};

/// Largest file that is read or written, in bytes.
pub const MAX_HAR: u64 = 256 * 1024 * 1024;
/// Most exchanges in one.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// Null is as good as missing.
fn lenient<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) log: Log,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) version: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) creator: Creator,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) pages: Vec<Page>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Creator {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) version: String,
}

/// The run that made the exchanges.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) started_date_time: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) title: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) page_timings: Empty,
}

/// An object with nothing in it that counts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Empty {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub(crate) pageref: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) started_date_time: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) time: f64,
    pub(crate) request: Request,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) response: Response,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) cache: Empty,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) timings: Timings,
    /// Why there is no response, or not all of its body.
    #[serde(rename = "_error", default, skip_serializing_if = "Option::is_none", deserialize_with = "failure")]
    pub(crate) error: Option<Failed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub(crate) again: String,
}

/// Browsers have a field of that name too, with a text in it.
fn failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Failed>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Ours(Failed),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Ours(failed)) => Some(failed),
        Some(Either::Other(_)) | None => None,
    })
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timings {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) send: f64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) wait: f64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) receive: f64,
}

/// A field, or a parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) value: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) http_version: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) cookies: Vec<Empty>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) headers: Vec<Pair>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) query_string: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) post_data: Option<PostData>,
    #[serde(default = "unknown")]
    pub(crate) headers_size: i64,
    #[serde(default = "unknown")]
    pub(crate) body_size: i64,
}

fn unknown() -> i64 {
    -1
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostData {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) mime_type: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) text: String,
    /// As in `content`; HAR itself has none here.
    #[serde(rename = "_encoding", default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub(crate) encoding: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) status_text: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) http_version: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) cookies: Vec<Empty>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) headers: Vec<Pair>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) content: Content,
    #[serde(rename = "redirectURL", default, deserialize_with = "lenient")]
    pub(crate) redirect_url: String,
    #[serde(default = "unknown")]
    pub(crate) headers_size: i64,
    #[serde(default = "unknown")]
    pub(crate) body_size: i64,
}

/// A body, decoded.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Content {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) size: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) mime_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub(crate) encoding: String,
}
