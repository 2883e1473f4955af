//! The state database: what users query, what the original left, what a run adds.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Gate, Origin, Ran, Reply, gzip, skip};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::named::extractor;
use crate::{environment, mirror, with};

const CSV: &str = "city,courts\nMalaga,41\n";
/// The two queries that users have, word for word.
const RECENT: &str = "SELECT extractor, started_at, status, files_written, files_skipped, cursor_value
  FROM extraction_runs ORDER BY run_id DESC LIMIT 10;";
const FAILED: &str =
    "SELECT * FROM extraction_runs WHERE status = 'failed' AND started_at > datetime('now', '-7 days');";
/// The table as the Python package makes it.
const ORIGINAL: &str = "CREATE TABLE extraction_runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT, extractor TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
    status TEXT NOT NULL DEFAULT 'running', files_written INTEGER DEFAULT 0, files_skipped INTEGER DEFAULT 0,
    bytes_written INTEGER DEFAULT 0, cursor_value TEXT, error_message TEXT);";

fn digits(content: &str) -> String {
    Sha256::digest(content).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_users_queries_work_as_they_stand() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=2025-03"]).exits(0);
    environment.run("probe", &["--param", "do=fail", "--param", "text=no luck"]).exits(1);
    let state = environment.state();
    let mut statement = state.prepare(RECENT).expect("the query");
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(2)?, row.get(3)?, row.get(5)?)))
        .expect("the query")
        .collect::<Result<Vec<(String, String, i64, Option<String>)>, _>>()
        .expect("the rows");
    assert_eq!(
        rows,
        [
            ("probe".into(), "failed".into(), 0, None),
            ("probe".into(), "success".into(), 0, Some("2025-03".into())),
            ("mirror".into(), "success".into(), 1, None),
        ]
    );
    let mut statement = state.prepare(FAILED).expect("the query");
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    assert_eq!(
        columns,
        [
            "run_id",
            "extractor",
            "started_at",
            "finished_at",
            "status",
            "files_written",
            "files_skipped",
            "bytes_written",
            "cursor_value",
            "error_message",
        ]
    );
    let messages: Vec<String> =
        statement.query_map([], |row| row.get(9)).expect("the query").map(|row| row.expect("a row")).collect();
    assert_eq!(messages, ["no luck"]);
    let times = environment
        .query("SELECT started_at GLOB '????-??-??T??:??:??Z' AND finished_at >= started_at FROM extraction_runs");
    assert_eq!(times, ["1", "1", "1"]);
}

#[test]
fn the_sqlite3_program_answers_them_too() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let database = environment.landing().join(".state.sqlite");
    let Ok(output) = Command::new("sqlite3").arg(&database).arg(RECENT).arg(FAILED).output() else {
        skip::missing("the program sqlite3 is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.starts_with("mirror|20") && text.trim_end().ends_with("|success|1|0|"),
        "{text}"
    );
}

#[test]
fn one_file_is_left_at_rest() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let names =
        fs::read_dir(environment.landing()).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, [".locks", ".state.sqlite", "mirror"]);
}

#[test]
fn what_the_original_left_is_carried_on() {
    let (environment, origin) = (environment(), Origin::start());
    let tagged = environment.write("landing/probe/2024/11/66f0a1b2-4e.csv.gz", gzip(b"by,tag\n"));
    let hashed =
        environment.write(&format!("landing/probe/2024/2024-11-05_{}.csv.gz", digits(CSV)), gzip(CSV.as_bytes()));
    let database = environment.landing().join(".state.sqlite");
    let original = Connection::open(&database).expect("a database");
    original.execute_batch(&format!("PRAGMA journal_mode = wal; {ORIGINAL}")).expect("the table");
    original
        .execute_batch(
            "INSERT INTO extraction_runs (extractor, started_at, finished_at, status, cursor_value)
             VALUES ('probe', '2024-11-05T03:00:00+00:00', '2024-11-05T03:00:09+00:00', 'success', '2024-11-05'),
                    ('probe', '2024-11-06T03:00:00+00:00', NULL, 'running', NULL),
                    ('other', '2024-11-06T03:00:00+00:00', NULL, 'running', NULL)",
        )
        .expect("the rows");
    drop(original);

    origin.route("/tagged", Reply::new("by,tag\n").etag("\"66f0a1b2-4e\""));
    origin.route("/hashed", Reply::new(CSV));
    let before = environment.landed();
    for path in ["/tagged", "/hashed"] {
        let arguments = mirror(&origin, path);
        let ran = environment.run("probe", &with(&arguments, &["--param", "do=mirror"])).exits(0).json();
        assert_eq!((&ran["files_written"], &ran["files_skipped"]), (&0.into(), &1.into()), "{path}");
    }
    assert_eq!(environment.landed(), before);
    assert!(tagged.exists() && hashed.exists());

    // Settled once: from now on the tag is known, and nothing is downloaded.
    origin.forget();
    let arguments = mirror(&origin, "/tagged");
    environment.run("probe", &with(&arguments, &["--param", "do=mirror"])).exits(0);
    assert_eq!(origin.asked()[0].header("if-none-match"), Some("\"66f0a1b2-4e\""));

    // Its cursor goes on, its dead run is marked, another extractor's is not, and the database is one file again.
    let ran = environment.run("probe", &["--param", "do=cursor", "--param", "cursor=2024-11-07", "-v"]).exits(0);
    ran.says("2024-11-05");
    assert_eq!(
        environment.query("SELECT status FROM extraction_runs ORDER BY run_id LIMIT 3"),
        ["success", "failed", "running"]
    );
    assert_eq!(environment.query("PRAGMA journal_mode"), ["delete"]);
}

