//! `host repair`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::console::{Console, Verbosity};
use crate::error::Error;
use crate::{repair, report};
use rules::budget::Time;

/// Make the state fit the landing directory again, after either was lost or damaged
///
/// A damaged database is set aside and rebuilt from the files. No file that could be data is removed or changed.
#[derive(Debug, clap::Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Wait for runs and other repairs to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<Time>>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &RepairArgs) -> Result<ExitCode, Error> {
    let console = Console::new(Verbosity::from(0));
    let wait = super::zone::patience(arguments.wait);
    let repaired = repair::repair(&arguments.zone.landing()?, wait, &console);
    console.finish();
    let mut repaired = repaired?;
    match arguments.json {
        true => super::print_with(|output| report::write_repair_json(&mut repaired, output))?,
        false => super::print_with(|output| report::write_repair(&repaired, output))?,
    }
    Ok(ExitCode::SUCCESS)
}
