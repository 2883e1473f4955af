//! Which landing zone a command is about.

use std::path::{Path, PathBuf};

use crate::config::Configuration;
use crate::error::Error;
use crate::upkeep;
use state::State;

/// The flags that say so.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ZoneArgs {
    /// The landing directory [default: what the configuration says, else data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    pub(super) landing: Option<PathBuf>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
}

impl ZoneArgs {
    /// The landing directory. A configuration is read only where it is asked.
    pub(super) fn directory(&self) -> Result<PathBuf, Error> {
        match self.named() {
            Some(path) => Ok(path.to_owned()),
            None => Ok(self.configuration()?.landing(None)),
        }
    }

    /// The landing directory, of which nothing but what the configuration says may not be there yet.
    pub(super) fn expected(&self, configuration: &Configuration) -> Result<PathBuf, Error> {
        self.named().map_or(Ok(()), upkeep::has_to_be)?;
        Ok(configuration.landing(self.named()))
    }

    /// The landing directory that is named; an empty name is none.
    fn named(&self) -> Option<&Path> {
        self.landing.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// What the configuration says.
    pub(super) fn configuration(&self) -> Result<Configuration, Error> {
        Configuration::read(self.config.as_deref())
    }

    /// The state of the landing directory, to be read.
    pub(super) fn state(&self) -> Result<State, Error> {
        state_of(&self.directory()?)
    }
}

/// The state of a landing directory, to be read.
pub(super) fn state_of(landing: &Path) -> Result<State, Error> {
    let opened = state_if_there(landing)?;
    opened.ok_or_else(|| {
        Error::usage(format!("there are no runs in {} yet", landing.display()))
            .hint("`--landing DIR` or LANDING_DIR says where to look")
    })
}

/// The same; `None` where nothing has run yet.
pub(super) fn state_if_there(landing: &Path) -> Result<Option<State>, Error> {
    let database = upkeep::database(landing);
    State::open_to_read(&database).map_err(|error| Error::database(&error, &database))
}
