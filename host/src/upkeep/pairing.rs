//! Disk and state in step: both are in the order of paths, so that one pass over each is enough.

use std::cmp::Ordering;
use std::sync::mpsc::{self, SyncSender};

use super::UpkeepError;
use rules::findings::{Recorded, is_listed};
use rules::name::Quarantined;
use state::{Files, Row, StateError, Table};
use zone::{Entry, LandingError, Met, Seen, Zone, is_leftover};

/// How many things are seen at once.
const BATCH: usize = 512;
/// How many times that may wait to be compared.
const BATCHES: usize = 4;

/// What the state says of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// It could not be asked.
    Nothing,
    /// It does not know the file.
    Unrecorded,
    /// It knows this of it.
    Recorded(Recorded),
    /// It knows this of it, and that it was erased.
    Erased(Recorded),
}

/// What is recorded.
pub enum Records<'a> {
    /// Nobody knows: the state cannot be read.
    Unknown,
    /// Nothing: there is no state yet.
    None,
    /// These rows.
    Files(Box<Files<'a>>),
}

/// What is there, or recorded, or both.
#[derive(Debug)]
pub enum Fact<'a> {
    /// A file of that many bytes.
    File { path: &'a str, size: u64, told: Told },
    /// A recorded file that is not there.
    Missing(Table, &'a str),
    /// What a killed run left.
    Leftover(&'a str),
    /// Something that holds no content.
    NoFile(&'a str),
    /// A directory of which not everything can be seen, and why.
    Unreadable(&'a str, &'a str),
    /// A row that no host wrote, by the bytes of its path.
    Odd(Table, &'a [u8]),
}

/// Show everything below the root and in `records`, in the order of paths. Where a row cannot be read, `lost` decides
/// whether it goes on without the state.
pub fn pair(
    zone: &Zone,
    records: Records<'_>,
    lost: impl FnMut(StateError) -> Result<(), UpkeepError>,
    see: impl FnMut(Fact<'_>) -> Result<(), UpkeepError>,
) -> Result<(), UpkeepError> {
    let walk = zone.walk()?;
    std::thread::scope(|scope| {
        let (batches, walked) = mpsc::sync_channel(BATCHES);
        scope.spawn(move || walk_ahead(walk, &batches));
        compare(zone, walked.into_iter().flatten(), Rows { records, lost }, see)
    })
}

/// Look at the disk while what was seen before is compared.
fn walk_ahead(
    mut walk: impl Iterator<Item = Result<Seen, LandingError>>,
    batches: &SyncSender<Vec<Result<Seen, LandingError>>>,
) {
    loop {
        let batch: Vec<_> = walk.by_ref().take(BATCH).collect();
        // Whoever compares may have given up.
        if batch.is_empty() || batches.send(batch).is_err() {
            return;
        }
    }
}

fn compare<L: FnMut(StateError) -> Result<(), UpkeepError>>(
    zone: &Zone,
    mut walk: impl Iterator<Item = Result<Seen, LandingError>>,
    mut rows: Rows<'_, L>,
    mut see: impl FnMut(Fact<'_>) -> Result<(), UpkeepError>,
) -> Result<(), UpkeepError> {
    let (mut seen, mut row) = (walk.next().transpose()?, rows.next()?);
    loop {
        let order = match (&seen, &row) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(Seen { path, met: Met::File(_) }), Some(row)) => path.cmp(&row.path),
            // A row of what is no file is one without a file.
            (Some(Seen { path, .. }), Some(row)) => path.cmp(&row.path).then(Ordering::Less),
        };
        let mut recorded = None;
        if order.is_ge()
            && let Some(row) = &row
        {
            recorded = listed(row);
            match recorded {
                None => see(Fact::Odd(row.table, &row.path))?,
                // What was erased is not to be there.
                Some(_) if row.table == Table::Erased => {}
                Some((path, _)) if order.is_gt() && is_gone(zone, path) => see(Fact::Missing(row.table, path))?,
                Some(_) => {}
            }
        }
        if order.is_le()
            && let Some(seen) = &seen
        {
            let was_erased = row.as_ref().is_some_and(|row| row.table == Table::Erased);
            let told = match recorded {
                Some((_, recorded)) if was_erased => Told::Erased(recorded.clone()),
                Some((_, recorded)) => Told::Recorded(recorded.clone()),
                None if matches!(rows.records, Records::Unknown) => Told::Nothing,
                None => Told::Unrecorded,
            };
            show(seen, told, &mut see)?;
        }
        if order.is_le() {
            seen = walk.next().transpose()?;
        }
        if order.is_ge() {
            row = rows.next()?;
        }
    }
}

/// The rows, as long as they can be read.
struct Rows<'a, L> {
    records: Records<'a>,
    lost: L,
}

impl<L: FnMut(StateError) -> Result<(), UpkeepError>> Rows<'_, L> {
    fn next(&mut self) -> Result<Option<Row>, UpkeepError> {
        let Records::Files(files) = &mut self.records else { return Ok(None) };
        match files.next().transpose() {
            Ok(row) => Ok(row),
            Err(error) => {
                self.records = Records::Unknown;
                (self.lost)(error)?;
                Ok(None)
            }
        }
    }
}

/// Path and record of a row that a host may have written.
fn listed(row: &Row) -> Option<(&str, &Recorded)> {
    let ours = |path: &&str| match row.table {
        Table::Landed | Table::Erased => is_listed(path),
        Table::Quarantined => Quarantined::parse(path).is_some(),
    };
    let path = std::str::from_utf8(&row.path).ok().filter(ours)?;
    Some((path, row.recorded.as_ref()?))
}

/// Whether a recorded file that was not met is not there. It may have landed since its directory was listed, or be where
/// nobody can look.
fn is_gone(zone: &Zone, path: &str) -> bool {
    zone.entry(path).is_ok_and(|entry| !matches!(entry, Entry::File(_)))
}

fn show(seen: &Seen, told: Told, see: &mut impl FnMut(Fact<'_>) -> Result<(), UpkeepError>) -> Result<(), UpkeepError> {
    let path = seen.shown();
    see(match &seen.met {
        Met::File(_) if is_leftover(&path) => Fact::Leftover(&path),
        Met::File(size) => Fact::File { path: &path, size: *size, told },
        Met::Other => Fact::NoFile(&path),
        Met::Unreadable(why) => Fact::Unreadable(&path, why),
    })
}
