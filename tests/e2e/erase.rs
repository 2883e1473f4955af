//! Erasing what landed: its bytes go, what it was and why stays, and it does not land again.

mod faults;
mod foreign;

use std::fs;

use harness::{Environment, Origin, Ran, Reply};

use crate::grants::on_a_terminal;
use crate::{environment, mirror, with};

const CSV: &str = "id,name\n1,Jo\n";

fn run(environment: &Environment, origin: &Origin, more: &[&str]) -> Ran {
    environment.run("mirror", &with(&mirror(origin, "/people.csv"), more))
}

/// A zone with one file, whose origin goes on answering the same.
fn landed() -> (Environment, Origin, String) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/people.csv", Reply::new(CSV).etag("\"one\""));
    run(&environment, &origin, &[]).exits(0);
    let path = environment.paths().remove(0);
    (environment, origin, path)
}

fn erase(environment: &Environment, more: &[&str]) -> Ran {
    environment.host([&["erase", "--yes", "--reason", "request 17"], more].concat())
}

/// Findings, as kinds and paths.
fn found(environment: &Environment) -> Vec<String> {
    let verified = environment.host(["verify", "--read-data", "--json"]).json();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let findings = verified["findings"].as_array().expect("findings").iter();
    findings.map(|it| text(it, "kind") + " " + &text(it, "path")).collect()
}

#[test]
fn the_bytes_go_and_what_they_were_stays() {
    let (environment, origin, path) = landed();
    let digest = environment.query("SELECT lower(hex(sha256)) FROM landed_files").remove(0);
    assert_eq!(erase(&environment, &[&path]).exits(0).stdout, format!("{path} is erased\n"));
    assert_eq!(environment.everything(), [""; 0]);
    assert_eq!(found(&environment), [""; 0]);
    for table in ["landed_files", "validators", "current_files"] {
        assert_eq!(environment.query(&format!("SELECT path FROM {table}")), [""; 0], "{table}");
    }
    let files = |arguments: &[&str]| environment.host([&["files", "--json"], arguments].concat()).exits(0).json();
    assert_eq!((files(&[]), files(&["--current"])), (serde_json::json!([]), serde_json::json!([])));
    let erased = &files(&["--erased", "--source", "mirror"])[0];
    for (key, value) in [
        ("path", path.as_str()),
        ("sha256", &digest),
        ("reason", "request 17"),
        ("source", "mirror"),
        ("url", &origin.url("/people.csv")),
    ] {
        assert_eq!(erased[key], value, "{key}");
    }
    assert_eq!((&erased["size"], &erased["run_id"]), (&CSV.len().into(), &1.into()));
    assert!(erased["erased_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{erased}");
    environment.host(["files", "--erased"]).exits(0).stdout.find("Z: request 17\n").expect("the reason");
    for word in [&path, &digest[..10]] {
        let ran = environment.host(["cat", word]).exits(1).says(&format!("error: {path} was erased at "));
        ran.says(": request 17\nhint: `host files --erased`");
    }
    // Saying it again changes nothing, and gives the reason that was given.
    let ran = environment.host(["erase", "-y", "--reason", "other", &path]).exits(0);
    assert!(ran.stdout.starts_with(&format!("{path} is not there any more; its erasure is of ")), "{ran:?}");
    assert!(ran.stdout.ends_with(": request 17\n"), "{ran:?}");
    assert_eq!(environment.query("PRAGMA journal_mode"), ["delete"]);
}

#[test]
fn erased_content_does_not_land_again_until_it_may() {
    let (environment, origin, path) = landed();
    erase(&environment, &[&path]).exits(0);
    let changes = "SELECT path FROM resource_changes ORDER BY change";
    let says = format!("warn: the content of {path} came again and did not land, since it was erased");
    origin.route("/people.csv", Reply::new(CSV).etag("\"one\"").last_modified("Wed, 01 Jan 2025 00:00:00 GMT"));
    for more in [&[][..], &[], &["--fresh"], &["--dry-run"]] {
        origin.forget();
        let ran = run(&environment, &origin, more).exits(0);
        assert!(more == ["--dry-run"] || ran.stderr.contains(says.trim_start_matches("warn: ")), "{ran:?}");
        assert_eq!(ran.stderr.matches("did not land").count(), 1, "{ran:?}");
        let json = ran.json();
        assert_eq!((&json["files_written"], &json["files_skipped"]), (&0.into(), &1.into()), "{more:?}");
        assert_eq!(json["files"][0]["outcome"], "erased");
        // No 304 can stand for a file that is gone.
        let asked = origin.asked().remove(0);
        assert_eq!((asked.header("if-none-match"), asked.header("if-modified-since")), (None, None));
        assert_eq!(environment.everything(), [""; 0], "{more:?}");
        assert_eq!(environment.query("SELECT path FROM validators"), [""; 0]);
        assert_eq!(environment.query("SELECT path FROM current_files"), [""; 0]);
        // It is what the resource stands for as before, so nothing older is current in its place.
        assert_eq!(environment.query(changes), std::slice::from_ref(&path));
    }
    // Under another tag, another URL, another day, another extension, and after the source is listed anew.
    environment.state().execute("DELETE FROM indexed_sources", []).expect("rows");
    origin.route("/people.csv", Reply::new(CSV).etag("\"two\""));
    origin.route("/other.txt", Reply::new(CSV).gzipped());
    run(&environment, &origin, &[]).exits(0);
    environment.run("mirror", &with(&mirror(&origin, "/other.txt"), &["--param", "extension=txt"])).exits(0);
    assert_eq!(environment.everything(), [""; 0]);
    // Nor does it count as unexpected, which would keep its bytes in quarantine.
    environment.write("host.toml", "[extractor.mirror.expect]\nmin-size = \"1GiB\"\nmax-age = \"3d\"");
    run(&environment, &origin, &[]).exits(0);
    environment.write("host.toml", "");
    assert_eq!(environment.everything(), [""; 0]);
    // Other content lands beside the name, which goes on being about what was erased.
    origin.route("/people.csv", Reply::new("other\n").etag("W/\"one\""));
    run(&environment, &origin, &[]).exits(0);
    let other = environment.paths();
    assert!(other.len() == 1 && other[0] != path && other[0].contains("/one~"), "{other:?}");
    // And in another source it is another file.
    origin.route("/people.csv", Reply::new(CSV).etag("\"one\""));
    run(&environment, &origin, &["--allow-source", "copies", "--param", "source=copies"]).exits(0);
    assert_eq!(environment.paths().len(), 2);

    let ran = environment.host(["erase", "--lift", &path]).exits(0);
    assert_eq!(ran.stdout, format!("the content of {path} may land again\n"));
    run(&environment, &origin, &[]).exits(0);
    assert!(environment.paths().contains(&path), "{:?}", environment.paths());
    assert_eq!(found(&environment), [""; 0]);
    assert!(environment.query("SELECT path FROM current_files").contains(&path));
    environment.host(["erase", "--lift", &path]).exits(2).says("was not erased");
}

#[test]
fn what_is_made_of_a_response_is_made_again_and_does_not_land() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cities.txt", Reply::new("Malaga\nMadrid\nLisboa").etag("\"one\""));
    let (grant, url) = (origin.grant(), format!("url={}", origin.url("/cities.txt")));
    let derive = || environment.run("probe", &["-v", "--allow-http", &grant, "--param", "do=derive", "--param", &url]);
    derive();
    derive().says("nothing to make");
    let paths = environment.paths();
    erase(&environment, &[&paths[0]]).exits(0);
    for table in ["derivations", "derived_files"] {
        assert_eq!(environment.query(&format!("SELECT count(*) FROM {table}")), ["0"], "{table}");
    }
    for _ in 0..2 {
        let ran = derive();
        assert!(!ran.stderr.contains("nothing to make") && ran.stderr.contains("did not land"), "{ran:?}");
        assert_eq!(environment.paths(), paths[1..]);
    }
    assert_eq!(origin.asked().pop().expect("a request").header("if-none-match"), None);
    assert_eq!(found(&environment), [""; 0]);
}

