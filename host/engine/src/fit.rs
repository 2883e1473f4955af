//! What a component imports, and where it does not fit the contract: which interface, function, type, field or case.
//!
//! It looks at types alone, of components that the engine has validated, and must not run anything. It walks along the
//! contract, so that what a component makes of its types cannot lead it far.

mod differ;

use wasmtime::Engine;
use wasmtime::component::types::{Component, ComponentInstance, ComponentItem};
use wit_parser::{Function, Interface, Resolve, WorldId, WorldItem, WorldKey};

use differ::Differ;

/// The contract, with which the bindings are made too.
pub(super) const CONTRACT: &str = include_str!("../../../wit/extractor.wit");
const PACKAGE: &str = "landing:extractor/";
const WORLD: &str = "extractor";
/// Most differences that are told.
const MAX_TOLD: usize = 5;

/// An interface that a component imports, and what it uses of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedInterface {
    /// Its name with its version: `landing:extractor/http@0.1.0`; empty for functions that are in no interface.
    pub name: String,
    /// The functions, those of a resource behind its name: `fetch`, `request.constructor`, `request.set-method`.
    pub functions: Vec<String>,
}

/// What a component imports.
pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<ImportedInterface> {
    let mut imported = vec![ImportedInterface { name: String::new(), functions: Vec::new() }];
    for (name, import) in component.imports(engine) {
        match import.ty {
            ComponentItem::ComponentInstance(instance) => {
                let functions = functions(engine, &instance);
                imported.push(ImportedInterface { name: name.to_owned(), functions });
            }
            ComponentItem::ComponentFunc(_) => imported[0].functions.push(name.to_owned()),
            _ => {}
        }
    }
    imported.retain(|interface| !interface.name.is_empty() || !interface.functions.is_empty());
    imported
}

fn functions(engine: &Engine, instance: &ComponentInstance) -> Vec<String> {
    let functions = instance.exports(engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
    functions.map(|(name, _)| plain(name)).collect()
}

/// A function's name as people write it: `[method]request.set-body` is `request.set-body`.
fn plain(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.split_once(']')) {
        Some(("constructor", resource)) => format!("{resource}.constructor"),
        Some((_, function)) => function.to_owned(),
        None => name.to_owned(),
    }
}

/// Where a component differs from the contract, the most telling first. It is stricter than the engine, which takes a
/// borrowed handle for one that is given away.
pub(super) fn differences(engine: &Engine, component: &Component) -> Result<Vec<String>, String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("extractor.wit", CONTRACT).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(|error| format!("{error:#}"))?;
    let contract = Contract { resolve: &resolve, engine, differ: Differ::new(&resolve, engine, component) };
    let mut found = Found::default();
    for (name, import) in component.imports(engine) {
        if let ComponentItem::ComponentInstance(instance) = import.ty {
            match contract.named(world, name) {
                Named::Interface(path, interface) => contract.interface(&mut found, &path, interface, &instance),
                Named::OtherVersion(own) => {
                    found.absent.push(format!("it imports `{name}`, and this host offers `{own}`"));
                }
                Named::Foreign => {}
            }
        }
    }
    for (key, item) in &resolve.worlds[world].exports {
        if let (WorldKey::Name(name), WorldItem::Function(function)) = (key, item) {
            contract.export(&mut found, component, name, function);
        }
    }
    Ok(found.all())
}

/// What a component imports that neither the contract has nor, by `offered`, the host beside it.
pub(super) fn not_offered(engine: &Engine, component: &Component, offered: impl Fn(&str) -> bool) -> Vec<String> {
    let kind = |item: &ComponentItem| match item {
        ComponentItem::ComponentInstance(_) => Some("interface"),
        ComponentItem::ComponentFunc(_) => Some("function"),
        ComponentItem::Module(_) => Some("module"),
        ComponentItem::Component(_) => Some("component"),
        // Types alone are offered by whoever uses them.
        _ => None,
    };
    let imports = component.imports(engine).filter(|(name, _)| !name.starts_with(PACKAGE) && !offered(name));
    imports.filter_map(|(name, import)| Some(absent(kind(&import.ty)?, name))).collect()
}

/// What was found, in one sentence.
pub(super) fn sentence(mut found: Vec<String>) -> String {
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

/// What the name of an imported interface means.
enum Named<'a> {
    /// This interface of the contract, and its name without its version.
    Interface(String, &'a Interface),
    /// One of the contract whose version, which is given, does not fit.
    OtherVersion(String),
    Foreign,
}

/// What versions have in common that fit each other.
fn track(version: &str) -> (&str, &str) {
    let mut numbers = version.split('.');
    match (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) {
        ("0", minor) => ("0", minor),
        (major, _) => (major, ""),
    }
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
    resolve: &'a Resolve,
    engine: &'a Engine,
    differ: Differ<'a>,
}

impl<'a> Contract<'a> {
    fn named(&self, world: WorldId, name: &str) -> Named<'a> {
        let resolve = self.resolve;
        let split = |name: &str| name.split_once('@').map(|(path, version)| (path.to_owned(), version.to_owned()));
        let (path, version) = split(name).unwrap_or_else(|| (name.to_owned(), String::new()));
        for (key, item) in &resolve.worlds[world].imports {
            let WorldItem::Interface { id, .. } = item else { continue };
            let own = resolve.name_world_key(key);
            match split(&own) {
                Some((known, offered)) if known == path => {
                    return match track(&offered) == track(&version) {
                        true => Named::Interface(path, &resolve.interfaces[*id]),
                        false => Named::OtherVersion(own),
                    };
                }
                _ => {}
            }
        }
        Named::Foreign
    }

    fn interface(&self, found: &mut Found, path: &str, interface: &Interface, actual: &ComponentInstance) {
        for (name, item) in actual.exports(self.engine) {
            let place = format!("{path}.{}", plain(name));
            match (item.ty, interface.functions.get(name)) {
                (ComponentItem::ComponentFunc(actual), Some(function)) => {
                    if let Err(difference) = self.differ.imported(function, &actual) {
                        found.differs(format!("`{place}`"), difference);
                    }
                }
                (ComponentItem::ComponentFunc(_), None) => found.absent.push(absent("function", &place)),
                (ComponentItem::Resource(_), _) if !interface.types.contains_key(name) => {
                    found.absent.push(absent("resource", &place));
                }
                _ => {}
            }
        }
    }

    fn export(&self, found: &mut Found, component: &Component, name: &str, function: &Function) {
        match component.get_export(self.engine, name).map(|export| export.ty) {
            None => found.absent.push(format!("it does not export the function `{name}`")),
            Some(ComponentItem::ComponentFunc(actual)) => {
                if let Err(difference) = self.differ.function(function, &actual) {
                    found.differs(format!("its export `{name}`"), difference);
                }
            }
            Some(_) => found.absent.push(format!("its export `{name}` is no function")),
        }
    }
}
