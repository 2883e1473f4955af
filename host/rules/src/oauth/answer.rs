//! What is answered to a request for a token (RFC 6749, 5), in the ways in which services do so.

use serde_json::Value;

use super::OAuth;
use crate::text;

/// Longest word of a service's for what is wrong, and longest sentence, in characters.
const MAX_CODE: usize = 60;
const MAX_SENTENCE: usize = 200;
/// How deep a member is looked for.
const MAX_DEPTH: usize = 5;
/// Longest token, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// A token. It has no `Debug`, so that it cannot be shown by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is sent with requests.
    pub access_token: String,
    /// What the next one is got with, where the service gives another than before.
    pub refresh_token: Option<String>,
    /// For how many seconds it is good, where the service says so.
    pub expires_in: Option<u64>,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The service refuses, with a word of the standard's (RFC 6749, 5.2) or of its own, and perhaps a sentence.
    #[error("{}", told(.code, .sentence))]
    Refused {
        /// The word.
        code: String,
        /// The sentence, which may hold anything.
        sentence: String,
    },
    /// It has another trouble, which may pass.
    #[error("it answered with status {0}")]
    Status(u16),
    /// The answer is none.
    #[error("{0}")]
    Answer(String),
}

fn told(code: &str, sentence: &str) -> String {
    let sentence = text::cut(&text::line(sentence), MAX_SENTENCE);
    match sentence.trim() {
        "" => format!("it refuses: {}", text::cut(&text::line(code), MAX_CODE)),
        sentence => format!("it refuses: {} ({sentence})", text::cut(&text::line(code), MAX_CODE)),
    }
}

impl Refusal {
    /// Whether the right itself is gone, so that asking again does not help (RFC 6749, 5.2).
    pub fn is_final(&self) -> bool {
        let last = ["invalid_client", "unauthorized_client", "access_denied", "expired_token"];
        self.is_of_the_right() || matches!(self, Self::Refused { code, .. } if last.contains(&code.as_str()))
    }

    /// Whether what a token was asked with is of no use any more, in the standard's word or those of services.
    pub fn is_of_the_right(&self) -> bool {
        let gone =
            ["invalid_grant", "bad_refresh_token", "invalid_refresh_token", "refresh_token_reused", "invalid_code"];
        matches!(self, Self::Refused { code, .. } if gone.contains(&code.as_str()))
    }

    /// The word of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Read what was answered: JSON, or a form as some services have it.
pub fn answer(oauth: &OAuth, status: u16, body: &[u8]) -> Result<Answer, Refusal> {
    let value = read(body);
    let text = |name: &str| value.as_ref().and_then(|value| at(value, name)).and_then(Value::as_str);
    // Some refuse with 200, and a false `ok`.
    let is_ok = value.as_ref().and_then(|value| value.get("ok")).is_none_or(|ok| ok != &Value::Bool(false));
    let code = text("error").or_else(|| text("error.code")).or_else(|| text("error.type"));
    let given = value.as_ref().and_then(|value| at(value, oauth.name("access_token"))).is_some_and(Value::is_string);
    let is_refused = !(200..300).contains(&status) || !is_ok || !given;
    if let Some(code) = code.filter(|code| is_refused && !code.is_empty()) {
        let sentence = ["error_description", "error.message", "message"].into_iter().find_map(text).unwrap_or_default();
        return Err(Refusal::Refused { code: code.to_owned(), sentence: sentence.to_owned() });
    }
    if !(200..300).contains(&status) {
        return Err(Refusal::Status(status));
    }
    let Some(value) = &value else {
        return Err(Refusal::Answer("its answer is neither a JSON object nor a form".into()));
    };
    let token = |name: &str| at(value, oauth.name(name)).and_then(Value::as_str).filter(|token| !token.is_empty());
    let Some(access) = token("access_token") else {
        return Err(Refusal::Answer(format!("its answer has no `{}`", oauth.name("access_token"))));
    };
    let refresh = token("refresh_token");
    if access.len() > MAX_TOKEN || refresh.is_some_and(|token| token.len() > MAX_TOKEN) {
        return Err(Refusal::Answer(format!("its token is longer than {MAX_TOKEN} bytes")));
    }
    let expires_in = at(value, oauth.name("expires_in")).and_then(seconds).or(oauth.expires_in);
    Ok(Answer { access_token: access.to_owned(), refresh_token: refresh.map(str::to_owned), expires_in })
}

fn read(body: &[u8]) -> Option<Value> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Some(value),
        Ok(_) => None,
        Err(_) => {
            let pairs: serde_json::Map<_, _> = url::form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                .collect();
            let known = ["access_token", "error"];
            known.iter().any(|name| pairs.contains_key(*name)).then_some(Value::Object(pairs))
        }
    }
}

