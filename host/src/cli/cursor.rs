//! `host cursor`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::report;

/// Show what extractors keep for their next runs: cursors, and values by key
///
/// Each backfill window has a cursor of its own. The values of an extractor that is named are shown as well.
#[derive(Debug, clap::Args)]
pub(super) struct CursorArgs {
    /// The extractor's name [default: all of them]
    name: Option<String>,
    #[command(flatten)]
    zone: ZoneArgs,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &CursorArgs) -> Result<ExitCode, Error> {
    let state = arguments.zone.state()?;
    let name = arguments.name.as_deref();
    match arguments.json {
        true => super::print_with(|output| report::write_cursors_json(&state, name, output)),
        false => super::print_with(|output| report::write_cursors(&state, name, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
