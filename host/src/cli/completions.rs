//! `host completions` and `host man`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap_complete::Shell;

use crate::error::{Error, Kind};
use crate::program;

/// Print what completes commands and flags in a shell
///
/// For bash they go into ~/.local/share/bash-completion/completions, into a file named as the program is called.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the man pages into a directory, one for each command.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The directory
    directory: PathBuf,
}

pub(super) fn execute(arguments: &CompletionsArgs) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), program::name(), &mut script);
    super::print_with(|output| output.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(arguments: &ManArgs) -> Result<ExitCode, Error> {
    let directory = &arguments.directory;
    clap_mangen::generate_to(super::command(), directory).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot write man pages into {}: {error}", directory.display()))
            .hint("the directory must be there, and writable")
    })?;
    Ok(ExitCode::SUCCESS)
}