/// What a path of dots leads to; a key that has dots itself comes first.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let step = |value: &'a Value, key: &str| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    };
    value.get(path).or_else(|| path.split('.').try_fold(value, step)).or_else(|| within(value, path, MAX_DEPTH))
}

/// The member of that name at any depth, the outermost first: some wrap all that they answer.
fn within<'a>(value: &'a Value, key: &str, depth: usize) -> Option<&'a Value> {
    let members = value.as_object().filter(|_| depth > 0)?;
    let inner = || members.values().find_map(|inner| within(inner, key, depth - 1));
    members.get(key).or_else(inner)
}

/// A number of seconds, which some write as a text or as a fraction.
fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // What is negative or no number is taken for none, and so is 0, by which some mean a token that does not run out. The
    // cast saturates.
    number.filter(|number| *number > 0.0).map(|number| number.max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &str, status: u16, body: &str) -> Result<(String, Option<String>, Option<u64>), String> {
        let text = format!("grant = \"client-credentials\"\ntoken-url = \"https://a.example/t\"\n{names}");
        let oauth: OAuth = toml::from_str(&text).expect("a description");
        answer(&oauth, status, body.as_bytes())
            .map(|answer| (answer.access_token, answer.refresh_token, answer.expires_in))
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn answers_are_read_as_services_give_them() {
        let ok =
            |access: &str, refresh: Option<&str>, seconds| Ok((access.to_owned(), refresh.map(str::to_owned), seconds));
        let err = |text: &str| Err(text.to_owned());
        for (names, status, body, expected) in [
            ("", 200, r#"{"access_token":"a","expires_in":3600,"token_type":"Bearer"}"#, ok("a", None, Some(3600))),
            ("", 201, r#"{"access_token":"a","refresh_token":"r","expires_in":"59.9"}"#, ok("a", Some("r"), Some(59))),
            ("", 200, r#"{"access_token":"a","refresh_token":"","expires_in":null}"#, ok("a", None, None)),
            ("", 200, r#"{"access_token":"a","error":""}"#, ok("a", None, None)),
            ("", 200, r#"{"data":{"x":{"access_token":"a","expires_in":5}}}"#, ok("a", None, Some(5))),
            ("", 200, "access_token=a%26b&expires_in=7", ok("a&b", None, Some(7))),
            (
                "names = { access_token = \"data.token\", expires_in = \"data.ttl\" }",
                200,
                r#"{"data":{"token":"a","ttl":-1}}"#,
                ok("a", None, None),
            ),
            (
                "names = { access_token = \"data.id\" }",
                200,
                r#"{"data":{"id":"a","error":"none"},"error":"","expires_in":0.5}"#,
                ok("a", None, Some(1)),
            ),
            ("", 400, r#"{"error":"invalid_grant"}"#, err("it refuses: invalid_grant")),
            ("", 200, r#"{"ok":false,"error":"token_revoked"}"#, err("it refuses: token_revoked")),
            (
                "",
                401,
                r#"{"error":"invalid_client","error_description":"no\u001b[2J such client"}"#,
                err("it refuses: invalid_client (no\\u{1b}[2J such client)"),
            ),
            ("", 400, r#"{"error":{"code":"x","message":"y"}}"#, err("it refuses: x (y)")),
            ("", 503, "busy", err("it answered with status 503")),
            ("", 200, "<html>", err("its answer is neither a JSON object nor a form")),
            ("", 200, "[]", err("its answer is neither a JSON object nor a form")),
            ("", 200, "{}", err("its answer has no `access_token`")),
        ] {
            assert_eq!(read(names, status, body), expected, "{status} {body}");
        }
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(MAX_TOKEN + 1));
        assert_eq!(read("", 200, &long), err("its token is longer than 8192 bytes"));
    }

    #[test]
    fn some_refusals_are_final() {
        let refused = |code: &str| Refusal::Refused { code: code.into(), sentence: String::new() };
        assert!(refused("invalid_grant").is_final());
        assert!(!refused("temporarily_unavailable").is_final());
        assert!(!Refusal::Status(500).is_final());
    }
}
