//! `host prune`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgGroup;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::landing::{Landing, Place};
use crate::remote::{Remote, RemoteError};
use crate::{report, upkeep};
use clock::Moment;
use rules::budget::Age;
use rules::text;
use state::{Forgotten, Old, State, StateError};

/// Forget old runs, logs and changes; files, validators and cursors stay
///
/// Of each extractor and backfill window the last run, the last success and the last failure stay as well. Runs may go on
/// meanwhile.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("old").required(true).multiple(true)))]
pub(super) struct PruneArgs {
    /// Forget runs that started longer ago than this, such as 90d, and their logs
    #[arg(long, value_name = "DURATION", group = "old")]
    runs_older_than: Option<Age>,
    /// Forget the logs of runs that started longer ago than this
    #[arg(long, value_name = "DURATION", group = "old")]
    logs_older_than: Option<Age>,
    /// Forget what resources stood for longer ago than this; what they stand for now stays
    #[arg(long, value_name = "DURATION", group = "old")]
    changes_older_than: Option<Age>,
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
    let now = Moment::now();
    let before = |age: Option<Age>| age.map(|age| now.earlier(age.0).iso8601());
    let PruneArgs { runs_older_than, logs_older_than, changes_older_than, .. } = arguments;
    let [runs, logs, changes] = [*runs_older_than, *logs_older_than, *changes_older_than].map(before);
    let old = Old { runs: runs.as_deref(), logs: logs.as_deref(), changes: changes.as_deref() };
    let forgotten = match &arguments.zone.landing()? {
        Landing::Directory(landing) => prune_here(landing, &old, arguments.dry_run)?,
        Landing::Store(place) => prune_in_store(place, &old, arguments.dry_run)?,
    };
    super::print(&(text(arguments, &forgotten) + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Each state by itself, while no run has it.
fn prune_in_store(place: &Place, old: &Old<'_>, dry_run: bool) -> Result<Forgotten, Error> {
    let remote = Arc::new(Remote::open(place)?);
    let mut all = Forgotten::default();
    for object in remote.states()? {
        let prune = |state: &mut State| state.prune(old, dry_run).map_err(RemoteError::from);
        let forgotten = remote.amend_object(&object, prune)?.unwrap_or_default();
        all.runs += forgotten.runs;
        all.logs += forgotten.logs;
        all.changes += forgotten.changes;
    }
    Ok(all)
}

fn prune_here(landing: &Path, old: &Old<'_>, dry_run: bool) -> Result<Forgotten, Error> {
    let root = upkeep::open(landing)?;
    let failed = |error: StateError| Error::database(&error, &root.database());
    if State::open_to_read(&root.database()).map_err(failed)?.is_none() {
        return Err(Error::usage(format!("there are no runs in {} yet", landing.display())));
    }
    let _shared = upkeep::shared(&root, landing, "prune once that has ended")?;
    let mut state = State::open(&root.database()).map_err(failed)?;
    state.prune(old, dry_run).map_err(failed)
}

fn text(arguments: &PruneArgs, forgotten: &Forgotten) -> String {
    if arguments.json {
        let Forgotten { runs, logs, changes } = forgotten;
        let (forgotten, dry_run) = (runs, arguments.dry_run);
        let object =
            serde_json::json!({ "forgotten": forgotten, "logs": logs, "changes": changes, "dry_run": dry_run });
        return report::json(&object);
    }
    let asked = [
        (arguments.runs_older_than.is_some(), forgotten.runs, "run"),
        (arguments.logs_older_than.is_some(), forgotten.logs, "log"),
        (arguments.changes_older_than.is_some(), forgotten.changes, "change"),
    ];
    let counts = asked.into_iter().filter(|(asked, ..)| *asked);
    let counts: Vec<String> = counts.map(|(_, count, what)| text::counted(count, what)).collect();
    format!("{} {}", counts.join(", "), if arguments.dry_run { "would be forgotten" } else { "forgotten" })
}