#[test]
fn a_lost_database_costs_a_download_and_no_file() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n").etag("\"one\""));
    origin.route("/b.csv", Reply::new("b\n"));
    let url = format!("url={} {}", origin.url("/a.csv"), origin.url("/b.csv"));
    let grant = origin.grant();
    let arguments = ["--allow-http", &grant, "--param", &url];
    environment.run("mirror", &arguments).exits(0);
    let landed = environment.landed();
    fs::remove_file(environment.landing().join(".state.sqlite")).expect("a database");
    assert_eq!(environment.run("mirror", &arguments).exits(0).json()["files_skipped"], 2);
    assert_eq!(environment.landed(), landed);
}

#[test]
fn a_damaged_or_newer_database_is_refused_and_kept() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    let database = environment.write("landing/.state.sqlite", [b"SQLite format 3\0".as_slice(), &[7; 5000]].concat());
    let damaged = fs::read(&database).expect("a file");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("the state database is damaged");
    assert_eq!(fs::read(&database).expect("a file"), damaged);

    fs::remove_file(&database).expect("a file");
    Connection::open(&database)
        .expect("a database")
        .execute_batch("CREATE TABLE host_schema (version); INSERT INTO host_schema VALUES (99)")
        .expect("a version");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("which a newer host made");

    fs::remove_file(&database).expect("a file");
    Connection::open(&database)
        .expect("a database")
        .execute_batch("CREATE TABLE extraction_runs (id)")
        .expect("a table");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("has no column `run_id`");
    assert_eq!(origin.asked(), []);
}

#[test]
fn every_command_says_what_to_do_about_the_database_of_a_newer_host() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    environment.write("host.toml", extractor("a", &origin, "/courts.csv"));
    environment.host(["run", "a"]).exits(0);
    environment.state().execute("UPDATE host_schema SET version = 99", []).expect("a version");
    let path = environment.paths().remove(0);
    let database = environment.landing().join(".state.sqlite");
    let before = fs::read(&database).expect("a file");
    for arguments in [
        &["run", "a"][..],
        &["run", "a", "--dry-run"],
        &["run", "--all"],
        &["status"],
        &["metrics"],
        &["watch"],
        &["files"],
        &["runs"],
        &["show", "1"],
        &["cat", &path],
        &["cursor"],
        &["cursor", "get", "a"],
        &["cursor", "set", "a", "7"],
        &["cursor", "clear", "a"],
        &["prune", "--runs-older-than", "1d"],
        &["quarantine", "list"],
        &["quarantine", "drop", "0123456789abcdef"],
    ] {
        let ran = environment.host(arguments).exits(1);
        let said = harness::unwrapped(&ran.stderr).replace("a error: ", "error: ").replace("a hint: ", "hint: ");
        let expected = format!(
            "error: the state database has schema version 99, which a newer host made\n\
             hint: run the host that made {}, or a later one\n",
            database.display()
        );
        assert_eq!(said, expected, "{arguments:?}");
    }
    environment.host(["repair"]).exits(1).says("which a newer host made\nhint: only a damaged database is replaced");
    let found = environment.host(["verify"]).exits(1).stdout;
    assert!(found.contains("which a newer host made\n"), "{found}");
    assert_eq!(fs::read(&database).expect("a file"), before);
    assert_eq!(environment.paths(), [path]);
}

