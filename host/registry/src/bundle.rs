//! Signatures as cosign 3 makes them: Sigstore bundles, one in a JSON text, with a DSSE envelope or the signature of the
//! manifest itself.
//!
//! Logs and times that stand in a bundle are not looked at, and a certificate is nobody's key. Pure over bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::domain::Digest;
use rules::text;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::layout;
use crate::reference;
use crate::signature::{PublicKey, Subject, Unsigned, signed_name};

/// The media type of a bundle, and what an artifact says that it is that has one.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Largest bundle, in bytes. What a log and a clock add to a signature is some 10 KiB.
pub const MAX_BUNDLE: u64 = 64 * 1024;
/// The statement's type for a signature, and where a referrer says it too. Other types say something of a component, and
/// not that it is to be used.
pub const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
/// The media type of a statement in an envelope.
const STATEMENT: &str = "application/vnd.in-toto+json";
/// What a statement says that it is.
const KIND: &str = "https://in-toto.io/Statement/v1";
/// The names that stand for none (in-toto, "ResourceDescriptor").
const NAMELESS: [&str; 2] = ["", "_"];
/// How a bundle names SHA-256.
const SHA256: &str = "SHA2_256";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
    message_signature: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<IgnoredAny>,
    certificate: Option<IgnoredAny>,
    x509_certificate_chain: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_digest: Option<Hash>,
    signature: String,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Named>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Whether one of the keys has signed by this bundle that a component is what it is.
pub fn check(bundle: &str, keys: &[PublicKey], of: &Subject<'_>) -> Result<(), Unsigned> {
    // What is no bundle is somebody's, and nobody's signature.
    let bundle: Bundle = serde_json::from_str(bundle).map_err(|_| Unsigned::Others)?;
    let Material { public_key, certificate, x509_certificate_chain } = &bundle.verification_material;
    let certified = certificate.is_some() || x509_certificate_chain.is_some();
    if bundle.media_type != BUNDLE || public_key.is_some() == certified {
        return Err(Unsigned::Others);
    }
    match (&bundle.dsse_envelope, &bundle.message_signature) {
        (Some(envelope), None) => envelope.check(certified, keys, of),
        (None, Some(message)) => message.check(certified, keys, of),
        // Two, of which each could be taken for what is signed, or none.
        _ => Err(Unsigned::Others),
    }
}

impl Envelope {
    fn check(&self, certified: bool, keys: &[PublicKey], of: &Subject<'_>) -> Result<(), Unsigned> {
        // More than one is not allowed (sigstore_bundle.proto, "dsse_envelope").
        let ([signed], STATEMENT) = (&self.signatures[..], &*self.payload_type) else { return Err(Unsigned::Others) };
        let payload = decoded(&self.payload)?;
        if !certified {
            let signature = decoded(&signed.sig)?;
            let text = encoded(&self.payload_type, &payload);
            if !keys.iter().any(|key| key.has_signed(&text, &signature)) {
                return Err(Unsigned::Others);
            }
        }
        // From here on it is the word of somebody who is trusted, or would be of one who has a certificate.
        let statement: Statement = serde_json::from_slice(&payload).map_err(|_| Unsigned::Others)?;
        match (statement.check(of), certified) {
            (Ok(()), true) => Err(Unsigned::Certified),
            (Err(_), true) => Err(Unsigned::Others),
            (checked, false) => checked,
        }
    }
}

impl Message {
    fn check(&self, certified: bool, keys: &[PublicKey], of: &Subject<'_>) -> Result<(), Unsigned> {
        if let Some(Hash { algorithm, digest }) = &self.message_digest
            && (algorithm != SHA256 || decoded(digest)? != of.digest.0)
        {
            return Err(Unsigned::Others);
        }
        if certified {
            return Err(Unsigned::Certified);
        }
        let signature = decoded(&self.signature)?;
        // The manifest is that of the digest: whoever signed the one signed the other.
        let whole = layout::sha256(of.manifest) == of.digest;
        match whole && keys.iter().any(|key| key.has_signed(of.manifest, &signature)) {
            true => Ok(()),
            false => Err(Unsigned::Others),
        }
    }
}

impl Statement {
    /// Whether it says that the component may be used.
    fn check(&self, of: &Subject<'_>) -> Result<(), Unsigned> {
        let about = self.subject.iter().filter(|named| named.is(of.digest));
        let names: Vec<&str> = about.map(|named| named.name.as_deref().unwrap_or_default()).collect();
        if self.kind != KIND || names.is_empty() {
            return Err(Unsigned::Others);
        }
        if self.predicate_type != SIGNED {
            return Err(Unsigned::OtherPurpose(text::quoted(&self.predicate_type)));
        }
        match names.iter().any(|name| NAMELESS.contains(name) || signed_name(name) == of.name) {
            true => Ok(()),
            false => Err(Unsigned::OtherName(text::quoted(signed_name(names[0])), of.name.to_owned())),
        }
    }
}

impl Named {
    fn is(&self, digest: Digest) -> bool {
        let said = self.digest.get("sha256").and_then(|hex| reference::digest(&format!("sha256:{hex}")));
        said == Some(digest)
    }
}

/// What is signed in place of a payload, so that its type is signed too: DSSE's "pre-authentication encoding".
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn decoded(text: &str) -> Result<Vec<u8>, Unsigned> {
    STANDARD.decode(text).map_err(|_| Unsigned::Others)
}
