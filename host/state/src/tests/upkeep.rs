//! Reading everything, whatever it is.

use std::os::unix::fs::FileExt as _;

use tempfile::TempDir;

use super::{fill, path, state};
use crate::{Mend, Row, State, StateError, Table};
use rules::domain::Digest;
use rules::findings::Recorded;

fn rows(state: &State) -> Result<Vec<Row>, StateError> {
    state.files()?.collect()
}

#[test]
fn rows_come_in_the_order_of_their_paths_and_all_of_them() {
    let (_guard, state) = state();
    fill(&state, 2500, 0);
    let rows = rows(&state).expect("rows");
    assert_eq!(rows.len(), 2500);
    assert!(rows.is_sorted_by(|one, other| one.path < other.path));
    let recorded = Recorded { sha256: Some(Digest(*b"00000000000000000000000000000001")), stored_size: 1 };
    let path = b"x/2025/03/00000001.csv.gz".to_vec();
    assert_eq!(rows[0], Row { table: Table::Landed, path, recorded: Some(recorded) });
}

#[test]
fn rows_of_both_tables_come_in_one_order() {
    let (_guard, state) = state();
    fill(&state, 1500, 0);
    let sql = "INSERT INTO landed_files (path, source, stored_size) VALUES ('!', 'x', 1);
               INSERT INTO quarantined
               SELECT '.quarantine' || substr(path, 2), source, sha256, 1, 1, '', NULL, NULL, '', '', '', NULL, 1
                 FROM landed_files WHERE path > 'x';
               INSERT INTO quarantined VALUES ('y', 'x', zeroblob(32), 1, 1, '', NULL, NULL, '', '', '', NULL, 1),
                      ('z', 'x', 'text', 1, 1, '', NULL, NULL, '', '', '', NULL, 1),
                      (x'ff', 'x', zeroblob(32), 1, 1, '', NULL, NULL, '', '', '', NULL, 1)";
    state.connection.execute_batch(sql).expect(sql);
    // One of a path that is in another table as well comes behind that.
    let sql = "INSERT INTO erased VALUES ('!', 'x', zeroblob(32), 1, 1, NULL, NULL, '', ''), ('zz', 'x', zeroblob(32), 1, 1, NULL, NULL, '', '')";
    state.connection.execute_batch(sql).expect(sql);
    let mut rows = rows(&state).expect("rows");
    assert_eq!(rows.len(), 1 + 1500 + 1500 + 2 + 2);
    assert_eq!(rows[1].table, Table::Erased);
    assert!(rows.is_sorted_by(|one, other| one.path <= other.path));
    rows.retain(|row| row.table != Table::Erased);
    let of = |table| rows.iter().filter(|row| row.table == table).count();
    assert_eq!((of(Table::Landed), of(Table::Quarantined)), (1501, 1502));
    assert_eq!(rows.last().map(|row| row.recorded.clone()), Some(None));
    assert_eq!(state.nameless(Table::Quarantined).ok(), Some(1));
}

