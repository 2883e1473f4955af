//! `host state`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind};

/// Hand on what is recorded
#[derive(Debug, clap::Args)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write the state into a SQLite database of its own, for queries: that of a directory, or all of an object store
    /// together
    Export {
        /// The file to make
        #[arg(value_name = "FILE.sqlite")]
        file: PathBuf,
        #[command(flatten)]
        zone: ZoneArgs,
    },
}

pub(super) fn execute(arguments: &StateArgs) -> Result<ExitCode, Error> {
    let Action::Export { file, zone } = &arguments.action;
    let shown = file.display();
    if std::fs::symlink_metadata(file).is_ok() {
        return Err(Error::usage(format!("there is a file {shown} already")).hint("name one that is not there"));
    }
    let state = zone.state()?;
    state.export(file).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot write the state into {shown}: {error}"))
            .hint("its directory must be there, and writable")
    })?;
    Ok(ExitCode::SUCCESS)
}
