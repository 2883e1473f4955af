//! Which values of the configuration are secrets, and where in a request each goes. Their values stay with the host.

mod probe;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use expressions::Template;

use super::Expression;
use super::expression::Configured;
use super::token::OAuth;
use crate::manifest::{ManifestError, Place};
use probe::{MARK, Probe, stand_in};

/// The way to a value of the configuration.
pub(crate) type Way = Vec<Rc<str>>;

/// Where in a request a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placement {
    /// `Authorization: Bearer SECRET`
    Bearer,
    /// `Authorization: SCHEME SECRET`
    Scheme(String),
    /// `Authorization: Basic …`, the secret being the password of this user.
    Password(String),
    /// The same, the secret being the user of this password.
    User(String),
    /// A field.
    Header(String),
    /// A parameter of the query.
    Query(String),
    /// `Authorization: Basic …`, both the user and the password being secret.
    Pair,
}

/// A secret that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) name: String,
    /// The value that it is, or the first of those that it is made of.
    pub(crate) way: Way,
    pub(crate) placement: Placement,
    /// What it is made of, where it is more than a value.
    pub(crate) parts: Vec<(&'static str, Way)>,
    /// How the host gets it, where it is a token.
    pub(crate) oauth: Option<OAuth>,
}

impl Ask {
    /// All values of the configuration that go into it.
    pub(crate) fn ways(&self) -> impl Iterator<Item = &Way> {
        [&self.way].into_iter().filter(|way| !way.is_empty()).chain(self.parts.iter().map(|(_, way)| way))
    }
}

/// A secret of parts, before it has a name.
pub(crate) struct Asked {
    pub(crate) placement: Placement,
    pub(crate) parts: Vec<(&'static str, Way)>,
    pub(crate) oauth: Option<OAuth>,
}

/// The secrets of a manifest, as they are found while it is read.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    marked: RefCell<BTreeSet<Way>>,
    asks: RefCell<Vec<Ask>>,
    /// What expressions read of the configuration beside secrets.
    reads: RefCell<BTreeSet<Way>>,
    /// What the specification describes; nothing where there is none.
    described: Vec<Way>,
    /// What the manifest's own rules change, which the host does not know.
    changed: RefCell<Vec<Way>>,
    /// Whether an expression that reads a secret is an error. It is not yet while they are still being found.
    strict: bool,
}

impl Secrets {
    /// The values at these places are secrets; which others are is found by reading the authenticators.
    pub(crate) fn finding(marked: &[Way], described: &[Way]) -> Self {
        let marked = RefCell::new(marked.iter().cloned().collect());
        Self { marked, described: described.to_vec(), ..Self::default() }
    }

    /// The same once all are found.
    pub(crate) fn found(self) -> Self {
        Self { marked: self.marked, described: self.described, strict: true, ..Self::default() }
    }

    /// The secrets that are asked for.
    pub(crate) fn asks(&self) -> Vec<Ask> {
        self.asks.borrow().clone()
    }

    /// What is read of the configuration beside secrets.
    pub(crate) fn reads(&self) -> BTreeSet<Way> {
        self.reads.borrow().clone()
    }

    /// Whether that value, one that it is in, or one in it is a secret.
    fn touches(&self, way: &[Rc<str>]) -> bool {
        let marked = self.marked.borrow();
        marked.iter().any(|secret| is_about(secret, way))
    }

    /// That the manifest's rules change these values.
    pub(crate) fn note_changed(&self, ways: Vec<Way>) {
        self.changed.borrow_mut().extend(ways);
    }

    fn is_changed(&self, way: &[Rc<str>]) -> bool {
        self.changed.borrow().iter().any(|changed| is_about(changed, way))
    }

    /// That what was read so far does not count.
    pub(crate) fn forget_reads(&self) {
        self.reads.borrow_mut().clear();
    }

    /// That a value is read of the configuration.
    pub(crate) fn note(&self, way: Way) {
        self.reads.borrow_mut().insert(way);
    }

    /// That an expression reads no secret.
    pub(crate) fn check(&self, template: &Template, place: &Place<'_>) -> Result<(), ManifestError> {
        for read in template.reads() {
            let Some((first, way)) = read.split_first() else { continue };
            if &**first != "config" {
                continue;
            }
            if self.strict && !way.is_empty() && self.touches(way) {
                let reason = format!(
                    "it computes with the secret `{}`, which stays with the host: it can only be the whole of a header, of a \
                     parameter, or of what an authenticator sends",
                    way.join(".")
                );
                return Err(ManifestError::at(place, reason));
            }
            self.reads.borrow_mut().insert(way.to_vec());
        }
        Ok(())
    }

