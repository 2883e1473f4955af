//! An `extractor.toml`, written.

use std::fmt::Write as _;

use expressions::Value;

use super::origins::Origins;
use super::properties::Property;
use super::{RECORDS, STREAMS};
use crate::plan::{Ask, OAuth, Placement, Plan};

/// Longest text that is shown to a person, in characters.
const MAX_TEXT: usize = 400;
/// Most sources that are named one by one.
const MAX_SOURCES: usize = 200;

/// What is said of secrets.
pub(super) struct Secrets<'a> {
    pub(super) asks: &'a [Ask],
    /// The properties, those that are secrets too.
    pub(super) described: &'a [Property],
    pub(super) origins: &'a Origins,
}

/// The text of it.
pub(super) fn write(
    name: &str,
    plan: &Plan,
    properties: &[Property],
    secrets: &Secrets<'_>,
    manifest: &Value,
) -> String {
    let Secrets { asks, described, origins } = secrets;
    let mut text = String::new();
    let streams: Vec<&str> = plan.streams.iter().map(|stream| &*stream.name).collect();
    let description = format!("{}, read by a declarative manifest", counted(streams.len(), "stream"));
    let _ = writeln!(text, "name = {}", quoted(name));
    let _ = writeln!(text, "description = {}", quoted(&description));
    if let Some(homepage) = manifest.member("spec").member("documentation_url").as_str() {
        let _ = writeln!(text, "homepage = {}", quoted(homepage));
    }
    let _ = writeln!(text, "http = {}", list(origins.all.iter().map(String::as_str)));
    let sources = plan.streams.iter().map(|stream| stream.source.as_str());
    let _ = match plan.streams.len() {
        0..=MAX_SOURCES if plan.dynamic.is_empty() => writeln!(text, "sources = {}", list(sources)),
        _ => writeln!(text, "sources = [\"*\"]"),
    };
    let names = format!("The streams to read, separated by white space; all where it is blank: {}", streams.join(", "));
    param(&mut text, STREAMS, &names, Some(""));
    let records = "`true` lands the selected records, a line of JSON each; `false` lands the answers as they came";
    param(&mut text, RECORDS, records, Some("false"));
    for property in properties {
        let name = property.name();
        let reserved = name == STREAMS || name == RECORDS;
        let name = if reserved { format!("{name}-") } else { name };
        param(&mut text, &name, &property.help, property.default.as_deref());
    }
    for ask in *asks {
        let property = described.iter().find(|property| property.way == ask.way);
        let _ = writeln!(text, "\n[secret.{}]", ask.name);
        if let Some(help) = property.map(|property| shown(&property.help)).filter(|help| !help.is_empty()) {
            let _ = writeln!(text, "help = {}", quoted(&help));
        }
        let _ = writeln!(text, "as = {}", placement(&ask.placement));
        if let Some(origins) = origins.of_secrets.get(&ask.name).filter(|origins| !origins.contains("*")) {
            let _ = writeln!(text, "origins = {}", list(origins.iter().map(String::as_str)));
        }
        if property.is_some_and(|property| !property.required) {
            let _ = writeln!(text, "optional = true");
        }
        if let Some(oauth) = &ask.oauth {
            token(&mut text, &ask.name, oauth);
        }
    }
    text
}

fn param(text: &mut String, name: &str, help: &str, default: Option<&str>) {
    let _ = writeln!(text, "\n[param.{name}]");
    if !help.is_empty() {
        let _ = writeln!(text, "help = {}", quoted(&shown(help)));
    }
    if let Some(default) = default {
        let _ = writeln!(text, "default = {}", quoted(default));
    }
}

/// How the host gets a token.
fn token(text: &mut String, secret: &str, oauth: &OAuth) {
    let _ = writeln!(text, "\n[secret.{secret}.oauth]\ngrant = {}", quoted(oauth.grant));
    if !oauth.url.is_empty() {
        let _ = writeln!(text, "token-url = {}", quoted(&oauth.url));
    }
    for (key, value) in &oauth.signed {
        let _ = writeln!(text, "{key} = {}", quoted(value));
    }
    if let Some(seconds) = oauth.lifetime {
        let _ = writeln!(text, "lifetime = {seconds}");
    }
    let words = [("client-auth", oauth.client_auth), ("method", oauth.method), ("body", oauth.body)];
    let client = oauth.client_id.as_deref();
    for (key, value) in [("client-id", client)].into_iter().chain(words) {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    if let Some(seconds) = oauth.expires_in {
        let _ = writeln!(text, "expires-in = {seconds}");
    }
    let names = oauth.names.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    for (key, all) in
        [("claims", &oauth.claims), ("params", &oauth.params), ("headers", &oauth.headers), ("names", &names)]
    {
        if !all.is_empty() {
            let all: Vec<String> =
                all.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
            let _ = writeln!(text, "{key} = {{ {} }}", all.join(", "));
        }
    }
}

fn placement(placement: &Placement) -> String {
    match placement {
        Placement::Bearer => "\"bearer\"".to_owned(),
        Placement::Scheme(scheme) => format!("{{ scheme = {} }}", quoted(scheme)),
        Placement::Password(user) => format!("{{ basic = {} }}", quoted(user)),
        Placement::User(password) => format!("{{ user = {} }}", quoted(password)),
        Placement::Header(name) => format!("{{ header = {} }}", quoted(name)),
        Placement::Query(name) => format!("{{ query = {} }}", quoted(name)),
        Placement::Pair => "\"pair\"".to_owned(),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A text on one line, without what is not shown or speaks to a terminal, and not too long.
fn shown(text: &str) -> String {
    let visible = |letter: &char| {
        !letter.is_control()
            && !matches!(*letter, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain: String = words.join(" ").chars().filter(visible).collect();
    match plain.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

/// A basic string (TOML 1.0).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_fit_to_be_shown_and_quoted() {
        assert_eq!(shown("all \u{202e}is\n\u{1b}[32m well"), "all is [32m well");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), MAX_TEXT + 1);
        assert_eq!(quoted("a\"b\\c\n\u{1}"), r#""a\"b\\c\n\u0001""#);
    }
}
