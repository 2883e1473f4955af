//! `host test`: cases that are run from recorded answers, and those of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Environment, Origin, Ran, Reply, guest};
use serde_json::{Value, json};

use crate::environment;

const CONTENT: &str = "city,price\nMadrid,18\nMálaga,19\n";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// `host test` of mirror with the cases of the working directory.
fn test(environment: &Environment, more: &[&str]) -> Ran {
    let mut command = environment.command(["test"]);
    command.arg(guest("mirror")).args(more);
    Ran::new(command.output().expect("the program"))
}

/// A case of mirror that lands these contents, one for each URL.
fn case(environment: &Environment, name: &str, contents: &[&str]) {
    let url = |at: usize| format!("https://prices.example/{at}.csv");
    let entry = |(at, content): (usize, &&str)| {
        json!({
            "startedDateTime": "2025-06-15T08:00:00Z",
            "request": { "method": "GET", "url": url(at) },
            "response": { "status": 200, "content": { "text": content } },
        })
    };
    let entries: Vec<Value> = contents.iter().enumerate().map(entry).collect();
    let urls: Vec<String> = (0..contents.len()).map(url).collect();
    environment.write(&format!("cases/{name}/exchanges.har"), json!({ "log": { "entries": entries } }).to_string());
    environment.write(&format!("cases/{name}/case.toml"), format!("[param]\nurl = {}\n", json!(urls.join(" "))));
}

/// All files below a directory, by their path.
fn files(directory: &Path) -> Vec<(String, String)> {
    fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => collect(root, &path, found),
                false => {
                    let relative = path.strip_prefix(root).expect("below the root").display().to_string();
                    found.push((relative, fs::read_to_string(&path).expect("text")));
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(directory, directory, &mut found);
    found.sort();
    found
}

#[test]
fn a_case_is_blessed_passes_and_says_what_differs() {
    let environment = environment();
    case(&environment, "one", &[CONTENT]);
    case(&environment, "two", &["a\n", "b\n"]);
    // Nothing is expected yet.
    let ran = test(&environment, &["one"]).exits(1);
    assert!(
        ran.stdout.starts_with("failed   one\n--- /dev/null\n+++ landed: cases/one/expected/files/mirror/2025/"),
        "{}",
        ran.stdout
    );
    let ran = test(&environment, &["--bless"]).exits(0);
    assert_eq!(ran.stdout, "blessed  one\nblessed  two\n2 cases, all as expected\n");
    let expected = environment.path().join("cases/one/expected");
    let blessed = files(&expected);
    assert_eq!(blessed.len(), 1);
    assert!(blessed[0].0.starts_with("files/mirror/2025/2025-06-15_") && blessed[0].0.ends_with(".csv"), "{blessed:?}");
    assert_eq!(blessed[0].1, CONTENT, "as it is read in a diff");
    assert_eq!(test(&environment, &[]).exits(0).stdout, "passed   one\npassed   two\n2 cases, all as expected\n");
    // Again, it is the same.
    test(&environment, &["--bless"]).exits(0);
    assert_eq!(files(&expected), blessed);

    fs::write(expected.join(&blessed[0].0), CONTENT.replace("18", "17")).expect("a file");
    let ran = test(&environment, &["--junit", "junit.xml"]).exits(1);
    assert!(
        ran.stdout.contains("@@ -1,3 +1,3 @@\n city,price\n-Madrid,17\n+Madrid,18\n Málaga,19\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("passed   two\n2 cases, 1 not as expected\n"), "{}", ran.stdout);
    let junit = fs::read_to_string(environment.path().join("junit.xml")).expect("a file");
    assert!(junit.contains("tests=\"2\" failures=\"1\" errors=\"0\"") && junit.contains("+Madrid,18"), "{junit}");
    let verdicts = test(&environment, &["--json"]).exits(1).json();
    assert_eq!((&verdicts[0]["outcome"], &verdicts[1]["outcome"]), (&json!("failed"), &json!("passed")));
    assert_eq!(verdicts[0]["differences"][0]["path"], json!(blessed[0].0));
}

#[test]
fn what_a_run_leaves_beside_files_is_expected_too() {
    let environment = environment();
    case(&environment, "fails", &["a\n"]);
    let toml = "backfill = \"2025-01-01..2025-02-01\"\n[param]\nurl = \"https://prices.example/0.csv\"\n";
    environment.write("cases/fails/case.toml", toml);
    test(&environment, &["--bless"]).exits(0);
    let expected = files(&environment.path().join("cases/fails/expected"));
    assert_eq!(expected.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["error"]);
    // A cursor comes in and goes out.
    let mut command = environment.command(["test"]);
    environment.write("probe/cursor/exchanges.har", r#"{"log":{"entries":[]}}"#);
    environment.write("probe/cursor/case.toml", "cursor = \"-7\"\n[param]\ndo = \"cursor\"\ncursor = \"8\"\n");
    command.arg(guest("probe")).args(["--cases", "probe", "--bless"]);
    Ran::new(command.output().expect("the program")).exits(0);
    let expected = files(&environment.path().join("probe/cursor/expected"));
    assert!(expected.iter().any(|(path, text)| path == "cursor" && text == "8\n"), "{expected:?}");
}

#[test]
fn a_case_is_recorded_from_a_live_run() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT));
    environment.write("token", "s3cr3t-of-prices");
    environment.write(
        "host.toml",
        format!(
            "[extractor.mirror.secret.token]\nfrom = {{ file = \"token\" }}\nas = \"bearer\"\norigins = [\"{}\"]\n",
            origin.grant()
        ),
    );
    environment.write("urls", origin.url("/a.csv"));
    let live =
        ["--record", "first", "--param", "url=@urls", "--param", "secret=token", "--allow-http", &origin.grant()];
    let ran = test(&environment, &live).exits(0);
    assert!(ran.stdout.starts_with("recorded cases/first: "), "{}", ran.stdout);
    let (asked, recorded) = (origin.asked().len(), files(&environment.path().join("cases")));
    assert!(recorded.iter().all(|(path, text)| !text.contains("s3cr3t") && path.starts_with("first/")), "{recorded:?}");
    assert!(recorded.iter().any(|(_, text)| text == CONTENT));
    assert!(!environment.landing().exists(), "it lands nothing beside data");
    // From now on nobody is asked, and no secret has to be there.
    fs::remove_file(environment.path().join("token")).expect("a file");
    assert_eq!(test(&environment, &[]).exits(0).stdout, "passed   first\n1 case, all as expected\n");
    assert_eq!(origin.asked().len(), asked);
    test(&environment, &live).exits(2).says("cases/first is there already\nhint: give the new case another name");
    assert_eq!(files(&environment.path().join("cases")), recorded);
}

#[test]
fn a_case_of_a_run_that_fails_says_so() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT));
    for (name, path) in [("good", "/a.csv"), ("bad", "/none.csv")] {
        let url = format!("url={}", origin.url(path));
        let ran = test(&environment, &["--record", name, "--param", &url, "--allow-http", &origin.grant()]).exits(0);
        let warning = format!(
            "warning: the run failed, and the case expects it to fail so: see cases/{name}/expected/error\n\
             hint: if it is not meant to, remove cases/{name} and record the case again\n"
        );
        assert_eq!(ran.stderr.contains(&warning), name == "bad", "{ran:?}");
        assert!(ran.stdout.starts_with(&format!("recorded cases/{name}: ")), "{ran:?}");
    }
}

