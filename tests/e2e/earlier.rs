//! What earlier releases left behind is opened and carried on: their zones, their `host.toml`, their components.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Environment, Origin, Ran, Reply};

use crate::environment;

/// What the zones were filled from.
const THEN: &str = "http://127.0.0.1:40999";

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/0.1.0").join(name)
}

/// An environment whose landing directory is a copy of one that was kept.
fn carried_on(zone: &str) -> Environment {
    let environment = environment();
    copy(&kept(zone), &environment.landing());
    environment
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// The sources as they were, and still are.
fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"66f0a1b2-4e\""));
    origin.route("/weak.csv", Reply::new("a,b\n3,4\n").etag("W/\"semantic-1\""));
    origin.route("/dated.csv", Reply::new("a,b\n5,6\n").last_modified("Sat, 14 Jun 2025 21:00:00 GMT"));
    origin.route("/plain.csv", Reply::new("a,b\n7,8\n"));
    origin.route("/same.csv", Reply::new("a,b\n9,10\n").etag("\"66f0a1b2-4e\""));
    origin.route("/slow.csv", Reply::new("a,b\n11,12\n"));
    origin
}

fn run(environment: &Environment, origin: &Origin, paths: &[&str]) -> Ran {
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let url = format!("url={}", urls.join(" "));
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url])
}

const PATHS: [&str; 5] = ["/tagged.csv", "/weak.csv", "/dated.csv", "/plain.csv", "/same.csv"];

#[test]
fn a_zone_is_carried_on_from_every_state_of_its_database() {
    for (zone, runs) in [("ended", 3), ("journal", 3), ("killed", 4), ("wal", 4)] {
        let (environment, origin) = (carried_on(zone), origin());
        let before = environment.stored();
        let report = run(&environment, &origin, &PATHS).exits(0).json();
        assert_eq!((&report["files_written"], &report["files_skipped"]), (&0.into(), &5.into()), "{zone}");
        assert_eq!(environment.stored(), before, "{zone}");
        assert_eq!(environment.query("SELECT count(*) FROM extraction_runs"), [(runs + 1).to_string()], "{zone}");
        // The row of another extractor is not this run's to end.
        let running = environment.query("SELECT extractor FROM extraction_runs WHERE status = 'running'");
        assert_eq!(running, if zone == "wal" { vec!["other".to_owned()] } else { vec![] }, "{zone}");
        // What the killed run landed is found, and not landed again.
        if zone == "killed" {
            let report = run(&environment, &origin, &["/slow.csv"]).exits(0).json();
            assert_eq!((&report["files_written"], &report["files_skipped"]), (&0.into(), &1.into()));
        }
        if zone != "wal" {
            environment.host(["verify", "--read-data"]).exits(0);
        }
    }
}

#[test]
fn validators_of_an_earlier_release_still_save_the_download() {
    let (environment, origin) = (carried_on("ended"), origin());
    let state = environment.state();
    for (table, column) in
        [("landed_files", "url"), ("validators", "url"), ("validators", "resource"), ("resource_tags", "resource")]
    {
        let sql = format!("UPDATE {table} SET {column} = replace({column}, ?1, ?2)");
        state.execute(&sql, [THEN, &origin.grant()]).expect(table);
    }
    state.execute("UPDATE resource_tags SET url = replace(url, ?1, ?2)", [THEN, &origin.grant()]).expect("tags");
    drop(state);
    run(&environment, &origin, &["/tagged.csv", "/dated.csv"]).exits(0);
    let asked = origin.asked();
    let condition = |path: &str, field: &str| {
        let asked = asked.iter().find(|asked| asked.target == path).expect(path);
        asked.header(field).map(str::to_owned)
    };
    assert!(condition("/tagged.csv", "if-none-match").is_some_and(|tags| tags.contains("\"66f0a1b2-4e\"")));
    assert_eq!(condition("/dated.csv", "if-modified-since").as_deref(), Some("Sat, 14 Jun 2025 21:00:00 GMT"));
}

#[test]
fn every_command_reads_a_zone_of_an_earlier_release() {
    for zone in ["ended", "killed", "journal", "wal"] {
        let environment = carried_on(zone);
        let runs = environment.host(["runs", "--json"]).exits(0).json();
        assert!(runs.as_array().is_some_and(|runs| runs.len() >= 3), "{zone}: {runs}");
        let repaired = environment.host(["repair", "--json"]).exits(0).json();
        assert_eq!(repaired["moved_to"], serde_json::Value::Null, "{zone}");
        environment.host(["verify", "--read-data"]).exits(0);
    }
}

#[test]
fn a_configuration_of_an_earlier_release_is_read() {
    let (environment, origin) = (environment(), origin());
    let text = fs::read_to_string(kept("host.toml")).expect("a configuration");
    environment.write("host.toml", text.replace(THEN, &origin.grant()));
    let mut command = environment.run_command("mirror", &["--param", &format!("url={}", origin.url("/tagged.csv"))]);
    command.env("TOKEN", "a-token-of-long-ago");
    Ran::new(command.output().expect("the program")).exits(0);
}

#[test]
fn a_component_of_an_earlier_release_is_told_to_be_built_anew() {
    let (environment, origin) = (environment(), origin());
    let component = kept("guests/mirror.wasm").display().to_string();
    let url = format!("url={}", origin.url("/tagged.csv"));
    let ran = environment.host(["run", &component, "--allow-http", &origin.grant(), "--param", &url]).exits(2);
    ran.says("it was made for version 0.1.0 of the interface `landing:extractor`, and this host runs 0.2.0")
        .says("hint: build it anew");
    assert!(!environment.landing().exists());
}
