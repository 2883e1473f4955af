//! What a component says of itself, read from its bytes without running it. It must not know the engine.

use std::collections::BTreeMap;

use wasmparser::{ComponentName, ComponentNameSectionReader, Encoding, KnownCustom, Parser, Payload};

use crate::text;

/// The custom section that holds the manifest, as TOML.
const SECTION: &str = "landing:manifest";
/// Largest manifest, in bytes.
const MAX_MANIFEST: usize = 64 * 1024;

/// Why a file is no component, or says something unusable of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no WebAssembly.
    #[error("it is no WebAssembly component: {0}")]
    NotWasm(String),
    /// It is a core module.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// It is machine code that some engine compiled.
    #[error("it is compiled code, not a WebAssembly component; only components are taken")]
    Precompiled,
    /// The manifest is unusable.
    #[error("its manifest is unusable: {0}")]
    Manifest(String),
}

/// What an extractor asks for and takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The name that it goes by where the operator gives none.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it extracts, in a sentence.
    pub description: Option<String>,
    /// HTTP origins that it asks for.
    pub http: Vec<String>,
    /// Sources that it asks for.
    pub sources: Vec<String>,
    /// The parameters that it takes; `None` where it does not say, so that any is passed on.
    #[serde(rename = "param")]
    pub params: Option<BTreeMap<String, Param>>,
}

/// A parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Param {
    /// What it is for.
    pub help: String,
    /// Its value where the operator sets none.
    pub default: Option<String>,
}

/// Read what a component says of itself.
pub(super) fn read(component: &[u8]) -> Result<Manifest, ManifestError> {
    if wasmtime::Engine::detect_precompiled(component).is_some() {
        return Err(ManifestError::Precompiled);
    }
    if !component.starts_with(b"\0asm") {
        return Err(ManifestError::NotWasm("it does not begin as WebAssembly does".into()));
    }
    let mut manifest: Option<Manifest> = None;
    let mut name = None;
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| ManifestError::NotWasm(text::line(error.message())))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(ManifestError::CoreModule),
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if section.name() == SECTION => {
                if manifest.is_some() {
                    return Err(ManifestError::Manifest("there are two of them".into()));
                }
                manifest = Some(parse(section.data())?);
            }
            Payload::CustomSection(section) if depth == 1 => {
                if let KnownCustom::ComponentName(names) = section.as_known() {
                    name = own_name(names);
                }
            }
            _ => {}
        }
    }
    let mut manifest = manifest.unwrap_or_default();
    manifest.name = manifest.name.or(name);
    Ok(manifest)
}

fn own_name(names: ComponentNameSectionReader<'_>) -> Option<String> {
    names.into_iter().find_map(|name| match name {
        Ok(ComponentName::Component { name, .. }) => Some(name.to_owned()),
        _ => None,
    })
}

fn parse(section: &[u8]) -> Result<Manifest, ManifestError> {
    if section.len() > MAX_MANIFEST {
        let reason = format!("it is {} bytes long, and the limit is {MAX_MANIFEST}", section.len());
        return Err(ManifestError::Manifest(reason));
    }
    let text = std::str::from_utf8(section).map_err(|error| ManifestError::Manifest(error.to_string()))?;
    let mut manifest: Manifest =
        toml::from_str(text).map_err(|error| ManifestError::Manifest(text::line(error.message())))?;
    // A manifest that lists no parameter says that there are none.
    manifest.params.get_or_insert_default();
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn with_section(name: &str, data: &[u8]) -> Vec<u8> {
        let leb = |mut value: usize| {
            let mut bytes = Vec::new();
            while value >= 0x80 {
                bytes.push((value & 0x7f) as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
            bytes
        };
        let body = [&leb(name.len())[..], name.as_bytes(), data].concat();
        [&[0][..], &leb(body.len()), &body].concat()
    }

    #[test]
    fn a_manifest_is_read_from_its_section() {
        let text =
            "name = \"padel\"\nhttp = [\"https://example.org\"]\n[param.url]\nhelp = \"where\"\ndefault = \"x\"\n";
        let component = [EMPTY_COMPONENT, &with_section(SECTION, text.as_bytes())].concat();
        let manifest = read(&component).expect("a manifest");
        assert_eq!(manifest.name.as_deref(), Some("padel"));
        assert_eq!(manifest.http, ["https://example.org"]);
        let params = manifest.params.expect("parameters");
        assert_eq!(params["url"], Param { help: "where".into(), default: Some("x".into()) });
    }

    #[test]
    fn a_component_without_a_manifest_takes_any_parameter() {
        assert_eq!(read(EMPTY_COMPONENT).expect("a component").params, None);
    }

    #[test]
    fn what_is_unusable_is_named() {
        let section = |data: &[u8]| [EMPTY_COMPONENT, &with_section(SECTION, data)].concat();
        for (bytes, expected) in [
            (b"not wasm".to_vec(), "no WebAssembly component"),
            (Vec::new(), "no WebAssembly component"),
            (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
            (section(b"name = 1"), "manifest is unusable"),
            (section(b"\xff"), "manifest is unusable"),
            (section(&[b' '; MAX_MANIFEST + 1]), "the limit is 65536"),
            ([section(b""), with_section(SECTION, b"")].concat(), "two of them"),
        ] {
            let error = read(&bytes).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
