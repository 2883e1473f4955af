//! What may be in a database.

use std::fs;
use std::os::unix::fs::FileExt as _;

use rusqlite::Connection;

use super::Zone;
use harness::soak::times;

const TABLES: [&str; 17] = [
    "extraction_runs",
    "landed_files",
    "indexed_sources",
    "source_users",
    "validators",
    "cursors",
    "run_budgets",
    "run_windows",
    "cursor_values",
    "derivations",
    "derived_files",
    "resource_changes",
    "run_details",
    "run_logs",
    "notices",
    "quarantined",
    "erased",
];
/// Rows without end.
const ENDLESS: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c";

/// Plant what these statements make of the zone's own database.
fn sql(zone: &Zone, statements: &str) {
    connection(zone).execute_batch(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

fn connection(zone: &Zone) -> Connection {
    let connection = Connection::open(zone.database()).expect("a database");
    connection.pragma_update(None, "foreign_keys", false).expect("a pragma");
    connection
}

/// Have what SQLite believes of a table or an index be something else.
fn lie(zone: &Zone, name: &str, sql: &str) {
    let connection = connection(zone);
    connection.execute_batch("PRAGMA writable_schema = on").expect("a pragma");
    let changed = connection.execute("UPDATE sqlite_master SET sql = ?1 WHERE name = ?2", [sql, name]).expect("a lie");
    assert_eq!(changed, 1, "{name}");
}

/// The columns of a table.
fn columns(zone: &Zone, table: &str) -> Vec<String> {
    zone.environment.query(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"))
}

#[test]
fn triggers_do_nothing() {
    for body in [
        format!("SELECT count(*) FROM ({ENDLESS})"),
        "INSERT INTO extraction_runs (extractor, started_at) SELECT randomblob(1000), '' FROM extraction_runs".into(),
        "DELETE FROM landed_files".into(),
        "SELECT RAISE(FAIL, 'no')".into(),
    ] {
        let said = Zone::tried(|zone| {
            for (table, event) in
                TABLES.iter().flat_map(|table| ["INSERT", "UPDATE", "DELETE"].map(|event| (table, event)))
            {
                sql(zone, &format!("CREATE TRIGGER {event}_{table} AFTER {event} ON {table} BEGIN {body}; END"));
            }
        });
        said.exits([0, 0, 0, 0, 0]);
    }
}

#[test]
fn views_are_no_tables() {
    for table in TABLES {
        let said = Zone::tried(|zone| {
            let names = columns(zone, table);
            let values = names.iter().map(|name| format!("n AS {name}")).collect::<Vec<_>>().join(", ");
            sql(
                zone,
                &format!("ALTER TABLE {table} RENAME TO kept; CREATE VIEW {table} AS SELECT {values} FROM ({ENDLESS})"),
            );
        });
        said.exits([1, 1, 1, 1, 1]).says(&format!("its `{table}` is no table"));
    }
}

#[test]
fn no_column_computes_and_no_table_is_made_up() {
    let computed =
        "CREATE TABLE extraction_runs (run_id INTEGER PRIMARY KEY, extractor, started_at, finished_at, status,
        files_written, files_skipped, bytes_written, cursor_value, error_message,
        more AS (instr(zeroblob(500000), zeroblob(250000) || x'01')) STORED)";
    for (table, made, says) in [
        ("extraction_runs", computed, "the column `more` of its table `extraction_runs` is computed"),
        (
            "extraction_runs",
            "CREATE TABLE extraction_runs (run_id TEXT, extractor, started_at, finished_at, status,
             files_written, files_skipped, bytes_written, cursor_value, error_message)",
            "does not number the rows",
        ),
        (
            "extraction_runs",
            "CREATE VIRTUAL TABLE extraction_runs USING fts3(run_id)",
            "its `extraction_runs` is no table",
        ),
        (
            "landed_files",
            "CREATE VIRTUAL TABLE landed_files USING dbstat",
            "its table `landed_files` is none that a host makes",
        ),
        (
            "landed_files",
            "CREATE TABLE landed_files (path AS (zeroblob(1000)), source, sha256, fingerprint, size, stored_size, url, run_id)",
            "its table `landed_files` is none that a host makes",
        ),
        (
            "cursors",
            "CREATE TABLE cursors (extractor, period, value, run_id)",
            "its table `cursors` is none that a host makes",
        ),
        (
            "landed_files_by_digest",
            "CREATE INDEX landed_files_by_digest ON landed_files (instr(zeroblob(500000), zeroblob(250000) || path))",
            "computes something",
        ),
        (
            "landed_files_by_digest",
            "CREATE INDEX landed_files_by_digest ON landed_files (path) WHERE url LIKE '%a%'",
            "computes something",
        ),
    ] {
        let said = Zone::tried(|zone| {
            let kind = if table.ends_with("by_digest") { "INDEX" } else { "TABLE" };
            sql(zone, &format!("DROP {kind} {table}; {made}"));
        });
        said.exits([1, 1, 1, 1, 1]).says(says);
    }
}

#[test]
fn what_users_add_is_tolerated() {
    let said = Zone::tried(|zone| {
        sql(
            zone,
            "CREATE TABLE notes (text); CREATE VIEW last AS SELECT * FROM extraction_runs;
             CREATE INDEX by_url ON landed_files (url); CREATE INDEX by_day ON extraction_runs (started_at DESC);
             ALTER TABLE extraction_runs ADD COLUMN comment TEXT DEFAULT 'none'",
        );
    });
    said.exits([0, 0, 0, 0, 0]);
}

#[test]
fn a_check_that_never_holds_is_not_asked() {
    let said = Zone::tried(|zone| {
        let made = &zone.environment.query("SELECT sql FROM sqlite_master WHERE name = 'extraction_runs'")[0];
        let end = made.rfind(')').expect("the end of a table");
        lie(zone, "extraction_runs", &format!("{}, CHECK (status = 'no'))", &made[..end]));
    });
    said.exits([0, 0, 0, 0, 0]);
}

#[test]
fn a_default_that_computes_for_long_does_not_outlast_the_run() {
    let said = Zone::tried(|zone| {
        // Half a minute and more, in which SQLite does not look whether it has to stop.
        let slow = ["instr(zeroblob(1000000), zeroblob(500000) || x'01')"; 12].join(" + ");
        let made = &zone.environment.query("SELECT sql FROM sqlite_master WHERE name = 'extraction_runs'")[0];
        let end = made.rfind(')').expect("the end of a table");
        lie(zone, "extraction_runs", &format!("{}, more DEFAULT ({slow}))", &made[..end]));
    });
    said.exits([1, 0, 0, 0, 0]).says("the state database took too long");
}

/// Values of all types, none of which a host writes anywhere.
const VALUES: [&str; 9] = [
    "x'00ff'",
    "CAST(x'ff1b5b324a' AS TEXT)",
    "char(27, 91, 50, 74, 8238, 10)",
    "-1",
    "9223372036854775807",
    "1e300",
    "''",
    "printf('%.*c', 200000, 'x')",
    "NULL",
];

#[test]
fn any_value_may_be_in_any_column() {
    // All tables together, and each by itself.
    let groups = [&TABLES[..]].into_iter().chain(TABLES.chunks(1).take(times(0, TABLES.len())));
    for (tables, value) in groups.flat_map(|tables| VALUES.map(|value| (tables, value))) {
        Zone::tried(|zone| {
            for (table, column) in
                tables.iter().flat_map(|table| columns(zone, table).into_iter().map(move |it| (table, it)))
            {
                // Where a column takes it: keys are numbers, and some are never NULL.
                let set = format!("UPDATE OR IGNORE {table} SET {column} = {value}");
                let _ = connection(zone).execute_batch(&set);
            }
        });
    }
}

#[test]
fn rows_that_no_host_wrote_are_named_and_swept_out() {
    let wrong = [
        "UPDATE landed_files SET stored_size = -1",
        "UPDATE landed_files SET stored_size = 'many'",
        "UPDATE landed_files SET size = x'00'",
        "UPDATE landed_files SET sha256 = 'text'",
        "UPDATE landed_files SET sha256 = x'00'",
        "UPDATE landed_files SET path = CAST(path AS BLOB)",
        "UPDATE landed_files SET path = path || char(0)",
        "UPDATE landed_files SET path = '../' || path",
        "UPDATE landed_files SET path = '/' || path",
        "UPDATE landed_files SET path = 'mirror/../../outside/canary' || rowid FROM (SELECT 1 AS rowid)
          WHERE path IN (SELECT min(path) FROM landed_files)",
        "UPDATE landed_files SET path = CAST(x'6d6972726f722fff' AS TEXT) WHERE path IN (SELECT min(path) FROM landed_files)",
    ];
    for wrong in wrong {
        let said = Zone::tried(|zone| sql(zone, wrong));
        for verify in ["verify", "verify --read-data"] {
            let ran = &said.0[verify];
            assert!(ran.stdout.contains("database    .state.sqlite: "), "{wrong}: {ran:?}");
        }
        let zone = Zone::new();
        sql(&zone, wrong);
        zone.host(&["repair"]).exits(0);
        zone.host(&["verify", "--read-data"]).exits(0);
        zone.run("mirror", &[]).exits(0);
    }
}

#[test]
fn values_of_any_length_are_not_read() {
    for (table, column) in [
        ("extraction_runs", "error_message"),
        ("extraction_runs", "extractor"),
        ("landed_files", "url"),
        ("landed_files", "path"),
        ("validators", "url"),
        ("cursors", "value"),
        ("run_budgets", "budgets"),
    ] {
        let plant = |zone: &Zone| {
            sql(zone, "INSERT INTO cursors VALUES ('mirror', '', 'x', 1)");
            // A source of its own, so that it is no validator that the run asks for.
            let set = format!("UPDATE {table} SET {column} = CAST(zeroblob(20000000) AS TEXT) || {column}");
            let last = format!("{set} WHERE {column} IN (SELECT max({column}) FROM {table})");
            sql(zone, &last);
        };
        let said = Zone::tried(plant);
        said.says("larger than 1 MiB");
        let zone = Zone::new();
        plant(&zone);
        zone.host(&["repair"]).exits(0);
        zone.run("mirror", &[]);
    }
}

#[test]
fn the_version_is_a_number_that_a_host_gives() {
    for (version, says) in [
        ("'text'", "no number that a host gives"),
        ("x'00'", "no number that a host gives"),
        ("-1", "no number that a host gives"),
        ("NULL", "no number that a host gives"),
        ("1e300", "no number that a host gives"),
        ("99", "which a newer host made"),
        ("9223372036854775807", "which a newer host made"),
    ] {
        let plant = |zone: &Zone| {
            // `NOT NULL` is only what the schema says.
            sql(
                zone,
                "PRAGMA writable_schema = on; UPDATE sqlite_master SET sql = 'CREATE TABLE host_schema (version)' WHERE name = 'host_schema'",
            );
            sql(zone, &format!("UPDATE host_schema SET version = {version}"));
            lie(zone, "host_schema", "CREATE TABLE host_schema (version INTEGER NOT NULL)");
        };
        let repaired = i32::from(says.contains("newer"));
        Zone::tried(plant).exits([1, 1, 1, 1, repaired]).says(says);
    }
}

#[test]
fn texts_of_another_encoding_are_refused() {
    let said = Zone::tried(|zone| {
        fs::remove_file(zone.database()).expect("a database");
        sql(zone, "PRAGMA encoding = 'UTF-16'; CREATE TABLE extraction_runs (run_id INTEGER PRIMARY KEY)");
    });
    said.exits([1, 1, 1, 1, 1]).says("its texts are UTF-16le");
}

#[test]
fn an_index_that_lies_is_found() {
    let plant = |zone: &Zone| {
        let index = "landed_files_by_digest";
        let made = zone.environment.query(&format!("SELECT sql FROM sqlite_master WHERE name = '{index}'")).remove(0);
        sql(zone, &format!("DROP INDEX {index}; CREATE INDEX {index} ON landed_files (source, url)"));
        lie(zone, index, &made);
    };
    let said = Zone::tried(plant);
    for command in ["verify", "verify --read-data"] {
        assert!(said.0[command].stdout.contains("the index `landed_files_by_digest` does not fit its table"));
    }
    let zone = Zone::new();
    plant(&zone);
    zone.host(&["repair"]).exits(0);
    zone.host(&["verify"]).exits(0);
    Zone::tried(|zone| sql(zone, "DROP INDEX landed_files_unread"))
        .exits([1, 1, 1, 1, 0])
        .says("the index `landed_files_unread` is missing");
}

#[test]
fn numbers_of_runs_have_an_end() {
    let said = Zone::tried(|zone| sql(zone, "UPDATE sqlite_sequence SET seq = 9223372036854775807"));
    said.exits([1, 0, 0, 0, 0]).says("database or disk is full");
}

/// Have a page of a table lead back to itself.
fn ring(zone: &Zone, name: &str) {
    let fill = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)";
    sql(
        zone,
        &format!(
            "{fill} INSERT INTO extraction_runs (extractor, started_at, status) SELECT 'x' || n, '', iif(n % 2, 'running', 'success') FROM c"
        ),
    );
    sql(
        zone,
        &format!(
            "{fill} INSERT INTO landed_files (path, source, stored_size, sha256) SELECT 'x/2025/03/' || n || '.csv.gz', 'x', 1, CAST(printf('%032d', n) AS BLOB) FROM c"
        ),
    );
    let number = |sql: &str| -> u64 { zone.environment.query(sql)[0].parse().expect("a number") };
    let root = number(&format!("SELECT rootpage FROM sqlite_master WHERE name = '{name}'"));
    let size = number("PRAGMA page_size");
    let file = fs::OpenOptions::new().read(true).write(true).open(zone.database()).expect("a database");
    let start = (root - 1) * size;
    let mut page = vec![0; size as usize];
    file.read_exact_at(&mut page, start).expect("a page");
    assert!(matches!(page[0], 2 | 5), "{name} has one page");
    // The right-most child, and the first: both are the page itself.
    let own = u32::try_from(root).expect("a page").to_be_bytes();
    page[8..12].copy_from_slice(&own);
    let first = usize::from(u16::from_be_bytes([page[12], page[13]]));
    page[first..first + 4].copy_from_slice(&own);
    file.write_all_at(&page, start).expect("a page");
}

