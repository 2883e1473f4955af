//! Which values of the configuration are secrets, and where in a request each goes. Their values stay with the host.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use expressions::Template;

use super::Expression;
use super::expression::Configured;
use crate::manifest::{ManifestError, Place};

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
}

/// A secret that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) name: String,
    pub(crate) way: Way,
    pub(crate) placement: Placement,
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
        marked.iter().any(|secret| secret.starts_with(way) || way.starts_with(secret))
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
        let plain = !self.touches(&way);
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
        let name = setting(way);
        let others = asks.iter().filter(|ask| ask.way == way).count();
        let name = if others == 0 { name } else { format!("{name}-{}", others + 1) };
        asks.push(Ask { name: name.clone(), way: way.to_vec(), placement });
        name
    }
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