#[test]
fn a_case_is_recorded_from_a_server_of_this_machine_in_the_place_of_the_source() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT));
    let map = format!("https://prices.example={}", origin.grant());
    let asks = ["--param", "url=https://prices.example/a.csv", "--allow-http", "https://prices.example"];
    test(&environment, &[&["--record", "first", "--map", &map], &asks[..]].concat()).exits(0);
    let recorded = files(&environment.path().join("cases"));
    assert!(
        recorded.iter().any(|(path, text)| path.ends_with(".har") && text.contains("https://prices.example/a.csv"))
    );
    // The server of this machine is no part of the case.
    assert!(recorded.iter().all(|(_, text)| !text.contains(&origin.grant())), "{recorded:?}");
    assert!(recorded.iter().any(|(_, text)| text == CONTENT));
    let asked = origin.asked().len();
    assert_eq!(test(&environment, &[]).exits(0).stdout, "passed   first\n1 case, all as expected\n");
    assert_eq!(origin.asked().len(), asked);
    // What is no mapping makes no case.
    test(&environment, &["--record", "second", "--map", "https://prices.example"]).exits(1).says("FROM=TO");
    test(&environment, &["--map", &map]).exits(2).says("--record");
    assert!(!environment.path().join("cases/second").exists());
}

#[test]
fn what_is_no_case_is_said_in_a_sentence() {
    let environment = environment();
    test(&environment, &[]).exits(2).says("cannot read cases: No such file");
    fs::create_dir(environment.path().join("cases")).expect("a directory");
    test(&environment, &[]).exits(2).says("there is no case in cases\nhint: `host test COMPONENT.wasm --record NAME`");
    test(&environment, &["none"]).exits(2).says("there is no case none: it has no file exchanges.har");
    case(&environment, "one", &["a\n"]);
    for (toml, reason) in [
        ("parm = {}", "unknown field `parm`"),
        ("backfill = \"2025\"", "a window is two days"),
        ("started-at = \"noon\"", "`started-at` is no moment"),
        ("budget = { retries = \"many\" }", "`budget`: "),
        ("name = \"../x\"", "is not a valid name"),
    ] {
        environment.write("cases/one/case.toml", toml);
        test(&environment, &[]).exits(2).says("cases/one/case.toml: ").says(reason);
    }
    environment.write("cases/one/case.toml", "[param]\nuri = \"x\"\n");
    let ran = test(&environment, &[]).exits(1);
    assert!(
        ran.stdout.starts_with("broken   one\nthe case one could not be run: error: mirror has no parameter `uri`"),
        "{}",
        ran.stdout
    );
    environment.write("cases/one/exchanges.har", "{");
    let ran = test(&environment, &[]).exits(1);
    assert!(ran.stdout.contains("exchanges.har: it is cut off in the middle"), "{}", ran.stdout);
    // Without a word it is the component of this directory.
    let mut command = environment.command(["test"]);
    Ran::new(command.output().expect("the program")).exits(2).says("there is no component in this directory");
    fs::copy(guest("mirror"), environment.path().join("mirror.wasm")).expect("a file");
    command = environment.command(["test"]);
    Ran::new(command.output().expect("the program")).exits(1);
}

#[test]
fn the_cases_of_this_repository_pass() {
    for name in ["mirror", "padelnomics"] {
        let environment = environment();
        let cases = repository().join("guests").join(name).join("cases");
        for _ in 0..2 {
            let mut command = environment.command(["test"]);
            command.arg(guest(name)).arg("--cases").arg(&cases);
            let ran = Ran::new(command.output().expect("the program"));
            assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        }
    }
}