#[test]
fn pages_that_lead_in_a_ring_are_damage() {
    for name in ["extraction_runs", "landed_files", "landed_files_by_digest"] {
        let said = Zone::tried(|zone| ring(zone, name));
        for command in ["verify", "verify --read-data"] {
            assert!(said.0[command].stdout.contains("database "), "{name}: {:?}", said.0[command]);
        }
        assert_eq!(said.0["repair"].code, Some(0));
        let zone = Zone::new();
        ring(&zone, name);
        zone.host(&["repair"]).exits(0);
        zone.host(&["verify", "--read-data"]).exits(0);
        zone.run("mirror", &[]).exits(0);
    }
}

#[test]
fn a_schema_that_fills_the_memory_is_not_read_to_its_end() {
    let said = Zone::tried(|zone| {
        let connection = connection(zone);
        connection.execute_batch("PRAGMA writable_schema = on; BEGIN").expect("a transaction");
        // SQLite keeps a default, and reads it fast.
        let default = "x".repeat(100_000);
        for number in 0..1000 {
            let sql = format!("CREATE TABLE t{number} (first DEFAULT '{default}')");
            let row = "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 2, ?2)";
            connection.execute(row, [format!("t{number}"), sql]).expect("a table");
        }
        connection.execute_batch("COMMIT").expect("a transaction");
    });
    said.exits([1, 1, 1, 1, 1]).says("out of memory");
}

#[test]
fn no_extractor_that_a_row_names_gets_a_lock() {
    for name in ["../planted", "../../outside/planted", "/tmp/planted", ".zone", "a/b", "", "\u{1b}[2J", "never-seen"] {
        let said = Zone::tried(|zone| {
            let row = "INSERT INTO extraction_runs (extractor, started_at, status) VALUES (?1, '2025-01-01T00:00:00Z', 'running')";
            connection(zone).execute(row, [name]).expect("a row");
        });
        let found = if name == "never-seen" { "stale " } else { "is no extractor's name" };
        for command in ["verify", "verify --read-data"] {
            assert!(said.0[command].stdout.contains(found), "{name:?}: {:?}", said.0[command]);
        }
        assert_eq!(said.0["repair"].stdout.lines().nth(4), Some("1 dead run marked as failed"));
    }
}
