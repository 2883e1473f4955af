//! `host wit`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::Error;
use crate::files;

/// Print the interface between this program and extractors, in WIT
#[derive(Debug, clap::Args)]
pub(super) struct WitArgs {
    /// Which rendering: `sync` is for toolchains that know no `async`
    #[arg(long, value_enum, default_value_t = Rendering::Extractor)]
    world: Rendering,
    /// Write it to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Rendering {
    /// The interface as it is
    Extractor,
    /// The same without `async`, streams and futures; `pack` makes what is built with it fit
    Sync,
}

pub(super) fn execute(arguments: &WitArgs) -> Result<ExitCode, Error> {
    let text = match arguments.world {
        Rendering::Extractor => engine::CONTRACT.to_owned(),
        Rendering::Sync => engine::sync_contract(),
    };
    match &arguments.output {
        Some(path) => {
            files::replace(path, text.as_bytes()).map_err(|error| files::unwritten("cannot write", path, &error))?
        }
        None => super::print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}
