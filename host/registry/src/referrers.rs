//! What refers to a manifest in its registry (OCI distribution-spec 1.1, "Listing Referrers"): where the list is, which of it
//! may hold a bundle, and what each of those is made of. Pure over bytes.

use rules::domain::Digest;
use serde::Deserialize;

use crate::bundle::{BUNDLE, MAX_BUNDLE, SIGNED};
use crate::layout::{Descriptor, MANIFEST};
use crate::reference;
use crate::signature::MAX_SIGNATURES;

/// The media type of a list.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What an entry says that it is, too: cosign 3.0 wrote the type of the config into the lists that it kept.
const NOTHING: &str = "application/vnd.oci.empty.v1+json";
/// Where an entry says of which type the statement in it is.
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";
/// Largest manifest of what refers to another, in bytes.
pub const MAX_REFERRER: u64 = 16 * 1024;

#[derive(Deserialize)]
struct Index {
    manifests: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    artifact_type: Option<String>,
    #[serde(flatten)]
    what: Descriptor,
}

/// A manifest that refers to another.
#[derive(Deserialize)]
struct Referrer {
    subject: Option<Subject>,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Subject {
    digest: String,
}

/// Where the list of a manifest is, below its repository. It is asked for whole, since registries do not agree on types.
pub fn path(of: Digest) -> String {
    format!("referrers/sha256:{of}")
}

/// The tag under which it is, where the registry keeps no list by itself.
pub fn tag(of: Digest) -> String {
    format!("sha256-{of}")
}

/// Those of a list that may hold a signature; nothing where it is no list.
pub fn listed(index: &[u8]) -> Option<Vec<Digest>> {
    let index: Index = serde_json::from_slice(index).ok()?;
    let wanted = |entry: serde_json::Value| {
        // One that is none keeps no other from counting.
        let Entry { artifact_type, what } = serde_json::from_value(entry).ok()?;
        let bundle = artifact_type.is_none_or(|kind| kind == BUNDLE || kind == NOTHING) && what.media_type == MANIFEST;
        // Most of what refers to an image may be said of it, and no signature.
        let signature = what.annotations.get(PREDICATE).is_none_or(|kind| kind == SIGNED);
        reference::digest(&what.digest).filter(|_| bundle && signature && what.size <= MAX_REFERRER)
    };
    Some(index.manifests.into_iter().filter_map(wanted).take(MAX_SIGNATURES).collect())
}

/// The one bundle that a manifest consists of, which says that it refers to another.
pub fn bundle(referrer: &[u8], of: Digest) -> Option<(Digest, u64)> {
    let Referrer { subject, layers } = serde_json::from_slice(referrer).ok()?;
    let [layer] = &layers[..] else { return None };
    let refers = subject.is_some_and(|subject| reference::digest(&subject.digest) == Some(of));
    let fits = refers && layer.media_type == BUNDLE && layer.size <= MAX_BUNDLE;
    reference::digest(&layer.digest).filter(|_| fits).map(|digest| (digest, layer.size))
}
