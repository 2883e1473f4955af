//! What may stand in a source of the short form.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A source in the short form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Short {
    /// What the paths of streams begin with.
    pub(super) base: String,
    pub(super) docs: Option<String>,
    pub(super) auth: Option<Auth>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) params: BTreeMap<String, Param>,
    pub(super) streams: BTreeMap<String, Stream>,
}

/// Where the secret goes, which is called `token`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Auth {
    Bearer,
    Scheme(String),
    Basic(String),
    Header(String),
    Query(String),
}

/// A value that the operator gives.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Param {
    pub(super) help: Option<String>,
    pub(super) default: Option<String>,
    pub(super) choices: Option<Vec<String>>,
}

/// A stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// What a POST sends as JSON.
    pub(super) body: Option<Value>,
    /// The names that lead to the records, separated by dots.
    #[serde(default)]
    pub(super) records: String,
    pub(super) key: Option<String>,
    /// Which records are kept: an expression.
    pub(super) keep: Option<String>,
    pub(super) pages: Option<Pages>,
    pub(super) cursor: Option<Cursor>,
    /// One request for each of these: the parameter, or a list.
    pub(super) each: Option<Each>,
    /// One request for each record of another stream.
    pub(super) of: Option<Of>,
}

/// How pages follow each other.
#[derive(Debug, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Pages {
    Page {
        param: String,
        first: Option<i64>,
        size: Option<u32>,
        #[serde(rename = "size-param")]
        size_param: Option<String>,
    },
    Offset {
        param: String,
        size: Option<u32>,
        #[serde(rename = "size-param")]
        size_param: Option<String>,
    },
    /// A token that an answer has at that path.
    Cursor {
        param: String,
        at: String,
        size: Option<u32>,
        #[serde(rename = "size-param")]
        size_param: Option<String>,
    },
    /// A URL that an answer has at that path.
    Next { at: String },
    /// The `Link` field.
    Link,
}

/// How far a stream has come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    pub(super) field: String,
    /// The format of its times.
    pub(super) format: String,
    pub(super) start: String,
    /// The parameters of the query for where a request begins and ends.
    pub(super) param: Option<String>,
    #[serde(rename = "end-param")]
    pub(super) end_param: Option<String>,
    /// How long a slice is, as `P1M`; with what lies between two.
    pub(super) step: Option<String>,
    pub(super) granularity: Option<String>,
    pub(super) lookback: Option<String>,
}

/// One request for each of some values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Each {
    pub(super) name: String,
    pub(super) values: Values,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Values {
    List(Vec<String>),
    /// A parameter, whose words they are.
    Words(String),
}

/// One request for each record of another stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    pub(super) stream: String,
    pub(super) key: String,
    pub(super) name: String,
}
