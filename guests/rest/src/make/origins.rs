//! The origins that a manifest sends requests to, as far as its URLs say so.

use std::collections::{BTreeMap, BTreeSet};

use expressions::{Map, Value};

use super::properties::{Kind, Property};
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
    found.extend(of_properties(url, &reads, &defaults));
    found
}

/// The origins of a URL, by the properties that it reads.
fn of_properties(url: &Expression, reads: &[&Property], defaults: &[(&Property, Value)]) -> BTreeSet<String> {
    let of = |set: &Set<'_>| evaluated(url, defaults, set).and_then(|url| wildcard(&url));
    match combined(reads).iter().map(of).collect::<Option<BTreeSet<_>>>() {
        Some(origins) => origins,
        None => {
            let by_default = evaluated(url, defaults, &[]).and_then(|url| origin(&url));
            by_default.into_iter().chain([ANY.to_owned()]).collect()
        }
    }
}

/// Properties and what they are set to.
type Set<'a> = Vec<(&'a Property, Value)>;

/// Every way to set properties, as far as the values are known: a choice is one of them, all else is not known.
fn combined<'a>(properties: &[&'a Property]) -> Vec<Set<'a>> {
    let mut all: Vec<Set<'a>> = vec![Vec::new()];
    for property in properties {
        let values = match property.kind {
            Kind::Boolean => vec![Value::Bool(true), Value::Bool(false)],
            _ => property.choices.clone(),
        };
        let is_known = (1..=MAX_CHOICES / all.len()).contains(&values.len());
        let values = if is_known { values } else { vec![Value::from(UNKNOWN)] };
        let with = |set: &Set<'a>, value: &Value| set.iter().cloned().chain([(*property, value.clone())]).collect();
        all = all.iter().flat_map(|set| values.iter().map(move |value| with(set, value))).collect();
    }
    all
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
    // A part of the name that came to nothing is not known either.
    let host = authority.split(':').next()?;
    let known = !host.split('.').any(str::is_empty)
        && !authority.contains(['{', '}', ' ', '\u{1}'])
        && matches!(scheme, "http" | "https");
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
    fn each_choice_has_its_origin() {
        let property = |name: &str, kind, choices: &[&str]| Property {
            kind,
            choices: choices.iter().map(|choice| Value::from(*choice)).collect(),
            ..Property::undeclared(vec![name.into()])
        };
        let all = [
            property("region", Kind::Text, &["eu", "us"]),
            property("sandbox", Kind::Boolean, &[]),
            property("shop", Kind::Text, &[]),
        ];
        for (url, expected) in [
            ("https://{{ 'test.' if config['sandbox'] }}a.example/v1", "https://a.example https://test.a.example"),
            (
                "https://{{ 'x' if config['sandbox'] else 'y' }}-{{ config['region'] }}.a.example",
                "https://x-eu.a.example https://x-us.a.example https://y-eu.a.example https://y-us.a.example",
            ),
            (
                "https://{{ config['shop'] }}.{{ 'test.' if config['sandbox'] }}a.example",
                "https://*.a.example https://*.test.a.example",
            ),
            ("https://{{ config['region'] }}.{{ config['shop'] }}/", "*"),
        ] {
            let expression = Expression::of(&Value::from(url), &Value::from(Map::new()), &crate::manifest::Place::Root);
            let expression = expression.expect("an expression");
            let reads: Vec<&Property> = all.iter().filter(|property| reads(&expression, property)).collect();
            let found = of_properties(&expression, &reads, &[]);
            assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), expected, "{url}");
        }
    }

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
