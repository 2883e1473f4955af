//! Makes what toolchains without `async` build fit the contract: their function types get the mark that a call may wait.
//!
//! A function that waits and one that does not are the same but for one byte of their type, and a component may call the
//! former as it calls the latter. So nothing but that byte is changed, in the types of the contract's functions alone.
//! Pure over bytes.

mod level;

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentTypeRef,
    InstanceTypeDeclaration, Payload,
};
use wit_parser::{FunctionKind, Resolve, WorldItem};

use super::fit::{CONTRACT, WORLD, plain, split};
use super::manifest::{self, ManifestError};
use level::{Function, Instance, Level};

/// The type of a function that does not wait, and of one that may.
const AT_ONCE: u8 = 0x40;
const WAITS: u8 = 0x43;
/// How often an item may be another name of one before it.
const MAX_NAMES: usize = 100;

/// The component with the contract's marks, and how many function types got one.
pub(super) fn retype(component: &[u8]) -> Result<(Vec<u8>, usize), ManifestError> {
    let mut marks = Marks { component, waiting: waiting(), found: BTreeSet::new(), others: BTreeSet::new() };
    let mut levels: Vec<Option<Level<'_>>> = Vec::new();
    for part in manifest::parts(component)? {
        match part?.1 {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => levels.push(Some(Level::default())),
            Payload::Version { .. } => levels.push(None),
            Payload::End(_) => {
                let ended = levels.pop().flatten();
                if let Some(level) = &ended {
                    marks.level(level).map_err(unreadable)?;
                }
                if let (Some(level), Some(Some(outer))) = (ended, levels.last_mut()) {
                    outer.components.push(Some(level));
                }
            }
            payload => {
                if let Some(Some(level)) = levels.last_mut() {
                    level.take(payload).map_err(unreadable)?;
                }
            }
        }
    }
    if !marks.found.is_disjoint(&marks.others) {
        let reason = "one of its types serves both a function that waits and one that does not, so that it cannot be \
                      made to fit";
        return Err(ManifestError::NotWasm(reason.into()));
    }
    let mut retyped = component.to_vec();
    let found = marks.found.iter().filter(|place| retyped.get(**place) == Some(&AT_ONCE)).copied();
    let found: Vec<usize> = found.collect();
    for place in &found {
        retyped[*place] = WAITS;
    }
    Ok((retyped, found.len()))
}

fn unreadable(error: wasmparser::Error) -> ManifestError {
    ManifestError::NotWasm(error.message().to_owned())
}

/// The contract's functions that may wait: the path of the interface, and the name as people write it.
fn waiting() -> BTreeSet<(String, String)> {
    let mut contract = Resolve::default();
    let read =
        contract.push_source("extractor.wit", CONTRACT).map(|package| contract.select_world(&[package], Some(WORLD)));
    // A test reads the same text; it cannot be another one here.
    let Ok(Ok(world)) = read else { return BTreeSet::new() };
    let world = &contract.worlds[world];
    let mut waiting = BTreeSet::new();
    for (key, item) in world.imports.iter().chain(&world.exports) {
        let WorldItem::Interface { id, .. } = item else { continue };
        let name = contract.name_world_key(key);
        for function in contract.interfaces[*id].functions.values() {
            use FunctionKind::{AsyncFreestanding, AsyncMethod, AsyncStatic};
            if matches!(function.kind, AsyncFreestanding | AsyncMethod(_) | AsyncStatic(_)) {
                waiting.insert((split(&name).0.to_owned(), plain(&function.name)));
            }
        }
    }
    waiting
}

/// Where the types of functions stand.
struct Marks<'a> {
    component: &'a [u8],
    waiting: BTreeSet<(String, String)>,
    /// Types of functions that may wait.
    found: BTreeSet<usize>,
    /// Types of other functions of the contract.
    others: BTreeSet<usize>,
}

impl<'a> Marks<'a> {
    /// Whether this function of this interface may wait; none where the interface is not the contract's.
    fn waits(&self, interface: &str, function: &str) -> Option<bool> {
        let path = split(interface).0;
        let ours = self.waiting.iter().any(|(known, _)| known == path);
        ours.then(|| self.waiting.contains(&(path.to_owned(), plain(function))))
    }

    fn note(&mut self, place: Option<usize>, waits: bool) {
        if let Some(place) = place {
            if waits {
                self.found.insert(place)
            } else {
                self.others.insert(place)
            };
        }
    }