#[test]
fn what_was_erased_counts_as_the_newest_that_came() {
    let (environment, origin, _first) = landed();
    let old = "UPDATE extraction_runs SET started_at = '2020-01-02T00:00:00Z'";
    environment.state().execute(old, []).expect("a row");
    origin.route("/people.csv", Reply::new("new\n").etag("\"two\""));
    run(&environment, &origin, &[]).exits(0);
    let newest = environment.query("SELECT path FROM landed_files WHERE run_id = 2").remove(0);
    erase(&environment, &[&newest]).exits(0);
    environment.write("host.toml", "[extractor.mirror.expect]\nmax-age = \"3d\"");
    run(&environment, &origin, &[]).exits(0).says("did not land");
}

#[test]
fn other_files_with_the_same_content_are_named_and_stay() {
    let (environment, origin, path) = landed();
    run(&environment, &origin, &["--allow-source", "copies", "--param", "source=copies"]).exits(0);
    run(&environment, &origin, &["--fresh", "--param", "extension=txt"]).exits(0);
    environment.write("host.toml", "[extractor.mirror.expect]\nmin-size = \"1GiB\"");
    run(&environment, &origin, &["--allow-source", "third", "--param", "source=third"]).exits(1);
    let all = environment.everything();
    assert_eq!(all.len(), 4, "{all:?}");
    fs::hard_link(environment.landing().join(&path), environment.path().join("backup")).expect("a link");
    let ran = erase(&environment, &[&path]).exits(0);
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.remove(0), format!("{path} is erased"));
    assert!(lines.remove(0).starts_with("  1 other name of the file"), "{ran:?}");
    let rest: Vec<String> = all.iter().filter(|other| **other != path).cloned().collect();
    assert_eq!(lines, rest.iter().map(|path| format!("  the same content is still in {path}")).collect::<Vec<_>>());
    assert_eq!(environment.everything(), rest);
    // What is there under the other extension stays unchanged.
    let ran = run(&environment, &origin, &["--fresh", "--param", "extension=txt"]).exits(0);
    assert!(!ran.stderr.contains("did not land"), "{ran:?}");
    // Several at once, in JSON; all of them are looked for first.
    let paths = environment.paths();
    let mut arguments: Vec<&str> = paths.iter().map(String::as_str).chain(["--json"]).collect();
    erase(&environment, &[&arguments[..], &["none.csv.gz"]].concat()).exits(2).says("no file none.csv.gz is recorded");
    assert_eq!(environment.paths(), paths);
    arguments.push(arguments[0]);
    let ran = erase(&environment, &arguments).exits(0);
    let objects: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(objects.len(), 2, "{ran:?}");
    assert_eq!((&objects[0]["removed"], &objects[0]["elsewhere_count"]), (&true.into(), &2.into()));
    assert_eq!(environment.paths(), [""; 0]);
}