#[test]
fn rows_that_no_host_wrote_are_told_apart_and_swept_out() {
    let (_guard, mut state) = state();
    let sql = "INSERT INTO landed_files (path, source, sha256, size, stored_size)
               VALUES ('', 'x', NULL, NULL, 1), ('a', 'x', x'00', NULL, 1), ('b', 'x', 'text', NULL, 1), ('c', 'x', NULL, -1, 1),
                      ('d', 'x', NULL, 'many', 1), ('e', 'x', NULL, NULL, -1), ('f', 'x', NULL, NULL, 'many'),
                      ('g', 'x', NULL, NULL, 9223372036854775807), (CAST(x'68ff' AS TEXT), 'x', NULL, NULL, 1), (7, 'x', NULL, NULL, 1),
                      (x'00', 'x', NULL, NULL, 1), (x'ff', 'x', NULL, NULL, 1)";
    state.connection.execute_batch(sql).expect(sql);
    let sql =
        "INSERT INTO validators (source, resource, url, path) VALUES ('x', 'r', x'00', 'a'), ('x', 's', 'u', 'g')";
    state.connection.execute_batch(sql).expect(sql);
    let all = rows(&state).expect("rows");
    let fit = |row: &&Row| row.recorded.is_some();
    let fits: Vec<&[u8]> = all.iter().filter(fit).map(|row| row.path.as_slice()).collect();
    assert_eq!(fits, [&b""[..], b"7", b"g", b"h\xff"]);
    assert_eq!(all.len(), 10);
    assert_eq!(state.nameless(Table::Landed).ok(), Some(2));
    let mut odd = all.into_iter().filter(|row| row.recorded.is_none()).map(|row| Mend::Forget(Table::Landed, row.path));
    state.rebuild(|| Ok::<_, StateError>(odd.next()), "2025-03-09T00:00:00Z").expect("a repair");
    assert_eq!(rows(&state).expect("rows").len(), 4);
    assert_eq!(state.nameless(Table::Landed).ok(), Some(0));
    let left: i64 =
        state.connection.query_row("SELECT count(*) FROM validators", [], |row| row.get(0)).expect("a count");
    assert_eq!(left, 1);
}

#[test]
fn copies_are_shown_together_and_nothing_else() {
    let (_guard, state) = state();
    fill(&state, 50, 0);
    let sql = "INSERT INTO landed_files (path, source, sha256, stored_size)
               SELECT 'x/copy' || c || substr(path, 5), 'x', sha256, 1 FROM landed_files, (SELECT 1 AS c UNION SELECT 2)
                WHERE path IN ('x/2025/03/00000007.csv.gz', 'x/2025/03/00000009.csv.gz')
               UNION ALL SELECT 'y' || substr(path, 2), 'y', sha256, 1 FROM landed_files";
    state.connection.execute_batch(sql).expect(sql);
    let mut shown = Vec::new();
    let see = |path: &str, digest: &Digest| {
        shown.push((path.to_owned(), *digest));
        Ok::<_, StateError>(())
    };
    assert_eq!(state.problems_and_copies(see).expect("copies"), [""; 0]);
    assert_eq!(shown.len(), 6);
    assert!(shown[..3].iter().all(|(_, digest)| *digest == shown[0].1) && shown[0].1 != shown[3].1);
    assert_eq!(shown[0].0, "x/2025/03/00000007.csv.gz");
}

#[test]
fn a_new_database_is_one_that_is_accepted() {
    let (guard, state) = state();
    drop(state);
    assert!(State::open_to_read(&path(&guard)).is_ok_and(|state| state.is_some()));
    assert!(State::open(&path(&guard)).is_ok());
}

#[test]
fn an_index_that_does_not_fit_its_table_is_found() {
    let lies = [
        ("landed_files_by_digest", "landed_files", "source, sha256", "source, fingerprint"),
        ("landed_files_unread", "landed_files", "fingerprint", "path"),
        ("extraction_runs_running", "extraction_runs", "extractor", "started_at"),
    ];
    for (index, table, columns, others) in lies {
        let (guard, state) = state();
        fill(&state, 10, 10);
        state
            .connection
            .execute_batch(
                "INSERT INTO landed_files (path, source, fingerprint, stored_size) VALUES ('x/a', 'x', 'f', 1);
             INSERT INTO extraction_runs (extractor, started_at) VALUES ('x', '2024')",
            )
            .expect("rows");
        assert_eq!(state.problems().expect("problems"), [""; 0]);
        // The index is filled as one of other columns, and called by its right name then.
        let sql: String = state
            .connection
            .query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [index], |row| row.get(0))
            .expect("an index");
        let lie = sql
            .replace(&format!("({columns})"), &format!("({others})"))
            .replace(&format!("(source, {columns})"), &format!("(source, {others})"));
        assert_ne!(lie, sql);
        drop(state);
        let connection = rusqlite::Connection::open(path(&guard)).expect("a database");
        connection.execute_batch(&format!("DROP INDEX {index}; {lie}; PRAGMA writable_schema = on")).expect(table);
        connection.execute("UPDATE sqlite_master SET sql = ?1 WHERE name = ?2", [&sql, index]).expect("a lie");
        drop(connection);
        let state = State::open_to_read(&path(&guard)).expect("a state").expect("a state");
        assert_eq!(state.problems().expect("problems"), [format!("the index `{index}` does not fit its table")]);
    }
}

