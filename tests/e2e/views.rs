//! The views of the state database, as any program asks them.

use harness::{Environment, Origin, Reply};

use crate::{environment, mirror, with};

/// Two sources: one that was A, B and A again, then out of order twice, and one that a backfill failed to read.
fn filled() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    let arguments = mirror(&origin, "/x.csv");
    for content in ["a\n", "b,b\n", "a\n"] {
        origin.route("/x.csv", Reply::new(content));
        environment.run("mirror", &with(&arguments, &[])).exits(0);
    }
    origin.route("/x.csv", Reply::status(404));
    for _ in 0..2 {
        environment.run("mirror", &with(&arguments, &[])).exits(1);
    }
    environment.run("mirror", &with(&arguments, &["--backfill", "2025-01-01..2026-01-01"])).exits(1);
    origin.route("/y.csv", Reply::new("y\n"));
    let other =
        ["--allow-http", &origin.grant(), "--param", &format!("url={}", origin.url("/y.csv")), "--name", "other"];
    environment.run("mirror", &other).exits(0);
    (environment, origin)
}

#[test]
fn views_answer_the_usual_questions() {
    let (environment, origin) = filled();
    let ask = |sql: &str| environment.query(sql);
    let starts = ask("SELECT started_at FROM extraction_runs ORDER BY run_id");
    let paths = ask("SELECT path FROM landed_files WHERE source = 'mirror' ORDER BY run_id");
    let url = origin.url("/x.csv");
    let history = format!(
        "SELECT since || ' ' || coalesce(until, 'now') || ' ' || path || ' ' || run_id || ' ' || size
           FROM resource_history WHERE resource = '{url}' ORDER BY run_id"
    );
    let states = [
        format!("{} {} {} 1 2", starts[0], starts[1], paths[0]),
        format!("{} {} {} 2 4", starts[1], starts[2], paths[1]),
        format!("{} now {} 3 2", starts[2], paths[0]),
    ];
    assert_eq!(ask(&history), states);
    let success = ask("SELECT started_at FROM extraction_runs WHERE run_id = 3");
    let latest = "SELECT extractor || ' ' || run_id || ' ' || status || ' ' || last_success || ' ' || failures_since
                    FROM latest_runs ORDER BY extractor";
    assert_eq!(ask(latest)[0], format!("mirror 5 failed {} 2", success[0]));
    assert!(ask(latest)[1].starts_with("other 7 success 20"), "{:?}", ask(latest));
    assert!(ask(latest)[1].ends_with(" 0"), "{:?}", ask(latest));
    let error = ask("SELECT error_message FROM latest_runs WHERE extractor = 'mirror'");
    assert_eq!(error, ask("SELECT error_message FROM extraction_runs WHERE run_id = 5"));
    // The tests may run at midnight.
    let days = "SELECT extractor || ' ' || sum(runs) || ' ' || sum(failed) || ' ' || sum(files_written) || ' ' ||
                       sum(files_skipped) FROM daily_runs GROUP BY extractor ORDER BY extractor";
    assert_eq!(ask(days), ["mirror 6 3 2 1", "other 1 0 1 0"]);
    assert_eq!(ask("SELECT DISTINCT day FROM daily_runs ORDER BY day")[0], starts[0][..10]);
    let totals = "SELECT source || ' ' || files || ' ' || size || ' ' || last_landed || ' ' || last_change
                    FROM source_totals ORDER BY source";
    let expected =
        [format!("mirror 2 6 {} {}", starts[1], starts[2]), format!("other 1 2 {} {}", starts[6], starts[6])];
    assert_eq!(ask(totals), expected);
}

#[test]
fn an_extractor_that_never_succeeded_has_a_row_too() {
    let (environment, origin) = (environment(), Origin::start());
    environment.run("mirror", &with(&mirror(&origin, "/missing.csv"), &[])).exits(1);
    let sql = "SELECT coalesce(last_success, 'never') || ' ' || failures_since FROM latest_runs";
    assert_eq!(environment.query(sql), ["never 1"]);
    assert_eq!(environment.query("SELECT source FROM source_totals"), [""; 0]);
}

#[test]
fn what_users_made_under_a_views_name_stays() {
    let environment = environment();
    std::fs::create_dir_all(environment.landing()).expect("a directory");
    let database = rusqlite::Connection::open(environment.landing().join(".state.sqlite")).expect("a database");
    database
        .execute_batch("CREATE TABLE latest_runs (mine); INSERT INTO latest_runs VALUES ('kept')")
        .expect("a table");
    drop(database);
    let origin = Origin::start();
    origin.route("/x.csv", Reply::new("a\n"));
    for _ in 0..2 {
        environment.run("mirror", &with(&mirror(&origin, "/x.csv"), &[])).exits(0);
    }
    assert_eq!(environment.query("SELECT mine FROM latest_runs"), ["kept"]);
    assert_eq!(environment.query("SELECT source FROM source_totals"), ["mirror"]);
    environment.host(["verify", "--read-data"]).exits(0);
}
