//! How a component stands in a registry: the "Wasm OCI Artifact layout" of the CNCF's TAG Runtime, which `wkg` has too.
//!
//! A manifest has one config, of a type that says WebAssembly, and one layer: the component. Pure over bytes.

use std::collections::BTreeMap;

use rules::domain::Digest;
use rules::text;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::reference;

/// Largest manifest, in bytes (distribution-spec, "Pushing manifests").
pub const MAX_MANIFEST: u64 = 4 << 20;
/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media types of a list of manifests, which is none.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// The media type of the config, which says what all of it is.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The media type of a component.
const LAYER: &str = "application/wasm";
/// The time that the config says, so that one component has one digest, whenever it is pushed.
const CREATED: &str = "1970-01-01T00:00:00Z";
/// Longest name of a media type that is shown, in characters.
const MAX_SHOWN: usize = 100;

/// What stands for a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// More about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", sha256(bytes));
        Self { media_type: media_type.to_owned(), digest, size: bytes.len() as u64, annotations: BTreeMap::new() }
    }
}

/// A manifest, as far as it counts here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u64,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its config.
    pub config: Descriptor,
    /// What it is made of.
    pub layers: Vec<Descriptor>,
}

/// The config.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    layer_digests: [&'a str; 1],
    component: World<'a>,
}

/// What a component offers and wants, by the names of interfaces and functions.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct World<'a> {
    /// What it exports.
    pub exports: &'a [String],
    /// What it imports.
    pub imports: &'a [String],
    /// The world that it was built for, where that is known.
    pub target: Option<&'a str>,
}

/// Why a manifest is not that of one component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// It is not JSON of that form.
    #[error("its manifest cannot be read (line {0}, column {1})")]
    Unreadable(usize, usize),
    /// It is a list of manifests.
    #[error("it is a list of images, and no WebAssembly component")]
    Index,
    /// It is something else.
    #[error("it is no WebAssembly component: its config is of the type `{0}`")]
    OtherConfig(String),
    /// Its layer is something else.
    #[error("it is no WebAssembly component: its layer is of the type `{0}`")]
    OtherLayer(String),
    /// There is none, or several.
    #[error("it has {}, and a component is exactly one", text::counted(*.0 as u64, "layer"))]
    Layers(usize),
    /// Nothing can be found by it.
    #[error("its layer has no digest of SHA-256")]
    Digest,
    /// It is larger than any component may be.
    #[error("its component has {0} bytes, and the limit is {1} MiB")]
    TooLarge(u64, u64),
}

/// The one component that a manifest stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Of its bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// The digest of some bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

impl Manifest {
    /// One of the standard's form.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: Some(MANIFEST.to_owned()), config, layers }
    }

    /// Of bytes, whatever it is one of.
    pub fn read(bytes: &[u8]) -> Result<Self, LayoutError> {
        /// What tells a list from a manifest.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        // What serde says may quote what is there.
        let unreadable = |error: serde_json::Error| LayoutError::Unreadable(error.line(), error.column());
        let kind: Kind = serde_json::from_slice(bytes).map_err(unreadable)?;
        if kind.manifests.is_some() || kind.media_type.is_some_and(|kind| INDEXES.contains(&&*kind)) {
            return Err(LayoutError::Index);
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}

/// The component that a manifest stands for.
pub fn layer(manifest: &[u8], most: u64) -> Result<Layer, LayoutError> {
    let Manifest { config, layers, .. } = Manifest::read(manifest)?;
    let shown = |kind: &str| text::cut(kind, MAX_SHOWN);
    if config.media_type != CONFIG {
        return Err(LayoutError::OtherConfig(shown(&config.media_type)));
    }
    let [layer] = &layers[..] else { return Err(LayoutError::Layers(layers.len())) };
    if layer.media_type != LAYER {
        return Err(LayoutError::OtherLayer(shown(&layer.media_type)));
    }
    let digest = reference::digest(&layer.digest).ok_or(LayoutError::Digest)?;
    if layer.size > most {
        return Err(LayoutError::TooLarge(layer.size, most >> 20));
    }
    Ok(Layer { digest, size: layer.size })
}

/// What is pushed of a component: its manifest and its config, both as bytes.
pub fn package(component: &[u8], world: World<'_>) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
    let layer = Descriptor::of(LAYER, component);
    let config = Config {
        created: CREATED,
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [&layer.digest],
        component: world,
    };
    let config = serde_json::to_vec(&config)?;
    let manifest = Manifest::new(Descriptor::of(CONFIG, &config), vec![layer]);
    Ok((serde_json::to_vec(&manifest)?, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 20;

    #[test]
    fn what_is_packed_is_of_the_standard_layout() {
        let world = World {
            exports: &["a:b/c@1.0.0".into()],
            imports: &["wasi:io/x@0.2.0".into()],
            target: Some("a:b/w@1.0.0"),
        };
        let (manifest, config) = package(b"component", world).expect("a package");
        let config_digest = sha256(&config);
        assert_eq!(
            String::from_utf8(config).expect("text"),
            format!(
                "{{\"created\":\"1970-01-01T00:00:00Z\",\"architecture\":\"wasm\",\"os\":\"wasip2\",\
                 \"layerDigests\":[\"sha256:{}\"],\"component\":{{\"exports\":[\"a:b/c@1.0.0\"],\
                 \"imports\":[\"wasi:io/x@0.2.0\"],\"target\":\"a:b/w@1.0.0\"}}}}",
                sha256(b"component")
            )
        );
        let layer = layer(&manifest, MOST).expect("a layer");
        assert_eq!(layer, Layer { digest: sha256(b"component"), size: 9 });
        let read = Manifest::read(&manifest).expect("a manifest");
        assert_eq!((read.schema_version, read.media_type.as_deref()), (2, Some(MANIFEST)));
        assert_eq!(read.config.digest, format!("sha256:{config_digest}"));
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        let descriptor = |kind: &str, size: u64| {
            format!("{{\"mediaType\":\"{kind}\",\"size\":{size},\"digest\":\"sha256:{}\"}}", "0".repeat(64))
        };
        let manifest = |config: &str, layers: &[String]| {
            format!("{{\"schemaVersion\":2,\"config\":{},\"layers\":[{}]}}", descriptor(config, 2), layers.join(","))
        };
        let wasm = descriptor(LAYER, 9);
        let image = "application/vnd.oci.image.config.v1+json";
        for (text, expected) in [
            ("{".to_owned(), LayoutError::Unreadable(1, 1)),
            ("[]".to_owned(), LayoutError::Unreadable(1, 2)),
            ("{\"manifests\":[]}".to_owned(), LayoutError::Index),
            (format!("{{\"mediaType\":\"{}\"}}", INDEXES[0]), LayoutError::Index),
            (manifest(image, std::slice::from_ref(&wasm)), LayoutError::OtherConfig(image.into())),
            (manifest(CONFIG, &[descriptor("text/plain", 1)]), LayoutError::OtherLayer("text/plain".into())),
            (manifest(CONFIG, &[]), LayoutError::Layers(0)),
            (manifest(CONFIG, &[wasm.clone(), wasm.clone()]), LayoutError::Layers(2)),
            (manifest(CONFIG, &[wasm.replace("sha256", "sha512")]), LayoutError::Digest),
            (manifest(CONFIG, &[descriptor(LAYER, MOST + 1)]), LayoutError::TooLarge(MOST + 1, 1)),
        ] {
            assert_eq!(layer(text.as_bytes(), MOST), Err(expected), "{text}");
        }
    }
}
