//! `host cursor`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::zone::ZoneArgs;
use crate::config::key_value;
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::remote::Remote;
use crate::run::held;
use crate::{report, upkeep};
use rules::domain::{Part, Scope, Window};
use rules::name::check_name;
use rules::text;
use state::{CursorKey, State, StateError};

/// Longest cursor, in bytes: what an extractor may keep.
const MAX_CURSOR: usize = 4096;

/// Show what extractors keep for their next runs: cursors, and values by key
///
/// Each backfill window and each part has a cursor of its own. The values of an extractor that is named are shown as well.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CursorArgs {
    /// The extractor's name [default: all of them]
    name: Option<String>,
    #[command(flatten)]
    zone: ZoneArgs,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    change: Option<Change>,
}

/// What is done with one cursor.
#[derive(Debug, clap::Subcommand)]
enum Change {
    /// Print the cursor alone; exit code 1 where there is none
    Get(Which),
    /// Have the next run go on from another cursor
    Set {
        #[command(flatten)]
        which: Which,
        /// The cursor, as the extractor writes it
        value: String,
    },
    /// Have the next run begin anew: forget the cursor and the values beside it
    Clear(Which),
}

/// Whose cursor it is.
#[derive(Debug, clap::Args)]
struct Which {
    /// The extractor's name
    name: String,
    /// The cursor of a backfill of these days [default: that of the newest data]
    #[arg(long, value_name = "START..END")]
    backfill: Option<Window>,
    /// The cursor of that part alone, as `host run --only` has it
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    only: Option<(String, String)>,
    #[command(flatten)]
    zone: ZoneArgs,
}

impl Which {
    fn scope(&self) -> Scope {
        Scope { window: self.backfill, part: self.only.as_ref().map(|(name, value)| Part::new(name, value)) }
    }
}

pub(super) fn execute(arguments: &CursorArgs) -> Result<ExitCode, Error> {
    match &arguments.change {
        Some(Change::Get(which)) => return get(which),
        Some(Change::Set { which, value }) => return change(which, Some(value)),
        Some(Change::Clear(which)) => return change(which, None),
        None => {}
    }
    let state = arguments.zone.state()?;
    let name = arguments.name.as_deref();
    match arguments.json {
        true => super::print_with(|output| report::write_cursors_json(&state, name, output)),
        false => super::print_with(|output| report::write_cursors(&state, name, output)),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn get(which: &Which) -> Result<ExitCode, Error> {
    let state = which.zone.state()?;
    let key = CursorKey::new(&which.name, &which.scope());
    match state.cursor(&key).map_err(|error| Error::new(Kind::Failed, error))? {
        Some(cursor) => super::print(&format!("{cursor}\n")).map(|()| ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Change a cursor while no run of the extractor goes on.
fn change(which: &Which, value: Option<&str>) -> Result<ExitCode, Error> {
    let (Which { name, zone, .. }, scope) = (which, which.scope());
    check_name(name).map_err(|error| Error::usage(error).hint("`host cursor` lists the extractors"))?;
    if let Some(length) = value.map(str::len).filter(|length| *length > MAX_CURSOR) {
        return Err(Error::usage(format!("the cursor is {length} bytes long, and the limit is {MAX_CURSOR}")));
    }
    let landing = zone.landing()?;
    let unknown = || {
        Error::usage(format!("{} has never run in {}", text::quoted(name), landing)).hint("`host runs` shows what has")
    };
    let key = CursorKey::new(name, &scope);
    let changed = match &landing {
        Landing::Directory(directory) => change_here(directory, which, &scope, value)?,
        Landing::Store(place) => {
            let change = |state: &mut State| Ok((state.cursor(&key)?, state.set_cursor(&key, value)?));
            Arc::new(Remote::open(place)?).amend(name, &scope, change)?
        }
    };
    let Some((before, true)) = changed else { return Err(unknown()) };
    let shown = |cursor: Option<&str>| cursor.map_or("none".to_owned(), |cursor| format!("`{}`", text::line(cursor)));
    let of = Some(scope.to_string())
        .filter(|of| !of.is_empty())
        .map(|of| format!(" {}", text::line(&of)))
        .unwrap_or_default();
    let (before, after) = (shown(before.as_deref()), shown(value));
    super::print(&format!("{name}{of}: the cursor was {before}, and is {after} now\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The cursor that was, and whether it was changed; `None` where nothing has run yet.
fn change_here(
    landing: &Path,
    Which { name, .. }: &Which,
    scope: &Scope,
    value: Option<&str>,
) -> Result<Option<(Option<String>, bool)>, Error> {
    const LATER: &str = "change it once that has ended";
    let root = upkeep::open(landing)?;
    let failed = |error: StateError| Error::database(&error, &root.database());
    if State::open_to_read(&root.database()).map_err(failed)?.is_none() {
        return Ok(None);
    }
    let _shared = upkeep::shared(&root, landing, LATER)?;
    let own = root.lock_extractor(name, scope).map_err(|error| Error::new(Kind::Failed, error))?;
    let _own = own.map_err(|holder| {
        Error::new(Kind::Locked, held("a run", name, scope, holder, &landing.display())).hint(LATER)
    })?;
    let mut state = State::open(&root.database()).map_err(failed)?;
    let key = CursorKey::new(name, scope);
    let before = state.cursor(&key).map_err(failed)?;
    Ok(Some((before, state.set_cursor(&key, value).map_err(failed)?)))
}
