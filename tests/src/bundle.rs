//! Signatures as cosign 3 attaches them to a manifest: a Sigstore bundle in an image that refers to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};

use crate::registry::{MANIFEST, digest};

/// The media type of a bundle.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The media type of a list of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What a statement is that signs.
pub const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
const STATEMENT: &str = "application/vnd.in-toto+json";

/// What a statement says, by default as cosign says it: of which digest, and no name.
pub fn statement(digest: &str) -> Value {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let subject = json!({ "digest": { "sha256": hex }, "annotations": {} });
    json!({ "_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": SIGNED, "predicate": {} })
}

/// A bundle with a statement, signed by a private key in PEM.
pub fn bundle(key: &str, statement: &Value) -> Value {
    let statement = statement.to_string();
    let text = format!("DSSEv1 {} {STATEMENT} {} {statement}", STATEMENT.len(), statement.len());
    let envelope = json!({
        "payload": STANDARD.encode(statement), "payloadType": STATEMENT,
        "signatures": [{ "sig": signed(key, text.as_bytes()) }],
    });
    json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": { "hint": "" } }, "dsseEnvelope": envelope })
}

/// A bundle with the signature of a manifest itself.
pub fn message(key: &str, manifest: &[u8]) -> Value {
    let message = json!({ "signature": signed(key, manifest) });
    json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": { "hint": "" } }, "messageSignature": message })
}

fn signed(key: &str, text: &[u8]) -> String {
    let der: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = KeyPair::try_from(STANDARD.decode(der).expect("Base64")).expect("a key");
    STANDARD.encode(pair.sign(text).expect("a signature"))
}

/// The image with a bundle in it that refers to the manifest of this digest.
pub fn referrer(bundle: &[u8], to: &str) -> Vec<u8> {
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 });
    let layer = json!({ "mediaType": BUNDLE, "digest": digest(bundle), "size": bundle.len() });
    let subject = json!({ "mediaType": MANIFEST, "digest": to, "size": 2 });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE, "config": config, "layers": [layer],
        "subject": subject, "annotations": annotations(SIGNED),
    });
    manifest.to_string().into_bytes()
}

/// What stands for such an image in a list.
pub fn entry(referrer: &[u8]) -> Value {
    json!({
        "mediaType": MANIFEST, "digest": digest(referrer), "size": referrer.len(), "artifactType": BUNDLE,
        "annotations": annotations(SIGNED),
    })
}

/// How an image says of which type the statement in it is.
pub fn annotations(predicate: &str) -> Value {
    json!({ "dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicate })
}

/// A list of such images.
pub fn index(entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes()
}
