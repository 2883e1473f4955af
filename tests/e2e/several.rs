//! Several extractors by one command.

use harness::{Environment, Gate, Origin, Ran, Reply};

use crate::named::extractor;
use crate::signals::signal;
use crate::{environment, rich_and_lean};

#[test]
fn each_is_a_run_of_its_own_and_one_that_fails_stops_no_other() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let refused = extractor("refused", &origin, "/a.csv")
        .replace(&format!("{:?}", origin.grant()), "\"https://elsewhere.example\"");
    environment.write(
        "host.toml",
        [&extractor("good", &origin, "/a.csv"), &extractor("missing", &origin, "/none"), &refused]
            .map(|x| x.as_str())
            .concat(),
    );
    let ran = environment.host(["run", "--all", "--jobs", "1"]).exits(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{ran:?}");
    assert!(lines[0].starts_with("good run 1: success, 1 new"), "{ran:?}");
    assert!(lines[1].starts_with("missing run 2: failed") && lines[2].starts_with("refused run 3: failed"), "{ran:?}");
    assert!(lines[3].starts_with("3 extractors: 1 succeeded, 2 did not, in "), "{ran:?}");
    let ran = ran
        .says("missing error: ")
        .says("refused error: ")
        .says("refused hint: to allow it, run `host allow refused --http ");
    assert!(
        ran.stderr.lines().all(|line| ["missing ", "refused "].iter().any(|name| line.starts_with(name))),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("404"), "{ran:?}");
    assert_eq!(
        environment.query("SELECT extractor || ' ' || status FROM extraction_runs ORDER BY run_id"),
        ["good success", "missing failed", "refused failed"]
    );
    // The code is that of the one that weighs most: of 77 and 0 it is 77.
    let ran = environment.host(["run", "refused", "good", "--json"]).exits(77);
    let json = ran.json();
    assert_eq!(json["exit_code"], 77);
    assert_eq!(json["extractors"][0]["extractor"], "refused");
    assert_eq!(json["extractors"][1]["report"]["files_skipped"], 1);
    assert!(
        json["extractors"][0]["said"].as_str().is_some_and(|said| said.contains("run `host allow refused --http ")),
        "{json}"
    );
}

#[test]
fn all_is_quiet_where_all_is_well() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/a.csv"));
    for arguments in [&["run", "--all", "-q"][..], &["run", "a", "-q"]] {
        let ran = environment.host(arguments).exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/none"));
    let ran = environment.host(["run", "--all", "-q"]).exits(1).says("b error: ");
    assert_eq!(ran.stdout, "");
    let ran = environment.host(["run", "b", "-q"]).exits(1).says("error: ");
    assert_eq!(ran.stdout, "");
}

#[test]
fn levels_in_json_are_called_as_those_of_one_run() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let notify = "[notify.x]\non = [\"success\"]\ncommand = [\"false\"]\n";
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/none") + notify);
    let levels = |arguments: &[&str], code| {
        let ran = environment.host([arguments, &["--log-format", "json"]].concat()).exits(code);
        let lines = ran.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        let mut levels: Vec<String> = lines.map(|line| line["level"].as_str().expect("a level").to_owned()).collect();
        levels.sort();
        levels
    };
    assert_eq!(levels(&["run", "a"], 0), ["warning"]);
    assert_eq!(levels(&["run", "a", "b"], 1), ["error", "warning"]);
}

#[test]
fn an_order_that_cannot_be_meant_starts_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/a.csv"));
    for (arguments, says) in [
        (&["run", "a", "a"][..], "`a` is named twice"),
        (&["run", "a", "c"], "there is no extractor `c`, and no such file"),
        (&["run", "a", "b", "--param", "url=x"], "`--param` is for one extractor at a time"),
        (&["run", "--all", "--name", "x"], "`--name` is for one extractor at a time"),
        (&["run", "--all", "--timeout", "5s"], "a budget or a limit is for one extractor at a time"),
        (&["run", "--all", "--config", "/dev/stdin"], "cannot share a configuration that comes through a pipe"),
        (&["run", "a", "--all"], "the argument '[EXTRACTOR]...' cannot be used with '--all'"),
        (&["run"], "required arguments were not provided"),
        (&["run", "--all", "--jobs", "0"], "'--jobs <N>': `0` is no number of extractors; give at least 1"),
        (&["run", "a", "--wait", "5m"], "hint: `--wait=5m` waits for that long"),
    ] {
        environment.host(arguments).exits(2).says(says);
    }
    environment.write("host.toml", "");
    environment.host(["run", "--all"]).exits(2).says("host.toml names no extractor to run");
    std::fs::remove_file(environment.path().join("host.toml")).expect("a file");
    environment
        .host(["run", "--all"])
        .exits(2)
        .says("there is no host.toml to name extractors; looked for host.toml, ");
    assert!(origin.asked().is_empty() && !environment.landing().exists());
}

#[test]
fn a_signal_ends_all_of_them_and_starts_no_more() {
    for (name, code, says) in [("TERM", 143, "ended by SIGTERM"), ("INT", 130, "interrupted by SIGINT")] {
        let (environment, origin) = (environment(), Origin::start());
        let gates = [(); 2].map(|()| (Gate::default(), Gate::default()));
        for ((reached, hold), path) in gates.iter().zip(["/a.csv", "/b.csv"]) {
            origin.route(path, Reply::new("a\n").gated(reached, hold));
        }
        let all = [("a", "/a.csv"), ("b", "/b.csv"), ("c", "/a.csv")];
        environment.write("host.toml", all.map(|(name, path)| extractor(name, &origin, path)).concat());
        let child = environment.command(["run", "--all", "--jobs", "2"]).spawn().expect("the program");
        assert!(gates.iter().all(|(reached, _)| reached.wait()), "the runs never asked");
        signal(name, child.id());
        let ran = Ran::new(child.wait_with_output().expect("the program")).exits(code);
        assert!(ran.stdout.contains("c: not run, exit code"), "{ran:?}");
        let ran = ran.says(&format!("a error: {says}")).says(&format!("c error: not started: {says}"));
        assert!(ran.stdout.contains("3 extractors: none succeeded"), "{ran:?}");
        assert_eq!(
            environment.query(
                "SELECT extractor || ' ' || status || ': ' || error_message FROM extraction_runs ORDER BY extractor"
            ),
            [format!("a failed: {says}"), format!("b failed: {says}")]
        );
        gates.iter().for_each(|(_, hold)| hold.open());
    }
}

#[test]
fn where_the_command_is_killed_its_runs_end_as_well() {
    rich_and_lean().iter().for_each(killed_with_its_runs);
}

fn killed_with_its_runs(environment: &Environment) {
    let origin = Origin::start();
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/a.csv", Reply::new("a\n").gated(&reached, &hold));
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/none"));
    let mut child = environment.command(["run", "--all"]).spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    signal("KILL", child.id());
    child.wait().expect("the program");
    origin.route("/a.csv", Reply::new("a\n"));
    // Its lock is free once it has ended.
    environment.host(["run", "a", "--wait=20s"]).exits(0);
    let ended = "SELECT error_message FROM extraction_runs WHERE extractor = 'a' ORDER BY run_id LIMIT 1";
    assert_eq!(environment.query(ended), ["ended by SIGTERM"]);
    hold.open();
}