    /// The name of the secret that an expression is, where it is one and nothing else. What an authenticator sends always
    /// is, if it is a value of the configuration.
    pub(crate) fn named(
        &self,
        expression: &Expression,
        is_authenticator: bool,
        place: impl FnOnce(&str) -> Option<Placement>,
    ) -> Option<String> {
        let Configured { way, prefix, suffix } = expression.configured()?;
        if !suffix.is_empty() {
            return None;
        }
        if is_authenticator {
            self.marked.borrow_mut().insert(way.clone());
        } else if !self.marked.borrow().contains(&way) {
            return None;
        }
        place(&prefix).map(|placement| self.ask(&way, placement))
    }

    /// What stands for a value of the configuration that is no secret, in the text of a placement: `{name}`.
    pub(crate) fn parameter(&self, expression: &Expression) -> Option<String> {
        let Configured { way, prefix, suffix } = expression.configured()?;
        let plain = !self.touches(&way) && !self.is_changed(&way);
        self.reads.borrow_mut().extend(plain.then(|| way.clone()));
        plain.then(|| format!("{prefix}{{{}}}{suffix}", setting(&way)))
    }

    /// Whether an expression is a value that the specification does not describe, which is therefore never there.
    pub(crate) fn is_never_there(&self, expression: &Expression) -> bool {
        let Some(Configured { way, prefix, suffix }) = expression.configured() else { return false };
        let is_described = |other: &Way| other.starts_with(&way) || way.starts_with(other);
        let alone = prefix.is_empty() && suffix.is_empty();
        alone && !self.described.is_empty() && !self.described.iter().any(is_described)
    }

    fn ask(&self, way: &[Rc<str>], placement: Placement) -> String {
        let mut asks = self.asks.borrow_mut();
        if let Some(there) = asks.iter().find(|ask| ask.way == way && ask.placement == placement) {
            return there.name.clone();
        }
        let name = free(&asks, &setting(way));
        asks.push(Ask { name: name.clone(), way: way.to_vec(), placement, parts: Vec::new(), oauth: None });
        name
    }

    /// The name of a secret that is made of parts.
    pub(crate) fn asked(&self, asked: Asked) -> String {
        let Asked { placement, parts, oauth } = asked;
        let mut asks = self.asks.borrow_mut();
        let same = |ask: &&Ask| ask.parts == parts && ask.placement == placement && ask.oauth == oauth;
        if let Some(there) = asks.iter().find(same) {
            return there.name.clone();
        }
        let name = free(&asks, if oauth.is_some() { "token" } else { "credentials" });
        let way = parts.first().map(|(_, way)| way.clone()).unwrap_or_default();
        asks.push(Ask { name: name.clone(), way, placement, parts, oauth });
        name
    }

    /// That a value is a secret.
    pub(crate) fn mark(&self, way: &[Rc<str>]) {
        self.marked.borrow_mut().insert(way.to_vec());
    }

    /// Whether a value is known to be a secret.
    pub(crate) fn is_marked(&self, way: &Way) -> bool {
        self.marked.borrow().contains(way)
    }

    /// The value of the configuration that an expression comes to, however it is written.
    pub(crate) fn way(&self, expression: &Expression) -> Option<Way> {
        let probe = Probe::of(expression, &self.described)?;
        probe.ways.iter().zip(0..).find(|(_, number)| *probe.text == *stand_in(*number)).map(|(way, _)| way.clone())
    }

    /// The secret that an expression is; any value of the configuration, where all are taken for secrets.
    pub(crate) fn secret_way(&self, expression: &Expression, any: bool) -> Option<Way> {
        self.way(expression).filter(|way| any || self.is_marked(way))
    }

    /// What an expression comes to, with `{name}` where a value of the configuration stands as it is; nothing where a
    /// secret does, or where more is computed of one.
    pub(crate) fn text_for_host(&self, expression: &Expression) -> Option<String> {
        if let Some(constant) = expression.template().constant() {
            return Some(constant.to_owned());
        }
        let probe = Probe::of(expression, &self.described)?;
        let mut text = probe.text.to_string();
        let mut found: Vec<&Way> = Vec::new();
        for (way, number) in probe.ways.iter().zip(0..) {
            let stand_in = stand_in(number);
            if text.contains(&*stand_in) {
                text = text.replace(&*stand_in, &format!("{{{}}}", setting(way)));
                found.push(way);
            }
        }
        let is_seen = |read: &[Rc<str>]| found.iter().any(|way| way.starts_with(read) || read.starts_with(way));
        let whole = !text.contains(MARK) && expression.reads_of_config().all(is_seen);
        if !whole || found.iter().any(|way| self.touches(way) || self.is_changed(way)) {
            return None;
        }
        self.reads.borrow_mut().extend(found.into_iter().cloned());
        Some(text)
    }

