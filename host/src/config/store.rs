//! `[store]`: how the object store is reached that the landing place is in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use objects::{Address, Settings};
use rules::budget::Time;

use super::file::Configuration;
use crate::error::Error;
use crate::landing::{Landing, Place};

/// For how long a run has its state after it wrote it last, where nobody says otherwise.
const LEASE: Duration = Duration::from_secs(60);
/// The shortest and the longest lease: below, a slow answer loses it; above, a killed run blocks the next for too long.
const LEASES: std::ops::RangeInclusive<u64> = 3..=3600;

/// The table.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    /// Where it is, as `https://HOST[:PORT]` [default: the provider's own place].
    endpoint: Option<String>,
    /// The region of S3.
    region: Option<String>,
    /// A profile of `~/.aws`.
    profile: Option<String>,
    /// How long the store may say and take nothing.
    timeout: Option<Time>,
    /// For how long a run has its state after it wrote it last.
    lease: Option<Time>,
}

impl Configuration {
    /// The landing zone: what the flag or `LANDING_DIR` says, else the configuration, else `data/landing`.
    pub fn landing(&self, given: Option<&Path>) -> Result<Landing, Error> {
        let path = self.landing_word(given);
        let Some(text) = path.to_str().filter(|text| Address::is_meant(text)) else { return Ok(path.into()) };
        let address: Address = text.parse().map_err(|error| {
            Error::usage(error).hint("`--landing` takes a directory, or such a place in an object store")
        })?;
        let Store { endpoint, region, profile, timeout, lease } = self.file.store.clone();
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
        let settings = Settings { endpoint, region, profile, timeout };
        let authorities = self.file.tls.authorities.clone();
        Ok(Landing::Store(Arc::new(Place { address, settings, authorities, lease })))
    }
}