/// Have a page of a table come twice: what is in it is there again, and out of order.
fn double(guard: &TempDir, name: &str) {
    let connection = rusqlite::Connection::open(path(guard)).expect("a database");
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).expect(sql);
    let (root, size) =
        (number(&format!("SELECT rootpage FROM sqlite_master WHERE name = '{name}'")), number("PRAGMA page_size"));
    drop(connection);
    #[expect(clippy::disallowed_methods, reason = "a test damages a file")]
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path(guard)).expect("a database");
    let mut page = vec![0; size as usize];
    file.read_exact_at(&mut page, (root - 1) * size).expect("a page");
    assert!(matches!(page[0], 2 | 5), "{name} has one page");
    // Where the cells are is behind the page's head of twelve bytes, and a cell begins with the page that it leads to.
    let cell = |at: usize| usize::from(u16::from_be_bytes([page[12 + 2 * at], page[13 + 2 * at]]));
    let (first, second) = (cell(0), cell(1));
    page.copy_within(first..first + 4, second);
    file.write_all_at(&page, (root - 1) * size).expect("a page");
}

#[test]
fn rows_that_come_again_are_damage_and_have_an_end() {
    let damaged = |name: &str| {
        let (guard, state) = state();
        fill(&state, 1500, 1500);
        state.connection.execute_batch("UPDATE extraction_runs SET status = 'running'").expect("rows");
        drop(state);
        double(&guard, name);
        let state = State::open_to_read(&path(&guard)).expect("a state").expect("a state");
        (guard, state)
    };
    let is_damage = |read: Result<(), StateError>| read.is_err_and(|error| error.is_damage());
    let (_guard, state) = damaged("landed_files");
    assert!(is_damage(rows(&state).map(drop)));
    let (_guard, state) = damaged("extraction_runs");
    assert!(is_damage(state.running(|_, _, _| Ok(()))));
    let (new_guard, mut new) = super::state();
    let (guard, _) = damaged("extraction_runs");
    let taken = new.take_over(&path(&guard)).expect("a new database");
    // Those before the first that comes again, and none behind it.
    let last = |row: &rusqlite::Row<'_>| row.get::<_, usize>(0);
    let last = new.connection.query_row("SELECT max(run_id) FROM extraction_runs", [], last).expect("a run");
    assert!((1..1500).contains(&taken) && taken == last, "{taken} {last}");
    drop(new_guard);
}

#[test]
fn what_extractors_keep_is_taken_over() {
    let (guard, state) = state();
    let kept =
        "INSERT INTO cursors VALUES ('x', '', 'one', 1); INSERT INTO cursor_values VALUES ('x', '', 'a', 'two', 1);
                INSERT INTO cursor_values VALUES ('x', '', 'b', 'three', 1), ('../x', '', 'b', 'four', 1)";
    state.connection.execute_batch(kept).expect("rows");
    drop(state);
    let (_new_guard, mut new) = super::state();
    new.take_over(&path(&guard)).expect("a new database");
    let key = crate::CursorKey::new("x", &rules::domain::Scope::default());
    assert_eq!(new.cursor(&key).expect("a cursor").as_deref(), Some("one"));
    assert_eq!(new.keys(&key, "", "", 10).expect("keys"), ["a", "b"]);
    let count = "SELECT count(*) FROM cursor_values";
    assert_eq!(new.connection.query_row(count, [], |row| row.get::<_, u64>(0)).expect("a number"), 2);
}
