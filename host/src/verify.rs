//! The landing zone and the state side by side: what is on disk, what is recorded, what does not fit.
//!
//! It changes nothing. The rules are in `landing`; here the facts are brought together.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::console::Console;
use crate::error::{Error, Kind as ErrorKind};
use rules::domain::Digest;
use rules::findings::{Finding, Kind, Recorded, compare, duplicates, is_ours, judge};
use state::{FileRow, State, StateError};
use zone::{DATABASE, DiskError, Entry, Root, is_leftover};

/// What was looked at, and what was found.
#[derive(Debug, serde::Serialize)]
pub struct Verification {
    /// Files in the landing directory.
    pub files: usize,
    /// Whether their content was read.
    pub read: bool,
    /// What does not fit, in the order of kinds and paths.
    pub findings: Vec<Finding>,
}

/// Verify a landing directory, every byte where `read` says so.
pub fn verify(landing: &Path, read: bool, console: &Console) -> Result<Verification, Error> {
    let root = open(landing)?;
    let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Failed, error);
    let mut findings = Vec::new();
    let recorded = state(&root, &mut findings)?;
    let (found, leftovers) = files(&root).map_err(|error| failed(&error))?;
    findings.extend(leftovers);
    // Without records no file can be said to be unrecorded.
    let compared = compare(&found, recorded.as_ref().unwrap_or(&BTreeMap::new()));
    findings.extend(compared.into_iter().filter(|finding| recorded.is_some() || finding.kind != Kind::Unrecorded));
    let recorded = recorded.unwrap_or_default();
    if read {
        findings.extend(contents(&root, &found, &recorded, console));
    } else {
        let known = recorded.iter().filter(|(path, _)| found.contains_key(*path));
        findings.extend(duplicates(known.filter_map(|(path, file)| Some((path.as_str(), file.sha256?)))));
    }
    findings.sort();
    findings.dedup();
    Ok(Verification { files: found.len(), read, findings })
}

/// Open a zone that exists.
pub fn open(landing: &Path) -> Result<Root, Error> {
    if !landing.is_dir() {
        let message = format!("there is no landing directory {}", landing.display());
        return Err(Error::usage(message).hint("`--landing DIR` or LANDING_DIR says where it is"));
    }
    Root::open(landing).map_err(|error| Error::new(ErrorKind::Failed, error))
}

/// What the state knows; `None`, and a finding, where it cannot be read.
fn state(root: &Root, findings: &mut Vec<Finding>) -> Result<Option<BTreeMap<String, Recorded>>, Error> {
    let Some(opened) = noted(State::open_to_read(&root.database()), findings)? else { return Ok(None) };
    let Some(state) = opened else { return Ok(Some(BTreeMap::new())) };
    let recorded = |file: FileRow| Recorded { sha256: file.sha256, stored_size: file.stored_size };
    let files = noted(state.all_files(), findings)?;
    for problem in noted(state.problems(), findings)?.unwrap_or_default() {
        findings.push(Finding::new(Kind::Database, DATABASE, problem));
    }
    for (run_id, extractor) in noted(state.running(), findings)?.unwrap_or_default() {
        // Held for an instant only: a run that starts just then tries again.
        if let Ok(Some(_lock)) = root.lock_extractor(&extractor) {
            let detail = format!("run {run_id} of {extractor} says that it is running, and is not");
            findings.push(Finding::new(Kind::Stale, DATABASE, detail));
        }
    }
    Ok(files.map(|files| files.into_iter().map(|(path, file)| (path, recorded(file))).collect()))
}

/// What was read; `None`, and a finding, where the database is to blame that nothing was.
fn noted<T>(read: Result<T, StateError>, findings: &mut Vec<Finding>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ (StateError::Corrupt(_) | StateError::Newer(_) | StateError::Foreign(_))) => {
            findings.push(Finding::new(Kind::Database, DATABASE, error.to_string()));
            Ok(None)
        }
        Err(error) => Err(Error::new(ErrorKind::Failed, error)),
    }
}

/// The files that could hold content, and what killed runs left beside them.
pub fn files(root: &Root) -> Result<(BTreeMap<String, u64>, Vec<Finding>), DiskError> {
    let (mut found, mut findings) = (BTreeMap::new(), Vec::new());
    for (path, entry) in root.walk()? {
        match entry {
            Entry::File(_) if is_leftover(&path) => {
                findings.push(Finding::new(Kind::Leftover, path, "a killed run left it; the next one removes it"));
            }
            Entry::File(size) => {
                found.insert(path, size);
            }
            Entry::Other | Entry::Missing => {
                findings.push(Finding::new(Kind::Foreign, path, "it is no file, and the host leaves it alone"));
            }
        }
    }
    Ok((found, findings))
}

/// Read every file, on all processors.
fn contents(
    root: &Root,
    found: &BTreeMap<String, u64>,
    recorded: &BTreeMap<String, Recorded>,
    console: &Console,
) -> Vec<Finding> {
    // What is foreign is found by its name, whatever is in it.
    let ours: Vec<&str> = found.keys().map(String::as_str).filter(|path| is_ours(path)).collect();
    let read = identities(root, &ours, console);
    let judged =
        read.iter().filter_map(|(path, content)| judge(path, recorded.get(*path), content.map(|(digest, _)| digest)));
    let mut findings: Vec<Finding> = judged.collect();
    findings.extend(duplicates(read.iter().filter_map(|(path, content)| Some((*path, (*content)?.0)))));
    findings
}

/// The identities of files, read in parallel; `None` where one is not whole.
pub fn identities<'a>(root: &Root, paths: &[&'a str], console: &Console) -> BTreeMap<&'a str, Option<(Digest, u64)>> {
    let (next, total) = (AtomicUsize::new(0), Some(paths.len() as u64));
    let read = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            // What cannot be read is as good as torn: nothing can count on it.
            let content = root.identify(path).unwrap_or(None);
            let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
            read.insert(*path, content);
            console.progress(read.len() as u64, total);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(paths.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    read.into_inner().unwrap_or_else(PoisonError::into_inner)
}
