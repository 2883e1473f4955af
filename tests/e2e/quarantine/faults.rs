//! Faults in the middle of it: no room, calls that fail, kills.

use harness::{Environment, Origin, Ran, Reply};

use super::{PAGE, listed, run};
use crate::injected::{at_every_call, strace};
use crate::space::Memory;
use crate::{environment, mirror, with};

/// What refuses everything of the origin below.
const CONFIG: &str = "[extractor.mirror.expect]\nmin-size = \"1GiB\"";

#[test]
fn a_full_disk_fails_the_run_and_leaves_nothing_partial() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n"));
    origin.route("/large.csv", Reply::lines(100_000));
    let landing = environment.landing();
    let Some(_memory) = Memory::mount(&landing, "size=600k") else { return };
    run(&environment, &origin, "", &[]).exits(0);
    let before = environment.everything();
    environment.write("host.toml", CONFIG);
    environment.run("mirror", &with(&mirror(&origin, "/large.csv"), &[])).exits(1).says("No space left");
    assert_eq!(environment.everything(), before);
    assert_eq!(listed(&environment), serde_json::json!([]));
    let found = environment.host(["verify", "--read-data"]).stdout;
    assert!(found.ends_with("nothing wrong\n"), "{found}");
}

/// A page that is tagged, and a body that is too large for memory, both refused.
fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/page.csv", Reply::new(PAGE).etag("\"one\""));
    origin.route("/large.csv", Reply::lines(30_000));
    origin
}

fn refused(environment: &Environment, origin: &Origin) -> std::process::Command {
    environment.write("host.toml", CONFIG);
    let urls = format!("url={} {}", origin.url("/page.csv"), origin.url("/large.csv"));
    environment.run_command("mirror", &["--allow-http", &origin.grant(), "--param", &urls, "--param", "concurrency=1"])
}

/// All files, those in quarantine included.
fn files(environment: &Environment) -> Vec<String> {
    environment.everything().into_iter().filter(|path| !path.contains(".tmp-")).collect()
}

#[test]
fn a_fault_at_any_call_of_a_run_leaves_the_same_files_after_the_next_one() {
    if !strace() {
        return;
    }
    let origin = origin();
    let clean = environment();
    Ran::new(refused(&clean, &origin).output().expect("the program")).exits(1);
    let expected = files(&clean);
    assert_eq!(expected.len(), 2, "{expected:?}");
    let prepare = || {
        let environment = environment();
        std::fs::create_dir(environment.landing()).expect("a directory");
        environment
    };
    let check = |environment: &Environment, injection: &str| {
        let verified = environment.host(["verify", "--read-data", "--json"]).json();
        for finding in verified["findings"].as_array().expect("findings") {
            let kind = finding["kind"].as_str().expect("a kind");
            assert!(["unrecorded", "stale", "leftover"].contains(&kind), "{injection}: {finding}");
        }
        Ran::new(refused(environment, &origin).output().expect("the program")).exits(1).says("not as expected");
        assert_eq!(files(environment), expected, "{injection}");
        let found = environment.host(["verify", "--read-data"]).stdout;
        assert!(found.ends_with("nothing wrong\n"), "{injection}: {found}");
        assert_eq!(listed(environment).as_array().map(Vec::len), Some(2), "{injection}");
    };
    let faults = at_every_call(&prepare, &|environment| refused(environment, &origin), &check);
    assert!(faults > 60, "only {faults} faults were injected");
}

/// A zone with one page in quarantine.
fn quarantined(origin: &Origin) -> Environment {
    let environment = environment();
    environment.run("mirror", &with(&mirror(origin, "/page.csv"), &[])).exits(1);
    environment
}

#[test]
fn a_decision_that_is_cut_short_is_finished_by_saying_it_again() {
    if !strace() {
        return;
    }
    let origin = origin();
    for word in ["accept", "drop"] {
        let settle = |environment: &Environment| {
            let path = format!(".quarantine/mirror/{}", name(environment));
            environment.command(["quarantine", word, &path])
        };
        let check = |environment: &Environment, injection: &str| {
            let verified = environment.host(["verify", "--read-data", "--json"]).json();
            for finding in verified["findings"].as_array().expect("findings") {
                let kind = finding["kind"].as_str().expect("a kind");
                assert!(["unrecorded", "missing"].contains(&kind), "{word} {injection}: {finding}");
            }
            // At no moment is it nowhere, unless it is to be.
            assert!(word == "drop" || !files(environment).is_empty(), "{injection}");
            if listed(environment) != serde_json::json!([]) {
                let again = Ran::new(settle(environment).output().expect("the program"));
                again.exits(0);
            }
            let left = files(environment);
            match word {
                "accept" => assert!(left.len() == 1 && left[0].ends_with("/one.csv.gz"), "{injection}: {left:?}"),
                _ => assert_eq!(left, [""; 0], "{injection}"),
            }
            let found = environment.host(["verify", "--read-data"]).stdout;
            assert!(found.ends_with("nothing wrong\n"), "{word} {injection}: {found}");
            if word == "accept" {
                let ran = environment.run("mirror", &with(&mirror(&origin, "/page.csv"), &[])).exits(0).json();
                assert_eq!(ran["files_skipped"], 1, "{injection}");
                assert_eq!(files(environment), left, "{injection}");
            }
        };
        let faults = at_every_call(&|| quarantined(&origin), &settle, &check);
        assert!(faults > 20, "{word}: only {faults} faults were injected");
    }
}

/// The name of the only row in quarantine.
fn name(environment: &Environment) -> String {
    environment.query("SELECT path FROM quarantined")[0].rsplit('/').next().expect("a name").to_owned()
}

#[test]
fn a_killed_decision_and_the_next_run_get_along() {
    if !strace() {
        return;
    }
    let origin = origin();
    let settle = |environment: &Environment| {
        environment.command(["quarantine", "accept", &format!("mirror/{}", name(environment))])
    };
    let check = |environment: &Environment, injection: &str| {
        // Nobody says it again: the page comes, and is known where it landed, or is refused as before.
        let ran = environment.run("mirror", &with(&mirror(&origin, "/page.csv"), &[]));
        let landed = environment.paths().len();
        assert_eq!(ran.code, Some(i32::from(landed == 0)), "{injection}: {ran:?}");
        environment.host(["repair"]).exits(0);
        let found = environment.host(["verify", "--read-data"]).stdout;
        assert!(found.ends_with("nothing wrong\n"), "{injection}: {found}");
        assert_eq!(environment.paths().len(), landed);
    };
    let faults = at_every_call(&|| quarantined(&origin), &settle, &check);
    assert!(faults > 20, "only {faults} faults were injected");
}
