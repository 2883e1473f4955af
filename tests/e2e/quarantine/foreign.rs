//! What others put into the quarantine or into its rows, and what checking and repairing make of it.

use std::fs::{self, File};

use harness::{Environment, Gate, Origin, Ran, Reply, gzip};
use rustix::fs::{FlockOperation, flock};

use super::{PAGE, listed, only, run, sound};
use crate::{environment, mirror, with};

/// A zone with a page in quarantine.
fn quarantined() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(PAGE).etag("\"one\""));
    run(&environment, &origin, "", &[]).exits(1);
    (environment, origin)
}

/// Findings, as kinds and paths.
fn found(environment: &Environment) -> Vec<String> {
    let verified = environment.host(["verify", "--read-data", "--json"]).json();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    verified["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|it| text(it, "kind") + " " + &text(it, "path"))
        .collect()
}

#[test]
fn it_is_verified_as_its_own_and_mended() {
    let (environment, origin) = quarantined();
    let path = only(&environment);
    let file = environment.landing().join(&path);
    let stored = fs::read(&file).expect("a file");
    for (damage, expected) in [
        (None, format!("missing {path}")),
        (Some(gzip(b"other")), format!("altered {path}")),
        (Some(stored[..stored.len() / 2].to_vec()), format!("torn {path}")),
    ] {
        match damage {
            None => fs::remove_file(&file).expect("a file"),
            Some(bytes) => fs::write(&file, bytes).expect("a file"),
        }
        assert!(found(&environment).contains(&expected), "{expected}: {:?}", found(&environment));
        environment.host(["quarantine", "accept", &path]).exits(1).says("does not hold what was put into quarantine");
        assert_eq!(environment.paths(), [""; 0]);
        fs::write(&file, &stored).expect("a file");
        sound(&environment);
    }
    // A row that is lost is found again, and what it said of the reason is not.
    environment.state().execute("DELETE FROM quarantined", []).expect("a row");
    assert_eq!(found(&environment), [format!("unrecorded {path}")]);
    environment.host(["repair"]).exits(0);
    sound(&environment);
    let row = &listed(&environment)[0];
    assert_eq!(
        (&row["path"], &row["source"], &row["code"]),
        (&path.clone().into(), &"mirror".into(), &"unknown".into())
    );
    environment.host(["quarantine", "show", &path]).exits(0);
    // And a file that is lost is forgotten.
    fs::remove_file(&file).expect("a file");
    environment.host(["repair"]).exits(0);
    assert_eq!((found(&environment), listed(&environment)), (Vec::new(), serde_json::json!([])));
    run(&environment, &origin, "", &[]).exits(1);
    // What a repair found lands by its digest.
    environment.state().execute("DELETE FROM quarantined", []).expect("a row");
    environment.host(["repair"]).exits(0);
    environment.host(["quarantine", "accept", &path]).exits(0);
    assert!(environment.paths()[0].contains(&path[".quarantine/mirror/".len()..][..8]), "{:?}", environment.paths());
    sound(&environment);
}

#[test]
fn a_damaged_database_takes_no_reason_with_it() {
    let (environment, _origin) = quarantined();
    let row = listed(&environment);
    // Damage an index: the tables can still be read.
    let number = |sql: &str| environment.query(sql)[0].parse::<usize>().expect("a number");
    let page = number("SELECT rootpage FROM sqlite_master WHERE name = 'landed_files_by_digest'");
    let size = number("PRAGMA page_size");
    let database = environment.landing().join(".state.sqlite");
    let mut bytes = fs::read(&database).expect("a database");
    bytes[(page - 1) * size..page * size].fill(0xff);
    fs::write(&database, &bytes).expect("a database");
    environment.host(["verify"]).exits(1);
    environment.host(["repair"]).exits(0);
    sound(&environment);
    assert_eq!(listed(&environment), row);
}

#[test]
fn names_out_of_a_database_lead_nowhere() {
    let outside = "../outside/canary";
    for set in [
        format!("path = '{outside}'"),
        "path = '.quarantine/mirror/../../../outside/canary'".to_owned(),
        "path = '.quarantine/../outside/0123456789abcdef.csv.gz'".to_owned(),
        "path = '/etc/passwd'".to_owned(),
        "path = '.state.sqlite'".to_owned(),
        "path = CAST(path AS BLOB)".to_owned(),
        "path = x'ff'".to_owned(),
        "sha256 = x'00'".to_owned(),
        "sha256 = 'text'".to_owned(),
        "stored_size = 'many'".to_owned(),
    ] {
        let (environment, origin) = quarantined();
        let canary = environment.write("outside/canary", "untouched");
        environment.state().execute(&format!("UPDATE quarantined SET {set}"), []).expect("a row");
        assert_eq!(
            listed(&environment).as_array().map_or(0, Vec::len),
            usize::from(set.starts_with("stored")),
            "{set}"
        );
        for word in ["show", "accept", "drop"] {
            for entry in [outside, "/etc/passwd", ".state.sqlite", "canary"] {
                environment.host(["quarantine", word, entry]).exits(2).says("nothing in quarantine is named");
            }
        }
        assert_eq!(fs::read(&canary).expect("a file"), b"untouched", "{set}");
        assert_eq!(environment.everything().len(), 1, "{set}");
        let found = environment.host(["verify"]).exits(1).stdout;
        assert!(found.contains("database    .state.sqlite: "), "{set}: {found}");
        environment.host(["repair"]).exits(0);
        sound(&environment);
        run(&environment, &origin, "", &[]).exits(1);
        assert_eq!(listed(&environment).as_array().map(Vec::len), Some(1), "{set}");
    }
}

#[test]
fn texts_out_of_a_database_are_only_texts() {
    let (environment, _origin) = quarantined();
    let path = only(&environment);
    let hostile = "CAST(char(27) || '[2J../../outside' || char(10, 8238) AS TEXT)";
    let all = ["source", "day", "url", "code", "reason", "extractor"]
        .map(|column| format!("{column} = {hostile}"))
        .join(", ");
    let more =
        "etag = CAST('\"../../outside/canary\"' AS BLOB), times = 1e300, run_id = -9223372036854775807, size = -1";
    environment.state().execute(&format!("UPDATE quarantined SET {all}, {more}"), []).expect("a row");
    for arguments in [&["list"][..], &["show", &path], &["list", "--json"], &["show", &path, "--json"]] {
        let ran = environment.host([&["quarantine"], arguments].concat()).exits(0);
        assert!(ran.stdout.chars().all(|it| it == '\n' || !it.is_control()), "{ran:?}");
    }
    environment.host(["quarantine", "accept", &path]).exits(0);
    let paths = environment.paths();
    assert!(paths.len() == 1 && paths[0].starts_with("mirror/") && paths[0].contains("outsidecanary~"), "{paths:?}");
    assert!(!environment.path().join("outside").exists());
}

#[test]
fn what_lies_in_its_place_is_left_alone() {
    let (environment, origin) = quarantined();
    let path = only(&environment);
    environment.host(["quarantine", "drop", &path]).exits(0);
    // Another content has the name.
    fs::write(environment.landing().join(&path), gzip(b"other")).expect("a file");
    fs::write(environment.landing().join(".quarantine/notes"), "mine").expect("a file");
    run(&environment, &origin, "", &[]).exits(1).says("holds other content");
    let beside = only(&environment);
    assert!(beside != path && beside.starts_with(&path[..path.len() - ".csv.gz".len()]), "{beside}");
    let kinds = found(&environment);
    assert!(kinds.contains(&"foreign .quarantine/notes".to_owned()), "{kinds:?}");
    // A link where the directory should be leads nowhere.
    let outside = environment.path().join("outside");
    fs::rename(environment.landing().join(".quarantine"), &outside).expect("a directory");
    std::os::unix::fs::symlink(&outside, environment.landing().join(".quarantine")).expect("a link");
    environment.host(["quarantine", "drop", &beside]).exits(1).says("cannot open the directory");
    run(&environment, &origin, "", &[]).exits(1);
    assert!(outside.join(&beside[".quarantine/".len()..]).exists());
}

#[test]
fn no_source_is_the_quarantine() {
    let (environment, origin) = quarantined();
    for source in [".quarantine", ".quarantine/mirror", "../.quarantine"] {
        let parameter = format!("source={source}");
        run(&environment, &origin, "", &["--allow-source", source]).exits(2).says("not a valid name");
        run(&environment, &origin, "", &["--param", &parameter]).exits(1).says("not a valid name");
    }
    assert_eq!(environment.paths(), [""; 0]);
}

#[test]
fn decisions_wait_for_runs_and_runs_for_decisions() {
    let (environment, origin) = quarantined();
    let path = only(&environment);
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new("a\n").gated(&reached, &hold));
    let running = environment.spawn("mirror", &with(&mirror(&origin, "/slow.csv"), &[]));
    assert!(reached.wait(), "the run never asked");
    for word in ["accept", "drop"] {
        environment.host(["quarantine", word, &path]).exits(75).says("a run or a repair is going on in");
    }
    environment.host(["quarantine", "show", &path]).exits(0);
    hold.open();
    Ran::new(running.wait_with_output().expect("the program")).exits(0);
    let lock = File::options().write(true).open(environment.landing().join(".locks/.zone")).expect("a lock's file");
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("the lock");
    environment.run("mirror", &with(&mirror(&origin, "/slow.csv"), &[])).exits(75);
    drop(lock);
    environment.host(["quarantine", "accept", "--wait=30s", &path]).exits(0);
    sound(&environment);
}

#[test]
fn what_is_wrong_with_an_order_is_said() {
    let environment = environment();
    environment.host(["quarantine", "list"]).exits(2).says("there are no runs in");
    environment.host(["quarantine", "accept", "abcd"]).exits(2).says("there is no landing directory");
    environment.host(["quarantine", "drop"]).exits(2).says("<CONTENT>");
    let (environment, origin) = quarantined();
    origin.route("/courts.csv", Reply::new(format!("{PAGE}\n")));
    run(&environment, &origin, "", &[]).exits(1);
    environment.host(["quarantine", "show", "abc"]).exits(2).says("nothing in quarantine is named `abc`");
    environment.state().execute("UPDATE quarantined SET sha256 = zeroblob(32)", []).expect("rows");
    environment.host(["quarantine", "drop", "00000000"]).exits(2).says("names more than one content");
}
