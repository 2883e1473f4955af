//! What other languages make and read: a Python component, and Python's and DuckDB's readers.

use std::fs;
use std::path::Path;

use harness::{Origin, Reply, python};

use crate::{environment, mirror, misfits, with};

const CSV: &str = "city,courts\nMalaga,41\nMadrid,112\n";

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn a_python_component_lands_in_an_empty_world() {
    let Some(programs) = python::programs() else { return };
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
    let component = environment.path().join("snake.wasm");
    python::component(
        &programs,
        &repository().join("tests/python/landing"),
        &[&repository().join("wit")],
        "extractor",
        &component,
    );
    let arguments = mirror(&origin, "/courts.csv");
    let run = |more: &[&str]| {
        let mut command = environment.command(["run"]);
        command.arg(&component).arg("--json").args(with(&arguments, more));
        harness::Ran::new(command.output().expect("the program"))
    };
    let first = run(&["-v"]).exits(0);
    // Standard output ends in the log, and shows that nothing of this machine is in there.
    let first = first.says("environment {} arguments []").says("no files: ").json();
    assert_eq!((&first["extractor"], &first["files_written"]), (&"snake".into(), &2.into()));
    assert!(environment.landed().values().any(|content| content == CSV.as_bytes()));
    assert_eq!(run(&[]).exits(0).json()["files_skipped"], 2);

    // Without its parameter it fails in its own words.
    let mut command = environment.command(["run"]);
    command.arg(&component);
    harness::Ran::new(command.output().expect("the program")).exits(1).says("error: set the parameter `url`");
    misfits::are_named(&fs::read(&component).expect("a component"), misfits::FIRST);
}

#[test]
fn readers_take_the_landed_files_by_glob() {
    let Some(programs) = python::programs() else { return };
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/tagged.csv", Reply::new(CSV).etag("\"one\""));
    origin.route("/plain.csv", Reply::new("city,courts\nLisboa,29\n"));
    origin.route("/packed.csv.gz", Reply::new(harness::gzip(b"city,courts\nPorto,17\n")));
    let urls = ["/tagged.csv", "/plain.csv", "/packed.csv.gz"].map(|path| origin.url(path)).join(" ");
    let url = format!("url={urls}");
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url]).exits(0);
    let glob = environment.landing().join("mirror/**/*.csv.gz").display().to_string();
    let total = "import sys, glob, gzip, csv; print(sum(int(row['courts']) for path in glob.glob(sys.argv[1], recursive=True) \
                 for row in csv.DictReader(gzip.open(path, 'rt'))))";
    assert_eq!(python::script(&programs, total, &[&glob]).trim(), "199");
    let total =
        "import sys, duckdb; print(duckdb.execute('SELECT sum(courts) FROM read_csv(?)', [sys.argv[1]]).fetchone()[0])";
    assert_eq!(python::script(&programs, total, &[&glob]).trim(), "199");
}

#[test]
fn wasi_http_goes_through_the_same_policy() {
    let Some(programs) = python::programs() else { return };
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).gzipped());
    let wit = environment.path().join("wit");
    python::wasi_http_world(&wit);
    let component = environment.path().join("asks.wasm");
    python::component(&programs, &repository().join("tests/python/wasi_http"), &[&wit], "app", &component);
    let run = |arguments: &[&str]| {
        let mut command = environment.command(["run"]);
        command.arg(&component).arg("--json").args(arguments);
        harness::Ran::new(command.output().expect("the program"))
    };
    let url = format!("url={}", origin.url("/courts.csv"));
    run(&["--param", &url]).exits(77).says("HttpRequestDenied").says(&format!("--allow-http {}", origin.grant()));
    assert_eq!(origin.asked(), []);

    // What it holds in the host has an end.
    run(&["--param", "hoard=900"]).exits(0);
    run(&["--param", "hoard=5000"]).exits(3).says("it held more than 1000 things of wasi:http at once");
    let refused = run(&["--param", "text=1000000", "-v"]).exits(0).stderr;
    assert_eq!(refused.matches("a text of 1000000 is refused").count(), 2, "{refused}");
    run(&["--param", "text=60", "-v"]).exits(0);
    run(&["--param", "write=65536"]).exits(0);
    run(&["--param", "write=65537"]).exits(3).says("it wrote more than 65536 bytes at once");

    run(&["--param", &url, "--allow-http", &origin.grant()]).exits(0);
    // The body reaches the guest decoded, and its own fields reach the origin.
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
    assert_eq!(origin.asked()[0].header("x-guest"), Some("python"));

    // It is recorded and replayed as everything else is.
    let granted = ["--param", &url, "--allow-http", &origin.grant()];
    run(&with(&granted.map(str::to_owned), &["--record", "run.har"])).exits(0);
    let asked = origin.asked().len();
    for landing in ["one", "two"] {
        let landing = environment.path().join(landing).display().to_string();
        run(&with(&granted.map(str::to_owned), &["--replay", "run.har", "--landing", &landing])).exits(0);
    }
    let (one, two) = (crate::replay::tree(&environment, "one"), crate::replay::tree(&environment, "two"));
    assert!(one.len() == 1 && one == two);
    assert_eq!(origin.asked().len(), asked);
}
