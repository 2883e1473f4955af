//! What a repair has to write, found out before anything is written. It waits in order on the disk, however much it is.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Done;
use crate::console::Console;
use crate::upkeep::{Content, Fact, Found, HELD, Queue, Queued, Records, Told, UpkeepError, pair};
use clock::Moment;
use rules::domain::Digest;
use rules::findings::{Finding, Kind, Recorded, is_ours, source};
use rules::name::Quarantined;
use state::{FileRow, Mend, State, Table};
use zone::{DiskError, Removed, Root, Sorter, Zone};

/// What there is to do.
pub(super) struct Plan<'a> {
    root: &'a Root,
    zone: &'a Zone,
    steps: Sorter<'a>,
    /// The files that have to be read.
    queue: Queue<'a>,
    done: Done,
}

/// What is known of other states, where each is mended by itself.
pub(super) struct Others<'a> {
    /// The sources of this one, and so not theirs alone.
    pub(super) sources: BTreeSet<String>,
    /// What one of them has as landed although others have it as erased.
    pub(super) landed: &'a BTreeSet<String>,
}

impl<'a> Plan<'a> {
    /// Find out what does not fit, in these sources where not in all.
    pub(super) fn make(
        (root, zone): (&'a Root, &'a Zone),
        others: Option<&Others<'_>>,
        state: Option<&State>,
        found: &Found<'_>,
    ) -> Result<Self, UpkeepError> {
        let steps = Sorter::new(root, HELD);
        let mut plan = Self { root, zone, steps, queue: Queue::new(zone, root), done: Done::default() };
        let records = match state {
            Some(state) => {
                for table in Table::ALL {
                    plan.done.forgotten += state.nameless(table)?;
                }
                Records::Files(Box::new(state.files()?))
            }
            None => Records::None,
        };
        let mut last = String::new();
        let is_of_another = |path: &str| others.is_some_and(|others| !others.sources.contains(owner(path)));
        let is_landed = |path: &str| others.is_some_and(|others| others.landed.contains(path));
        let see = |fact: Fact<'_>| match fact {
            Fact::File { path, .. } if is_of_another(path) => Ok(()),
            Fact::File { path, told: Told::Erased(_), .. } if is_landed(path) => Ok(()),
            Fact::File { path, told: Told::Erased(recorded), .. } => plan.erase(path, &recorded, found),
            Fact::File { path, size, told } => {
                if let Some(source) = source(path).filter(|source| *source != last) {
                    source.clone_into(&mut last);
                    plan.push(&Step::Mend(Mend::Source(last.clone())))?;
                }
                let recorded = if let Told::Recorded(recorded) = told { Some(recorded) } else { None };
                // It is taken at its word; `host verify --read-data` reads them all.
                let settled = recorded.as_ref().is_some_and(|it| it.stored_size == size && it.sha256.is_some());
                if is_ours(path) && !settled {
                    plan.queue.push(&Queued { path: path.to_owned(), size, recorded })?;
                }
                Ok(())
            }
            Fact::Missing(table, path) => plan.forget(table, path.as_bytes()),
            Fact::Odd(table, path) => plan.forget(table, path),
            Fact::Leftover(path) => Ok(plan.push(&Step::Sweep(path.to_owned()))?),
            Fact::Unreadable(path, why) => {
                plan.unreadable(path, &format!("the directory cannot be read: {why}"), found)
            }
            Fact::NoFile(_) => Ok(()),
        };
        pair(zone, records, |error| Err(error.into()), see)?;
        Ok(plan)
    }

    /// Read the files that have to be read.
    pub(super) fn read(mut self, found: &Found<'_>, console: &Console) -> Result<Self, UpkeepError> {
        let queue = std::mem::replace(&mut self.queue, Queue::new(self.zone, self.root));
        let plan = Mutex::new(self);
        queue.read(console, |file, content| {
            plan.lock().unwrap_or_else(PoisonError::into_inner).take(file, content, found)
        })?;
        Ok(plan.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Take what a file holds.
    fn take(&mut self, file: Queued, content: Content, found: &Found<'_>) -> Result<(), UpkeepError> {
        let Queued { path, size: stored_size, recorded } = file;
        match content {
            Content::Whole(digest, size) => {
                self.done.recorded += 1;
                let altered = recorded.and_then(|it| it.sha256).is_some_and(|recorded| recorded != digest);
                let quarantined = Quarantined::parse(&path).map(|parsed| parsed.source.to_owned());
                let own = source(&path).unwrap_or_default().to_owned();
                let file = FileRow { path, sha256: Some(digest), size: Some(size), stored_size };
                let mend = match quarantined {
                    Some(source) => Mend::Quarantined { source, file },
                    None => Mend::File { source: own, file, altered },
                };
                Ok(self.push(&Step::Mend(mend))?)
            }
            Content::Torn => {
                self.done.torn += 1;
                found.push(&Finding::new(Kind::Torn, path.as_str(), "it is not whole gzip"))?;
                let table = if Quarantined::parse(&path).is_some() { Table::Quarantined } else { Table::Landed };
                if recorded.is_some() { self.forget(table, path.as_bytes()) } else { Ok(()) }
            }
            // What it holds is as unknown as before, and so is whether anything may count on it.
            Content::Unreadable(why) => self.unreadable(&path, &why, found),
        }
    }

    /// Finish the erasure of a file, if it is the one: what else has its name is left alone.
    fn erase(&mut self, path: &str, recorded: &Recorded, found: &Found<'_>) -> Result<(), UpkeepError> {
        match self.zone.identify(path) {
            Ok(content) if content.map(|(digest, _)| digest) == recorded.sha256 => {
                Ok(self.push(&Step::Erase(path.to_owned()))?)
            }
            Ok(_) => Ok(()),
            Err(error) => self.unreadable(path, &error.to_string(), found),
        }
    }

    fn forget(&mut self, table: Table, path: &[u8]) -> Result<(), UpkeepError> {
        self.done.forgotten += 1;
        Ok(self.push(&Step::Mend(Mend::Forget(table, path.to_owned())))?)
    }

    fn unreadable(&mut self, path: &str, why: &str, found: &Found<'_>) -> Result<(), UpkeepError> {
        self.done.unreadable += 1;
        found.push(&Finding::new(Kind::Unreadable, path, why))?;
        let source = path.split('/').next().unwrap_or(path);
        Ok(self.push(&Step::Incomplete(source.to_owned()))?)
    }

    fn push(&mut self, step: &Step) -> Result<(), DiskError> {
        self.steps.push(&step.to_record())
    }

    /// Write it all, once the names of the files that were read are durable: whoever made them may have been killed
    /// before syncing.
    pub(super) fn carry_out(self, state: &mut State) -> Result<Done, UpkeepError> {
        let Self { zone, steps, mut done, .. } = self;
        let mut steps = steps.sorted()?;
        let mut incomplete = String::new();
        let next = || loop {
            let Some(record) = steps.next().transpose()? else { return Ok(None) };
            match Step::from_record(&record) {
                Some(Step::Incomplete(source)) => incomplete = source,
                Some(Step::Sweep(path)) => done.swept += u64::from(zone.sweep(&path)?),
                Some(Step::Erase(path)) => {
                    done.erased += u64::from(matches!(zone.erase(&path)?, Removed::File(_)));
                    zone.sync()?;
                }
                Some(Step::Mend(Mend::Source(source))) if source == incomplete => {}
                Some(Step::Mend(mend)) => {
                    if let Mend::File { file, .. } | Mend::Quarantined { file, .. } = &mend {
                        zone.count_on(&file.path);
                        zone.sync()?;
                    }
                    return Ok::<_, UpkeepError>(Some(mend));
                }
                None => {}
            }
        };
        let ended = state.rebuild(next, &Moment::now().iso8601())?;
        done.ended = ended;
        Ok(done)
    }
}

/// The source that a file belongs to, whether it landed or is in quarantine.
fn owner(path: &str) -> &str {
    Quarantined::parse(path).map_or_else(|| source(path).unwrap_or_default(), |parsed| parsed.source)
}

/// One thing to do.
#[derive(Debug)]
enum Step {
    /// Not all files of this source are known.
    Incomplete(String),
    /// A killed run left this file.
    Sweep(String),
    /// Somebody had this file erased.
    Erase(String),
    /// A change of the state.
    Mend(Mend),
}

/// Kinds of steps, in the order in which those of one source are taken.
const INCOMPLETE: u8 = 0;
const FORGET: u8 = 1;
const FORGET_QUARANTINED: u8 = 2;
const FILE: u8 = 3;
const QUARANTINED: u8 = 4;
const SOURCE: u8 = 5;
const SWEEP: u8 = 6;
const ERASE: u8 = 7;
const FORGET_ERASED: u8 = 8;

impl Step {
    /// Its source, NUL, its kind, and what belongs to it, the path last.
    fn to_record(&self) -> Vec<u8> {
        let record =
            |source: &str, kind: u8, rest: &[&[u8]]| [&[source.as_bytes(), &[0, kind]], rest].concat().concat();
        match self {
            Self::Incomplete(source) => record(source, INCOMPLETE, &[]),
            Self::Sweep(path) => record("", SWEEP, &[path.as_bytes()]),
            Self::Erase(path) => record("", ERASE, &[path.as_bytes()]),
            Self::Mend(Mend::Source(source)) => record(source, SOURCE, &[]),
            Self::Mend(Mend::Forget(table, path)) => {
                let text = std::str::from_utf8(path).unwrap_or_default();
                let kind = match table {
                    Table::Landed => FORGET,
                    Table::Quarantined => FORGET_QUARANTINED,
                    Table::Erased => FORGET_ERASED,
                };
                record(source(text).unwrap_or_default(), kind, &[path])
            }
            // The path first, so that the rows are written in its order.
            Self::Mend(Mend::File { source, file, altered }) => {
                record(source, FILE, &[&packed(file), &[u8::from(*altered)]])
            }
            // No source is listed for it.
            Self::Mend(Mend::Quarantined { file, .. }) => record("", QUARANTINED, &[&packed(file)]),
        }
    }

    /// What a record stands for; `None` where it is none.
    fn from_record(record: &[u8]) -> Option<Self> {
        let end = record.iter().position(|byte| *byte == 0)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let source = text(&record[..end])?;
        let (kind, rest) = record[end + 1..].split_first()?;
        Some(match *kind {
            INCOMPLETE => Self::Incomplete(source),
            SWEEP => Self::Sweep(text(rest)?),
            ERASE => Self::Erase(text(rest)?),
            FORGET_ERASED => Self::Mend(Mend::Forget(Table::Erased, rest.to_owned())),
            SOURCE => Self::Mend(Mend::Source(source)),
            FORGET => Self::Mend(Mend::Forget(Table::Landed, rest.to_owned())),
            FORGET_QUARANTINED => Self::Mend(Mend::Forget(Table::Quarantined, rest.to_owned())),
            FILE => {
                let (rest, altered) = rest.split_last_chunk::<1>()?;
                Self::Mend(Mend::File { source, file: unpacked(rest)?, altered: altered == &[1] })
            }
            QUARANTINED => {
                let file = unpacked(rest)?;
                let source = Quarantined::parse(&file.path)?.source.to_owned();
                Self::Mend(Mend::Quarantined { source, file })
            }
            _ => return None,
        })
    }
}

/// A file: its path, its digest, its sizes.
fn packed(file: &FileRow) -> Vec<u8> {
    let digest = file.sha256.unwrap_or(Digest([0; 32])).0;
    let sizes = [file.size.unwrap_or_default(), file.stored_size].map(u64::to_le_bytes).concat();
    [file.path.as_bytes(), &digest, &sizes].concat()
}

fn unpacked(record: &[u8]) -> Option<FileRow> {
    let (rest, stored_size) = record.split_last_chunk()?;
    let (rest, size) = rest.split_last_chunk()?;
    let (path, digest) = rest.split_last_chunk()?;
    Some(FileRow {
        path: String::from_utf8(path.to_vec()).ok()?,
        sha256: Some(Digest(*digest)),
        size: Some(u64::from_le_bytes(*size)),
        stored_size: u64::from_le_bytes(*stored_size),
    })
}
