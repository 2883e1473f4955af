//! From this machine to a registry: blobs first, then whoever signs, and the tag last, so that who pulls it meets all of it.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use rules::domain::Digest;

use crate::client::{Client, Question, Repository, again, said_digest};
use crate::error::RegistryError;
use crate::layout::{self, MANIFEST};
use crate::signature::{self, PrivateKey};

/// What is pushed.
pub struct Push<'a> {
    /// The component.
    pub component: Bytes,
    /// What it offers and wants.
    pub world: layout::World<'a>,
    /// The tag that it gets.
    pub tag: &'a str,
    /// The name that is signed, and with which key.
    pub sign: Option<(String, &'a PrivateKey)>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// What the tag stood for before, where that was something else.
    pub before: Option<Digest>,
}

impl Client {
    /// Push a component.
    pub fn push(&self, push: Push<'_>) -> Result<Pushed, RegistryError> {
        let Push { component, world, tag, sign } = push;
        let failed = |reason: &dyn std::fmt::Display| RegistryError::Settings(format!("cannot push: {reason}"));
        let (manifest, config) = layout::package(&component, world).map_err(|error| failed(&error))?;
        let digest = layout::sha256(&manifest);
        let signature =
            sign.map(|(name, key)| key.sign(&name, digest)).transpose().map_err(|reason| failed(&reason))?;
        self.wait(async {
            let repository = &self.repository;
            repository.upload(component, "the component").await?;
            repository.upload(config.into(), "the config").await?;
            if let Some(signature) = signature {
                let tag = signature::tag(digest);
                let before = repository.there(&tag).await?;
                let (signed, config) = signature::added(before.as_ref().map(|(_, bytes)| &**bytes), &signature)
                    .map_err(|error| failed(&error))?;
                repository.upload(signature.payload.into(), "what is signed").await?;
                repository.upload(config.into(), "the config").await?;
                repository.name(&tag, signed).await?;
            }
            let before = repository.there(tag).await?.map(|(before, _)| before).filter(|before| *before != digest);
            repository.name(tag, manifest).await?;
            Ok(Pushed { digest, before })
        })
    }
}

impl Repository {
    /// The manifest of a tag, where there is one.
    async fn there(&self, tag: &str) -> Result<Option<(Digest, Vec<u8>)>, RegistryError> {
        match self.manifest(tag, None).await {
            Ok(found) => Ok(Some(found)),
            Err(RegistryError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Have a blob there. What was lost on the way is sent again from its beginning.
    async fn upload(&self, bytes: Bytes, what: &str) -> Result<(), RegistryError> {
        let (digest, what) = (format!("sha256:{}", layout::sha256(&bytes)), format!("{what} of {}", self.name));
        let there = self.question(Method::HEAD, &format!("blobs/{digest}"), what.clone())?;
        let place = self.question(Method::POST, "blobs/uploads/", what.clone())?;
        again(async || {
            match self.ask(&there).await? {
                response if response.status() == StatusCode::NOT_FOUND => {}
                response => return self.good(response, &what).await.map(drop),
            }
            let response = self.good(self.ask(&place).await?, &what).await?;
            let mut url = self.led(&place.url, response.headers())?;
            url.query_pairs_mut().append_pair("digest", &digest);
            let (body, what) = (bytes.clone(), what.clone());
            let mut put = Question { method: Method::PUT, url, fields: Default::default(), body, what };
            put.fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            let response = self.ask(&put).await?;
            self.good(response, &put.what).await.map(drop)
        })
        .await
    }

    /// Give a manifest its tag.
    async fn name(&self, tag: &str, manifest: Vec<u8>) -> Result<(), RegistryError> {
        let (what, digest) = (self.shown(tag), layout::sha256(&manifest));
        let mut put = self.question(Method::PUT, &format!("manifests/{tag}"), what)?;
        put.body = manifest.into();
        put.fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(MANIFEST));
        let response = again(async || self.good(self.ask(&put).await?, &put.what).await).await?;
        match said_digest(response.headers()) {
            Some(got) if got != digest => {
                Err(RegistryError::Digest { registry: self.registry.clone(), what: put.what, got })
            }
            _ => Ok(()),
        }
    }
}
