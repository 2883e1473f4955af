//! `host cursor`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::landing_directory;
use crate::error::{Error, Kind};
use crate::report;
use state::State;

/// Show what extractors keep for their next runs: cursors, and values by key
///
/// Each backfill window has a cursor of its own. The values of an extractor that is named are shown as well.
#[derive(Debug, clap::Args)]
pub(super) struct CursorArgs {
    /// The extractor's name [default: all of them]
    name: Option<String>,
    /// The landing directory [default: data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    landing: Option<PathBuf>,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &CursorArgs) -> Result<ExitCode, Error> {
    let landing = landing_directory(arguments.landing.as_deref());
    let database = landing.canonicalize().unwrap_or(landing.clone()).join(".state.sqlite");
    let failed = |error: state::StateError| {
        Error::new(Kind::Failed, error).hint(format!("the database is {}", database.display()))
    };
    let Some(state) = State::open_to_read(&database).map_err(failed)? else {
        let message = format!("there are no runs in {} yet", landing.display());
        return Err(Error::usage(message).hint("`--landing DIR` or LANDING_DIR says where to look"));
    };
    let name = arguments.name.as_deref();
    match arguments.json {
        true => super::print_with(|output| report::write_cursors_json(&state, name, output)),
        false => super::print_with(|output| report::write_cursors(&state, name, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}
