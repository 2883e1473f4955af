//! Signatures by key, as cosign makes them: "simple signing" of a manifest's digest, or a bundle; by ECDSA P-256 or Ed25519.
//!
//! They are checked by the key and the text alone. No log and no certificate is asked. Pure over bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use rules::domain::Digest;
use rules::text;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::SigningKey;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::bundle;
use crate::layout::{Descriptor, LayoutError, Manifest};
use crate::reference;

/// The media type of what is signed.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Where the signature stands beside it.
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The media type of the config of a manifest of signatures.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// What a payload says that it is.
const KIND: &str = "cosign container image signature";
/// Most signatures of one component that are looked at.
pub const MAX_SIGNATURES: usize = 32;
/// Largest payload, in bytes.
pub const MAX_PAYLOAD: u64 = 16 * 1024;
/// Longest signature, in Base64.
const MAX_SIGNATURE: usize = 1024;
/// What a public key begins with in DER (RFC 5480; RFC 8410), before the point.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const EDWARDS: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A text, and who put a name to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What is signed: which component, under which name. JSON.
    pub payload: String,
    /// The signature, in Base64.
    pub signature: String,
}

/// What stands beside a manifest, and may be somebody's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attached {
    /// Simple signing.
    Simple(Signature),
    /// A bundle.
    Bundle {
        /// As it came. JSON.
        bundle: String,
    },
}

/// What has to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name that the component goes by.
    pub name: &'a str,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: &'a [u8],
}

/// What is signed.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    optional: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?})", self.algorithm)
    }
}

impl PublicKey {
    /// The keys in a text of PEM.
    pub fn read(pem: &str) -> Result<Vec<Self>, &'static str> {
        let all = SubjectPublicKeyInfoDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let all = all.map_err(|_| "it is not a whole PEM file")?;
        if all.is_empty() {
            return Err("there is no `PUBLIC KEY` in it");
        }
        let keys = all.iter().map(|key| Self::of(key.as_ref())).collect::<Option<_>>();
        keys.ok_or("its key is neither of ECDSA P-256 nor of Ed25519")
    }

    fn of(der: &[u8]) -> Option<Self> {
        match (der.strip_prefix(P256), der.strip_prefix(EDWARDS)) {
            // One that is not compressed.
            (Some(point @ [4, ..]), _) if point.len() == 65 => {
                Some(Self { algorithm: &ECDSA_P256_SHA256_ASN1, key: point.to_vec() })
            }
            (_, Some(point)) if point.len() == 32 => Some(Self { algorithm: &ED25519, key: point.to_vec() }),
            _ => None,
        }
    }

    /// Whether it signed just that.
    pub fn has_signed(&self, payload: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.key).verify(payload, signature).is_ok()
    }
}

/// A private key.
pub struct PrivateKey(Arc<dyn SigningKey>);

impl PrivateKey {
    /// The key in a text of PEM. The error says nothing of it.
    pub fn read(pem: &str) -> Result<Self, &'static str> {
        if pem.contains("ENCRYPTED") {
            return Err("it is encrypted, and only a key that is not can be used");
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "there is no `PRIVATE KEY` in it")?;
        let key = any_supported_type(&key).map_err(|_| "its key cannot be used")?;
        match key.choose_scheme(&SCHEMES) {
            Some(_) => Ok(Self(key)),
            None => Err("its key is neither of ECDSA P-256 nor of Ed25519"),
        }
    }

    /// Sign that the component of this digest goes by this name.
    pub fn sign(&self, name: &str, digest: Digest) -> Result<Signature, String> {
        let image = Image { digest: format!("sha256:{digest}") };
        let identity = Identity { reference: name.to_owned() };
        let payload = Payload { critical: Critical { identity, image, kind: KIND.to_owned() }, optional: None };
        let payload = serde_json::to_string(&payload).map_err(|error| error.to_string())?;
        let signer = self.0.choose_scheme(&SCHEMES).ok_or("the key cannot be used")?;
        let signature = signer.sign(payload.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Signature { payload, signature: STANDARD.encode(signature) })
    }
}

/// How a key signs, as far as that is known here.
const SCHEMES: [SignatureScheme; 2] = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];

