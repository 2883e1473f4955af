//! Whether a database is sound: its pages by SQLite's word, its indexes by comparing sums.
//!
//! SQLite's own check of indexes looks every row up in every index, which takes a read of the disk for each of them where
//! there are many. Here each side is read once, in its own order.

use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::schema::{INDEXES, Index};
use super::{State, StateError};
use rules::domain::Digest;
use rules::text;

/// Most problems of a database that are listed.
const MAX_PROBLEMS: usize = 20;

impl State {
    /// What is wrong with the database; nothing where it is sound.
    pub fn problems(&self) -> Result<Vec<String>, StateError> {
        self.problems_and_copies(|_, _| Ok(()))
    }

    /// The same. It shows the recorded files whose content another file of their source is recorded with as well: the
    /// same content together, its files in the order of their paths.
    pub fn problems_and_copies<E: From<StateError>>(
        &self,
        see: impl FnMut(&str, &Digest) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut problems = self.quick_check()?;
        if !problems.is_empty() {
            return Ok(problems);
        }
        // Both sides as they are at one moment.
        let transaction = self.connection.unchecked_transaction().map_err(StateError::from)?;
        let random = RandomState::new();
        let mut copies = Copies { earlier: None, shown: false, see };
        for index in INDEXES.iter().filter(|index| index.version <= self.version) {
            let in_table = Sums::new(&random).of(&transaction, &in_table(index), |_| Ok::<_, E>(()))?;
            let in_index = Sums::new(&random).of(&transaction, &in_index(index), |row| match index.has_contents {
                true => copies.take(row),
                false => Ok(()),
            })?;
            if in_table != in_index {
                problems.push(format!("the index `{}` does not fit its table", index.name));
            }
        }
        Ok(problems)
    }

    fn quick_check(&self) -> Result<Vec<String>, StateError> {
        let mut statement = self.connection.prepare("SELECT quick_check FROM pragma_quick_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?.take(MAX_PROBLEMS);
        let problems = rows.map(|row| row.map(|problem| text::line(&problem))).collect::<Result<Vec<_>, _>>()?;
        Ok(if problems == ["ok"] { Vec::new() } else { problems })
    }
}

/// A query, and how many of its columns count; the one behind them says whether the row does.
type Query = (String, usize);

/// What an index should hold. Without a condition, and with what the index does not hold, SQLite does not read it in
/// place of the table.
fn in_table(index: &Index) -> Query {
    let Index { table, columns, rows, beside, .. } = index;
    (format!("SELECT {columns}, {rows}, {beside} FROM {table} NOT INDEXED"), columns.split(',').count())
}

/// What it holds, in its order.
fn in_index(index: &Index) -> Query {
    let Index { name, table, columns, rows, .. } = index;
    let sql = format!("SELECT {columns}, true FROM {table} INDEXED BY {name} WHERE {rows} ORDER BY {columns}");
    (sql, columns.split(',').count())
}

/// The number of rows, and the sum of their hashes, which does not depend on their order.
struct Sums<'a> {
    random: &'a RandomState,
    count: u64,
    sum: u64,
}

impl<'a> Sums<'a> {
    fn new(random: &'a RandomState) -> Self {
        Self { random, count: 0, sum: 0 }
    }

    fn of<E: From<StateError>>(
        mut self,
        connection: &Connection,
        (sql, width): &Query,
        mut see: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(u64, u64), E> {
        let mut statement = connection.prepare(sql).map_err(StateError::from)?;
        let mut rows = statement.query([]).map_err(StateError::from)?;
        while let Some(row) = rows.next().map_err(StateError::from)? {
            if self.add(row, *width).map_err(StateError::from)? {
                see(row)?;
            }
        }
        Ok((self.count, self.sum))
    }

    /// Add a row, if it counts; whether it does.
    fn add(&mut self, row: &Row<'_>, width: usize) -> rusqlite::Result<bool> {
        let counts = row.get_ref(width)? == ValueRef::Integer(1);
        if counts {
            let mut hasher = self.random.build_hasher();
            for at in 0..width {
                hash(row.get_ref(at)?, &mut hasher);
            }
            self.count += 1;
            self.sum = self.sum.wrapping_add(hasher.finish());
        }
        Ok(counts)
    }
}

fn hash(value: ValueRef<'_>, state: &mut impl Hasher) {
    match value {
        ValueRef::Null => state.write_u8(0),
        ValueRef::Integer(number) => (1_u8, number).hash(state),
        ValueRef::Real(number) => (2_u8, number.to_bits()).hash(state),
        ValueRef::Text(bytes) => (3_u8, bytes).hash(state),
        ValueRef::Blob(bytes) => (4_u8, bytes).hash(state),
    }
}

/// Contents that follow each other.
struct Copies<S> {
    earlier: Option<Content>,
    /// Whether the earlier one was shown.
    shown: bool,
    see: S,
}

/// A content and one of its files.
struct Content {
    source: Vec<u8>,
    digest: Digest,
    path: String,
}

impl<E: From<StateError>, S: FnMut(&str, &Digest) -> Result<(), E>> Copies<S> {
    fn take(&mut self, row: &Row<'_>) -> Result<(), E> {
        let Some(content) = Content::read(row).map_err(StateError::from)? else { return Ok(()) };
        if let Some(earlier) = &self.earlier {
            let same = earlier.source == content.source && earlier.digest == content.digest;
            if same && !self.shown {
                (self.see)(&earlier.path, &content.digest)?;
            }
            if same {
                (self.see)(&content.path, &content.digest)?;
            }
            self.shown = same;
        }
        self.earlier = Some(content);
        Ok(())
    }
}

impl Content {
    /// What a row of source, digest and path says; `None` where it is none that a host wrote.
    fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let values = (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?);
        let (ValueRef::Text(source), ValueRef::Blob(digest), ValueRef::Text(path)) = values else { return Ok(None) };
        let (Ok(digest), Ok(path)) = (digest.try_into(), std::str::from_utf8(path)) else { return Ok(None) };
        Ok(Some(Self { source: source.to_owned(), digest: Digest(digest), path: path.to_owned() }))
    }
}
