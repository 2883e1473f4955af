//! What the state does, counted in steps of SQLite's machine and not in seconds.

mod prune;
mod steps;
mod upkeep;

use std::path::PathBuf;

use rules::domain::Scope;
use rusqlite::params;
use tempfile::TempDir;

use super::{CursorKey, State};

/// A new state, and the directory that it is in.
fn state() -> (TempDir, State) {
    let guard = tempfile::tempdir().expect("a temporary directory");
    let state = State::open(&path(&guard)).expect("a state");
    (guard, state)
}

fn path(guard: &TempDir) -> PathBuf {
    guard.path().join(".state.sqlite")
}

#[test]
fn a_sync_reaches_the_disk_itself_on_every_system() {
    let (_guard, state) = state();
    for pragma in ["fullfsync", "checkpoint_fullfsync"] {
        let on: i64 = state.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).expect(pragma);
        assert_eq!(on, 1, "{pragma}");
    }
}

#[test]
fn a_copy_that_is_alone_is_nobody_elses_and_its_file_has_all_that_was_written() {
    let guard = tempfile::tempdir().expect("a temporary directory");
    let mut state = State::open_copy(&path(&guard), Some(7)).and_then(State::alone).expect("a state");
    let key = CursorKey::new("x", &Scope::default());
    state.begin(&key, "2026-01-01T00:00:00Z", |_| false).expect("a run");
    let runs = |path: &std::path::Path| {
        let count =
            |state: State| state.connection.query_row("SELECT count(*) FROM extraction_runs", [], |row| row.get(0));
        State::open_copy(path, None).ok().map(|state| count(state).expect("rows"))
    };
    let sent = guard.path().join("sent");
    #[expect(clippy::disallowed_methods, reason = "a test sends a file")]
    std::fs::copy(path(&guard), &sent).expect("a copy");
    assert_eq!((runs(&sent), runs(&path(&guard))), (Some(1), None));
    drop(state);
    assert_eq!(runs(&path(&guard)), Some(1));
}

/// Record files of a source, with validators, as so many runs would have.
fn fill(state: &State, files: u32, runs: u32) {
    let sql = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)";
    let file = "INSERT INTO landed_files (path, source, sha256, size, stored_size)
                SELECT printf('x/2025/03/%08d.csv.gz', n), 'x', CAST(printf('%032d', n) AS BLOB), 1, 1 FROM numbers";
    let validator = "INSERT INTO validators (source, resource, url, etag, path)
                     SELECT 'x', 'http://x/' || n, 'http://x/' || n, x'22', printf('x/2025/03/%08d.csv.gz', n) FROM numbers";
    let run = "INSERT INTO extraction_runs (extractor, started_at, status)
               SELECT iif(n % 2, 'x', 'y' || n % 100), '2024-01-01T00:00:00Z', 'success' FROM numbers";
    let used = "INSERT INTO run_budgets (run_id, budgets) SELECT n, '{}' FROM numbers";
    for (insert, count) in [(file, files), (validator, files), (run, runs), (used, runs)] {
        if count > 0 {
            state.connection.execute(&format!("{sql} {insert}"), params![count]).expect(insert);
        }
    }
}
