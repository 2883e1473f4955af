//! What is current, what is kept of a run, and finding it again.

use harness::{Environment, Origin, Reply};

use crate::{environment, mirror, with};

/// A source that was A, B and A again, each seen by a run.
fn back_again() -> (Environment, Origin, Vec<String>) {
    let (environment, origin) = (environment(), Origin::start());
    let arguments = mirror(&origin, "/x.csv");
    for content in ["a\n", "b\n", "a\n"] {
        origin.route("/x.csv", Reply::new(content));
        environment.run("mirror", &with(&arguments, &[])).exits(0);
    }
    let paths = environment.query("SELECT path FROM landed_files ORDER BY run_id");
    assert_eq!(paths.len(), 2);
    (environment, origin, paths)
}

fn paths(environment: &Environment, arguments: &[&str]) -> Vec<String> {
    let ran = environment.host([&["files", "--json"], arguments].concat()).exits(0);
    let text = |value: &serde_json::Value| value["path"].as_str().expect("a path").to_owned();
    ran.json().as_array().expect("an array").iter().map(text).collect()
}

#[test]
fn where_a_source_goes_back_the_older_file_is_current_again() {
    let (environment, origin, landed) = back_again();
    assert_eq!(paths(&environment, &["--current"]), [landed[0].clone()]);
    assert_eq!(environment.query("SELECT path FROM current_files"), [landed[0].clone()]);
    assert_eq!(environment.query("SELECT resource FROM current_files"), [origin.url("/x.csv")]);
    let changes = "SELECT run_id || ' ' || path FROM resource_changes ORDER BY change";
    let expected = [format!("1 {}", landed[0]), format!("2 {}", landed[1]), format!("3 {}", landed[0])];
    assert_eq!(environment.query(changes), expected);
    // A tick that finds the same again writes nothing there.
    let arguments = mirror(&origin, "/x.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.query(changes), expected);
    // Nor does one that finds it by a tag.
    origin.route("/x.csv", Reply::new("a\n").etag("\"a\""));
    for _ in 0..2 {
        environment.run("mirror", &with(&arguments, &[])).exits(0);
    }
    assert_eq!(environment.query(changes), expected);
    // Since a run: what became current after it, which is no new file.
    assert_eq!(paths(&environment, &["--current", "--since", "2"]), [landed[0].clone()]);
    assert_eq!(paths(&environment, &["--current", "--since", "3"]), [""; 0]);
    assert_eq!(paths(&environment, &["--since", "1"]), [landed[1].clone()]);
}

#[test]
fn old_changes_are_forgotten_and_what_is_current_stays() {
    let (environment, _origin, landed) = back_again();
    environment.state().execute("UPDATE resource_changes SET changed_at = '2020-01-01T00:00:00Z'", []).expect("SQL");
    let ran = environment.host(["prune", "--changes-older-than", "1d", "--dry-run"]).exits(0);
    assert_eq!(ran.stdout, "2 changes would be forgotten\n");
    let ran = environment.host(["prune", "--changes-older-than", "1d", "--logs-older-than", "1d"]).exits(0);
    assert_eq!(ran.stdout, "0 logs, 2 changes forgotten\n");
    assert_eq!(paths(&environment, &["--current"]), [landed[0].clone()]);
    assert_eq!(environment.host(["runs", "--json"]).json().as_array().map(Vec::len), Some(3));
    environment.host(["verify"]).exits(0);
    environment.host(["prune"]).exits(2).says("--runs-older-than");
}

#[test]
fn files_are_found_by_what_is_known_of_them() {
    let (environment, origin, landed) = back_again();
    let digest = environment.query("SELECT lower(hex(sha256)) FROM landed_files ORDER BY run_id");
    for (arguments, expected) in [
        (&["--source", "mirror"][..], &landed[..]),
        (&["--source", "other"], &[]),
        (&["--run", "2"], &landed[1..]),
        (&["--digest", &digest[0][..10]], &landed[..1]),
        (&["--url", &origin.url("/x.csv")], &landed),
        (&["--url", &origin.url("/")], &[]),
        (&["--from", "2000-01-01", "--until", "2100-01-01"], &landed),
        (&["--until", "2000-01-01"], &[]),
    ] {
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(paths(&environment, arguments), expected, "{arguments:?}");
    }
    let ran = environment.host(["files", "--current"]).exits(0);
    assert!(ran.stdout.starts_with(&format!("{}  ", landed[0])) && ran.stdout.lines().count() == 1, "{ran:?}");
    for path in [landed[0].clone(), format!("{}/{}", environment.landing().display(), landed[0]), digest[0][..8].into()]
    {
        assert_eq!(environment.host(["cat", &path]).exits(0).stdout, "a\n");
    }
    environment.host(["cat", "mirror/none.csv.gz"]).exits(2).says("there is no file mirror/none.csv.gz");
    environment.host(["cat", "0123456789"]).exits(2).says("no recorded file has a digest that begins with 0123456789");
    environment.host(["cat", "b890"]).exits(2).says("hint: if that begins a digest, give at least 8 of its digits");
    environment.host(["cat", "../host.toml"]).exits(1).says("cannot read ../host.toml");
    environment.host(["files", "--digest", "xyz"]).exits(2).says("a digest has up to 64 hexadecimal digits");
    // What a file holds is compared with what is recorded.
    std::fs::write(environment.landing().join(&landed[0]), harness::gzip(b"other\n")).expect("a file");
    environment.host(["cat", &landed[0]]).exits(1).says("holds something else than what is recorded");
    std::fs::write(environment.landing().join(&landed[0]), b"no gzip").expect("a file");
    environment.host(["cat", &landed[0]]).exits(1).says("it is not whole");
}

#[test]
fn a_run_is_shown_with_all_that_is_kept_of_it() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/x.csv", Reply::new("a\n"));
    environment.run("mirror", &with(&mirror(&origin, "/x.csv"), &[])).exits(0);
    environment.run("mirror", &with(&mirror(&origin, "/none"), &[])).exits(1);
    let ran = environment.host(["show", "1"]).exits(0);
    for part in [
        "run 1 of mirror: success\n",
        "granted requests to http://127.0.0.1:",
        "component ",
        "\nbudgets\n",
        "\nfiles\n  mirror/",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    let json = environment.host(["show", "2", "--json"]).exits(0).json();
    assert_eq!(json["details"]["exit_code"], 1);
    assert!(json["error_message"].as_str().is_some_and(|error| error.contains("404")), "{json}");
    assert_eq!(json["files"].as_array().map(Vec::len), Some(0));
    environment.host(["show", "3"]).exits(2).says("there is no run 3");
    // Of all runs, those that are wanted.
    let runs = |arguments: &[&str]| environment.host([&["runs", "--json"], arguments].concat()).exits(0).json();
    assert_eq!(runs(&["--status", "failed"])[0]["run_id"], 2);
    assert_eq!(runs(&["--extractor", "other"]).as_array().map(Vec::len), Some(0));
    assert_eq!(runs(&["--until", "2000-01-01"]).as_array().map(Vec::len), Some(0));
    assert_eq!(runs(&["--from", "2000-01-01"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_said_in_a_run_is_kept_within_a_bound() {
    let environment = environment();
    let arguments = ["--param", "do=flood", "--param", "size=5000", "--max-log-lines", "6000"];
    environment.run("probe", &arguments).exits(0);
    let log = &environment.query("SELECT log FROM run_logs")[0];
    assert!(log.len() < 40_000, "{}", log.len());
    let ran = environment.host(["show", "1"]).exits(0);
    assert!(ran.stdout.contains("\nlog\n") && ran.stdout.contains("lines left out]"), "{ran:?}");
}

#[test]
fn a_cursor_is_read_set_and_cleared_while_nobody_runs() {
    let environment = environment();
    environment.host(["cursor", "set", "probe", "7"]).exits(2).says("there is no landing directory");
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=6"]).exits(0);
    let get = || environment.host(["cursor", "get", "probe"]);
    let before = get().exits(0).stdout;
    let ran = environment.host(["cursor", "set", "probe", "from here"]).exits(0);
    assert_eq!(ran.stdout, format!("probe: the cursor was `{}`, and is `from here` now\n", before.trim_end()));
    assert_eq!(get().exits(0).stdout, "from here\n");
    environment.host(["cursor", "set", "probe", "2025", "--backfill", "2025-01-01..2025-02-01"]).exits(0);
    assert_eq!(get().exits(0).stdout, "from here\n");
    environment.host(["cursor", "clear", "probe"]).exits(0);
    assert_eq!(get().exits(1).stdout, "");
    environment.host(["cursor", "set", "nobody", "7"]).exits(2).says("nobody has never run in ");
    environment.host(["cursor", "set", "../x", "7"]).exits(2);
    environment.host(["cursor", "set", "probe", &"x".repeat(4097)]).exits(2).says("the limit is 4096");
    assert_eq!(environment.query("SELECT count(*) FROM cursors WHERE extractor = 'nobody'"), ["0"]);
}
