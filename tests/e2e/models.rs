//! What `host models` writes, run by the tools themselves: each tick brings exactly the new rows, and a source that
//! goes back is what it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, python};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::systemd::installed;
use crate::{book, environment};

/// A landing directory whose name means something to SQL, to globs and to Jinja.
const LANDING: &str = "land'ing [x] {{ @ü";
/// A mark of the order of bytes, a header with blanks, an empty and a double name, and zeros that are no number's.
const FIRST: &str = "\u{feff}city;Court s;x;x;\nMalaga;007;1;2;3\n";
/// Run a script on standard input in a database, and print the rows of each query.
const DUCKDB: &str = "import duckdb, json, sys
database = duckdb.connect(sys.argv[1])
database.execute(sys.stdin.read() or 'SELECT 1')
print(json.dumps([database.execute(query).fetchall() for query in sys.argv[2:]]))";

struct Zone {
    environment: Environment,
    origin: Origin,
}

impl Zone {
    fn new() -> Self {
        Self { environment: environment(), origin: Origin::start() }
    }

    /// A run that finds this content at a path, in the source that the path begins with.
    fn lands(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.origin.route(path, Reply::new(content));
        let url = format!("url={}", self.origin.url(path));
        let source = path.split('/').nth(1).expect("a source");
        let extension = format!("extension={}", path.rsplit('.').next().expect("an extension"));
        let arguments = ["--param", &url, "--param", &format!("source={source}"), "--param", &extension];
        let granted = ["--allow-http", &self.origin.grant(), "--allow-source", source, "--landing", LANDING];
        self.environment.run("mirror", &[&arguments[..], &granted].concat()).exits(0);
    }

    fn host(&self, arguments: &[&str]) -> Ran {
        self.environment.host([arguments, &["--landing", LANDING]].concat())
    }

    /// The first file of a source, and its bytes.
    fn stored(&self, source: &str) -> (PathBuf, Vec<u8>) {
        let path = self.host(&["files", "--json", "--source", source]).exits(0).json();
        let path = self.environment.path().join(LANDING).join(path[0]["path"].as_str().expect("a path"));
        (path.clone(), fs::read(path).expect("a file"))
    }

    /// What the queries give in the database, once `script` has been run there.
    fn asks(&self, programs: &Path, script: &str, queries: &[&str]) -> Value {
        self.environment.write("script.sql", script);
        let mut command = Command::new(programs.join("python"));
        command.current_dir(self.environment.path()).args(["-c", DUCKDB, "warehouse.duckdb"]).args(queries);
        command.stdin(fs::File::open(self.environment.path().join("script.sql")).expect("a script"));
        Ran::new(command.output().expect("python")).exits(0).json()
    }
}

const ALL: &str = "SELECT city, court_s FROM (SELECT city, \"Court s\" AS court_s FROM raw_prices) ORDER BY ALL";
const NOW: &str = "SELECT city FROM current_prices ORDER BY ALL";
const FILES: &str = "SELECT DISTINCT _file FROM raw_prices ORDER BY ALL";

