//! What is attached to a manifest in its registry: signatures under a tag of their own, and bundles that refer to it.

use http::Method;
use http::header::{self, HeaderValue};
use rules::domain::Digest;

use crate::client::{Client, Repository, again};
use crate::error::RegistryError;
use crate::layout::{self, MANIFEST, MAX_MANIFEST};
use crate::reference;
use crate::referrers::{self, INDEX, MAX_REFERRER};
use crate::signature::{self, Attached, Signature};

impl Client {
    /// The signatures of a manifest; none where there are none. Bundles are asked for where the others are not `enough`.
    pub fn attached(
        &self,
        manifest: Digest,
        enough: impl Fn(&[Attached]) -> bool,
    ) -> Result<Vec<Attached>, RegistryError> {
        self.wait(async {
            let mut all = self.repository.signatures(manifest).await?;
            if !enough(&all) {
                all.extend(self.repository.bundles(manifest).await?);
            }
            Ok(all)
        })
    }
}

impl Repository {
    /// Simple signatures, which stand under a tag.
    async fn signatures(&self, manifest: Digest) -> Result<Vec<Attached>, RegistryError> {
        let listed = match self.manifest(&signature::tag(manifest), None).await {
            Ok((_, listed)) => listed,
            Err(RegistryError::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let listed = signature::listed(&listed).map_err(|error| RegistryError::Layout(self.signatures_of(), error))?;
        let mut signatures = Vec::new();
        for (payload, signature) in listed {
            let Some(digest) = reference::digest(&payload.digest) else { continue };
            if let Some(payload) = self.by_digest(("blobs", "*/*"), digest, payload.size).await? {
                signatures.push(Attached::Simple(Signature { payload, signature }));
            }
        }
        Ok(signatures)
    }

    /// Bundles, which refer to it. One that somebody attached in the wrong way is none, and keeps no other from counting.
    async fn bundles(&self, manifest: Digest) -> Result<Vec<Attached>, RegistryError> {
        let mut bundles = Vec::new();
        for referrer in self.referrers(manifest).await? {
            match self.bundle(referrer, manifest).await {
                Ok(bundle) => bundles.extend(bundle.map(|bundle| Attached::Bundle { bundle })),
                Err(RegistryError::Missing { .. } | RegistryError::TooMuch { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bundles)
    }

    async fn bundle(&self, referrer: Digest, of: Digest) -> Result<Option<String>, RegistryError> {
        let referrer = self.by_digest(("manifests", MANIFEST), referrer, MAX_REFERRER).await?;
        match referrer.and_then(|referrer| referrers::bundle(referrer.as_bytes(), of)) {
            Some((digest, size)) => self.by_digest(("blobs", "*/*"), digest, size).await,
            None => Ok(None),
        }
    }

    /// What may hold a bundle: by the registry's own list, or by the one that those keep who attach something.
    async fn referrers(&self, manifest: Digest) -> Result<Vec<Digest>, RegistryError> {
        let what = self.signatures_of();
        let mut question = self.question(Method::GET, &referrers::path(manifest), what.clone())?;
        question.fields.insert(header::ACCEPT, HeaderValue::from_static(INDEX));
        let asked = again(async || {
            let response = self.good(self.ask(&question).await?, &what).await?;
            self.small(response, MAX_MANIFEST, &what).await
        });
        let listed = match asked.await {
            Ok(index) => referrers::listed(&index),
            // So do those answer that have no such address.
            Err(RegistryError::Missing { .. } | RegistryError::Status { status: 400 | 405 | 406, .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(listed) = listed {
            return Ok(listed);
        }
        match self.manifest(&referrers::tag(manifest), None).await {
            Ok((_, index)) => Ok(referrers::listed(&index).unwrap_or_default()),
            Err(RegistryError::Missing { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A text by its digest, of no more bytes than that. What is not what it says to be is nobody's signature.
    async fn by_digest(
        &self,
        (kind, accepted): (&str, &'static str),
        digest: Digest,
        most: u64,
    ) -> Result<Option<String>, RegistryError> {
        let what = self.signatures_of();
        let mut question = self.question(Method::GET, &format!("{kind}/sha256:{digest}"), what.clone())?;
        question.fields.insert(header::ACCEPT, HeaderValue::from_static(accepted));
        let bytes = again(async || {
            let response = self.good(self.ask(&question).await?, &what).await?;
            self.small(response, most, &what).await
        });
        let bytes = bytes.await?;
        Ok(String::from_utf8(bytes).ok().filter(|text| layout::sha256(text.as_bytes()) == digest))
    }

    fn signatures_of(&self) -> String {
        format!("the signatures of {}", self.name)
    }
}
