//! `host runs`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::landing_directory;
use crate::error::{Error, Kind};
use crate::report;
use state::State;

/// Show what the state database says of past runs, newest first
#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    /// The landing directory [default: data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    landing: Option<PathBuf>,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &RunsArgs) -> Result<ExitCode, Error> {
    let landing = landing_directory(arguments.landing.as_deref());
    // The directory itself may be reached by a link; the database may not be one.
    let database = landing.canonicalize().unwrap_or(landing.clone()).join(".state.sqlite");
    let failed = |error: state::StateError| {
        Error::new(Kind::Failed, error).hint(format!("the database is {}", database.display()))
    };
    let Some(state) = State::open_to_read(&database).map_err(failed)? else {
        let message = format!("there are no runs in {} yet", landing.display());
        return Err(Error::usage(message).hint("`--landing DIR` or LANDING_DIR says where to look"));
    };
    match arguments.json {
        true => super::print_with(|output| report::write_runs_json(&state, arguments.limit, output)),
        false => super::print_with(|output| report::write_runs(&state, arguments.limit, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
