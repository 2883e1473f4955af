//! Who is told of what, and that telling harms no run.

use std::fs;

use harness::{Environment, Gate, Origin, Ran, Reply, guest};
use serde_json::Value;

use crate::environment;
use crate::named::extractor;
use crate::signals::signal;

/// A place whose extractor `a` mirrors `/a.csv`, with somebody to tell.
fn told(notify: &str) -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    environment.write("host.toml", format!("{}{notify}", extractor("a", &origin, "/a.csv")));
    (environment, origin)
}

/// A notifier that writes down what it gets: a line of variables, and standard input.
const WRITES: &str = "[notify.log]
on = [\"success\", \"failure\", \"recovery\", \"landed\", \"stale\"]
command = [\"sh\", \"-c\", \"echo $HOST_EVENT $HOST_EXTRACTOR $HOST_RUN_ID $HOST_STATUS $HOST_EXIT_CODE >> told; cat > $HOST_EVENT.json\"]
";

fn lines(environment: &Environment) -> Vec<String> {
    let text = fs::read_to_string(environment.path().join("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn json(environment: &Environment, event: &str) -> Value {
    let text = fs::read(environment.path().join(format!("{event}.json"))).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_command_is_told_of_success_failure_recovery_and_what_landed() {
    let (environment, origin) = told(WRITES);
    environment.host(["run", "a"]).exits(0);
    assert_eq!(lines(&environment), ["success a 1 success 0", "landed a 1 success 0"]);
    let landed = json(&environment, "landed");
    assert_eq!(landed["files"].as_array().map(Vec::len), Some(1));
    assert!(
        landed["text"].as_str().is_some_and(|text| text.starts_with("a landed: a run 1: success, 1 new")),
        "{landed}"
    );
    assert_eq!(landed["landing"], environment.landing().display().to_string());
    origin.route("/a.csv", Reply::status(500));
    // Of what goes on being so nobody is told each time.
    for _ in 0..2 {
        environment.host(["run", "a", "--retries", "0"]).exits(1);
    }
    assert_eq!(lines(&environment)[2..], ["failure a 2 failed 1"]);
    assert!(json(&environment, "failure")["error"].as_str().is_some_and(|error| error.contains("500")));
    origin.route("/a.csv", Reply::new("a\n1\n"));
    for _ in 0..2 {
        environment.host(["run", "a"]).exits(0);
    }
    assert_eq!(lines(&environment)[3..], ["success a 4 success 0", "recovery a 4 success 0", "success a 5 success 0"]);
    // The next failure is a new one.
    origin.route("/a.csv", Reply::status(500));
    environment.host(["run", "a", "--retries", "0"]).exits(1);
    assert_eq!(lines(&environment)[6..], ["failure a 6 failed 1"]);
}

#[test]
fn a_backfill_is_told_of_and_neither_begins_nor_ends_what_goes_on() {
    let (environment, origin) = told(WRITES);
    // One that takes a window.
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    let [mirror, probe] = ["mirror", "probe"].map(|name| format!("{:?}", guest(name)));
    let param = "param = { do = \"mirror\", ";
    environment.write("host.toml", text.replace(&mirror, &probe).replace("param = { ", param));
    let run = |status: u16, arguments: &[&str]| {
        origin.route("/a.csv", if status == 200 { Reply::new("a\n1\n") } else { Reply::status(status) });
        environment.host([&["run", "a"], arguments].concat()).exits(i32::from(status != 200));
    };
    let window = ["--backfill", "2025-01-01..2025-02-01"];
    run(500, &[]);
    run(200, &window);
    run(500, &[]);
    assert_eq!(lines(&environment), ["failure a 1 failed 1", "success a 2 success 0", "landed a 2 success 0"]);
    assert_eq!(environment.query("SELECT event || ' ' || run_id FROM notices"), ["failure 1"]);
    run(200, &[]);
    assert_eq!(lines(&environment)[3..], ["success a 4 success 0", "recovery a 4 success 0"]);
    // Each that fails is told of, whatever is known, and the next run is no recovery from it.
    run(500, &window);
    run(500, &window);
    run(200, &[]);
    run(500, &[]);
    let expected = ["failure a 5 failed 1", "failure a 6 failed 1", "success a 7 success 0", "failure a 8 failed 1"];
    assert_eq!(lines(&environment)[5..], expected);
}

#[test]
fn no_secret_is_told_and_no_variable_of_one() {
    let (environment, origin) = told(
        "[notify.log]\non = [\"failure\"]\nenv = [\"ALSO\"]\ncommand = [\"sh\", \"-c\", \"env > variables; cat > failure.json\"]\n",
    );
    let grant = origin.grant();
    let secret =
        format!("[extractor.a.secret.token]\nfrom = {{ env = \"TOKEN\" }}\nas = \"bearer\"\norigins = [\"{grant}\"]\n");
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    environment.write("host.toml", text + &secret);
    origin.route("/a.csv", Reply::redirect(302, "http://hunter2-hunter2.invalid/"));
    let mut command = environment.command(["run", "a"]);
    let ran = command.env("TOKEN", "hunter2-hunter2").env("ALSO", "this").env("AND_NOT", "that").output();
    Ran::new(ran.expect("the program")).exits(77);
    let variables = fs::read_to_string(environment.path().join("variables")).expect("a file");
    assert!(variables.contains("ALSO=this") && variables.contains("HOST_EVENT=failure"), "{variables}");
    for text in [variables, json(&environment, "failure").to_string()] {
        assert!(!text.contains("hunter2") && !text.contains("AND_NOT"), "{text}");
    }
}

#[test]
fn one_that_fails_hangs_or_floods_harms_no_run() {
    for (command, says) in [
        ("[\"sh\", \"-c\", \"echo it is down >&2; exit 7\"]", "sh failed: exit status: 7: it is down"),
        ("[\"sleep\", \"1000\"]", "sleep was ended: it took longer than 1s"),
        (
            "[\"sh\", \"-c\", \"head -c 1000000000 /dev/zero; head -c 1000000000 /dev/zero >&2; exit 1\"]",
            "sh failed: exit status: 1",
        ),
        ("[\"none-of-that-name\"]", "cannot run none-of-that-name: No such file"),
    ] {
        let timeout = if command.contains("sleep") { "timeout = \"1s\"\n" } else { "" };
        let (environment, _origin) = told(&format!("[notify.x]\non = [\"success\"]\n{timeout}command = {command}\n"));
        environment.host(["run", "a"]).exits(0).says(&format!("warning: x was not told of success of a: {says}"));
        // However little is to be said.
        for quiet in [&["a"][..], &["--all"]] {
            environment
                .host([&["run", "--quiet"], quiet].concat())
                .exits(0)
                .says(&format!("warning: x was not told of success of a: {says}"));
        }
        let notice =
            environment.query("SELECT extractor || ' ' || event || ' ' || target || ' ' || error FROM notices");
        assert!(notice.len() == 1 && notice[0].starts_with(&format!("a success x {says}")), "{notice:?}");
        let ran = environment.host(["status"]).exits(0);
        assert!(harness::unwrapped(&ran.stdout).contains("x was not told of success: "), "{ran:?}");
        // Who is not to be told any more is not named either.
        let text = std::fs::read_to_string(environment.path().join("host.toml")).expect("a configuration");
        environment.write("host.toml", text.replace("[notify.x]", "[notify.y]"));
        assert!(!environment.host(["status"]).exits(0).stdout.contains("x was not"));
    }
}

#[test]
fn a_signal_ends_the_telling_and_the_run_keeps_its_end() {
    let (environment, _origin) =
        told("[notify.x]\non = [\"success\"]\ncommand = [\"sh\", \"-c\", \"echo > reached; sleep 1000\"]\n");
    let mut child = environment.command(["run", "a"]).spawn().expect("the program");
    crate::until(&mut child, |_| environment.path().join("reached").exists());
    signal("TERM", child.id());
    let ran = Ran::new(child.wait_with_output().expect("the program"));
    ran.exits(0).says("sh was ended: ended by SIGTERM");
    assert_eq!(environment.query("SELECT status FROM extraction_runs"), ["success"]);
}

#[test]
fn a_webhook_gets_one_post_of_json_and_reaches_what_no_extractor_may() {
    let hook = Origin::start();
    hook.route("/hook", Reply::status(204));
    let notify = format!("[notify.hook]\non = [\"landed\"]\nwebhook = \"{}\"\n", hook.url("/hook"));
    let (environment, origin) = told(&notify);
    environment.host(["run", "a"]).exits(0);
    let asked = hook.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].header("content-type")), ("POST", Some("application/json")));
    let body: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!((&body["event"], &body["extractor"], &body["run_id"]), (&"landed".into(), &"a".into(), &1.into()));
    // That the host may tell it opens it to no extractor.
    let text = extractor("b", &origin, "/a.csv")
        .replace(&format!("{:?}", origin.url("/a.csv")), &format!("{:?}", hook.url("/hook")));
    environment.write("host.toml", format!("{text}{notify}"));
    environment.host(["run", "b"]).exits(77).says("is not granted");
    assert_eq!(hook.asked().len(), 1);
}

#[test]
fn a_webhook_that_refuses_is_told_of_without_its_url_where_that_is_kept() {
    let hook = Origin::start();
    hook.route("/secret-path", Reply::status(403));
    let (environment, _origin) = told("[notify.hook]\non = [\"success\"]\nwebhook = { file = \"hook\" }\n");
    environment.write("hook", hook.url("/secret-path\n"));
    let ran =
        environment.host(["run", "a"]).exits(0).says("hook was not told of success of a: it answered with status 403");
    assert!(!ran.stderr.contains("secret-path"), "{ran:?}");
    environment.write("hook", "http://127.0.0.1:1/secret-path");
    let ran = environment.host(["run", "a"]).exits(0).says("hook was not told of success of a: cannot connect");
    assert!(!ran.stderr.contains("secret-path"), "{ran:?}");
    assert!(!environment.query("SELECT error FROM notices").concat().contains("secret-path"));
}

#[test]
fn of_what_is_stale_the_watch_tells_once_and_of_its_recovery_the_run() {
    let (environment, _origin) = told(&format!("[defaults]\nstale-after = \"26h\"\n{WRITES}"));
    environment.host(["watch"]).exits(0);
    assert_eq!(lines(&environment), [""; 0]);
    environment.host(["run", "a"]).exits(0);
    environment.state().execute("UPDATE extraction_runs SET started_at = '2025-01-01T00:00:00Z'", []).expect("SQL");
    for _ in 0..2 {
        environment.host(["watch"]).exits(0);
    }
    assert_eq!(lines(&environment)[2..], ["stale a stale"]);
    assert_eq!(json(&environment, "stale")["text"], "a stale: its last success is more than 1d 2h ago");
    environment.host(["run", "a"]).exits(0);
    assert_eq!(lines(&environment)[3..], ["success a 2 success 0", "recovery a 2 success 0"]);
}

#[test]
fn a_mistake_is_found_before_anything_runs() {
    for (notify, says) in [
        ("[notify.x]\non = [\"success\"]\n", "[notify.x]: it has to have one of `command` and `webhook`"),
        ("[notify.x]\non = [\"success\"]\ncommand = []\n", "[notify.x]: `command` is empty"),
        ("[notify.x]\non = [\"sucess\"]\ncommand = [\"true\"]\n", "unknown variant `sucess`"),
        ("[notify.x]\ncommand = [\"true\"]\n", "missing field `on`"),
        ("[notify.x]\non = []\nwebhook = { env = \"NONE\" }\n", "[notify.x]: the variable NONE is not set"),
        ("[notify.x]\non = []\nwebhook = 7\n", "invalid type: integer `7`, expected a URL"),
        ("[defaults]\nnotify = [\"y\"]\n", "`notify` of a names `y`\nhint: there is no table [notify.y]"),
    ] {
        let (environment, origin) = told(notify);
        environment.host(["run", "a"]).exits(2).says(says);
        assert!(origin.asked().is_empty());
    }
    // Whoever is not named is not told.
    let (environment, _origin) = told(&format!("[defaults]\nnotify = []\n{WRITES}"));
    environment.host(["run", "a"]).exits(0);
    assert_eq!(lines(&environment), [""; 0]);
}

#[test]
fn several_runs_tell_each_for_itself() {
    let (environment, origin) = told(WRITES);
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    environment.write(
        "host.toml",
        text + &extractor("b", &origin, "/none") + "[notify.down]\non = [\"failure\"]\ncommand = [\"false\"]\n",
    );
    let (reached, hold) = (Gate::default(), Gate::default());
    hold.open();
    origin.route("/a.csv", Reply::new("a\n").gated(&reached, &hold));
    let ran =
        environment.host(["run", "--all"]).exits(1).says("b warning: down was not told of failure of b: false failed");
    assert!(ran.stdout.contains("2 extractors: 1 succeeded"), "{ran:?}");
    let mut told = lines(&environment);
    told.sort();
    let events: Vec<&str> = told.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(events, ["failure", "landed", "success"]);
}

#[test]
fn what_was_told_while_a_repair_begins_is_not_written_into_what_it_sets_aside() {
    // The notifier leaves something behind that holds the zone as a repair does.
    let hold = "(flock -x 9; touch held; exec sleep 8 >/dev/null 2>&1) 9< $HOST_LANDING/.locks/.zone & while [ ! -e held ]; do :; done";
    let notify = format!("[notify.x]\non = [\"success\"]\ncommand = [\"bash\", \"-c\", {hold:?}]\n");
    let (environment, _origin) = told(&notify);
    let ran = environment.host(["run", "a"]).exits(0);
    ran.says("what was told cannot be recorded, and may be told again: the landing directory is being repaired");
    assert_eq!(environment.query("SELECT count(*) FROM notices"), ["0"]);
}

#[test]
fn a_run_that_does_not_start_is_a_failure_too_and_the_next_one_recovers() {
    let (environment, origin) = told(WRITES);
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    let component = harness::guest("mirror").display().to_string();
    environment.write("host.toml", text.replace(&component, "gone.wasm"));
    // Where nothing has run yet, too; there is nowhere to write down that somebody was told.
    environment.host(["run", "a"]).exits(2).says("cannot run gone.wasm");
    assert_eq!(lines(&environment), ["failure a not-started 2"]);
    assert!(!environment.landing().exists());
    environment.write("host.toml", &text);
    environment.host(["run", "a"]).exits(0);
    fs::remove_file(environment.path().join("told")).expect("a file");
    environment.write(
        "host.toml",
        text.replace(&origin.grant(), "https://elsewhere.example").replace(&component, "gone.wasm"),
    );
    for _ in 0..2 {
        environment.host(["run", "--all"]).exits(2);
    }
    assert_eq!(lines(&environment), ["failure a not-started 2"]);
    assert!(
        json(&environment, "failure")["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("a failure: it did not start: cannot run gone.wasm"))
    );
    environment.write("host.toml", &text);
    environment.host(["run", "a"]).exits(0);
    assert_eq!(lines(&environment)[1..], ["success a 2 success 0", "recovery a 2 success 0"]);
}
