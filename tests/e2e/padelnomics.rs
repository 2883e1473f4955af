//! The main job, against the sample data in the real formats.

use std::path::Path;

use harness::samples::{EUROSTAT, OVERPASS, PRICES};
use harness::{Environment, Origin, Reply};

use crate::environment;

fn prepared() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/overpass", Reply::new(OVERPASS).header("Content-Type", "text/csv"));
    origin.route("/eurostat", Reply::new(EUROSTAT).last_modified("Sat, 14 Jun 2025 21:00:00 GMT"));
    origin.route("/prices.csv", Reply::new(PRICES).etag("\"66f0a1b2-4e\""));
    let config = format!(
        "[extractor.padelnomics]\nhttp = [\"{}\"]\nsources = [\"overpass\", \"eurostat\", \"feeds\"]\nbudget = {{ retries = 0 }}\n\
         [extractor.padelnomics.param]\noverpass_url = \"{}\"\neurostat_url = \"{}\"\nfeeds = \"{}\"\n",
        origin.grant(),
        origin.url("/overpass"),
        origin.url("/eurostat"),
        origin.url("/prices.csv"),
    );
    environment.write("host.toml", config);
    (environment, origin)
}

#[test]
fn the_newest_data_of_three_feeds_lands_once() {
    let (environment, origin) = prepared();
    let first = environment.run("padelnomics", &[]).exits(0).json();
    assert_eq!(first["files_written"], 3);
    let landed = environment.landed();
    for (source, content) in [("overpass/", OVERPASS), ("eurostat/", EUROSTAT), ("feeds/", PRICES)] {
        let found = landed.iter().find(|(path, _)| path.starts_with(source)).expect(source);
        assert_eq!(found.1, content.as_bytes());
    }
    let second = environment.run("padelnomics", &[]).exits(0).json();
    assert_eq!((&second["files_written"], &second["files_skipped"]), (&0.into(), &3.into()));
    assert_eq!(environment.landed(), landed);
    let asked = origin.asked();
    let query = asked.iter().find(|asked| asked.target.starts_with("/overpass?data=")).expect("an Overpass query");
    assert!(query.target.contains("out%3Acsv"), "{}", query.target);
}

#[test]
fn an_interrupted_backfill_goes_on_where_it_stopped() {
    let (environment, origin) = prepared();
    let month = |number: u32| {
        let date = format!("[date:\"2025-{number:02}-01T00:00:00Z\"]");
        let content = format!("{OVERPASS}node,{number},1.0,2.0,Padel {number},padel,pitch,,,,,,,,,,ES\n");
        (date, Reply::new(content).header("Content-Type", "text/csv"))
    };
    for (date, reply) in [month(1), month(2)] {
        origin.route_query("/overpass", &date, reply);
    }
    // March fails.
    let (march, reply) = month(3);
    origin.route("/overpass", Reply::status(504));
    let window = ["--backfill", "2025-01-01..2025-05-01"];
    let ran = environment.run("padelnomics", &window).exits(1).says("2025-03").json();
    assert_eq!(
        (&ran["status"], &ran["cursor"], &ran["files_written"]),
        (&"failed".into(), &"2025-02".into(), &2.into())
    );

    origin.forget();
    origin.route_query("/overpass", &march, reply);
    let (april, reply) = month(4);
    origin.route_query("/overpass", &april, reply);
    let ran = environment.run("padelnomics", &window).exits(0).json();
    assert_eq!((&ran["cursor"], &ran["files_written"]), (&"2025-04".into(), &2.into()));
    assert_eq!(origin.asked().len(), 2, "January and February are not asked for again");
    let months: Vec<String> = environment.paths().iter().map(|path| path[..24].to_owned()).collect();
    assert_eq!(months, [1, 2, 3, 4].map(|month| format!("overpass/2025/2025-{month:02}-01")));

    // The window is done: nothing is left to ask.
    origin.forget();
    environment.run("padelnomics", &window).exits(0);
    assert_eq!(origin.asked(), []);
    // The newest data has a cursor of its own, and is not stopped by the window's.
    origin.route("/overpass", Reply::new(OVERPASS).header("Content-Type", "text/csv"));
    assert_eq!(environment.run("padelnomics", &[]).exits(0).json()["files_written"], 3);
}

#[test]
fn an_error_page_of_overpass_does_not_land() {
    let (environment, origin) = prepared();
    let page =
        "<html><body><p><strong>Error</strong>: runtime error: the server is probably too busy</p></body></html>";
    origin.route("/overpass", Reply::new(page).header("Content-Type", "text/html"));
    let ran = environment.run("padelnomics", &[]).exits(1).says("the server is probably too busy").json();
    assert_eq!(ran["files_written"], 2, "the other feeds land all the same");
    assert!(environment.paths().iter().all(|path| !path.starts_with("overpass/")));
}

#[test]
fn an_answer_without_a_court_does_not_land() {
    let header = OVERPASS.lines().next().expect("a header").to_owned() + "\n";
    for answer in [header.clone(), String::new(), header[..9].to_owned()] {
        let (environment, origin) = prepared();
        origin.route("/overpass", Reply::new(answer).header("Content-Type", "text/csv"));
        let ran = environment.run("padelnomics", &[]).exits(1).says("without a single court").json();
        assert_eq!(ran["files_written"], 2, "the other feeds land all the same");
        assert!(environment.paths().iter().all(|path| !path.starts_with("overpass/")));
    }
    // Nor does one that breaks off.
    let (environment, origin) = prepared();
    origin.route("/overpass", Reply::new(OVERPASS).header("Content-Type", "text/csv").cut_after(OVERPASS.len() - 1));
    environment.run("padelnomics", &[]).exits(1);
    assert!(environment.paths().iter().all(|path| !path.starts_with("overpass/")));
}

#[test]
fn without_grants_nothing_is_asked_and_the_missing_ones_are_named() {
    let environment = environment();
    // Nobody ever looked at it, so it is not started.
    environment.run("padelnomics", &[]).exits(77).says("has none for padelnomics\nhint: `host allow ");
    assert!(!environment.landing().exists());
    // Where something is granted it starts, and all that is missing is named at once.
    let ran = environment.run("padelnomics", &["--allow-source", "feeds"]).exits(77);
    ran.says("padelnomics.wasm`; for one run, add `--allow-").says("--allow-source overpass");
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn the_repositorys_configuration_grants_the_public_services() {
    let (environment, origin) = prepared();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host.toml");
    let url = format!("overpass_url={}", origin.url("/overpass"));
    // Blank feeds are left out, so that the only request is one to an origin that is not granted there.
    let arguments = ["--config", &config.display().to_string(), "--param", &url, "--param", "eurostat_url="];
    environment.run("padelnomics", &arguments).exits(77).says(&format!("--allow-http {}", origin.grant()));
    assert_eq!(origin.asked(), []);
    let text = std::fs::read_to_string(config).expect("host.toml");
    for granted in ["https://overpass-api.de", "https://ec.europa.eu", "\"overpass\"", "\"eurostat\"", "\"feeds\""] {
        assert!(text.contains(granted), "{granted}");
    }
}
