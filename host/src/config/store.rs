//! `[store]`: how the object store is reached that the landing place is in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use objects::{Address, Settings};
use rules::budget::Time;

use super::file::Configuration;
use super::secrets::{self, SecretFrom};
use crate::error::Error;
use crate::landing::{Landing, Place};
use crate::tokens::Key;

/// For how long a run has its state after it wrote it last, where nobody says otherwise.
const LEASE: Duration = Duration::from_secs(60);
/// The shortest and the longest lease: below, a slow answer loses it; above, a killed run blocks the next for too long.
const LEASES: std::ops::RangeInclusive<u64> = 3..=3600;

/// The table.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Store {
    /// Where it is, as `https://HOST[:PORT]` [default: the provider's own place].
    endpoint: Option<String>,
    /// The region of S3.
    region: Option<String>,
    /// A profile of `~/.aws`.
    profile: Option<String>,
    /// How long the store may say and take nothing.
    timeout: Option<Time>,
    /// Whether `[network] proxy` leads to it [default: as to everything else].
    proxy: Option<bool>,
    /// For how long a run has its state after it wrote it last.
    lease: Option<Time>,
    /// Where the key is that tokens are sealed with, which are kept in the store then.
    pub(super) token_key: Option<SecretFrom>,
}

impl Store {
    /// The key that tokens are sealed with; `None` where nobody says. `directory` is that of the configuration file.
    pub(super) fn key(&self, directory: &Path) -> Result<Option<Key>, Error> {
        let read = |from: &SecretFrom| {
            let text = secrets::read(from, directory, |name| std::env::var_os(name))?;
            Key::parse(&text)
        };
        self.token_key.as_ref().map(read).transpose().map_err(|reason| {
            Error::usage(format!("`token-key` under [store]: {reason}"))
                .hint("it is 32 bytes in Base64 or hexadecimal, which `openssl rand -base64 32` makes")
        })
    }
}

impl Configuration {
    /// The landing zone: what the flag or `LANDING_DIR` says, else the configuration, else `data/landing`.
    pub fn landing(&self, given: Option<&Path>) -> Result<Landing, Error> {
        let path = self.landing_word(given);
        let Some(text) = path.to_str().filter(|text| Address::is_meant(text)) else { return Ok(path.into()) };
        let address: Address = text.parse().map_err(|error| {
            Error::usage(error).hint("`--landing` takes a directory, or such a place in an object store")
        })?;
        let Store { endpoint, region, profile, timeout, proxy, lease, token_key: _ } = self.file.store.clone();
        let lease = lease.map_or(LEASE, |lease| lease.0);
        if !LEASES.contains(&lease.as_secs()) {
            let (least, most) = (LEASES.start(), LEASES.end());
            return Err(Error::usage(format!(
                "{}: `store.lease` is not from {least} to {most} s",
                self.path.display()
            ))
            .hint("a killed run keeps others waiting for so long; a live one writes its state three times in it"));
        }
        let timeout = timeout.map_or(Settings::default().timeout, |timeout| timeout.0);
        let proxy = self.file.network.proxy.clone().filter(|_| proxy.unwrap_or(true));
        let settings = Settings { endpoint, region, profile, timeout, proxy };
        let authorities = self.file.tls.authorities.clone();
        Ok(Landing::Store(Arc::new(Place { address, settings, authorities, lease })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_leads_to_the_store_unless_somebody_says_otherwise() {
        for (said, expected) in [("", true), ("[store]\nproxy = true\n", true), ("[store]\nproxy = false\n", false)] {
            let text = format!("[network]\nproxy = \"http://proxy.example:3128\"\n{said}");
            let file = toml::from_str(&text).expect("a configuration");
            let known = Configuration { file, ..Configuration::default() };
            let Ok(Landing::Store(place)) = known.landing(Some(Path::new("s3://lake/raw"))) else { panic!("no store") };
            assert_eq!(place.settings.proxy.is_some(), expected, "{said}");
        }
    }
}