#[test]
fn views_of_duckdb_have_all_rows_and_those_that_are_current() {
    let Some(programs) = python::programs() else { return };
    let zone = Zone::new();
    let models = || zone.host(&["models", "duckdb"]).exits(0).stdout;
    zone.lands("/prices/a.csv", FIRST);
    zone.lands("/events/a.ndjson", "{\"id\":1,\"seen\":{\"x\":[1]}}\n{\"id\":\"two\"}\n");
    zone.lands("/tabs/a.tsv", "a,b\tc\n1\t2\n");
    zone.lands("/my-docs/a.json", "[{\"a\":1},{\"a\":2}]");
    let first = models();
    assert_eq!(zone.asks(&programs, &first, &[ALL, NOW]), json!([[["Malaga", "007"]], [["Malaga"]]]));
    let others = [
        "SELECT id->>'$', seen->>'$.x[0]' FROM raw_events",
        "SELECT a->>'$' FROM current_my_docs ORDER BY ALL",
        "SELECT \"a,b\", c FROM current_tabs",
    ];
    assert_eq!(zone.asks(&programs, "", &others), json!([[["1", "1"], ["two", null]], [["1"], ["2"]], [["1", "2"]]]));
    let columns = "SELECT column_name FROM (DESCRIBE raw_prices)";
    let named = json!([[["city"], ["Court s"], ["x"], ["x_1"], ["column4"], ["_file"]]]);
    assert_eq!(zone.asks(&programs, "", &[columns]), named);

    // A second tick, in a file that came packed, with a column more and another order.
    zone.lands("/prices/a.csv", harness::gzip(b"new,city,Court s\nn,\"Ma,drid\",12\n"));
    let raw = json!([["Ma,drid", "12"], ["Malaga", "007"]]);
    // The views of before find the new file, and say as current what was so.
    assert_eq!(zone.asks(&programs, "", &[ALL, NOW]), json!([raw, [["Malaga"]]]));
    assert_eq!(zone.asks(&programs, "", &["SELECT new FROM raw_prices ORDER BY ALL"]), json!([[["n"], [null]]]));
    assert_eq!(zone.asks(&programs, &models(), &[ALL, NOW]), json!([raw, [["Ma,drid"]]]));
    let paths = zone.host(&["files", "--source", "prices", "--json"]).exits(0).json();
    let paths: Vec<[&Value; 1]> = paths.as_array().expect("files").iter().map(|file| [&file["path"]]).collect();
    assert_eq!(zone.asks(&programs, "", &[FILES]), json!([paths]));

    // The source goes back.
    zone.lands("/prices/a.csv", FIRST);
    assert_eq!(models(), first);
    assert_eq!(zone.asks(&programs, &first, &[ALL, NOW]), json!([raw, [["Malaga"]]]));
}

#[test]
fn models_are_of_sources_that_have_something_to_read() {
    let zone = Zone::new();
    let models = |arguments: &[&str]| zone.host(&[&["models"], arguments].concat());
    models(&["duckdb"]).exits(2).says("there are no runs in");
    zone.lands("/a/a.txt", "a\n");
    models(&["duckdb"]).exits(2).says("nothing has landed that DuckDB reads");
    zone.lands("/a/a.csv", "a\n1\n");
    zone.lands("/b-c/a.csv", "a\n1\n");
    let ran = models(&["duckdb", "a"]).exits(0).says("warning: DuckDB has no reader for txt, which a has files of");
    assert!(ran.stdout.contains("VIEW raw_a ") && !ran.stdout.contains("b_c"), "{ran:?}");
    models(&["duckdb", "none"]).exits(2).says("nothing has landed in the source `none` yet\nhint: `host files`");
    zone.lands("/b_c/a.csv", "a\n2\n");
    models(&["duckdb"]).exits(2).says("the sources `b-c` and `b_c` would both be `raw_b_c`");
    models(&["dbt", "a"]).exits(2).says("--into");
    // Two kinds of files have a model each.
    zone.lands("/a/b.json", "{\"a\":1}");
    let ran = models(&["duckdb", "a"]).exits(0);
    assert!(ran.stdout.contains("VIEW raw_a_csv ") && ran.stdout.contains("VIEW current_a_json "), "{ran:?}");

    // Nobody's own files are replaced, and none is written where one would be.
    let path = zone.environment.write("mine/macros/host.sql", "SELECT 1\n");
    models(&["dbt", "--into", "mine", "a"]).exits(2).says("host.sql was not written by `host models`, and stays");
    assert_eq!(fs::read_to_string(&path).expect("a file"), "SELECT 1\n");
    assert!(!zone.environment.path().join("mine/models").exists());
    fs::remove_file(path).expect("a file");
    zone.environment.write("mine/dbt_project.yml", "name: mine\n");
    let written = models(&["dbt", "--into", "mine", "a"]).exits(0).stdout;
    assert!(written.starts_with("macros/host.sql\nmodels/host/raw_a_csv.sql\n"), "{written}");
    assert!(!zone.environment.path().join("mine/profiles.yml").exists());
    assert_eq!(models(&["dbt", "--into", "mine", "a"]).exits(0).stdout, written);
}

