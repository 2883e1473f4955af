//! A zone moves between a directory and an object store, and is looked after there.

use std::fs;
use std::process::Command;

use harness::stores::Make;
use harness::{Ran, gzip};
use serde_json::Value;

use super::{Place, ended};

/// A landing directory beside the others of the test.
const HERE: &str = "here";

impl Place {
    /// What [`Place::mirror`] does, into another landing zone.
    fn mirror_into(&self, landing: &str) -> Ran {
        let mut command: Command = self.mirror_command();
        command.args(["--landing", landing]);
        ended(command)
    }

    fn copy(&self, from: &str, to: &str) -> Ran {
        self.host(["copy", from, to, "--json"])
    }

    /// What the runs of a landing zone say, but for how it is told.
    fn runs_of(&self, landing: &str) -> Value {
        self.host(["runs", "--json", "--landing", landing]).exits(0).json()
    }
}

/// How much was copied, was there already, and how many states were copied.
fn counts(copied: &Value) -> [u64; 3] {
    ["files", "there", "states"].map(|key| copied[key].as_u64().expect(key))
}

/// New files, and contents that were there.
fn landed(ran: Ran) -> [u64; 2] {
    let report = ran.exits(0).json();
    ["files_written", "files_skipped"].map(|key| report[key].as_u64().expect(key))
}

#[test]
fn a_zone_goes_to_a_store_and_back_with_its_state() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        let store = place.store.address();
        assert_eq!(landed(place.mirror_into(HERE)), [2, 0]);
        assert_eq!(counts(&place.copy(HERE, &store).exits(0).json()), [2, 0, 1], "{make:?}");
        assert_eq!(place.store.wrong(), [""; 0]);
        assert_eq!(place.runs_of(&store), place.runs_of(HERE));
        // It goes on where it was stopped, and where it was not, there is nothing to do.
        assert_eq!(counts(&place.copy(HERE, &store).exits(0).json()), [0, 2, 0]);
        // What is known moved with it: validators, so that nothing is sent again.
        assert_eq!(landed(place.mirror_into(&store)), [0, 2]);

        assert_eq!(counts(&place.copy(&store, "back").exits(0).json()), [2, 0, 1]);
        place.host(["verify", "--read-data", "--landing", "back"]).exits(0);
        assert_eq!(place.runs_of("back"), place.runs_of(&store));
        assert_eq!(landed(place.mirror_into("back")), [0, 2]);
    }
}

#[test]
fn a_copy_that_was_stopped_goes_on_and_nothing_is_ever_replaced() {
    let Some(place) = Place::new(Make::S3) else { return };
    let store = place.store.address();
    place.mirror_into(HERE).exits(0);
    let files = place.host(["files", "--json", "--landing", HERE]).exits(0).json();
    let path = files[0]["path"].as_str().expect("a path").to_owned();
    let other = gzip(b"other\n");
    place.store.put(&path, &other);
    let ran = place.copy(HERE, &store).exits(1);
    assert_eq!(counts(&ran.json()), [1, 0, 0]);
    let reason = format!("{path}: the other place holds something else under that name");
    assert_eq!(ran.json()["failed"], serde_json::json!([reason]));
    ran.says("1 file could not be copied, so that the state was not\nhint: mend that, and say the same again");
    assert_eq!(place.store.objects()[&path], other);
    assert!(!place.store.objects().keys().any(|object| object.ends_with(".sqlite.gz")));
    place.store.remove(&path);
    assert_eq!(counts(&place.copy(HERE, &store).exits(0).json()), [1, 1, 1]);

    // A damaged file stays where it is, and so does the state.
    let broken = place.environment.path().join(HERE).join(&path);
    fs::write(&broken, gzip(b"broken\n")).expect("a file");
    let ran = place.copy(HERE, "elsewhere").exits(1);
    let reason = format!("{path}: it does not hold what is recorded of it");
    assert_eq!(ran.json()["failed"], serde_json::json!([reason]));
    place.host(["runs", "--landing", "elsewhere"]).exits(2);
}

#[test]
fn a_place_with_runs_of_its_own_gets_no_others() {
    let Some(place) = Place::new(Make::S3) else { return };
    let store = place.store.address();
    place.mirror_into(HERE).exits(0);
    place.mirror().exits(0);
    let before = place.runs_of(&store);
    place.copy(HERE, &store).exits(1).says("has runs of mirror of its own, which the copied ones do not belong to");
    assert_eq!(place.runs_of(&store), before);
    place.copy(&store, HERE).exits(0);
    place.copy("none", &store).exits(2).says("there is no landing directory none");
    place.copy(HERE, HERE).exits(2).says("here is to be copied onto itself");
}

#[test]
fn the_state_is_handed_on_as_one_database() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.mirror().exits(0);
    place.days(Some("2025-01-01..2025-01-03")).exits(0);
    place.host(["state", "export", "all.sqlite"]).exits(0);
    place.host(["state", "export", "all.sqlite"]).exits(2).says("there is a file all.sqlite already");
    let database = place.environment.path().join("all.sqlite");
    let state = rusqlite::Connection::open(database).expect("a database");
    let sql = "SELECT extractor, status, files_written FROM extraction_runs ORDER BY extractor";
    let mut statement = state.prepare(sql).expect(sql);
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect(sql);
    let rows: Vec<(String, String, i64)> = rows.map(|row| row.expect(sql)).collect();
    assert_eq!(rows, [("mirror".into(), "success".into(), 2), ("probe".into(), "success".into(), 2)]);
}

#[test]
fn a_damaged_state_is_set_aside_and_the_next_run_finds_what_is_there() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.mirror().exits(0);
    place.store.put(".state/mirror.sqlite.gz", b"no state");
    // The run of this machine knows what it sent last, and that it is not there any more.
    place.mirror().exits(1).says("the state .state/mirror.sqlite.gz in the object store is damaged");
    let repaired = place.host(["repair", "--json"]).exits(0).json();
    let kept = repaired["moved_to"].as_str().expect("a name").to_owned();
    assert_eq!(place.store.objects()[&kept], b"no state");
    assert_eq!(landed(place.mirror()), [0, 2]);
    assert_eq!(place.store.wrong(), [""; 0]);
    place.host(["verify", "--read-data"]).exits(0);
}

#[test]
fn what_is_gone_or_new_is_found_and_repaired() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.mirror().exits(0);
    let gone = place.store.landed().into_keys().next().expect("a file");
    place.store.remove(&gone);
    place.store.put("mirror/2025/2025-01-01_0123abcd.csv.gz", &gzip(b"a,b\n"));
    let found = place.host(["verify"]).exits(1).stdout;
    assert!(found.contains("missing") && found.contains("unrecorded"), "{found}");
    let repaired = place.host(["repair", "--json"]).exits(0).json();
    assert_eq!((&repaired["recorded"], &repaired["forgotten"]), (&1.into(), &1.into()), "{repaired}");
    let found = place.host(["verify"]).exits(0).stdout;
    assert!(found.contains("nothing wrong"), "{found}");
    assert_eq!(landed(place.mirror()), [1, 1]);
    place.host(["prune", "--runs-older-than", "1d"]).exits(0);
    place.host(["cursor", "set", "mirror", "here"]).exits(0);
    assert_eq!(place.host(["cursor", "get", "mirror"]).exits(0).stdout, "here\n");
}
