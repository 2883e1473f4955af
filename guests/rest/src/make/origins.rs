//! The origins that a manifest sends requests to, as far as its URLs say so.

use std::collections::{BTreeMap, BTreeSet};

use expressions::{Map, Value};

use super::properties::Property;
use crate::plan::{Expression, Plan, Requester, World};

/// Any that the operator names.
const ANY: &str = "*";
/// Most values of a choice that are tried.
const MAX_CHOICES: usize = 50;
/// What stands for what is not known yet, in a URL.
const UNKNOWN: &str = "\u{1}";

/// The origins of a manifest.
pub(crate) struct Origins {
    pub(crate) all: BTreeSet<String>,
    /// Those that each secret goes to.
    pub(crate) of_secrets: BTreeMap<String, BTreeSet<String>>,
}

/// All origins of a plan.
pub(crate) fn origins(plan: &Plan, properties: &[Property]) -> Origins {
    let mut origins = Origins { all: BTreeSet::new(), of_secrets: BTreeMap::new() };
    for requester in plan.requesters() {
        let of = of_requester(requester, properties);
        for secret in requester.all_secrets() {
            origins.of_secrets.entry(secret.to_owned()).or_default().extend(of.iter().cloned());
        }
        origins.all.extend(of);
    }
    origins
}

fn of_requester(requester: &Requester, properties: &[Property]) -> BTreeSet<String> {
    let Some(url) = requester.base.as_ref().or(requester.url.as_ref()) else { return BTreeSet::new() };
    let defaults: Vec<(&Property, Value)> =
        properties.iter().filter_map(|property| Some((property, Value::from(property.default.as_deref()?)))).collect();
    let reads: Vec<&Property> = properties.iter().filter(|property| reads(url, property)).collect();
    // A path may be a whole URL.
    let path = requester.path.as_ref().filter(|path| path.written().contains("://"));
    let mut found = BTreeSet::new();
    if let Some(path) = path {
        found.extend(evaluated(path, &defaults, &[]).and_then(|url| origin(&url)));
    }
    match &reads[..] {
        [] => match evaluated(url, &[], &[]).and_then(|url| origin(&url)) {
            Some(origin) => found.extend([origin]),
            None => found.extend([ANY.to_owned()]),
        },
        [property] if (1..=MAX_CHOICES).contains(&property.choices.len()) => {
            let of =
                |choice: &Value| evaluated(url, &defaults, &[(*property, choice.clone())]).and_then(|url| origin(&url));
            match property.choices.iter().map(of).collect::<Option<BTreeSet<_>>>() {
                Some(origins) => found.extend(origins),
                None => found.extend([ANY.to_owned()]),
            }
        }
        several => {
            let unknown: Vec<_> = several.iter().map(|property| (*property, Value::from(UNKNOWN))).collect();
            let shape = evaluated(url, &defaults, &unknown).and_then(|url| wildcard(&url));
            let by_default = evaluated(url, &defaults, &[]).and_then(|url| origin(&url));
            let is_open = shape.is_none();
            found.extend(shape);
            found.extend(by_default.filter(|_| is_open));
            found.extend(is_open.then(|| ANY.to_owned()));
        }
    }
    found
}

fn reads(url: &Expression, property: &Property) -> bool {
    url.template().reads().iter().any(|read| match read.split_first() {
        Some((first, way)) => &**first == "config" && (way.starts_with(&property.way) || property.way.starts_with(way)),
        None => false,
    })
}

/// What a URL comes to with these values, those that are set counting more than defaults.
fn evaluated(url: &Expression, defaults: &[(&Property, Value)], set: &[(&Property, Value)]) -> Option<String> {
    let mut config = Value::from(Map::new());
    for (property, value) in defaults.iter().chain(set) {
        // What cannot be set is not there, as for a run.
        let _ = expressions::path::set(&mut config, &steps(&property.way), value.clone());
    }
    let world = World { config, now: Box::new(|| 0), random: Box::new(|_| {}), optional: BTreeSet::new() };
    url.text(&world, &[]).ok().map(|url| url.to_string()).filter(|url| url.contains("://"))
}

fn steps(way: &[std::rc::Rc<str>]) -> Vec<Value> {
    way.iter().map(|name| Value::Str(name.clone())).collect()
}

/// The origin of a URL, where all of it is known.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let known =
        !authority.is_empty() && !authority.contains(['{', '}', ' ', '\u{1}']) && matches!(scheme, "http" | "https");
    known.then(|| format!("{scheme}://{}", authority.to_ascii_lowercase()))
}

/// The same where the first names of the host are not known: `https://*.example.org`.
fn wildcard(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if !authority.contains(UNKNOWN) {
        return origin(url);
    }
    let (_, below) = authority.rsplit_once(UNKNOWN)?;
    // What follows has to begin a name of its own, and to be more than a public suffix.
    let below = below.strip_prefix('.')?;
    (below.contains('.'))
        .then(|| origin(&format!("{scheme}://{below}")))
        .flatten()
        .map(|origin| origin.replacen("://", "://*.", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_a_host_is_a_star() {
        for (url, expected) in [
            ("https://\u{1}.shop.example/api", Some("https://*.shop.example")),
            ("https://x-\u{1}.shop.example/api", Some("https://*.shop.example")),
            ("https://api.shop.example/\u{1}", Some("https://api.shop.example")),
            ("https://\u{1}/api", None),
            ("https://api.\u{1}/x", None),
            ("https://\u{1}.example", None),
            ("\u{1}", None),
        ] {
            assert_eq!(wildcard(url).as_deref(), expected, "{url:?}");
        }
    }
}
