//! What `host models` writes, run by the tools themselves: each tick brings exactly the new rows, and a source that
//! goes back is what it was.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, python};
use serde_json::{Value, json};

use crate::environment;

/// A landing directory whose name means something to SQL, to globs and to Jinja.
const LANDING: &str = "land'ing [x] {{ ü";
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
    // A mark of the order of bytes, a header with blanks, an empty and a double name, and zeros that are no number's.
    zone.lands("/prices/a.csv", "\u{feff}city;Court s;x;x;\nMalaga;007;1;2;3\n");
    zone.lands("/events/a.ndjson", "{\"id\":1,\"seen\":{\"x\":[1]}}\n{\"id\":\"two\"}\n");
    zone.lands("/my-docs/a.json", "[{\"a\":1},{\"a\":2}]");
    let first = models();
    assert_eq!(zone.asks(&programs, &first, &[ALL, NOW]), json!([[["Malaga", "007"]], [["Malaga"]]]));
    let others = ["SELECT id->>'$', seen->>'$.x[0]' FROM raw_events", "SELECT a->>'$' FROM current_my_docs ORDER BY ALL"];
    assert_eq!(zone.asks(&programs, "", &others), json!([[["1", "1"], ["two", null]], [["1"], ["2"]]]));
    let columns = "SELECT column_name FROM (DESCRIBE raw_prices)";
    let named = json!([[["city"], ["Court s"], ["x"], ["x_1"], ["column4"], ["_file"]]]);
    assert_eq!(zone.asks(&programs, "", &[columns]), named);

    // A second tick, in a file that came packed, with a column more and another order.
    zone.lands("/prices/a.csv", harness::gzip(b"new,city,Court s\nn,\"Ma,drid\",12\n"));
    let raw = json!([["Ma,drid", "12"], ["Malaga", "007"]]);
    // The views of before find the new file, and say as current what was so.
    assert_eq!(zone.asks(&programs, "", &[ALL, NOW]), json!([raw, [["Malaga"]]]));
    assert_eq!(zone.asks(&programs, &models(), &[ALL, NOW]), json!([raw, [["Ma,drid"]]]));
    let paths = zone.host(&["files", "--source", "prices", "--json"]).exits(0).json();
    let paths: Vec<[&Value; 1]> = paths.as_array().expect("files").iter().map(|file| [&file["path"]]).collect();
    assert_eq!(zone.asks(&programs, "", &[FILES]), json!([paths]));

    // The source goes back.
    zone.lands("/prices/a.csv", "\u{feff}city;Court s;x;x;\nMalaga;007;1;2;3\n");
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

/// A tick: the list of what is current, and dbt.
fn tick(zone: &Zone, programs: &Path) {
    let current = zone.host(&["files", "--current", "--json"]).exits(0).stdout;
    zone.environment.write("current.json", current);
    let mut command = Command::new(programs.join("dbt"));
    command.current_dir(zone.environment.path()).env("DO_NOT_TRACK", "1").env("HOME", zone.environment.path());
    command.env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false").env("DBT_PROFILES_DIR", zone.environment.path());
    let output = command.args(["build", "--no-use-colors"]).output().expect("dbt");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn dbt_takes_each_landed_file_once_and_knows_what_is_current() {
    let Some(programs) = python::dbt() else { return };
    let zone = Zone::new();
    zone.lands("/prices/a.csv", "\u{feff}city;Court s;x;x;\nMalaga;007;1;2;3\n");
    zone.lands("/events/a.ndjson", "{\"id\":1}\n{\"id\":\"two\"}\n");
    zone.lands("/tabs/a.tsv", "a,b\tc\n1\t2\n");
    zone.host(&["models", "dbt", "--into", "."]).exits(0);
    tick(&zone, &programs);
    assert_eq!(zone.asks(&programs, "", &[ALL, NOW]), json!([[["Malaga", "007"]], [["Malaga"]]]));
    let others = ["SELECT id->>'$' FROM current_events ORDER BY ALL", "SELECT \"a,b\", c FROM raw_tabs"];
    assert_eq!(zone.asks(&programs, "", &others), json!([[["1"], ["two"]], [["1", "2"]]]));

    // Of what was taken nothing is read again: a mark set at the rows of before stays.
    zone.asks(&programs, "UPDATE raw_prices SET \"Court s\" = 'seen'", &[]);
    zone.lands("/prices/a.csv", harness::gzip(b"new,City,Court s\nn,\"Ma,drid\",12\n"));
    tick(&zone, &programs);
    let raw = json!([["Ma,drid", "12"], ["Malaga", "seen"]]);
    assert_eq!(zone.asks(&programs, "", &[ALL, NOW]), json!([raw, [["Ma,drid"]]]));
    assert_eq!(zone.asks(&programs, "", &["SELECT new FROM raw_prices ORDER BY ALL"]), json!([[["n"], [null]]]));

    // Nothing new; then the source goes back, and no new file lands.
    tick(&zone, &programs);
    zone.lands("/prices/a.csv", "\u{feff}city;Court s;x;x;\nMalaga;007;1;2;3\n");
    tick(&zone, &programs);
    assert_eq!(zone.asks(&programs, "", &[ALL, NOW]), json!([raw, [["Malaga"]]]));
}