#[test]
fn what_was_erased_is_not_accepted_out_of_quarantine() {
    let (environment, origin, path) = landed();
    environment.write("host.toml", "[extractor.mirror.expect]\nmin-size = \"1GiB\"");
    run(&environment, &origin, &["--allow-source", "other", "--param", "source=other"]).exits(1);
    environment.write("host.toml", "");
    run(&environment, &origin, &["--allow-source", "other", "--param", "source=other"]).exits(0);
    let quarantined = environment.query("SELECT path FROM quarantined").remove(0);
    let other = environment.paths().into_iter().find(|path| path.starts_with("other/")).expect("a file");
    erase(&environment, &[&path, &other]).exits(0).stdout.find(&quarantined).expect("the one in quarantine");
    let ran = environment.host(["quarantine", "accept", &quarantined]).exits(1);
    ran.says(&format!("{quarantined} holds what {other} held, and that was erased")).says("host erase --lift");
    assert_eq!(environment.everything(), std::slice::from_ref(&quarantined));
    environment.host(["quarantine", "drop", &quarantined]).exits(0);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn on_a_terminal_it_asks_first() {
    let (environment, _origin, path) = landed();
    let arguments = ["erase", "--reason", "request 17", &path];
    // What is wrong is said before anything is asked.
    on_a_terminal(&environment, &[&arguments[..], &["none"]].concat(), "y\n").exits(2);
    for typed in ["n\n", "\n", "erase\n"] {
        let ran = on_a_terminal(&environment, &arguments, typed).exits(1);
        let asked = format!("{path}\r\nErase 1 file for good? [y/N] ");
        assert!(ran.stdout.contains(&asked) && ran.stdout.contains("error: nothing was erased"), "{ran:?}");
        assert_eq!(environment.paths(), std::slice::from_ref(&path));
    }
    on_a_terminal(&environment, &arguments, "y\n").exits(0);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn what_is_wrong_with_an_order_is_said() {
    let empty = environment();
    erase(&empty, &["x/2025/03/a.csv.gz"]).exits(2).says("there is no landing directory");
    fs::create_dir(empty.landing()).expect("a directory");
    erase(&empty, &["x/2025/03/a.csv.gz"]).exits(2).says("there are no runs in");

    let (environment, _origin, path) = landed();
    let canary = environment.write("outside/canary", "untouched");
    let before = environment.stored();
    for (word, code, says) in [
        ("../outside/canary", 2, "no file ../outside/canary is recorded in"),
        (&canary.display().to_string(), 2, "is recorded in"),
        ("mirror", 2, "no file mirror is recorded"),
        (path.rsplit_once('/').expect("a directory").0, 2, "hint: `host files` lists them"),
        (".state.sqlite", 2, "no file .state.sqlite is recorded"),
        ("", 2, "no file  is recorded"),
        (".quarantine/mirror/0123456789abcdef.csv.gz", 2, "hint: `host quarantine drop "),
    ] {
        let ran = erase(&environment, &[word]).exits(code).says(says);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{ran:?}");
    }
    environment.host(["erase", &path]).exits(2).says("--reason");
    environment.host(["erase", "--yes", "--reason", " ", &path]).exits(2).says("a reason has to be said");
    environment.host(["erase", "--yes", "--reason", &"x".repeat(1001), &path]).exits(2).says("at most 1000 bytes");
    environment.host(["erase", "--lift", "--reason", "x", &path]).exits(2).says("cannot be used with");
    environment.host(["erase", "--lift", &path]).exits(2).says(&format!("{path} was not erased"));
    // There is no terminal here.
    let ran = environment.host(["erase", "--reason", "x", &path]).exits(2);
    ran.says("there is no terminal to ask at, and nothing was erased").says("hint: `--yes` erases without asking");
    assert_eq!(environment.stored(), before);
    // A path may be written with the landing directory before it.
    let whole = environment.landing().join(&path).display().to_string();
    erase(&environment, &["--landing", &environment.landing().display().to_string(), &whole]).exits(0);
    assert_eq!(environment.everything(), [""; 0]);
}