    /// Find the contract's functions in one component.
    fn level(&mut self, level: &Level<'_>) -> wasmparser::Result<()> {
        for (name, kind) in &level.imports {
            if let ComponentTypeRef::Instance(index) = kind {
                self.instance_type(level, *index, name)?;
            }
        }
        for export in &level.exports {
            if self.waits(export.name.name, "").is_none() {
                continue;
            }
            if let Some(ComponentTypeRef::Instance(index)) = export.ty {
                self.instance_type(level, index, export.name.name)?;
            }
            if export.kind == ComponentExternalKind::Instance {
                self.exported(level, export.index, export.name.name);
            }
        }
        Ok(())
    }

    /// The functions of an instance's type.
    fn instance_type(&mut self, level: &Level<'_>, index: u32, interface: &str) -> wasmparser::Result<()> {
        let Some(start) = level.type_at(index) else { return Ok(()) };
        if self.waits(interface, "").is_none() {
            return Ok(());
        }
        let mut reader = BinaryReader::new(self.component.get(start..).unwrap_or_default(), start);
        reader.read_u8()?;
        let mut types: Vec<Option<usize>> = Vec::new();
        for _ in 0..reader.read_var_u32()? {
            // Behind the byte that says which declaration it is stands the type's own first byte.
            let place = reader.original_position() + 1;
            match reader.read::<InstanceTypeDeclaration<'a>>()? {
                InstanceTypeDeclaration::Type(_) => types.push(Some(place)),
                InstanceTypeDeclaration::Alias(
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
                    | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. },
                )
                | InstanceTypeDeclaration::Export { ty: ComponentTypeRef::Type(_), .. } => types.push(None),
                InstanceTypeDeclaration::Export { name, ty: ComponentTypeRef::Func(index) } => {
                    let place = types.get(index as usize).copied().flatten();
                    let waits = self.waits(interface, name.name).unwrap_or_default();
                    self.note(place, waits);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The functions of an instance that is exported, whatever it was made of.
    fn exported(&mut self, level: &Level<'_>, index: u32, interface: &str) {
        match level.instance(index, MAX_NAMES) {
            Some(Instance::Bundle(exports)) => {
                for export in exports.iter().filter(|export| export.kind == ComponentExternalKind::Func) {
                    let waits = self.waits(interface, export.name.name).unwrap_or_default();
                    self.function(level, export.index, waits);
                }
            }
            Some(Instance::Made { component, arguments }) => {
                let Some(inner) = level.component(*component) else { return };
                for export in inner.exports.iter().filter(|export| export.kind == ComponentExternalKind::Func) {
                    let waits = self.waits(interface, export.name.name).unwrap_or_default();
                    if let Some(ComponentTypeRef::Func(index)) = export.ty {
                        self.note(inner.type_at(index), waits);
                    }
                    self.function(inner, export.index, waits);
                    let Some(Function::Imported(name, _)) = inner.function(export.index, MAX_NAMES) else { continue };
                    let given = arguments.iter().find(|argument| argument.name == *name);
                    if let Some(given) = given {
                        self.function(level, given.index, waits);
                    }
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, level: &Level<'_>, index: u32, waits: bool) {
        if let Some(Function::Imported(_, kind) | Function::Lifted(kind)) = level.function(index, MAX_NAMES) {
            self.note(level.type_at(*kind), waits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_that_wait_are_those_of_the_contract() {
        let waiting = waiting();
        let has = |path: &str, name: &str| waiting.contains(&(format!("landing:extractor/{path}"), name.to_owned()));
        assert!(has("http", "fetch") && has("http", "response.bytes") && has("zone", "source.mirror"));
        assert!(has("entry", "extract") && has("run", "wait"));
        assert!(!has("run", "log") && !has("http", "response.status") && !has("zone", "source.open"));
    }

    #[test]
    fn what_is_no_component_or_has_nothing_of_the_contract_is_left_alone() {
        let empty = b"\0asm\x0d\0\x01\0";
        assert_eq!(retype(empty), Ok((empty.to_vec(), 0)));
        assert!(retype(b"no component").is_err());
        // A type of a function, which no import and no export has.
        let typed = [&empty[..], b"\x07\x05\x01\x40\x00\x01\x00"].concat();
        assert_eq!(retype(&typed), Ok((typed.clone(), 0)));
    }
}
