//! What the contract offers an extractor beside requests and landing: what is made of responses, values by key, many
//! requests by one call, and what the run says of itself.

use std::fs;

use harness::{Environment, Origin, Ran, Reply};

use crate::environment;

const CITIES: &str = "Malaga\nMadrid\nLisboa";

fn probe(environment: &Environment, origin: &Origin, act: &str, more: &[&str]) -> Ran {
    let (act, grant) = (format!("do={act}"), origin.grant());
    let mut arguments = vec!["-v", "--allow-http", &grant, "--param", &act];
    for param in more {
        arguments.extend(["--param", param]);
    }
    environment.run("probe", &arguments)
}

fn derive(environment: &Environment, origin: &Origin, more: &[&str]) -> Ran {
    let url = format!("url={}", origin.url("/cities.txt"));
    probe(environment, origin, "derive", &[&[url.as_str()], more].concat())
}

/// Whether the last request asked conditionally.
fn conditional(origin: &Origin) -> bool {
    origin.asked().last().expect("a request").header("if-none-match").is_some()
}

#[test]
fn what_is_made_of_a_response_is_made_again_only_when_that_changed() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cities.txt", Reply::new(CITIES).etag("\"one\""));
    let made = derive(&environment, &origin, &[]).exits(0).json();
    assert_eq!((&made["files_written"], &made["files_skipped"]), (&3.into(), &0.into()));
    assert!(!conditional(&origin));
    let ran = derive(&environment, &origin, &[]).exits(0).says("nothing to make");
    let told = ran.json();
    assert_eq!((&told["files_written"], &told["files_skipped"]), (&0.into(), &3.into()));
    assert!(conditional(&origin));
    assert_eq!(origin.asked().len(), 2);

    // It changed: what is new lands, and what is not, does not.
    origin.route("/cities.txt", Reply::new("Malaga\nPorto").etag("\"two\""));
    let made = derive(&environment, &origin, &[]).exits(0).json();
    assert_eq!((&made["files_written"], &made["files_skipped"]), (&1.into(), &1.into()));
    derive(&environment, &origin, &[]).exits(0).says("nothing to make");

    // A file of it is gone: it is made anew.
    let path = environment.paths().into_iter().find(|path| environment.landed()[path] == b"Porto");
    fs::remove_file(environment.landing().join(path.expect("a file"))).expect("a file");
    let made = derive(&environment, &origin, &[]).exits(0).json();
    assert_eq!((&made["files_written"], &made["files_skipped"]), (&1.into(), &1.into()));
    assert!(!conditional(&origin));

    // Another parameter may make something else of it, and `--fresh` asks anew.
    derive(&environment, &origin, &["content=other"]).exits(0);
    assert!(!conditional(&origin));
    derive(&environment, &origin, &["content=other"]).exits(0).says("nothing to make");
    environment
        .run(
            "probe",
            &[
                "--fresh",
                "--allow-http",
                &origin.grant(),
                "--param",
                "do=derive",
                "--param",
                "content=other",
                "--param",
                &format!("url={}", origin.url("/cities.txt")),
            ],
        )
        .exits(0);
    assert!(!conditional(&origin));
    environment.host(["verify", "--read-data"]).exits(0);
}

#[test]
fn a_derivation_counts_once_it_is_complete_and_durable() {
    for (how, code, counts) in [("incomplete", 0, false), ("fail", 1, true), ("checkpoint", 1, true)] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/cities.txt", Reply::new(CITIES).etag("\"one\""));
        let how_ = format!("how={how}");
        derive(&environment, &origin, &[&how_]).exits(code);
        // With the same parameters, so that it is the same maker.
        derive(&environment, &origin, &[&how_]);
        assert_eq!(conditional(&origin), counts, "{how}");
    }
    // Without validators nothing can be asked, and a status that is no content is an error.
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cities.txt", Reply::new(CITIES));
    for _ in 0..2 {
        derive(&environment, &origin, &[]).exits(0);
        assert!(!conditional(&origin));
    }
    origin.route("/cities.txt", Reply::status(404));
    derive(&environment, &origin, &[]).exits(1).says("the server answered with status 404 and no content to land");
}

#[test]
fn a_repair_forgets_derivations_whose_files_are_gone_or_altered() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cities.txt", Reply::new(CITIES).etag("\"one\""));
    derive(&environment, &origin, &[]).exits(0);
    let path = environment.landing().join(&environment.paths()[0]);
    fs::remove_file(&path).expect("a file");
    environment.host(["repair"]).exits(0);
    assert_eq!(environment.query("SELECT count(*) FROM derivations"), ["0"]);
    assert_eq!(environment.query("SELECT count(*) FROM derived_files"), ["0"]);
    let made = derive(&environment, &origin, &[]).exits(0).json();
    assert_eq!((&made["files_written"], &made["files_skipped"]), (&1.into(), &2.into()));
}

fn values(environment: &Environment, more: &[&str]) -> Ran {
    environment.run("probe", &[&["-v", "--param", "do=values", "--param"], more].concat())
}

