//! `host verify`: what does not fit, on disk and in the state.
//!
//! It changes nothing, and makes no file.

use std::sync::{Mutex, PoisonError};

use crate::console::Console;
use crate::error::Error;
use crate::landing::Landing;
use crate::upkeep::{Content, Fact, Findings, Found, HELD, Queue, Queued, Records, Told, UpkeepError, pair};
use crate::view::View;
use rules::findings::{Duplicates, Finding, Kind, compare, content_record, is_ours, judge, not_erased};
use rules::name::check_name;
use rules::text;
use state::{Claimed, State, StateError, Table};
use zone::{DATABASE, Entry, Root, Sorter, Zone};

/// What was looked at, and what was found.
pub struct Verification {
    /// Files in the landing directory.
    pub files: u64,
    /// Whether their content was read.
    pub read: bool,
    /// What does not fit, in the order of kinds and paths.
    pub findings: Findings,
}

/// Verify a landing directory, every byte where `read` says so.
pub fn verify(landing: &Landing, read: bool, console: &Console) -> Result<Verification, Error> {
    let view = View::of(landing)?;
    let zone = view.zone();
    let site = Site { root: view.root(), zone: &zone };
    let found = Found::new(site.root);
    let files = check(site, read, console, &found)?;
    Ok(Verification { files, read, findings: found.sorted().map_err(UpkeepError::from)? })
}

/// What is looked at: the files, and where the state of them is.
#[derive(Clone, Copy)]
struct Site<'a> {
    root: &'a Root,
    zone: &'a Zone,
}

/// Look at everything; how many files there are.
fn check(site: Site<'_>, read: bool, console: &Console, found: &Found<'_>) -> Result<u64, UpkeepError> {
    match noted(State::open_to_read(&site.root.database()), found)? {
        None => files(site, read, console, found, Records::Unknown),
        Some(None) => {
            let files = files(site, read, console, found, Records::None)?;
            if files > 0 {
                found.database(Kind::Database, "there is none, and `host repair` makes one".to_owned())?;
            }
            Ok(files)
        }
        Some(Some(state)) => std::thread::scope(|scope| {
            // What concerns the database alone takes as long as the rest, and has a connection of its own.
            let inspection = scope.spawn(|| match noted(State::open_to_read(&site.root.database()), found)? {
                Some(Some(state)) => inspect(site, &state, read, found),
                _ => Ok(()),
            });
            let records =
                noted(state.files(), found)?.map_or(Records::Unknown, |files| Records::Files(Box::new(files)));
            let files = files(site, read, console, found, records);
            // A panic over there is one here, too.
            inspection.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            files
        }),
    }
}

