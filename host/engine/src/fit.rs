//! What a component imports, and where it does not fit the contract: which interface, function, type, field or case.
//!
//! It looks at types alone and must not run anything. A component is read before it is compiled, so it may be anything;
//! this belongs into the process that compiles. It walks along the contract, so that what a component makes of its types
//! cannot lead it far.

mod differ;

use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Interface, Resolve, World, WorldItem};

use differ::Differ;
use rules::text;

/// The contract, with which the bindings are made too.
pub const CONTRACT: &str = include_str!("../../../wit/extractor.wit");
/// What the contract's interfaces have in common.
const PACKAGE: &str = "landing:extractor/";
pub(super) const WORLD: &str = "extractor";
/// The packages of WASI that the host offers, each in its versions 0.2 and 0.3.
const WASI: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];
/// Most differences that are told.
const MAX_TOLD: usize = 5;
/// Longest version that is told, in characters.
const MAX_VERSION: usize = 100;

/// An interface that a component imports, and what it uses of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedInterface {
    /// Its name with its version: `landing:extractor/http@0.2.0`; empty for functions that are in no interface.
    pub name: String,
    /// The functions, those of a resource behind its name: `fetch`, `request.constructor`, `request.set-method`.
    pub functions: Vec<String>,
}

/// Why a component does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It was made for this version of the contract.
    Version(String),
    /// Where it differs, in one sentence.
    Differs(String),
}

/// What a component wants, before it is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) imports: Vec<ImportedInterface>,
    pub(super) misfit: Option<Misfit>,
}

/// The contract's version.
pub fn version() -> &'static str {
    let start = CONTRACT.split_once("package landing:extractor@").map_or("", |(_, rest)| rest);
    start.split(';').next().unwrap_or_default()
}

/// What a component wants and where it does not fit; nothing where its types cannot be told without compiling it.
pub(super) fn fit(component: &[u8]) -> Result<Fit, String> {
    let unknown = Fit { imports: Vec::new(), misfit: None };
    let Ok(DecodedWasm::Component(theirs, world)) = decode(component) else { return Ok(unknown) };
    let world = &theirs.worlds[world];
    let imports = imports(&theirs, world);
    if let Some(made) = other_version(&theirs, world) {
        return Ok(Fit { imports, misfit: Some(Misfit::Version(made)) });
    }
    let failed = |error: &dyn std::fmt::Display| format!("the contract cannot be read: {error:#}");
    let mut ours = Resolve::default();
    let package = ours.push_source("extractor.wit", CONTRACT).map_err(|error| failed(&error))?;
    let own = ours.select_world(&[package], Some(WORLD)).map_err(|error| failed(&error))?;
    let contract = Contract { ours: &ours, theirs: &theirs, differ: Differ { ours: &ours, theirs: &theirs } };
    let misfit = contract.differences(&ours.worlds[own], world);
    Ok(Fit { imports, misfit: (!misfit.is_empty()).then(|| Misfit::Differs(sentence(misfit))) })
}

fn imports(resolve: &Resolve, world: &World) -> Vec<ImportedInterface> {
    let mut imported = vec![ImportedInterface { name: String::new(), functions: Vec::new() }];
    for (key, item) in &world.imports {
        let name = resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } => {
                let functions = resolve.interfaces[*id].functions.keys().map(|name| plain(name)).collect();
                imported.push(ImportedInterface { name, functions });
            }
            WorldItem::Function(_) => imported[0].functions.push(name),
            WorldItem::Type { .. } => {}
        }
    }
    imported.retain(|interface| !interface.name.is_empty() || !interface.functions.is_empty());
    imported
}

/// The version of the contract that a component was made for, where that is one that this host does not run.
fn other_version(resolve: &Resolve, world: &World) -> Option<String> {
    let names = world.imports.keys().chain(world.exports.keys()).map(|key| resolve.name_world_key(key));
    let mut versions = names.filter_map(|name| {
        let (path, version) = split(&name);
        path.starts_with(PACKAGE).then(|| version.to_owned())
    });
    versions.find(|made| !fits(version(), made)).map(|made| text::cut(&text::line(&made), MAX_VERSION))
}

/// A function's name as people write it: `[method]request.set-body` is `request.set-body`.
pub(super) fn plain(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.split_once(']')) {
        Some(("constructor", resource)) => format!("{resource}.constructor"),
        Some((_, function)) => function.to_owned(),
        None => name.to_owned(),
    }
}

/// What was found, in one sentence.
fn sentence(mut found: Vec<String>) -> String {
    if found.len() > MAX_TOLD {
        let more = found.len() - MAX_TOLD;
        found.truncate(MAX_TOLD);
        found.push(format!("and {more} more"));
    }
    found.join("; ")
}

fn absent(what: &str, name: &str) -> String {
    format!("it imports the {what} `{name}`, which this host does not offer")
}

/// The name of an interface without its version, and the version.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// Whether two versions of one interface fit each other: patches of one 0.x, any of one later major, and a pre-release
/// itself alone (as the component model matches them).
fn fits(own: &str, other: &str) -> bool {
    own == other || ![own, other].iter().any(|version| version.contains('-')) && track(own) == track(other)
}

/// What versions have in common that fit each other.
fn track(version: &str) -> (&str, &str) {
    let mut numbers = version.split('.');
    match (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) {
        ("0", minor) => ("0", minor),
        (major, _) => (major, ""),
    }
}

