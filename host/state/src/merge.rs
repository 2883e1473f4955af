//! Several states as one, to be read: each extractor and window has its own in an object store.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::connection::connect;
use super::{State, StateError, schema};

impl State {
    /// Add all that another state knows, which is a database of this host's version at `path`. Where two know of the same, the
    /// first that was merged counts; of a file, who has read it.
    pub fn merge(&mut self, path: &Path) -> Result<(), StateError> {
        self.with_other(path, Self::take)
    }

    /// Get to know what another state, as in [`State::merge`], knows to be erased.
    pub fn merge_erased(&mut self, path: &Path) -> Result<(), StateError> {
        self.with_other(path, |state| {
            let transaction = state.connection.transaction()?;
            take_rows(&transaction, "erased")?;
            Ok(transaction.commit()?)
        })
    }

    fn with_other(
        &mut self,
        path: &Path,
        take: impl FnOnce(&mut Self) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        // So that what is foreign or damaged is found before anything of it is taken.
        schema::check(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
        self.connection.execute("ATTACH DATABASE ?1 AS other", [path.display().to_string()])?;
        let taken = take(self);
        self.connection.execute("DETACH DATABASE other", [])?;
        taken
    }

    fn take(&mut self) -> Result<(), StateError> {
        let transaction = self.connection.transaction()?;
        for table in schema::movable() {
            take_rows(&transaction, table)?;
        }
        transaction.execute(
            "UPDATE main.landed_files AS f SET (sha256, size, stored_size, run_id) =
                    (SELECT o.sha256, o.size, o.stored_size, o.run_id FROM other.landed_files o WHERE o.path = f.path)
              WHERE f.sha256 IS NULL
                AND f.path IN (SELECT path FROM other.landed_files WHERE sha256 IS NOT NULL)",
            [],
        )?;
        Ok(transaction.commit()?)
    }
}

/// The rows of a table that are not known here.
fn take_rows(connection: &Connection, table: &str) -> Result<(), StateError> {
    let columns = columns(connection, table)?;
    let sql = format!("INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {columns} FROM other.{table}");
    connection.execute(&sql, [])?;
    Ok(())
}

fn columns(connection: &Connection, table: &str) -> Result<String, StateError> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1, 'main')")?;
    let names: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names.join(", "))
}
