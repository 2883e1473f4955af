//! One origin in the place of another, and landing directories for tests.

use harness::{Environment, Origin, Ran, Reply};

use crate::environment;
use crate::replay::tree;

const CONTENT: &str = "city,price\nMadrid,18\n";

/// `host run` of mirror for a URL of `https://prices.example`, with a landing directory of that name.
fn run(environment: &Environment, landing: &str, more: &[&str]) -> Ran {
    let landing = environment.path().join(landing).display().to_string();
    let base = ["--landing", &landing, "--allow-http", "https://prices.example"];
    let url = ["--param", "url=https://prices.example/a.csv?page=1"];
    environment.run("mirror", &[&base[..], &url[..], more].concat())
}

#[test]
fn an_origin_is_answered_by_another_one_that_the_operator_names() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::redirect(302, "/b.csv"));
    origin.route("/b.csv", Reply::new(CONTENT));
    let map = format!("https://prices.example={}", origin.grant());
    let ran = run(&environment, "tests", &["--map", &map]).exits(0);
    let ran = ran.says(&format!("warning: for this run, https://prices.example is answered by {}", origin.grant()));
    let report = ran.json();
    assert_eq!(report["files"][0]["url"], "https://prices.example/a.csv?page=1");
    assert!(report["warnings"][0].as_str().is_some_and(|warning| warning.contains("is answered by http://127.0.0.1")));
    assert_eq!(tree(&environment, "tests").len(), 1);
    assert_eq!(origin.asked().iter().map(|asked| &asked.target[..]).collect::<Vec<_>>(), ["/a.csv?page=1", "/b.csv"]);
    // The grants stay as they are: what is not granted is not asked, wherever it would lead.
    origin.forget();
    let other = ["--param", "url=https://other.example/a.csv", "--allow-http", "https://prices.example"];
    let landing = environment.path().join("tests").display().to_string();
    let map = format!("https://other.example={}", origin.grant());
    environment.run("mirror", &[&other[..], &["--landing", &landing, "--map", &map]].concat()).exits(77);
    // Nor does a mapping open the origin that it leads to.
    let url = format!("url={}", origin.url("/b.csv"));
    environment.run("mirror", &["--landing", &landing, "--map", &map, "--param", &url]).exits(77);
    assert_eq!(origin.asked(), []);
}

#[test]
fn data_and_tests_share_no_landing_directory() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT));
    let map = format!("https://prices.example={}", origin.grant());
    let ordinary = |landing: &str| {
        let (landing, url) = (environment.path().join(landing).display().to_string(), origin.url("/a.csv"));
        let url = format!("url={url}");
        environment.run("mirror", &["--landing", &landing, "--allow-http", &origin.grant(), "--param", &url])
    };
    ordinary("data").exits(0);
    run(&environment, "tests", &["--map", &map]).exits(0);
    let before = (tree(&environment, "data"), tree(&environment, "tests"), origin.asked().len());
    run(&environment, "data", &["--map", &map]).exits(2).says("data is in use for data, and this run is a test");
    ordinary("tests").exits(2).says("tests is for tests, and this run is not one\nhint: name another directory");
    assert_eq!((tree(&environment, "data"), tree(&environment, "tests"), origin.asked().len()), before);
    // A directory of files without a state may be data as well.
    environment.write("found/mirror/2025/a.csv.gz", "");
    run(&environment, "found", &["--map", &map]).exits(2).says("in use for data");
    // The directory is named for the run, and not by what stands in the environment for every run.
    let ran = environment.run("mirror", &["--map", &map, "--param", "url=https://prices.example/a.csv"]);
    ran.exits(2).says("needs a landing directory of its own");
    assert!(!environment.landing().exists());
    // Both again, as they are.
    ordinary("data").exits(0);
    run(&environment, "tests", &["--map", &map]).exits(0);
}

#[test]
fn a_mapping_is_no_way_out_for_a_secret() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT));
    let config = "[extractor.mirror.secret.token]\nfrom = { file = \"token\" }\nas = \"bearer\"\n\
                  origins = [\"https://prices.example\"]\n";
    environment.write("host.toml", config);
    environment.write("token", "s3cr3t-of-prices");
    let map = format!("https://prices.example={}", origin.grant());
    run(&environment, "tests", &["--param", "secret=token", "--map", &map]).exits(0);
    assert_eq!(origin.asked()[0].header("authorization"), Some("Bearer s3cr3t-of-prices"));
    let ran =
        run(&environment, "open", &["--param", "secret=token", "--map", "https://prices.example=http://192.0.2.1"]);
    ran.exits(1).says("neither https nor on this machine, so no secret may go there");
}

#[test]
fn only_the_command_line_maps() {
    let environment = environment();
    for (map, reason) in [
        ("https://*.a.example=http://127.0.0.1", "is for many origins"),
        ("https://a.example", "FROM=TO"),
        ("https://a.example/path=http://127.0.0.1", "leave out what follows"),
    ] {
        run(&environment, "tests", &["--map", map]).exits(2).says(reason);
    }
    let twice = ["--map", "https://a.example=http://127.0.0.1:1", "--map", "https://a.example=http://127.0.0.1:2"];
    run(&environment, "tests", &twice).exits(2).says("leads https://a.example to two origins");
    environment.write("host.toml", "[extractor.mirror]\nmap = [\"https://a.example=http://127.0.0.1\"]\n");
    run(&environment, "tests", &[]).exits(2).says("unknown field `map`");
    assert!(!environment.path().join("tests").exists());
}
