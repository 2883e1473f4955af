//! How the database is made durable: a write-ahead log while a run goes on, one file at rest.
//!
//! A log costs one sync a commit, or none, where a rollback journal costs five. At rest it would shut out readers who may
//! not write, as soon as anybody's query removed its side files; so the last run to end puts everything into the one file
//! and leaves the mode. `FORMAT.md` counts the syncs and says why the order is safe.

use rusqlite::Connection;

use super::StateError;
use super::connection::wait_for_others;

/// How much a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Not at all: a power cut may take the commit back, and the log must have been made by this connection.
    Later,
    /// Not at all, but the order of what reaches the disk is kept.
    Ordered,
    /// Until it cannot be taken back.
    Now,
}

/// What this connection writes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    /// A log that this connection began: there are no older frames in it.
    NewLog,
    /// A log that was there.
    Log,
    /// A rollback journal, since somebody was reading when a log was to be begun.
    Rollback,
    /// None on the disk: the file is a copy, and what makes it durable is sending it.
    Copy,
}

impl Journal {
    /// Write to a copy that nobody else has open, and that is lost with the machine.
    pub(super) fn of_a_copy(connection: &Connection) -> Result<Self, StateError> {
        connection.query_row("PRAGMA journal_mode = memory", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "off")?;
        Ok(Self::Copy)
    }

    /// Begin a log, or join one.
    pub(super) fn begin(connection: &Connection) -> Result<Self, StateError> {
        // The first read undoes what a killed process left half done, and has to sync what it does.
        connection.pragma_update(None, "synchronous", "extra")?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        if mode(connection)? == "wal" {
            return Ok(Self::Log);
        }
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        // Nothing but two bytes of the file's head change; both of their values are good until the log is synced, which
        // syncs the directory as well, before any other byte of the file changes. Where there is no head yet, one has to
        // be on the disk before the log counts: SQLite throws the log of an empty file away.
        let begun = without_patience(connection, "wal", if pages == 0 { "normal" } else { "off" })?;
        Ok(if begun { Self::NewLog } else { Self::Rollback })
    }

    /// Have the next commits wait for the disk so much.
    pub(super) fn set(self, connection: &Connection, durability: Durability) -> Result<(), StateError> {
        let level = match (self, durability) {
            (Self::Copy, _) => return Ok(()),
            (Self::Rollback, _) => "extra",
            (Self::NewLog, Durability::Later) => "off",
            (_, Durability::Now) => "full",
            (_, Durability::Later | Durability::Ordered) => "normal",
        };
        Ok(connection.pragma_update(None, "synchronous", level)?)
    }

    /// Make durable what was committed. A commit of its own syncs all before it.
    pub(super) fn sync(self, connection: &Connection) -> Result<(), StateError> {
        if !matches!(self, Self::Rollback | Self::Copy) {
            self.set(connection, Durability::Now)?;
            // A row that comes and goes: what leaves a page as it was, as far as SQLite sees, is never written.
            connection.execute_batch(
                "BEGIN IMMEDIATE; INSERT INTO host_schema (version) VALUES (-1);
                 DELETE FROM host_schema WHERE version = -1; COMMIT",
            )?;
        }
        Ok(())
    }

    /// Make durable what was committed, and have the database be one file again where nobody else has it open.
    pub(super) fn settle(self, connection: &Connection) -> Result<(), StateError> {
        if matches!(self, Self::Rollback | Self::Copy) {
            return Ok(());
        }
        self.set(connection, Durability::Ordered)?;
        let (logged, moved) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
        if logged != moved {
            // A reader is in the way, so that nothing was synced.
            return self.sync(connection);
        }
        without_patience(connection, "delete", "off").map(drop)
    }
}

fn mode(connection: &Connection) -> Result<String, StateError> {
    Ok(connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?)
}

/// Change the mode, where nobody has the database open, and sync that as `synchronous` says; whether it is changed.
fn without_patience(connection: &Connection, to: &str, synchronous: &str) -> Result<bool, StateError> {
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.busy_handler(None)?;
    let changed = connection.pragma_update_and_check(None, "journal_mode", to, |row| row.get::<_, String>(0));
    connection.busy_handler(Some(wait_for_others))?;
    match changed.map_err(StateError::from) {
        Ok(now) => Ok(now == to),
        // Somebody reads, or the file system has no shared memory: what writes without a log goes on without it.
        Err(StateError::Busy | StateError::Sqlite(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
