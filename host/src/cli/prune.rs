//! `host prune`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind};
use crate::{report, upkeep};
use clock::Moment;
use rules::budget::Age;
use rules::text;
use state::{State, StateError};
use zone::DiskError;

/// Forget old runs; files, validators and cursors stay
///
/// Of each extractor and backfill window the last run, the last success and the last failure stay as well. Runs may go on
/// meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct PruneArgs {
    /// Forget runs that started longer ago than this, such as 90d
    #[arg(long, value_name = "DURATION")]
    runs_older_than: Age,
    /// Only say how many that would be
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    zone: ZoneArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &PruneArgs) -> Result<ExitCode, Error> {
    let landing = arguments.zone.directory()?;
    let root = upkeep::open(&landing)?;
    let failed = |error: StateError| {
        Error::new(Kind::Failed, error).hint(format!("the database is {}", root.database().display()))
    };
    if State::open_to_read(&root.database()).map_err(failed)?.is_none() {
        return Err(Error::usage(format!("there are no runs in {} yet", landing.display())));
    }
    let lock = root.lock_zone(false).map_err(|error: DiskError| Error::new(Kind::Failed, error))?;
    let Some(_shared) = lock else {
        let message = format!("{} is being repaired", landing.display());
        return Err(Error::new(Kind::Locked, message).hint("prune once that has ended"));
    };
    let before = Moment::now().earlier(arguments.runs_older_than.0).iso8601();
    let mut state = State::open(&root.database()).map_err(failed)?;
    let forgotten = state.prune(&before, arguments.dry_run).map_err(failed)?;
    let text = match (arguments.json, arguments.dry_run) {
        (true, dry_run) => report::json(&serde_json::json!({ "forgotten": forgotten, "dry_run": dry_run })),
        (false, true) => format!("{} would be forgotten", text::counted(forgotten, "run")),
        (false, false) => format!("{} forgotten", text::counted(forgotten, "run")),
    };
    super::print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
