//! `host show`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind};
use crate::report;
use state::WantedRuns;

/// Show all that is kept of one run: files, budgets, log, grants, the component's digest
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The number of the run
    #[arg(value_parser = super::files::number)]
    run: i64,
    #[command(flatten)]
    zone: ZoneArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &ShowArgs) -> Result<ExitCode, Error> {
    let state = arguments.zone.state()?;
    let failed = |error: state::StateError| Error::new(Kind::Failed, error);
    let mut found = None;
    let wanted = WantedRuns { run: Some(arguments.run), ..WantedRuns::default() };
    let seen = state.runs(&wanted, |row| {
        found = Some(row);
        Ok::<_, state::StateError>(())
    });
    seen.map_err(failed)?;
    let Some(row) = found else {
        return Err(Error::usage(format!("there is no run {}", arguments.run)).hint("`host runs` lists them"));
    };
    let details = state.details(arguments.run).map_err(failed)?;
    match arguments.json {
        true => super::print_with(|output| report::write_run_json(&state, &row, &details, output)),
        false => super::print_with(|output| report::write_run(&state, &row, &details, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
