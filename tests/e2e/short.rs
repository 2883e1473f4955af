//! Sources of the short form, from `host add` to what their runs do and say.

use std::ops::RangeInclusive;

use harness::{Environment, Origin, Ran, Reply, guest};
use serde_json::{Value, json};

use crate::environment;

/// A place with an extractor of this source.
fn place(origin: &Origin, streams: &str) -> Environment {
    let (environment, component) = (environment(), guest("rest").display().to_string());
    environment.write("shop.toml", format!("base = \"{}\"\n{streams}", origin.url("")));
    environment.host(["add", "shop", "shop.toml", "--component", &component]).exits(0);
    environment.host(["allow", "shop.wasm", "--yes"]).exits(0);
    environment
}

fn run(environment: &Environment, more: &[&str]) -> Ran {
    let landing = environment.landing().display().to_string();
    environment.host([&["run", "shop.wasm", "--json", "--landing", &landing], more].concat())
}

/// Records of these numbers.
fn records(numbers: RangeInclusive<u32>) -> Reply {
    let items: Vec<Value> = numbers.map(|id| json!({ "id": id })).collect();
    Reply::new(json!({ "items": items }).to_string()).header("content-type", "application/json")
}

const ITEMS: &str = "[streams.items]\npath = \"items\"\nrecords = \"items\"\n";

/// How long to wait says the server, where it does.
#[test]
fn a_server_says_when_it_is_asked_again() {
    for (busy, expected) in [(Reply::status(429).header("retry-after", "1"), "2.0 s"), (Reply::status(429), "1.0 s")] {
        let origin = Origin::start();
        origin.script("/items", [busy, records(1..=1)]);
        let environment = place(&origin, ITEMS);
        run(&environment, &["-vv"]).exits(0).says(&format!("asking again in {expected}"));
        assert_eq!(origin.asked().len(), 2);
    }
    let origin = Origin::start();
    origin.route("/items", Reply::status(503).header("retry-after", "86400"));
    run(&place(&origin, ITEMS), &[]).exits(1).says("it would take 86401 s more, and 600 s is the most");
}

/// A path that leads to nothing is told; an empty list, and an answer of nothing, are not.
#[test]
fn a_path_that_leads_to_no_records_is_told_once() {
    const WARNING: &str = "items: no answer had anything at `items`, where its records are to be";
    let streams = format!("{ITEMS}each = {{ name = \"kind\", values = [\"a\", \"b\"] }}\n")
        .replace("\"items\"\nrec", "\"{kind}\"\nrec");
    for (a, b, warns) in [
        ("{\"itmes\": [{\"id\": 1}]}", "{\"itmes\": []}", true),
        ("{\"itmes\": [{\"id\": 1}]}", "{\"items\": []}", false),
        ("{\"itmes\": [{\"id\": 1}]}", "{\"items\": [{\"id\": 1}]}", false),
        ("{\"items\": null}", "{}", false),
        ("[]", "{}", false),
    ] {
        for records in ["true", "false"] {
            let origin = Origin::start();
            origin.route("/a", Reply::new(a));
            origin.route("/b", Reply::new(b));
            let ran = run(&place(&origin, &streams), &["--param", &format!("records={records}")]).exits(0);
            assert_eq!(ran.stderr.matches(WARNING).count(), usize::from(warns), "{a} {b}: {}", ran.stderr);
        }
    }
}

#[test]
fn what_records_are_to_be_is_true_or_false() {
    let origin = Origin::start();
    origin.route("/items", records(1..=1));
    let environment = place(&origin, ITEMS);
    for (value, code) in [("yes", 1), ("1", 1), ("true", 0), ("false", 0), ("", 0)] {
        let ran = run(&environment, &["--param", &format!("records={value}")]).exits(code);
        if code == 1 {
            ran.says(&format!("the parameter `records` is \"{value}\", and has to be true or false"));
        }
    }
}

/// A server that knows no end of what it is asked for.
#[test]
fn records_beyond_a_backfill_are_told() {
    for (day, warns) in [("2025-01-31T23:00:00Z", 0), ("2025-02-01T00:00:00Z", 1)] {
        let origin = Origin::start();
        origin.route("/days", Reply::new(json!({ "items": [{ "at": day }, { "at": day }] }).to_string()));
        let cursor = "cursor = { field = \"at\", param = \"since\", format = \"%Y-%m-%dT%H:%M:%SZ\", start = \"2020-01-01T00:00:00Z\" }\n";
        let environment = place(&origin, &format!("[streams.days]\npath = \"days\"\nrecords = \"items\"\n{cursor}"));
        let ran = run(&environment, &["--backfill", "2025-01-01..2025-02-01"]).exits(0);
        let told = ran.stderr.matches("days: records that are newer than the days to extract land as well");
        assert_eq!(told.count(), warns, "{day}: {}", ran.stderr);
        assert_eq!(environment.paths().len(), 1);
    }
}
