//! What a server answered, as expressions see it. Pure.

use std::cell::OnceCell;

use expressions::{Map, Value, json};

use super::url;

/// A response with its whole body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    parsed: OnceCell<Value>,
}

impl Answer {
    pub(crate) fn new(status: u16, url: String, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, url, headers, body, parsed: OnceCell::new() }
    }

    /// Whether its status is below 400.
    pub(crate) fn is_ok(&self) -> bool {
        self.status < 400
    }

    /// The first value of a field, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; an empty object where it is none.
    pub(crate) fn json(&self) -> &Value {
        self.parsed.get_or_init(|| json::read(&self.body).unwrap_or_else(|_| Value::from(Map::new())))
    }

    /// All fields by their names; several of one name are joined.
    pub(crate) fn fields(&self) -> Map {
        let mut fields = Map::new();
        for (name, value) in &self.headers {
            let joined = match fields.get(name.as_str()).and_then(Value::as_str) {
                Some(before) => format!("{before}, {value}"),
                None => value.clone(),
            };
            fields.insert(name.as_str().into(), Value::from(joined));
        }
        fields
    }

    /// The same for a paginator, which finds the links of a `Link` field by their relation.
    pub(crate) fn fields_with_links(&self) -> Value {
        let mut fields = self.fields();
        let mut links = Map::new();
        for (relation, members) in url::links(fields.get("link").and_then(Value::as_str).unwrap_or_default()) {
            let members = members.into_iter().map(|(name, value)| (name.into(), Value::from(value)));
            links.insert(relation.into(), Value::from(members.collect::<Map>()));
        }
        fields.insert("link".into(), Value::from(links));
        Value::from(fields)
    }

    /// The URL without what may hold a secret: the query, the fragment, a name and a password.
    pub(crate) fn shown(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        match bare.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = authority.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{path}")
            }
            None => bare.to_owned(),
        }
    }

    /// What the server says went wrong, as far as that can be found; the whole body where it is no JSON.
    pub(crate) fn message(&self) -> Option<String> {
        match json::read(&self.body) {
            Ok(value) => said(&value, 0),
            Err(_) => std::str::from_utf8(&self.body).ok().map(str::to_owned),
        }
    }
}

/// How deep a message is looked for.
const MAX_DEPTH: usize = 16;
/// The members that hold one, those that are tried first coming first.
const MESSAGES: [&str; 12] = [
    "message",
    "messages",
    "error",
    "errors",
    "failures",
    "failure",
    "detail",
    "err",
    "error_message",
    "msg",
    "reason",
    "status_message",
];

fn said(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::List(items) => {
            Some(items.iter().filter_map(|item| said(item, depth + 1)).collect::<Vec<_>>().join(", "))
        }
        Value::Dict(members) => {
            let found = MESSAGES.iter().filter_map(|name| members.get(*name)).find(|value| value.is_true());
            found.and_then(|value| said(value, depth + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_found() {
        for (body, expected) in [
            (r#"{"error":{"message":"no such item"}}"#, Some("no such item")),
            (r#"{"errors":[{"detail":"a"},{"msg":"b"}]}"#, Some("a, b")),
            (r#"{"code":1}"#, None),
            ("<html>", Some("<html>")),
            ("7", None),
        ] {
            let answer = Answer::new(400, "https://a.example/".into(), Vec::new(), body.into());
            assert_eq!(answer.message().as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let answer = Answer::new(200, "https://me:word@a.example:8080/x?key=1#f".into(), Vec::new(), Vec::new());
        assert_eq!(answer.shown(), "https://a.example:8080/x");
    }
}
