//! Secrets that sign a request instead of travelling with it. What is signed is what goes out, so it is the last that is
//! done to a request.
//!
//! Pure.

mod aws;
mod hmac;
mod mac;
#[cfg(test)]
mod schemes;
mod template;
#[cfg(test)]
mod vectors;

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method};
use url::Url;

use crate::domain::SecretPlace;

/// A request as it is sent, but for what secrets add to it.
pub struct Outgoing<'a> {
    /// The method.
    pub method: &'a Method,
    /// Where it is sent.
    pub url: &'a mut Url,
    /// All fields but those of the connection.
    pub headers: &'a mut HeaderMap,
    /// The content.
    pub body: &'a [u8],
    /// When it is sent.
    pub at: SystemTime,
}

/// What signs.
pub(crate) enum Signer {
    Aws(aws::Signer),
    Hmac(Box<hmac::Signer>),
}

impl Signer {
    /// What signs for this place, with these parts, which are all that it needs; nothing where nothing is signed.
    pub(crate) fn new(place: &SecretPlace, parts: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        Ok(match place {
            SecretPlace::Aws(aws) => Some(Self::Aws(aws::Signer::new(aws, parts)?)),
            SecretPlace::Hmac(hmac) => Some(Self::Hmac(Box::new(hmac::Signer::new(hmac, parts)?))),
            _ => None,
        })
    }

    /// The fields that it sets.
    pub(crate) fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Aws(signer) => signer.fields(),
            Self::Hmac(signer) => signer.fields(),
        }
    }

    /// The parameters that it adds to the query.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Aws(_) => Vec::new(),
            Self::Hmac(signer) => signer.parameters().collect(),
        }
    }

    /// Sign a request.
    pub(crate) fn sign(&self, request: &mut Outgoing<'_>) -> Result<(), String> {
        match self {
            Self::Aws(signer) => signer.sign(request),
            Self::Hmac(signer) => signer.sign(request),
        }
    }
}

/// The host as its field has it (RFC 9110, 7.2): with the port, where that is not the scheme's own.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}