#[test]
fn what_a_database_says_is_a_name_or_left_out() {
    let Some(programs) = python::programs() else { return };
    let zone = Zone::new();
    zone.lands("/prices/a.csv", FIRST);
    let state = Connection::open(zone.environment.path().join(LANDING).join(".state.sqlite")).expect("a database");
    let plant = "INSERT INTO landed_files (path, source, run_id, stored_size) VALUES (?1, 'prices', 1, 1)";
    for path in
        ["prices/2026/x'); DROP TABLE t; --.csv.gz", "prices/../../x.csv.gz", "p'x/2026/a.csv.gz", "prices/[a].csv.gz"]
    {
        state.execute(plant, [path]).expect("SQL");
    }
    for (tool, more) in [("duckdb", &[][..]), ("dbt", &["--into", "one"]), ("sqlmesh", &["--into", "two"])] {
        zone.host(&[&["models", tool], more].concat()).exits(0);
    }
    assert!(!zone.environment.path().join("one/models/host/raw_p'x.sql").exists());
    let script = zone.host(&["models", "duckdb"]).exits(0).stdout;
    assert!(!script.contains("DROP") && !script.contains("..") && !script.contains("[a]"), "{script}");
    assert_eq!(zone.asks(&programs, &script, &[NOW]), json!([[["Malaga"]]]));

    // Nothing of it is current, which is no error.
    state.execute("DELETE FROM resource_changes", []).expect("SQL");
    state.execute("DELETE FROM landed_files WHERE url IS NULL", []).expect("SQL");
    let script = zone.host(&["models", "duckdb"]).exits(0).stdout;
    assert_eq!(zone.asks(&programs, &script, &[NOW, "SELECT city FROM raw_prices"]), json!([[], [["Malaga"]]]));

    let many = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)
                INSERT INTO landed_files (path, source, run_id, stored_size) SELECT 'many/' || n || '.csv.gz', 'many', 1, 1 FROM n";
    state.execute(many, []).expect("SQL");
    let ran = zone.host(&["models", "duckdb"]).exits(2);
    ran.says("there are more than 100000 current files\nhint: name the sources that you want");
    zone.host(&["models", "duckdb", "prices"]).exits(0);
    zone.host(&["models", "dbt", "--into", "three"]).exits(0);
}