/// Why a component counts as not signed. What stands later says more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unsigned {
    /// Nobody signed it.
    #[error("nobody has signed it")]
    Nobody,
    /// Somebody else did.
    #[error("none of the keys that are trusted has signed it")]
    Others,
    /// Whose signature it is says a certificate, which is for those to check who ask others.
    #[error("it is signed with a certificate, and only signatures by key are checked")]
    Certified,
    /// A key that is trusted said something else of it.
    #[error("a key that is trusted says something of it (`{0}`), and has not signed it")]
    OtherPurpose(String),
    /// A key that is trusted signed another one, or this one under another name.
    #[error("a key that is trusted has signed it as `{0}`, and not as `{1}`")]
    OtherName(String, String),
}

/// Check that one of the keys signed that a component is what it is.
pub fn check(attached: &[Attached], keys: &[PublicKey], of: &Subject<'_>) -> Result<(), Unsigned> {
    let mut why = Unsigned::Nobody;
    for attached in attached.iter().take(2 * MAX_SIGNATURES) {
        let checked = match attached {
            Attached::Simple(signature) => signature.check(keys, of),
            Attached::Bundle { bundle } => bundle::check(bundle, keys, of),
        };
        match checked {
            Ok(()) => return Ok(()),
            Err(reason) => why = why.max(reason),
        }
    }
    Err(why)
}

impl Signature {
    fn check(&self, keys: &[PublicKey], of: &Subject<'_>) -> Result<(), Unsigned> {
        let bytes = STANDARD.decode(&self.signature).map_err(|_| Unsigned::Others)?;
        if !keys.iter().any(|key| key.has_signed(self.payload.as_bytes(), &bytes)) {
            return Err(Unsigned::Others);
        }
        // From here on it is the word of somebody who is trusted.
        let Payload { critical, .. } = serde_json::from_str(&self.payload).map_err(|_| Unsigned::Others)?;
        if critical.kind != KIND || reference::digest(&critical.image.digest) != Some(of.digest) {
            return Err(Unsigned::Others);
        }
        match signed_name(&critical.identity.reference) {
            signed if signed == of.name => Ok(()),
            signed => Err(Unsigned::OtherName(text::quoted(signed), of.name.to_owned())),
        }
    }
}

/// The name without the tag or the digest that some tools sign with it.
pub fn signed_name(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        // Else it is a port.
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// The tag under which the signatures of a manifest stand.
pub fn tag(digest: Digest) -> String {
    format!("sha256-{digest}.sig")
}

/// The payloads that a manifest of signatures names, each with its signature.
pub fn listed(manifest: &[u8]) -> Result<Vec<(Descriptor, String)>, LayoutError> {
    let Manifest { layers, .. } = Manifest::read(manifest)?;
    let signed = |layer: Descriptor| {
        let signature = layer.annotations.get(ANNOTATION).filter(|text| text.len() <= MAX_SIGNATURE)?.clone();
        (layer.media_type == PAYLOAD && layer.size <= MAX_PAYLOAD).then_some((layer, signature))
    };
    Ok(layers.into_iter().filter_map(signed).take(MAX_SIGNATURES).collect())
}

/// A manifest of signatures with one more, and its config.
pub fn added(before: Option<&[u8]>, signature: &Signature) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
    let mut layers: Vec<Descriptor> =
        before.and_then(|before| Manifest::read(before).ok()).map(|before| before.layers).unwrap_or_default();
    let mut layer = Descriptor::of(PAYLOAD, signature.payload.as_bytes());
    layer.annotations.insert(ANNOTATION.to_owned(), signature.signature.clone());
    layers.push(layer);
    let digests: Vec<&str> = layers.iter().map(|layer| &*layer.digest).collect();
    // What readers of images expect there.
    let config = serde_json::json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "history": layers.iter().map(|_| serde_json::json!({ "created": "0001-01-01T00:00:00Z" })).collect::<Vec<_>>(),
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    let config = serde_json::to_vec(&config)?;
    let manifest = Manifest::new(Descriptor::of(CONFIG, &config), layers);
    Ok((serde_json::to_vec(&manifest)?, config))
}