/// What was read; `None`, and a finding, where the database is to blame that nothing was.
fn noted<T, E>(read: Result<T, E>, found: &Found<'_>) -> Result<Option<T>, UpkeepError>
where
    UpkeepError: From<E>,
{
    match read.map_err(UpkeepError::from) {
        Ok(read) => Ok(Some(read)),
        Err(UpkeepError::State(error)) => blame(error, found).map(|()| None),
        Err(error) => Err(error),
    }
}

/// A finding, where the database is to blame.
fn blame(error: StateError, found: &Found<'_>) -> Result<(), UpkeepError> {
    if error.is_damage() || matches!(error, StateError::Newer(_) | StateError::Foreign(_)) {
        return Ok(found.database(Kind::Database, error.to_string())?);
    }
    Err(error.into())
}

/// What is wrong with the database as such, and, where no content is read, which are recorded more than once.
fn inspect(site: Site<'_>, state: &State, read: bool, found: &Found<'_>) -> Result<(), UpkeepError> {
    let mut contents = Sorter::new(site.root, HELD);
    let problems = state.problems_and_copies(|path, digest| {
        if !read && site.zone.entry(path).is_ok_and(|entry| matches!(entry, Entry::File(_))) {
            contents.push(&content_record(path, digest))?;
        }
        Ok::<_, UpkeepError>(())
    });
    for problem in noted(problems, found)?.unwrap_or_default() {
        found.database(Kind::Database, problem)?;
    }
    duplicates(contents, found)?;
    for table in Table::ALL {
        let nameless = noted(state.nameless(table), found)?.unwrap_or_default();
        if nameless > 0 {
            let (rows, table) = (text::counted(nameless, "row"), table.name());
            found.database(Kind::Database, format!("{rows} of `{table}` with a path that is no text"))?;
        }
    }
    let running = state.running(|run_id, extractor, claimed| stale(site.root, (run_id, extractor, claimed), found));
    noted::<(), UpkeepError>(running, found).map(|_| ())
}

/// Note a run whose row says that it is running, where nobody holds the lock that it would hold.
fn stale(
    root: &Root,
    (run_id, extractor, claimed): (i64, &str, Claimed),
    found: &Found<'_>,
) -> Result<(), UpkeepError> {
    let shown = text::quoted(extractor);
    if check_name(extractor).is_err() {
        let detail = format!("run {run_id} says that it is running, and `{shown}` is no extractor's name");
        return Ok(found.database(Kind::Database, detail)?);
    }
    // Where nobody may look, nothing is said.
    let goes_on = claimed.is_some_and(|scope| root.is_locked(extractor, &scope).unwrap_or(true));
    if !goes_on {
        found.database(Kind::Stale, format!("run {run_id} of {shown} says that it is running, and is not"))?;
    }
    Ok(())
}

fn duplicates(contents: Sorter<'_>, found: &Found<'_>) -> Result<(), UpkeepError> {
    let mut duplicates = Duplicates::default();
    for record in contents.sorted()? {
        found.extend(duplicates.take(&record?))?;
    }
    Ok(())
}

/// Compare all files with what is recorded of them, by their sizes or by their content; how many there are.
fn files(
    site: Site<'_>,
    read: bool,
    console: &Console,
    found: &Found<'_>,
    records: Records<'_>,
) -> Result<u64, UpkeepError> {
    let (mut files, mut queue) = (0, Queue::new(site.zone, site.root));
    let lost = |error| blame(error, found);
    pair(site.zone, records, lost, |fact| {
        let finding = match fact {
            Fact::File { path, size, told: Told::Erased(recorded) } => {
                files += 1;
                Some(not_erased(path, size, &recorded))
            }
            Fact::File { path, size, told } => {
                files += 1;
                let known = told != Told::Nothing;
                let recorded = if let Told::Recorded(recorded) = told { Some(recorded) } else { None };
                let finding = compare(path, size, recorded.as_ref());
                // What is foreign is found by its name, whatever is in it.
                if read && is_ours(path) {
                    queue.push(&Queued { path: path.to_owned(), size, recorded })?;
                }
                finding.filter(|finding| known || finding.kind != Kind::Unrecorded)
            }
            Fact::Missing(_, path) => {
                Some(Finding::new(Kind::Missing, path, "the state knows this file, and it is not there"))
            }
            Fact::Leftover(path) => {
                Some(Finding::new(Kind::Leftover, path, "a killed run left it; the next one removes it"))
            }
            Fact::NoFile(path) => {
                Some(Finding::new(Kind::Foreign, path, "it is no file, and the host leaves it alone"))
            }
            Fact::Unreadable(path, why) => Some(unreadable(path, &format!("the directory cannot be read: {why}"))),
            Fact::Odd(table, path) => {
                let shown = text::quoted(&String::from_utf8_lossy(path));
                let detail = format!("the row of `{}` for `{shown}` holds what no host wrote", table.name());
                Some(Finding::new(Kind::Database, DATABASE, detail))
            }
        };
        Ok(found.extend(finding)?)
    })?;
    contents(site.root, queue, console, found)?;
    Ok(files)
}

fn unreadable(path: &str, why: &str) -> Finding {
    Finding::new(Kind::Unreadable, path, why)
}

/// Read what is to be read.
fn contents(root: &Root, queue: Queue<'_>, console: &Console, found: &Found<'_>) -> Result<(), UpkeepError> {
    let whole = Mutex::new(Sorter::new(root, HELD));
    queue.read(console, |file, content| {
        let finding = match content {
            Content::Whole(digest, _) => {
                let record = content_record(&file.path, &digest);
                whole.lock().unwrap_or_else(PoisonError::into_inner).push(&record)?;
                judge(&file.path, file.recorded.as_ref(), Some(digest))
            }
            Content::Torn => judge(&file.path, file.recorded.as_ref(), None),
            Content::Unreadable(why) => Some(unreadable(&file.path, &why)),
        };
        Ok(found.extend(finding)?)
    })?;
    duplicates(whole.into_inner().unwrap_or_else(PoisonError::into_inner), found)
}
