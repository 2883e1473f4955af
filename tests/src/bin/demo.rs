//! `cargo demo`: the main job on sample data, from nothing but a clone.
#![allow(clippy::disallowed_methods, reason = "a demo works on files and processes, and is no part of the host")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use harness::samples::{EUROSTAT, OVERPASS, PRICES};
use harness::{Origin, Reply};

/// What operators ask the state, word for word.
const RECENT: &str = "SELECT extractor, started_at, status, files_written, files_skipped, cursor_value
  FROM extraction_runs ORDER BY run_id DESC LIMIT 10;";

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let program = build()?;
    let origin = origin();
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let landing = directory.path().join("landing");
    let prices = origin.url("/feeds/prices.csv");
    // The operator's part: which origins the extractor may ask, which sources it may append to, where its data is.
    fs::write(
        directory.path().join("host.toml"),
        format!(
            "[extractor.padelnomics]\nhttp = [\"{}\"]\nsources = [\"overpass\", \"eurostat\", \"feeds\"]\n\n\
             [extractor.padelnomics.param]\noverpass_url = \"{}\"\neurostat_url = \"{}\"\nfeeds = \"{prices}\"\n",
            origin.grant(),
            origin.url("/api/interpreter"),
            origin.url("/eurostat/urb_cpop1?format=SDMX-CSV"),
        ),
    )?;
    fs::create_dir(directory.path().join("guests"))?;
    fs::copy(harness::guest("padelnomics"), directory.path().join("guests/padelnomics.wasm"))?;
    let host = |arguments: &[&str]| run(&program, directory.path(), &landing, arguments);

    say("The first run lands what the three sources hold:");
    host(&["run", "guests/padelnomics.wasm"])?;
    say("The second run finds nothing new, and writes nothing:");
    host(&["run", "guests/padelnomics.wasm"])?;
    say("One feed changes; the others are left alone:");
    origin.route("/feeds/prices.csv", Reply::new(format!("{PRICES}Lisboa,29,22.00\n")).etag("\"66f1c2d0-5b\""));
    host(&["run", "guests/padelnomics.wasm"])?;
    say("A backfill lands one file a month, and its cursor is the last month done:");
    host(&["run", "guests/padelnomics.wasm", "--backfill", "2025-01-01..2025-04-01"])?;

    say("The landing directory:");
    tree(&landing, 1)?;
    say("The state, by `host runs`:");
    host(&["runs"])?;
    say("And by SQL, as any program can ask it:");
    println!("  {}\n", RECENT.replace('\n', "\n  "));
    rows(&landing)?;
    // What this program is in goes with its temporary directory; the page stays with what was built.
    let page = std::env::current_exe()?.with_file_name("report.html");
    let page = page.to_str().context("the place of the program is not UTF-8")?;
    say("A page of all that, which a timer can renew behind any web server:");
    host(&["report", "--html", page])?;
    println!("\nOpen {page} in a browser.");
    Ok(())
}

/// Build the program as `cargo test` does, so that neither has to build wasmtime again for the other; or take what
/// `HOST_PROGRAM` names, as the tests do.
fn build() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("HOST_PROGRAM") {
        return Ok(program.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    eprintln!("demo: building host and its guests; the first time takes some minutes");
    let status = harness::cargo().arg("build").current_dir(&workspace).status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo build failed");
    // This program and the host are built into one directory.
    let program = std::env::current_exe()?.with_file_name("host");
    ensure!(program.exists(), "{} was not built", program.display());
    Ok(program)
}

fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/api/interpreter", Reply::new(OVERPASS).header("Content-Type", "text/csv"));
    for month in 1..=3 {
        let then = format!("{OVERPASS}node,{},40.0,-3.7,Padel {month},padel,pitch,,,,,,,,,,ES\n", 9_000 + month);
        let date = format!("[date:\"2025-{month:02}-01T00:00:00Z\"]");
        origin.route_query("/api/interpreter", &date, Reply::new(then).header("Content-Type", "text/csv"));
    }
    let eurostat = Reply::new(EUROSTAT).last_modified("Sat, 14 Jun 2025 21:00:00 GMT");
    origin.route("/eurostat/urb_cpop1", eurostat.header("Content-Type", "application/vnd.sdmx.data+csv"));
    origin.route("/feeds/prices.csv", Reply::new(PRICES).etag("\"66f0a1b2-4e\""));
    origin
}

fn run(program: &Path, directory: &Path, landing: &Path, arguments: &[&str]) -> Result<()> {
    println!("  $ host {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("LANDING_DIR", landing)
        .env_remove("HOST_CONFIG")
        .output()
        .context("cannot run host")?;
    for line in String::from_utf8_lossy(&output.stdout).lines().chain(String::from_utf8_lossy(&output.stderr).lines()) {
        println!("  {line}");
    }
    ensure!(output.status.success(), "host {} ended with {}", arguments.join(" "), output.status);
    Ok(())
}

fn say(text: &str) {
    println!("\n{text}\n");
}

fn tree(directory: &Path, depth: usize) -> Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, metadata) = (entry.file_name(), entry.metadata()?);
        let name = name.to_string_lossy();
        let indent = "  ".repeat(depth);
        if metadata.is_dir() {
            println!("{indent}{name}/");
            tree(&entry.path(), depth + 1)?;
        } else {
            println!("{indent}{name}  {} bytes", metadata.len());
        }
    }
    Ok(())
}

fn rows(landing: &Path) -> Result<()> {
    let state = rusqlite::Connection::open(landing.join(".state.sqlite"))?;
    let mut statement = state.prepare(RECENT)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let cells: Vec<String> = (0..6)
            .map(|column| match row.get_ref(column) {
                Ok(rusqlite::types::ValueRef::Integer(number)) => number.to_string(),
                Ok(rusqlite::types::ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
            .collect();
        println!("  {}", cells.join("|"));
    }
    Ok(())
}
