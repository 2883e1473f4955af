//! Making the state fit the landing zone again: a lost or damaged database is rebuilt from the files, a sound one is
//! brought up to date.
//!
//! It removes nothing that could be data. What it cannot know, such as where a file came from, it leaves open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::console::Console;
use crate::error::{Error, Kind};
use crate::verify;
use clock::Moment;
use rules::findings::{Kind as FindingKind, is_ours, sources};
use state::{FileRow, Rebuilt, Salvage, State, StateError, salvage};
use zone::{DiskError, Root, Zone};

/// What a repair did.
#[derive(Debug, Default, serde::Serialize)]
pub struct Repair {
    /// Files that were read and recorded.
    pub recorded: usize,
    /// Records that were dropped, since their files are gone or not whole.
    pub forgotten: usize,
    /// Files that are not whole gzip; they were left alone.
    pub torn: Vec<String>,
    /// Left-overs of killed runs that were removed.
    pub swept: usize,
    /// Runs that said they were running and are marked as failed.
    pub ended: usize,
    /// Where the damaged database is now.
    pub moved_to: Option<PathBuf>,
    /// Rows of runs that could be read out of it.
    pub salvaged: usize,
}

/// Repair a landing directory, while no run is going on in it.
pub fn repair(landing: &Path, console: &Console) -> Result<Repair, Error> {
    let root = verify::open(landing)?;
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let disk = |error: DiskError| failed(&error);
    let root = Arc::new(root);
    let zone = Zone::new(Arc::clone(&root));
    let Some(_alone) = root.lock_zone(true).map_err(disk)? else {
        let message = format!("a run is going on in {}", landing.display());
        return Err(Error::new(Kind::Locked, message).hint("repair once it has ended; `host runs` shows it"));
    };
    let mut repair = Repair::default();
    let mut state = database(&root, &mut repair)?;
    let (found, findings) = verify::files(&root).map_err(disk)?;
    let known = state.all_files().map_err(|error| failed(&error))?;

    let mut rebuilt = Rebuilt::default();
    rebuilt.gone.extend(known.keys().filter(|path| !found.contains_key(*path)).cloned());
    // A file whose record has its size and digest is taken at its word; `host verify --read-data` reads them all.
    let settled =
        |path: &str, size: u64| known.get(path).is_some_and(|row| row.stored_size == size && row.sha256.is_some());
    let unsettled: Vec<&str> = found
        .iter()
        .filter(|(path, size)| is_ours(path) && !settled(path, **size))
        .map(|(path, _)| path.as_str())
        .collect();
    for (path, content) in verify::identities(&root, &unsettled, console) {
        let source = path.split('/').next().unwrap_or(path).to_owned();
        match (content, found.get(path)) {
            (Some((digest, size)), Some(&stored_size)) => {
                zone.count_on(path);
                if known.get(path).is_some_and(|row| row.sha256.is_some_and(|recorded| recorded != digest)) {
                    rebuilt.altered.push(path.to_owned());
                }
                let file = FileRow { path: path.to_owned(), sha256: Some(digest), size: Some(size), stored_size };
                rebuilt.files.push((source, file));
            }
            _ => {
                repair.torn.push(path.to_owned());
                rebuilt.gone.extend(known.get(path).map(|_| path.to_owned()));
            }
        }
    }
    rebuilt.sources = sources(found.keys().map(String::as_str));
    for leftover in findings.iter().filter(|finding| finding.kind == FindingKind::Leftover) {
        let directory = leftover.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        repair.swept += root.sweep(directory).map_err(disk)?;
    }
    // Whoever made the files may have been killed before syncing their names.
    zone.sync().map_err(|error| failed(&error))?;
    repair.recorded = rebuilt.files.len();
    repair.forgotten = rebuilt.gone.len();
    repair.ended = state.rebuild(&rebuilt, &Moment::now().iso8601()).map_err(|error| failed(&error))?;
    Ok(repair)
}

/// The database, or a new one with what could be salvaged, the damaged one kept aside.
fn database(root: &Root, repair: &mut Repair) -> Result<State, Error> {
    let path = root.database();
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let unusable = |error: StateError| failed(&error).hint("only a damaged database is replaced; this one is not");
    // Looked at before it is opened to be written: a damaged one is set aside as it is.
    let problems = State::open_to_read(&path).and_then(|state| state.map_or(Ok(Vec::new()), |state| state.problems()));
    match problems {
        Ok(problems) if problems.is_empty() => return State::open(&path).map_err(unusable),
        Ok(_) | Err(StateError::Corrupt(_)) => {}
        Err(error) => return Err(unusable(error)),
    }
    let saved: Salvage = salvage(&path);
    let aside = root.set_database_aside(&format!("damaged-{}", Moment::now().unix_seconds()));
    repair.moved_to = Some(aside.map_err(|error| failed(&error))?);
    repair.salvaged = saved.runs.len();
    let mut state = State::open(&path).map_err(|error| failed(&error))?;
    state.take_over(&saved).map_err(|error| failed(&error))?;
    Ok(state)
}