#[test]
fn values_are_kept_by_a_checkpoint_with_their_window() {
    let environment = environment();
    values(&environment, &["text=a/1=one a/2=two b/1=three ?a/1 a/*"])
        .exits(0)
        .says("a/1 is Some(\"one\")")
        .says("keys [\"a/1\", \"a/2\"]");
    values(&environment, &["text=?a/1"]).exits(0).says("a/1 is None");
    values(&environment, &["text=a/1=one a/2=two b/1=three ! a/3=lost -b/1"]).exits(0);
    values(&environment, &["text=?a/1 ?a/3 ?b/1 a/*"])
        .exits(0)
        .says("a/1 is Some(\"one\")")
        .says("a/3 is None")
        .says("b/1 is Some(\"three\")");
    values(&environment, &["text=-a/2 a/*"]).exits(0).says("keys [\"a/1\"]");
    values(&environment, &["text=-a/2 a/1=new !"]).exits(0);
    values(&environment, &["text=?a/1 ?a/2"]).exits(0).says("a/1 is Some(\"new\")").says("a/2 is None");
    // A backfill has values of its own.
    let window = ["text=?a/1 w=1 !", "--backfill", "2025-01-01..2025-02-01"];
    values(&environment, &window).exits(0).says("a/1 is None");
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=2025-03"]).exits(0);

    let shown = environment.host(["cursor"]).exits(0).stdout;
    assert_eq!(shown, "probe: cursor 2025-03, of run 9, 2 values\nprobe 2025-01-01..2025-02-01: no cursor, 1 value\n");
    let shown = environment.host(["cursor", "probe"]).exits(0).stdout;
    assert!(shown.contains("\n  a/1 = new\n  b/1 = three\n"), "{shown}");
    let json = environment.host(["cursor", "probe", "--json"]).exits(0).json();
    assert_eq!(json[0]["values"]["a/1"], "new");
    assert_eq!(json[1]["window"], "2025-01-01..2025-02-01");
    assert_eq!(environment.host(["cursor", "nobody"]).exits(0).stdout, "nobody keeps nothing\n");
    environment.host(["verify"]).exits(0);
}

#[test]
fn values_have_limits() {
    let environment = environment();
    let key = "k".repeat(257);
    values(&environment, &[&format!("text={key}=x")])
        .exits(1)
        .says("a key of a value has 257 bytes, and may have 1 to 256");
    let value = "v".repeat(4097);
    values(&environment, &[&format!("text=k={value}")])
        .exits(1)
        .says("a value is 4097 bytes long, and the limit is 4096");
    let many = |count: &str| {
        environment.run("probe", &["-v", "--param", "do=many-values", "--param", "size=1", "--param", count])
    };
    many("count=5000").exits(0).says("5000 keys");
    many("count=100001").exits(1).says("the extractor keeps more than 100000 values");
    // Nothing of that was kept.
    assert_eq!(environment.query("SELECT count(*) FROM cursor_values"), ["5000"]);
}

#[test]
fn many_are_mirrored_by_one_call_in_their_order() {
    let (environment, origin) = (environment(), Origin::start());
    let paths: Vec<String> = (0..40).map(|number| format!("/{number}.csv")).collect();
    for path in &paths {
        origin.route(path, Reply::new(format!("{path}\n")));
    }
    origin.route("/7.csv", Reply::status(404));
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let url = format!("url={}", urls.join(" "));
    let ran = probe(&environment, &origin, "mirror-all", &[&url, "count=8"]).exits(0);
    let told: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(".csv ")).collect();
    assert_eq!(told.len(), 40, "{told:?}");
    for (line, url) in told.iter().zip(&urls) {
        assert!(line.contains(&format!("{url} ")), "{line}");
    }
    ran.says("failed: the server answered with status 404 and no content to land (status)");
    assert_eq!(environment.paths().len(), 39);
}

#[test]
fn a_run_says_what_it_is_about() {
    let environment = environment();
    environment.write(
        "host.toml",
        "[extractor.probe.secret.token]\nfrom = { env = \"TOKEN\" }\nas = \"bearer\"\norigins = [\"https://a.example\"]\n",
    );
    let mut command = environment.run_command("probe", &["-v", "--param", "do=about", "--param", "secret=token other"]);
    command.env("TOKEN", "a-token-that-nobody-sees");
    let ran = Ran::new(command.output().expect("the program")).exits(0);
    for says in ["do is about", "content is x", "waited long enough", "started before now", "random bytes differ"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    ran.says("the secret token is there").says("the secret other is not there");
}

#[test]
fn an_extractor_says_what_is_repeated_and_followed() {
    let (environment, origin) = (environment(), Origin::start());
    let ask = |more: &[&str]| {
        origin.forget();
        let ran = probe(&environment, &origin, "ask", more).exits(0);
        (ran, origin.asked().len())
    };
    let url = format!("url={}", origin.url("/x"));
    let soon = |status| Reply::status(status).header("retry-after", "0");
    origin.route("/x", soon(503));
    assert_eq!(ask(&[&url, "text="]).1, 1);
    origin.script("/x", [soon(404), soon(404), Reply::new("x")]);
    let (ran, asked) = ask(&[&url, "text=404"]);
    ran.says("status 200");
    assert_eq!(asked, 3);
    // One that names a status knows what its request does.
    origin.script("/x", [soon(429), Reply::new("x")]);
    assert_eq!(ask(&[&url, "text=429", "how=POST"]).1, 2);

    origin.route("/x", Reply::redirect(302, "/y"));
    origin.route("/y", Reply::redirect(302, "/z"));
    origin.route("/z", Reply::new("z"));
    ask(&[&url, "count=0"]).0.says(&format!("status 302 from {}", origin.url("/x")));
    ask(&[&url, "count=1"]).0.says(&format!("status 302 from {}", origin.url("/y")));
    ask(&[&url, "count=2"]).0.says(&format!("status 200 from {}", origin.url("/z")));
}

#[test]
fn the_log_is_json_where_that_is_wanted() {
    let environment = environment();
    let ran = environment.run("probe", &["-v", "--log-format", "json", "--param", "do=values", "--param", "text=?a"]);
    let lines: Vec<serde_json::Value> =
        ran.exits(0).stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let line = lines.iter().find(|line| line["message"] == "a is None").expect("a line");
    assert_eq!((&line["level"], &line["extractor"]), (&"info".into(), &"probe".into()));
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
}
