//! `host runs`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::report;

/// Show what the state database says of past runs, newest first
#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &RunsArgs) -> Result<ExitCode, Error> {
    let state = arguments.zone.state()?;
    match arguments.json {
        true => super::print_with(|output| report::write_runs_json(&state, arguments.limit, output)),
        false => super::print_with(|output| report::write_runs(&state, arguments.limit, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
