//! Which landing zone a command is about.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Configuration;
use crate::error::Error;
use crate::landing::Landing;
use crate::upkeep;
use crate::view::Seen;
use objects::Address;
use rules::budget::Time;

/// The flags that say so.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ZoneArgs {
    /// The landing directory, or a place in an object store [default: what the configuration says, else data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    pub(super) landing: Option<PathBuf>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
}

impl ZoneArgs {
    /// The landing zone. A configuration is read only where it is asked: for its own, or for how a store is reached.
    pub(super) fn landing(&self) -> Result<Landing, Error> {
        match self.named() {
            Some(path) if !path.to_str().is_some_and(Address::is_meant) => Ok(path.to_owned().into()),
            named => self.configuration()?.landing(named),
        }
    }

    /// The landing zone, of which nothing but what the configuration says may not be there yet.
    pub(super) fn expected(&self, configuration: &Configuration) -> Result<Landing, Error> {
        let landing = configuration.landing(self.named())?;
        if let (Landing::Directory(path), Some(_)) = (&landing, self.named()) {
            upkeep::has_to_be(path)?;
        }
        Ok(landing)
    }

    /// The landing directory that is named; an empty name is none.
    fn named(&self) -> Option<&Path> {
        self.landing.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// What the configuration says.
    pub(super) fn configuration(&self) -> Result<Configuration, Error> {
        Configuration::read(self.config.as_deref())
    }

    /// The state of the landing zone, to be read.
    pub(super) fn state(&self) -> Result<Seen, Error> {
        state_of(&self.landing()?)
    }
}

/// The state of a landing zone, to be read.
pub(super) fn state_of(landing: &Landing) -> Result<Seen, Error> {
    Seen::of(landing)?.ok_or_else(|| nothing_ran(landing))
}

/// How long `--wait` has a command wait: not at all where it is not given, and without end where it gives no time.
pub(super) fn patience(wait: Option<Option<Time>>) -> Option<Duration> {
    wait.map_or(Some(Duration::ZERO), |limit| limit.map(|time| time.0))
}

/// Nothing has run yet.
pub(super) fn nothing_ran(landing: &Landing) -> Error {
    Error::usage(format!("there are no runs in {landing} yet"))
        .hint("`--landing DIR` or LANDING_DIR says where to look")
}
