//! `host runs`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use jiff::civil::Date;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::report;
use rules::domain::parse_day;
use rules::text;
use state::WantedRuns;

/// Show what the state database says of past runs, newest first
#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Of this extractor only
    #[arg(long, value_name = "NAME")]
    extractor: Option<String>,
    /// Of this status only: `success`, `failed` or `running`
    #[arg(long, value_name = "STATUS", value_parser = ["success", "failed", "running"])]
    status: Option<String>,
    /// That started on this day (UTC) or later
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    from: Option<Date>,
    /// That started before this day
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    until: Option<Date>,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &RunsArgs) -> Result<ExitCode, Error> {
    let state = arguments.zone.state()?;
    let day = |day: &Option<Date>| day.map(|day| day.to_string());
    let wanted = WantedRuns {
        limit: Some(arguments.limit),
        extractor: arguments.extractor.clone(),
        status: arguments.status.clone(),
        from: day(&arguments.from),
        until: day(&arguments.until),
        run: None,
    };
    match arguments.json {
        true => super::print_with(|output| report::write_runs_json(&state, &wanted, output)),
        false => super::print_with(|output| report::write_runs(&state, &wanted, output)),
    }?;
    // An empty list is an answer to a program; somebody who looks may have misspelt it.
    if let Some(extractor) = arguments.extractor.as_deref().filter(|_| !arguments.json)
        && !state.has_run(extractor)?
    {
        let shown = text::quoted(extractor);
        let _ = writeln!(io::stderr(), "warning: no extractor `{shown}` has run here; `host runs` shows all runs");
    }
    Ok(ExitCode::SUCCESS)
}
