//! What checking and repairing read of the state. Whatever the tables hold, it ends: rows have to come in order, and are
//! read a few at a time, so that no run waits for it.

use std::iter::Peekable;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row as SqlRow, params};

use super::{Claimed, State, StateError};
use rules::domain::Digest;
use rules::findings::Recorded;

/// Most rows of a page.
const PAGE: usize = 1000;
/// About how many bytes of paths a page has at most.
const PAGE_BYTES: usize = 1 << 20;

/// A table that has a row for each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// What landed.
    Landed,
    /// What is in quarantine.
    Quarantined,
    /// What was erased: files that are not to be there.
    Erased,
}

impl Table {
    /// All of them. Where two have a row for one path, the first of them counts.
    pub const ALL: [Self; 3] = [Self::Landed, Self::Quarantined, Self::Erased];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Landed => "landed_files",
            Self::Quarantined => "quarantined",
            Self::Erased => "erased",
        }
    }
}

/// A row of one of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Which one.
    pub table: Table,
    /// Its key, as the bytes that it has.
    pub path: Vec<u8>,
    /// What it says of the file; `None` where a column holds what no host wrote.
    pub recorded: Option<Recorded>,
}

/// The rows of all these tables in the order of their paths.
pub struct Files<'a>([Peekable<Rows<'a>>; Table::ALL.len()]);

/// The rows of one table.
struct Rows<'a> {
    connection: &'a Connection,
    table: Table,
    page: std::vec::IntoIter<Row>,
    /// The last path of the page; the rest of the rows is behind it.
    last: Option<Vec<u8>>,
    over: bool,
}

impl State {
    /// All files that are recorded as there or as erased; none where the host never used this database.
    pub fn files(&self) -> Result<Files<'_>, StateError> {
        let rows = |table: Table| {
            let over = !super::schema::has_table(&self.connection, table.name())?;
            let page = Vec::new().into_iter();
            Ok::<_, StateError>(Rows { connection: &self.connection, table, page, last: None, over }.peekable())
        };
        let [landed, quarantined, erased] = Table::ALL;
        Ok(Files([rows(landed)?, rows(quarantined)?, rows(erased)?]))
    }

    /// How many rows of a table have a path that is no text, and so do not come with the others.
    pub fn nameless(&self, table: Table) -> Result<u64, StateError> {
        let table = table.name();
        if !super::schema::has_table(&self.connection, table)? {
            return Ok(0);
        }
        // Texts come before blobs, and this column turns numbers into texts.
        let sql = format!("SELECT count(*) FROM {table} WHERE path >= x''");
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Show the runs that say that they are running: number, extractor, and what for.
    pub fn running<E: From<StateError>>(
        &self,
        mut see: impl FnMut(i64, &str, Claimed) -> Result<(), E>,
    ) -> Result<(), E> {
        let period = super::history::period(&self.connection)?;
        let sql = format!(
            "SELECT run_id, extractor, {period} FROM extraction_runs r WHERE status = 'running' ORDER BY run_id"
        );
        let mut statement = self.connection.prepare(&sql).map_err(StateError::from)?;
        let mut rows = statement.query([]).map_err(StateError::from)?;
        let mut last = i64::MIN;
        while let Some(row) = rows.next().map_err(StateError::from)? {
            let run_id = row.get(0).map_err(StateError::from)?;
            if run_id <= last {
                return Err(StateError::disordered("extraction_runs").into());
            }
            last = run_id;
            let text = |at| super::rows::text(row, at).map_err(StateError::from);
            see(run_id, &text(1)?.unwrap_or_default(), super::history::claimed(text(2)?.as_deref()))?;
        }
        Ok(())
    }
}

impl Iterator for Files<'_> {
    type Item = Result<Row, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        // An error comes before every row, and of rows with one path that of the first table.
        let peeked = self.0.each_mut().map(|rows| rows.peek());
        let path = |at: &usize| peeked[*at].and_then(|row| row.as_ref().ok()).map(|row| &row.path);
        let at = (0..peeked.len()).filter(|at| peeked[*at].is_some()).min_by_key(path)?;
        self.0[at].next()
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Rows<'_> {
    fn step(&mut self) -> Result<Option<Row>, StateError> {
        loop {
            match self.page.next() {
                Some(row) => return Ok(Some(row)),
                None if self.over => return Ok(None),
                None => self.turn()?,
            }
        }
    }

    fn turn(&mut self) -> Result<(), StateError> {
        let sql = format!(
            "SELECT path, sha256, size, stored_size FROM {}
              WHERE path {} CAST(?1 AS TEXT) AND path < x'' ORDER BY path LIMIT ?2",
            self.table.name(),
            if self.last.is_some() { ">" } else { ">=" }
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.last.as_deref().unwrap_or_default(), PAGE as i64])?;
        let (mut page, mut bytes): (Vec<Row>, usize) = (Vec::new(), 0);
        let over = loop {
            let Some(row) = rows.next()? else { break page.len() < PAGE };
            let row = read(self.table, row)?;
            if page.last().map(|earlier| &earlier.path).or(self.last.as_ref()).is_some_and(|last| *last >= row.path) {
                return Err(StateError::disordered(self.table.name()));
            }
            bytes += row.path.len();
            page.push(row);
            if bytes > PAGE_BYTES {
                break false;
            }
        };
        self.over = over;
        self.last = page.last().map(|row| row.path.clone());
        self.page = page.into_iter();
        Ok(())
    }
}

fn read(table: Table, row: &SqlRow<'_>) -> Result<Row, StateError> {
    let path = row.get_ref(0)?.as_bytes().map_err(|error| StateError::Odd(error.to_string()))?.to_vec();
    let sha256 = match row.get_ref(1)? {
        ValueRef::Null if table == Table::Landed => Some(None),
        ValueRef::Blob(bytes) => bytes.try_into().ok().map(|digest| Some(Digest(digest))),
        _ => None,
    };
    let size = |at| match row.get_ref(at)? {
        ValueRef::Integer(size) => Ok::<_, StateError>(u64::try_from(size).ok()),
        _ => Ok(None),
    };
    let fits = row.get_ref(2)? == ValueRef::Null || size(2)?.is_some();
    let recorded = match (sha256, size(3)?) {
        (Some(sha256), Some(stored_size)) if fits => Some(Recorded { sha256, stored_size }),
        _ => None,
    };
    Ok(Row { table, path, recorded })
}
