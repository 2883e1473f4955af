//! What is forgotten, and what never is.

use rusqlite::params;

use super::state;
use crate::{Old, State};

fn ids(state: &State, sql: &str) -> Vec<i64> {
    let mut statement = state.connection.prepare(sql).expect(sql);
    statement.query_map([], |row| row.get(0)).expect(sql).map(|id| id.expect(sql)).collect()
}

/// Runs of two extractors and of two windows of one of them: extractor, window, year, status.
const RUNS: [(&str, &str, u32, &str); 14] = [
    ("x", "", 2020, "success"),
    ("x", "", 2021, "failed"),
    ("x", "", 2021, "success"),
    ("x", "", 2022, "failed"),
    ("x", "", 2023, "success"),
    ("x", "", 2023, "success"),
    ("x", "w1", 2020, "success"),
    ("x", "w1", 2021, "success"),
    ("x", "w2", 2020, "failed"),
    ("y", "", 2020, "running"),
    ("y", "", 2020, "failed"),
    ("y", "", 2020, "failed"),
    ("y", "", 2024, "success"),
    ("y", "", 2020, "running"),
];

fn filled() -> (tempfile::TempDir, State) {
    let (guard, state) = state();
    for (run_id, (extractor, window, year, status)) in (1..).zip(RUNS) {
        let started = format!("{year}-06-01T00:00:00Z");
        let execute = |sql: &str, row: &[&dyn rusqlite::ToSql]| {
            state.connection.execute(sql, row).expect(sql);
        };
        let sql = "INSERT INTO extraction_runs (run_id, extractor, started_at, status) VALUES (?1, ?2, ?3, ?4)";
        execute(sql, params![run_id, extractor, started, status]);
        execute("INSERT INTO run_budgets VALUES (?1, '{}')", params![run_id]);
        execute("INSERT OR REPLACE INTO cursors VALUES (?1, ?2, 'c', ?3)", params![extractor, window, run_id]);
        let file = format!("{extractor}/{run_id}");
        execute(
            "INSERT INTO landed_files (path, source, stored_size, run_id) VALUES (?1, ?2, 1, ?3)",
            params![file, extractor, run_id],
        );
        if !window.is_empty() {
            execute("INSERT INTO run_windows VALUES (?1, ?2)", params![run_id, window]);
        }
    }
    (guard, state)
}

#[test]
fn of_each_extractor_and_window_the_last_runs_stay() {
    let (_guard, mut state) = filled();
    let before = "2023-01-01T00:00:00Z";
    assert_eq!(runs(&mut state, before, true), 5);
    assert_eq!(ids(&state, "SELECT run_id FROM extraction_runs").len(), RUNS.len());
    assert_eq!(runs(&mut state, before, false), 5);
    // Of x the last failure and everything since 2023, of its windows the last success and the last failure; of y the
    // runs that go on, the last failure and the last success.
    let kept = [4, 5, 6, 8, 9, 10, 12, 13, 14];
    assert_eq!(ids(&state, "SELECT run_id FROM extraction_runs ORDER BY run_id"), kept);
    assert_eq!(ids(&state, "SELECT run_id FROM run_budgets ORDER BY run_id"), kept);
    assert_eq!(ids(&state, "SELECT run_id FROM run_windows ORDER BY run_id"), [8, 9]);
    assert_eq!(ids(&state, "SELECT count(*) FROM cursors"), [4]);
    assert_eq!(ids(&state, "SELECT count(*) FROM landed_files"), [14]);
    assert_eq!(runs(&mut state, before, false), 0);
}

#[test]
fn what_another_program_wrote_oddly_stays() {
    let (_guard, mut state) = state();
    let sql = "INSERT INTO extraction_runs (extractor, started_at, status)
               VALUES ('x', x'00', 'success'), ('x', '', 'success'), ('x', 7, 'success'), (x'ff', '2020', ''), ('x', '2099', 'success')";
    state.connection.execute_batch(sql).expect(sql);
    // Only what sorts before the day as a text does.
    assert_eq!(runs(&mut state, "2023-01-01T00:00:00Z", false), 1);
    assert_eq!(ids(&state, "SELECT run_id FROM extraction_runs ORDER BY run_id"), [1, 3, 4, 5]);
}

/// How many runs before that moment are forgotten.
fn runs(state: &mut State, before: &str, only_count: bool) -> u64 {
    let old = Old { runs: Some(before), ..Old::default() };
    state.prune(&old, only_count).expect("a state").runs
}
