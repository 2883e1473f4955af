//! From a registry to the cache: the manifest, whether it is signed as it should be, and then the component.

use std::path::PathBuf;
use std::time::Duration;

use clock::Stopwatch;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use rules::domain::Digest;

use crate::cache::{Cache, Part};
use crate::client::{Client, Repository, again, length};
use crate::error::RegistryError;
use crate::layout::{self, Layer};
use crate::signature::{self, Attached, PublicKey, Subject};

/// How many bytes of a component have to arrive in a second, at least, after the first minute.
const SPEED: u64 = 16 * 1024;
const FIRST: u64 = 60;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The reference, as it is told.
    pub shown: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The manifest, where it came already.
    pub manifest: Option<Vec<u8>>,
    /// Largest component, in bytes.
    pub most: u64,
    /// Whose signature it needs, and under which name.
    pub signed: Option<(&'a [PublicKey], String)>,
}

/// A component that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its file.
    pub path: PathBuf,
    /// What is in the file.
    pub layer: Layer,
    /// Whether it was not there before.
    pub fetched: bool,
}

/// Have what is wanted in the cache. The registry is asked for what is missing there, and for nothing else: by `client`,
/// where there is one already.
pub fn pull(
    cache: &Cache,
    wanted: &Wanted<'_>,
    mut client: Option<Client>,
    open: impl Fn() -> Result<Client, RegistryError>,
) -> Result<Pulled, RegistryError> {
    let Wanted { shown, digest, manifest, most, signed } = wanted;
    let manifest = match manifest.clone().or_else(|| cache.manifest(*digest)) {
        Some(manifest) => manifest,
        None => opened(&mut client, &open)?.manifest(*digest)?,
    };
    let layer = layout::layer(&manifest, *most).map_err(|error| RegistryError::Layout(shown.clone(), error))?;
    if let Some((keys, name)) = signed {
        let subject = Subject { name, digest: *digest, manifest: &manifest };
        let check = |attached: &[Attached]| signature::check(attached, keys, &subject);
        if check(&cache.signatures(*digest)).is_err() {
            let attached = opened(&mut client, &open)?.attached(*digest, |some| check(some).is_ok())?;
            check(&attached).map_err(|error| RegistryError::Unsigned(shown.clone(), error))?;
            cache.keep_signatures(*digest, &attached)?;
        }
    }
    if let Some(path) = cache.component(layer) {
        if cache.manifest(*digest).is_none() {
            cache.keep_manifest(*digest, &manifest)?;
        }
        return Ok(Pulled { path, layer, fetched: false });
    }
    let path = opened(&mut client, &open)?.component(cache, layer)?;
    // Once the component is there: a manifest alone is of no use.
    cache.keep_manifest(*digest, &manifest)?;
    Ok(Pulled { path, layer, fetched: true })
}

fn opened<'a>(
    client: &'a mut Option<Client>,
    open: &impl Fn() -> Result<Client, RegistryError>,
) -> Result<&'a Client, RegistryError> {
    match client {
        Some(client) => Ok(client),
        None => Ok(client.insert(open()?)),
    }
}

impl Client {
    /// Have a component in the cache, from where an earlier attempt stopped.
    fn component(&self, cache: &Cache, layer: Layer) -> Result<PathBuf, RegistryError> {
        let mut part = cache.part(layer)?;
        loop {
            let resumed = part.resumed;
            self.wait(again(async || self.repository.arrive(layer, &mut part).await))?;
            match part.digest() {
                digest if digest == layer.digest => return part.finish(),
                // What an earlier attempt left may be what is wrong.
                _ if resumed => part.restart()?,
                got => {
                    part.discard();
                    let what = format!("the component sha256:{} of {}", layer.digest, self.repository.name);
                    return Err(RegistryError::Digest { registry: self.repository.registry.clone(), what, got });
                }
            }
        }
    }
}

impl Repository {
    /// Take in what is missing of a component.
    async fn arrive(&self, layer: Layer, part: &mut Part) -> Result<(), RegistryError> {
        let what = format!("the component of {}", self.name);
        if part.size() == layer.size {
            return Ok(());
        }
        let mut question = self.question(Method::GET, &format!("blobs/sha256:{}", layer.digest), what.clone())?;
        if part.size() > 0 {
            let range = HeaderValue::try_from(format!("bytes={}-", part.size()));
            question.fields.insert(header::RANGE, range.map_err(|error| RegistryError::Settings(error.to_string()))?);
        }
        let mut response = self.ask(&question).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            part.restart()?;
            question.fields.clear();
            response = self.ask(&question).await?;
        }
        let response = self.good(response, &what).await?;
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT;
        if goes_on && !continues(response.headers(), part.size(), layer.size) {
            let reason = format!("answered with another part of {what} than it was asked for");
            return Err(RegistryError::Answer(self.registry.clone(), reason));
        }
        if !goes_on {
            part.restart()?;
        }
        let too_much =
            || RegistryError::TooMuch { registry: self.registry.clone(), what: what.clone(), most: layer.size };
        if length(response.headers()).is_some_and(|length| length > layer.size - part.size()) {
            return Err(too_much());
        }
        let (mut body, started) = (response.into_body(), Stopwatch::start());
        let most = Duration::from_secs(FIRST + (layer.size - part.size()) / SPEED);
        while let Some(frame) = body.frame().await {
            let bytes = frame?.into_data().unwrap_or_default();
            if bytes.len() as u64 > layer.size - part.size() {
                return Err(too_much());
            }
            part.append(&bytes)?;
            self.in_time(started, most, &what)?;
        }
        match part.size() {
            got if got < layer.size => {
                Err(RegistryError::TooLittle { registry: self.registry.clone(), what, got, of: layer.size })
            }
            _ => Ok(()),
        }
    }
}

/// Whether an answer goes on where ours stops, and ends where it should (RFC 9110, 14.4).
fn continues(fields: &HeaderMap, from: u64, size: u64) -> bool {
    let range = fields.get(header::CONTENT_RANGE).and_then(|field| field.to_str().ok());
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes ")) else { return false };
    let (Some((begin, rest)), true) = (range.split_once('-'), from > 0) else { return false };
    let Some((end, whole)) = rest.split_once('/') else { return false };
    let is = |text: &str, number: u64| text.parse() == Ok(number);
    is(begin, from) && is(end, size.saturating_sub(1)) && (whole == "*" || is(whole, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_on_just_where_ours_stops() {
        for (range, from, expected) in [
            (Some("bytes 5-9/10"), 5, true),
            (Some("bytes 5-9/*"), 5, true),
            (Some("bytes 4-9/10"), 5, false),
            (Some("bytes 5-8/10"), 5, false),
            (Some("bytes 5-9/11"), 5, false),
            (Some("bytes 0-9/10"), 0, false),
            (Some("bytes */10"), 5, false),
            (Some("items 5-9/10"), 5, false),
            (None, 5, false),
        ] {
            let mut fields = HeaderMap::new();
            if let Some(range) = range {
                fields.insert(header::CONTENT_RANGE, HeaderValue::from_static(range));
            }
            assert_eq!(continues(&fields, from, 10), expected, "{range:?}");
        }
    }
}