/// Run a project's tool, with the list of what is current beside it. It tells nobody of it.
fn tick(zone: &Zone, mut command: Command) {
    let current = zone.host(&["files", "--current", "--json"]);
    zone.environment.write("current.json", current.stdout);
    command.current_dir(zone.environment.path()).env("DO_NOT_TRACK", "1").env("HOME", zone.environment.path());
    command.env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false").env("SQLMESH__DISABLE_ANONYMIZED_ANALYTICS", "true");
    let output = command.output().expect("the tool");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A project takes each landed file once, and knows what is current. `command` gives that of each tick, from 0 on.
fn takes_each_file_once(tool: &str, programs: &Path, command: impl Fn(u32) -> Command) -> Zone {
    let zone = Zone::new();
    let asks = |queries: &[&str]| {
        zone.asks(programs, "CREATE SCHEMA IF NOT EXISTS landing; SET search_path = 'main,landing'", queries)
    };
    zone.lands("/prices/a.csv", FIRST);
    zone.lands("/events/a.ndjson", "{\"id\":1}\n{\"id\":\"two\"}\n");
    zone.lands("/tabs/a.tsv", "a,b\tc\n1\t2\n");
    zone.host(&["models", tool, "--into", "."]).exits(0);
    tick(&zone, command(0));
    assert_eq!(asks(&[ALL, NOW]), json!([[["Malaga", "007"]], [["Malaga"]]]));
    let others = ["SELECT id->>'$' FROM current_events ORDER BY ALL", "SELECT \"a,b\", c FROM raw_tabs"];
    assert_eq!(asks(&others), json!([[["1"], ["two"]], [["1", "2"]]]));

    // Nothing that was taken is read again: it could not be. The new file has another order, case, and a column more.
    let (path, packed) = zone.stored("prices");
    fs::write(&path, vec![0; packed.len()]).expect("a file");
    zone.lands("/prices/a.csv", harness::gzip(b"new,City,Court s\nn,\"Ma,drid\",12\n"));
    tick(&zone, command(1));
    let raw = json!([["Ma,drid", "12"], ["Malaga", "007"]]);
    assert_eq!(asks(&[ALL, NOW]), json!([raw, [["Ma,drid"]]]));
    assert_eq!(asks(&["SELECT new FROM raw_prices ORDER BY ALL"]), json!([[["n"], [null]]]));

    // Nothing new; then the source goes back, and no new file lands.
    tick(&zone, command(2));
    zone.lands("/prices/a.csv", FIRST);
    tick(&zone, command(3));
    assert_eq!(asks(&[ALL, NOW]), json!([raw, [["Malaga"]]]));
    zone
}

#[test]
fn dbt_takes_each_landed_file_once_and_knows_what_is_current() {
    let Some(programs) = python::dbt() else { return };
    let build = |_| {
        let mut command = Command::new(programs.join("dbt"));
        command.args(["build", "--no-use-colors"]);
        command
    };
    let zone = takes_each_file_once("dbt", &programs, build);
    // The landing directory moves: the files are the same.
    fs::rename(zone.environment.path().join(LANDING), zone.environment.path().join("moved")).expect("a directory");
    zone.environment.write("moved/prices/more.csv.gz", harness::gzip(b"city\nLisboa\n"));
    let mut command = build(4);
    command.args(["--vars", "{landing: moved, host_current: list.json}"]);
    zone.environment.write("list.json", "[{\"path\": \"prices/more.csv.gz\"}]");
    tick(&zone, command);
    let count = "SELECT count(*) FROM raw_prices";
    assert_eq!(zone.asks(&programs, "", &[NOW, count]), json!([[["Lisboa"]], [[3]]]));
}

#[test]
fn sqlmesh_takes_each_landed_file_once_and_knows_what_is_current() {
    let Some(programs) = python::sqlmesh() else { return };
    if !installed("faketime") {
        return;
    }
    // It runs a model at most once in five minutes.
    let _zone = takes_each_file_once("sqlmesh", &programs, |number| {
        let mut command = crate::clock::faketime();
        command.args(["-f", &format!("+{}m", number * 20)]).arg(programs.join("sqlmesh"));
        match number {
            0 => command.args(["plan", "--auto-apply", "--no-prompts"]),
            _ => command.arg("run"),
        };
        command
    });
}

#[test]
fn the_ten_lines_of_the_book_make_a_table() {
    let Some(programs) = python::dbt() else { return };
    let zone = Zone::new();
    zone.origin.route("/prices.csv", Reply::new("city,price\nMalaga,12\n"));
    let lines = book::block("host/book/src/models.md", "sh", "dbt build");
    let lines = lines.replace("https://example.org", &zone.origin.grant());
    let lines = lines.replace("guests/mirror.wasm", &harness::guest("mirror").display().to_string());
    let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with("pip ")).collect();
    assert!(lines.len() < 10);
    std::os::unix::fs::symlink(crate::program(), zone.environment.path().join("host")).expect("a link");
    let mut command = Command::new("bash");
    let path = std::env::var("PATH").expect("a path");
    command.env("PATH", format!("{}:{}:{path}", zone.environment.path().display(), programs.display()));
    command.current_dir(zone.environment.path()).env("DO_NOT_TRACK", "1").env("HOME", zone.environment.path());
    command.env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false");
    let output = command.args(["-ec", &lines.join("\n")]).output().expect("bash");
    Ran::new(output).exits(0);
    let asked = zone.asks(&programs, "", &["SELECT city, price FROM raw_mirror", "SELECT city FROM current_mirror"]);
    assert_eq!(asked, json!([[["Malaga", "12"]], [["Malaga"]]]));
}
