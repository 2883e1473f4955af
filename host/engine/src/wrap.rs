//! A core module as a component: what compilers make that know WebAssembly and nothing of components.
//!
//! Pure over bytes.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::fit::{CONTRACT, WORLD};
use super::manifest::SECTION;
use super::section::without;

/// What the name of a section begins with in which a module says which interface it was made for.
const METADATA: &str = "component-type";

/// Whether these bytes are a core module.
pub(super) fn is_module(bytes: &[u8]) -> bool {
    let first = Parser::new(0).parse_all(bytes).next();
    matches!(first, Some(Ok(Payload::Version { encoding: Encoding::Module, .. })))
}

/// The component around a core module. A module that does not say which interface it was made for is taken for one of
/// the contract.
pub(super) fn wrap(module: &[u8]) -> Result<Vec<u8>, String> {
    let said = said(module).map_err(|error| error.to_string())?;
    // The manifest belongs to the component, and two of them would be one too many.
    let mut module = without(module, said.manifests);
    if !said.metadata {
        embed(&mut module)?;
    }
    let encoder = ComponentEncoder::default().module(&module).map_err(|error| told(&error))?;
    let encoder = match said.preview1 {
        true => encoder.adapter(PREVIEW1, ADAPTER).map_err(|error| told(&error))?,
        false => encoder,
    };
    encoder.validate(true).encode().map_err(|error| told(&error))
}

/// What a module says of itself.
#[derive(Default)]
struct Said {
    /// Which interface it was made for.
    metadata: bool,
    /// It asks for the first version of WASI, of which a component knows nothing.
    preview1: bool,
    /// Where its sections that hold a manifest have their content.
    manifests: Vec<std::ops::Range<usize>>,
}

fn said(module: &[u8]) -> wasmparser::Result<Said> {
    let mut said = Said::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CustomSection(section) if section.name() == SECTION => said.manifests.push(section.range()),
            Payload::CustomSection(section) => said.metadata |= section.name().starts_with(METADATA),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    said.preview1 |= import?.module == PREVIEW1;
                }
            }
            _ => {}
        }
    }
    Ok(said)
}

/// Write into a module that it was made for the contract.
fn embed(module: &mut Vec<u8>) -> Result<(), String> {
    let mut contract = Resolve::default();
    let package = contract.push_source("extractor.wit", CONTRACT).map_err(|error| error.to_string())?;
    let world = contract.select_world(&[package], Some(WORLD)).map_err(|error| error.to_string())?;
    embed_component_metadata(module, &contract, world, StringEncoding::UTF8).map_err(|error| told(&error))
}

/// An error and its causes in one sentence.
fn told(error: &impl std::fmt::Display) -> String {
    format!("no component can be made of this core module: {error:#}")
}

#[cfg(test)]
mod tests {
    use super::super::section;
    use super::*;

    const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_module_that_exports_nothing_is_told_what_is_missing() {
        let error = wrap(EMPTY_MODULE).expect_err("it has no `extract`");
        assert!(error.contains("no component can be made of this core module"), "{error}");
        assert!(error.contains("landing:extractor/entry"), "{error}");
    }

    #[test]
    fn what_a_module_says_is_seen() {
        let module =
            [EMPTY_MODULE, &section::custom(SECTION, b"x"), &section::custom("component-type:a", b"x")].concat();
        let said = said(&module).expect("a module");
        assert!(said.metadata && !said.preview1);
        assert_eq!(said.manifests.len(), 1);
        assert!(is_module(&module) && !is_module(b"\0asm\x0d\0\x01\0"));
    }
}