#[test]
fn a_cursor_is_kept_once_its_files_are_even_if_the_run_fails() {
    let environment = environment();
    let cursor = |value: &str, more: &[&str]| {
        let value = format!("cursor={value}");
        let arguments = [&["--param", "do=cursor", "--param", &value, "-v"], more].concat();
        environment.run("probe", &arguments).exits(0)
    };
    let failing = ["--param", "do=checkpoint-then-fail", "--param", "cursor=one", "--param", "text=later"];
    let ran = environment.run("probe", &failing).exits(1).json();
    assert_eq!((&ran["status"], &ran["cursor"]), (&"failed".into(), &"one".into()));
    assert_eq!(environment.paths().len(), 1);
    cursor("two", &[]).says("one");
    // A backfill's cursor is its window's own, and moves no other.
    let window = ["--backfill", "2025-01-01..2025-02-01"];
    let first = cursor("w1", &window);
    assert!(!first.stderr.contains("two"), "{}", first.stderr);
    cursor("w2", &window).says("w1");
    cursor("three", &[]).says("two");
}

#[test]
fn a_database_that_somebody_holds_is_waited_for_and_then_named() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    origin.forget();
    let state = environment.state();
    state.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("locked by another process").says("fuser");
    assert_eq!(origin.asked(), []);
    state.execute_batch("COMMIT").expect("the lock's end");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
}

#[test]
fn a_database_that_somebody_holds_is_waited_for_no_longer_than_the_run_may_take() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    origin.forget();
    let state = environment.state();
    state.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let started = Instant::now();
    let ran = environment.run("mirror", &with(&arguments, &["--timeout", "1s"])).exits(1);
    // Which of the two limits is met first is up to the machine.
    let said = ["locked by another process", "the state database took too long"];
    assert!(said.iter().any(|said| ran.stderr.contains(said)), "{}", ran.stderr);
    // Without regard to the budget it is 30 s.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(origin.asked(), []);
}

#[test]
fn what_the_state_takes_is_part_of_what_the_run_may_take() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new(CSV).gated(&reached, &hold));
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=one"]).exits(0);
    let state = environment.state();
    state.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let started = Instant::now();
    let arguments = mirror(&origin, "/slow.csv");
    let running = environment.spawn("mirror", &with(&arguments, &["--timeout", "4s"]));
    std::thread::sleep(Duration::from_secs(3));
    state.execute_batch("COMMIT").expect("the lock's end");
    let ran = Ran::new(running.wait_with_output().expect("the program"));
    ran.exits(3).says("the run spent its budget `timeout` of 4s");
    // With a clock that starts behind the state it would be seven seconds.
    assert!(started.elapsed() < Duration::from_millis(6500), "{:?}", started.elapsed());
    hold.open();
}

#[test]
fn rows_that_others_wrote_oddly_are_listed_all_the_same() {
    let environment = environment();
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=one"]).exits(0);
    environment
        .state()
        .execute_batch(
            "INSERT INTO extraction_runs (extractor, started_at, status, files_written, bytes_written, cursor_value)
             VALUES ('odd', '2024-01-01', 'success', 'many', 1.5, 7)",
        )
        .expect("a row");
    let rows = environment.host(["runs", "--json"]).exits(0).json();
    assert_eq!((&rows[0]["extractor"], &rows[0]["cursor_value"]), (&"odd".into(), &"7".into()));
}

#[test]
fn a_zone_of_many_files_is_listed_once() {
    let (environment, origin) = (environment(), Origin::start());
    for number in 0..2000 {
        environment.write(&format!("landing/mirror/2024/2024-01-01_{number:08x}.csv.gz"), "");
    }
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    let listed = || environment.query("SELECT group_concat(run_id) FROM indexed_sources");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(listed(), ["1"]);
    assert_eq!(environment.query("SELECT count(*) FROM landed_files WHERE sha256 IS NULL"), ["2000"]);
    // A run that fails by itself leaves nothing unrecorded, so that nothing is listed again.
    environment.run("probe", &["--name", "mirror", "--param", "do=fail", "--param", "text=x"]).exits(1);
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(listed(), ["1"]);
}