/// Whether the host offers this interface of WASI, or its package at least: then the engine says what is missing.
fn is_offered(name: &str) -> bool {
    let (path, version) = split(name);
    let package = path.split_once('/').map_or("", |(package, _)| package);
    WASI.contains(&package) && !version.contains('-') && [("0", "2"), ("0", "3")].contains(&track(version))
}

/// What was found, each kind in its order.
#[derive(Default)]
struct Found {
    /// What is not there at all.
    absent: Vec<String>,
    /// Where, and what is different there.
    different: Vec<(String, String)>,
}

impl Found {
    /// A type that several functions use is told once.
    fn differs(&mut self, place: String, difference: String) {
        if !self.different.iter().any(|(_, known)| *known == difference) {
            self.different.push((place, difference));
        }
    }

    fn all(self) -> Vec<String> {
        let different = self.different.into_iter().map(|(place, difference)| format!("{place}: {difference}"));
        self.absent.into_iter().chain(different).collect()
    }
}

struct Contract<'a> {
    ours: &'a Resolve,
    theirs: &'a Resolve,
    differ: Differ<'a>,
}

impl<'a> Contract<'a> {
    /// Where a component differs from the contract, the most telling first. It is stricter than the engine, which takes
    /// a borrowed handle for one that is given away.
    fn differences(&self, own: &World, world: &World) -> Vec<String> {
        let mut found = Found::default();
        for (key, item) in &world.imports {
            let name = self.theirs.name_world_key(key);
            match (item, self.named(own, &name)) {
                (WorldItem::Interface { id, .. }, Some(interface)) => {
                    self.interface(&mut found, split(&name).0, interface, &self.theirs.interfaces[*id]);
                }
                (WorldItem::Interface { .. }, None) if !is_offered(&name) => {
                    found.absent.push(absent("interface", &name));
                }
                (WorldItem::Function(_), _) => found.absent.push(absent("function", &name)),
                _ => {}
            }
        }
        for (key, item) in &own.exports {
            if let WorldItem::Interface { id, .. } = item {
                self.export(&mut found, world, &self.ours.name_world_key(key), &self.ours.interfaces[*id]);
            }
        }
        found.all()
    }

    /// The interface of the contract that has this name, whatever its version.
    fn named(&self, own: &World, name: &str) -> Option<&'a Interface> {
        own.imports.iter().find_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } if split(&self.ours.name_world_key(key)).0 == split(name).0 => {
                Some(&self.ours.interfaces[*id])
            }
            _ => None,
        })
    }

    fn interface(&self, found: &mut Found, path: &str, interface: &Interface, actual: &Interface) {
        for name in actual.types.keys().filter(|name| !interface.types.contains_key(*name)) {
            // Others are told where a function uses them.
            if matches!(self.theirs.types[actual.types[name]].kind, wit_parser::TypeDefKind::Resource) {
                found.absent.push(absent("resource", &format!("{path}.{name}")));
            }
        }
        for (name, actual) in &actual.functions {
            let place = format!("{path}.{}", plain(name));
            match interface.functions.get(name) {
                Some(function) => {
                    if let Err(difference) = self.differ.imported(function, actual) {
                        found.differs(format!("`{place}`"), difference);
                    }
                }
                None => found.absent.push(absent("function", &place)),
            }
        }
    }

    /// Compare what a component exports under the name of an interface of the contract.
    fn export(&self, found: &mut Found, world: &World, own: &str, interface: &Interface) {
        let path = split(own).0;
        let exported = world.exports.iter().find(|(key, _)| split(&self.theirs.name_world_key(key)).0 == path);
        let Some((_, WorldItem::Interface { id, .. })) = exported else {
            found.absent.push(format!("it does not export `{own}`"));
            return;
        };
        for (name, function) in &interface.functions {
            let place = format!("{path}.{name}");
            match self.theirs.interfaces[*id].functions.get(name) {
                Some(actual) => {
                    if let Err(difference) = self.differ.function(function, actual) {
                        found.differs(format!("its export `{place}`"), difference);
                    }
                }
                None => found.absent.push(format!("it does not export the function `{place}`")),
            }
        }
    }
}

impl ImportedInterface {
    /// One line: the name, and each function behind a tab.
    pub(super) fn to_line(&self) -> String {
        [std::slice::from_ref(&self.name), &self.functions].concat().join("\t")
    }

    /// The same back.
    pub(super) fn from_line(line: &str) -> Self {
        let mut words = line.split('\t').map(str::to_owned);
        Self { name: words.next().unwrap_or_default(), functions: words.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_as_the_component_model_has_it() {
        for (own, other, fit) in [
            ("0.2.0", "0.2.7", true),
            ("0.2.0", "0.1.0", false),
            ("0.2.0", "0.3.0", false),
            ("0.2.0", "0.2.0-rc.1", false),
            ("0.2.0-rc.1", "0.2.0-rc.1", true),
            ("1.0.0", "1.4.0", true),
            ("1.0.0", "2.0.0", false),
            ("0.2.0", "", false),
        ] {
            assert_eq!(fits(own, other), fit, "{own} {other}");
        }
    }

    #[test]
    fn a_line_holds_an_interface() {
        let interface = ImportedInterface { name: "a:b/c@1.0.0".into(), functions: vec!["f".into(), "g.h".into()] };
        assert_eq!(ImportedInterface::from_line(&interface.to_line()), interface);
    }
}
