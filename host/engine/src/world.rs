//! What a component offers and wants, by the names alone that stand in it. Nothing is compiled.

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Payload};

use super::manifest::{self, ManifestError};

/// What one that follows the contract exports, before its version.
const ENTRY: &str = "landing:extractor/entry@";

/// The names of interfaces and functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// The world of the contract, where it was built for that.
    pub target: Option<String>,
}

/// What a component's outermost level names.
pub(super) fn world(component: &[u8]) -> Result<World, ManifestError> {
    let unreadable = |error: wasmparser::BinaryReaderError| ManifestError::NotWasm(error.message().to_owned());
    let mut world = World::default();
    for part in manifest::parts(component)? {
        match part? {
            (1, Payload::ComponentImportSection(section)) => {
                for import in section {
                    let import = import.map_err(unreadable)?;
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        world.imports.push(import.name.name.to_owned());
                    }
                }
            }
            (1, Payload::ComponentExportSection(section)) => {
                for export in section {
                    let export = export.map_err(unreadable)?;
                    if export.kind != ComponentExternalKind::Type {
                        world.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    let version = world.exports.iter().find_map(|name| name.strip_prefix(ENTRY));
    world.target = version.map(|version| format!("landing:extractor/{}@{version}", super::fit::WORLD));
    Ok(world)
}
