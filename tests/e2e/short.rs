//! Sources of the short form, from `host add` to what is current after some runs.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

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

/// The paths of all files that are current, and how many records are in them.
fn current(environment: &Environment) -> (Vec<String>, usize) {
    let landing = environment.landing().display().to_string();
    let listed = environment.host(["files", "--current", "--json", "--landing", &landing]).exits(0).json();
    let paths = listed.as_array().expect("an array").iter();
    let paths: Vec<String> = paths.map(|file| file["path"].as_str().expect("a path").to_owned()).collect();
    let landed = environment.landed();
    let count = paths.iter().map(|path| String::from_utf8_lossy(&landed[path]).matches("\"id\"").count()).sum();
    (paths, count)
}

const ITEMS: &str = "[streams.items]\npath = \"items\"\nrecords = \"items\"\n";

/// A stream without a cursor is read whole, so that only what its newest run brought is current.
#[test]
fn what_is_read_whole_takes_the_place_of_what_was_read_before() {
    let origin = Origin::start();
    let environment = place(&origin, ITEMS);
    for (last, written) in [(7, 1), (7, 0), (9, 1), (7, 0), (0, 0), (9, 0)] {
        origin.route("/items", records(1..=last));
        let report = run(&environment, &["--param", "records=true"]).exits(0).json();
        assert_eq!(report["files_written"], written, "{last}");
        let (paths, count) = current(&environment);
        assert_eq!((paths.len(), count), (usize::from(last > 0), last as usize));
    }
    // The same where the answers land as they came, in the place of the records.
    run(&environment, &[]).exits(0);
    assert_eq!(current(&environment).1, 9);
}

/// Pages that are no more there are not current, and those of a run that failed are not yet.
#[test]
fn pages_are_current_together() {
    let pages = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::clone(&pages);
    let origin = Origin::answering(move |asked| {
        let number = asked.target.split("page=").nth(1).and_then(|number| number.parse::<usize>().ok());
        let pages = answers.lock().expect("a lock");
        number.and_then(|number| pages.get(number - 1).cloned().flatten()).map_or(Reply::status(404), records)
    });
    let paging = "pages = { by = \"page\", param = \"page\", size = 2 }\n";
    let environment = place(&origin, &format!("{ITEMS}{paging}"));
    for (answers, code, expected) in [
        (vec![Some(1..=2), Some(3..=4), Some(5..=5)], 0, (3, 5)),
        // It fails at its second page.
        (vec![Some(11..=12), None], 1, (3, 5)),
        // It has one page less, and none of what the failed run landed.
        (vec![Some(21..=22), Some(23..=23)], 0, (2, 3)),
    ] {
        *pages.lock().expect("a lock") = answers;
        run(&environment, &[]).exits(code);
        let (paths, count) = current(&environment);
        assert_eq!((paths.len(), count), expected);
        assert_eq!(environment.query("SELECT DISTINCT resource FROM current_files"), ["made:items"]);
    }
    assert_eq!(environment.paths().len(), 6);
}

/// Partitions stand for themselves, and what a cursor brings is added to what is there.
#[test]
fn partitions_and_what_a_cursor_brings_are_current_beside_each_other() {
    let origin = Origin::start();
    let streams = "[streams.items]\npath = \"{kind}\"\nrecords = \"items\"\neach = { name = \"kind\", values = [\"a\", \"b\"] }\n\
                   [streams.days]\npath = \"days\"\nrecords = \"items\"\n\
                   cursor = { field = \"day\", param = \"since\", format = \"%Y-%m-%d\", start = \"2025-01-01\" }\n";
    let environment = place(&origin, streams);
    for (a, b, day, expected) in [(2, 3, "2025-01-02", 2 + 3 + 1), (4, 5, "2025-01-03", 4 + 5 + 2)] {
        origin.route("/a", records(1..=a));
        origin.route("/b", records(11..=10 + b));
        origin.route("/days", Reply::new(json!({ "items": [{ "id": 1, "day": day }] }).to_string()));
        run(&environment, &["--param", "records=true"]).exits(0);
        assert_eq!(current(&environment).1, expected);
    }
}

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