    /// Whether an expression is `Basic …` with the client's own name and secret, which are among these parts.
    pub(crate) fn is_basic(&self, expression: &Expression, parts: &[(&'static str, Way)]) -> bool {
        let Some(probe) = Probe::of(expression, &self.described) else { return false };
        let of = |wanted: &str| {
            let way = parts.iter().find(|(part, _)| *part == wanted).map(|(_, way)| way)?;
            probe.ways.iter().position(|there| there == way).map(stand_in)
        };
        let (Some(client), Some(secret)) = (of("client-id"), of("client-secret")) else { return false };
        *probe.text == *format!("Basic {}", base64(format!("{client}:{secret}").as_bytes()))
    }
}

/// Whether one is the other, is in it, or has it in it.
pub(crate) fn is_about(one: &[Rc<str>], other: &[Rc<str>]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// That name, with a number behind it where others have it already.
fn free(asks: &[Ask], name: &str) -> String {
    let names = |number: usize| if number == 0 { name.to_owned() } else { format!("{name}-{}", number + 1) };
    let is_free = |name: &String| !asks.iter().any(|ask| ask.name == *name);
    (0..=asks.len()).map(names).find(is_free).unwrap_or_default()
}

/// Base64 (RFC 4648, 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

/// What an operator calls a value of the configuration: letters, digits, `_` and `-`.
pub(crate) fn setting(way: &[Rc<str>]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let name: String = way.join("-").chars().map(plain).take(60).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// Where a secret goes that is sent in this field, behind this text.
pub(crate) fn in_field(field: &str, prefix: &str) -> Option<Placement> {
    let scheme = match prefix.strip_suffix('=') {
        Some(before) if before.split(' ').filter(|word| !word.is_empty()).count() == 2 => Some(prefix),
        _ => prefix.strip_suffix(' ').filter(|scheme| !scheme.is_empty() && !scheme.contains(' ')),
    };
    match (field.eq_ignore_ascii_case("authorization"), scheme) {
        (true, Some("Bearer")) => Some(Placement::Bearer),
        (true, Some(scheme)) => Some(Placement::Scheme(scheme.to_owned())),
        _ if prefix.is_empty() => Some(Placement::Header(field.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use expressions::{Map, Value};

    use super::*;

    fn expression(text: &str) -> Expression {
        Expression::of(&Value::from(text), &Value::from(Map::new()), &Place::Root).expect(text)
    }

    fn way(text: &str) -> Way {
        text.split('.').map(Rc::from).collect()
    }

    #[test]
    fn the_host_gets_texts_that_need_no_computing() {
        let described = ["host", "region", "auth.id", "auth.secret", "auth.token"].map(way);
        let secrets = Secrets::finding(&described[3..], &described);
        for (text, expected) in [
            ("https://a.example/t", Some("https://a.example/t")),
            ("https://{{ config['host'] }}/t", Some("https://{host}/t")),
            ("https://{{ config.get('host', 'a.example') }}/t", Some("https://{host}/t")),
            ("https://{{ config.host }}.{{ config.region ~ '.example' }}", Some("https://{host}.{region}.example")),
            ("{{ config.auth.id }}", Some("{auth-id}")),
            ("{{ config.other }}", Some("{other}")),
            ("{{ config.host | upper }}", None),
            ("{{ config.host | urlencode }}", None),
            ("{{ 'https://x' if config.host == 'eu' else 'https://y' }}", None),
            ("{{ config.host[:4] }}", None),
            ("{{ config.auth.secret }}", None),
            ("{{ now_utc() }}", None),
        ] {
            assert_eq!(secrets.text_for_host(&expression(text)).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("{{ config['auth']['token'] }}", Some("auth.token")),
            ("{{ config.get('auth', {}).get('token', config['token']) }}", Some("auth.token")),
            ("{{ (config.get('auth') or config).get('token') }}", Some("auth.token")),
            ("{{ config.token }}", Some("token")),
            ("x{{ config.auth.token }}", None),
            ("{{ config.auth.token | base64encode }}", None),
        ] {
            assert_eq!(secrets.way(&expression(text)), expected.map(way), "{text}");
        }
    }

    #[test]
    fn credentials_of_the_client_in_a_field_are_recognised() {
        let described = ["id", "secret"].map(way);
        let secrets = Secrets::finding(&[], &described);
        let parts = [("client-id", way("id")), ("client-secret", way("secret"))];
        for (text, expected) in [
            ("Basic {{ (config['id'] ~ ':' ~ config['secret']) | base64encode }}", true),
            ("Basic {{ [config.id, config.secret] | join(':') | base64encode }}", true),
            ("Basic {{ (config['secret'] ~ ':' ~ config['id']) | base64encode }}", false),
            ("Bearer {{ config.secret }}", false),
        ] {
            assert_eq!(secrets.is_basic(&expression(text), &parts), expected, "{text}");
        }
    }

    #[test]
    fn base64_is_as_the_standard_has_it() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
