//! Whether a database is sound: its pages by SQLite's word, its indexes by comparing sums.
//!
//! SQLite's own check of indexes looks every row up in every index, which takes a read of the disk for each of them where
//! there are many. Here each side is read once, in its own order.

use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::schema::{INDEXES, Index};
use super::{State, StateError};
use rules::text;

/// Most problems of a database that are listed.
const MAX_PROBLEMS: usize = 20;

impl State {
    /// What is wrong with the database; nothing where it is sound.
    pub fn problems(&self) -> Result<Vec<String>, StateError> {
        let mut statement = self.connection.prepare("SELECT quick_check FROM pragma_quick_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?.take(MAX_PROBLEMS);
        let problems = rows.map(|row| row.map(|problem| text::line(&problem))).collect::<Result<Vec<_>, _>>()?;
        if problems != ["ok"] {
            return Ok(problems);
        }
        // Both sides as they are at one moment.
        let transaction = self.connection.unchecked_transaction()?;
        let mut problems = Vec::new();
        for index in INDEXES.iter().filter(|index| index.version <= self.version) {
            if !fits(&transaction, index)? {
                problems.push(format!("the index `{}` does not fit its table", index.name));
            }
        }
        Ok(problems)
    }
}

/// Whether an index has the rows of its table, and no others.
fn fits(connection: &Connection, index: &Index) -> Result<bool, StateError> {
    let Index { name, table, columns, rows, beside, .. } = index;
    let random = RandomState::new();
    // Without a condition, and with what the index does not hold, SQLite does not read it in place of the table.
    let in_table = format!("SELECT {columns}, {rows}, {beside} FROM {table} NOT INDEXED");
    let in_index = format!("SELECT {columns}, true FROM {table} INDEXED BY {name} WHERE {rows}");
    let width = columns.split(',').count();
    Ok(sum(connection, &in_table, width, &random)? == sum(connection, &in_index, width, &random)?)
}

/// The number of rows for which the value behind `width` others is true, and the sum of the hashes of those values. It
/// does not depend on the order of the rows.
fn sum(connection: &Connection, query: &str, width: usize, random: &RandomState) -> Result<(u64, u64), StateError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let (mut count, mut sum) = (0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        if row.get_ref(width)? != ValueRef::Integer(1) {
            continue;
        }
        let mut hasher = random.build_hasher();
        for at in 0..width {
            hash(row.get_ref(at)?, &mut hasher);
        }
        count += 1;
        sum = sum.wrapping_add(hasher.finish());
    }
    Ok((count, sum))
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
