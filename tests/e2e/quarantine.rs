//! What is not as expected of a source: it does not land, nothing is lost, and somebody decides.

mod faults;
mod foreign;

use harness::{Environment, Origin, Ran, Reply, guest};

use crate::{environment, mirror, rich_and_lean, with};

const CSV: &str = "id,name\n1,Malaga\n";
const PAGE: &str = "<!DOCTYPE html>\n<title>503</title>\n";

/// One run of `mirror` with this `host.toml`.
fn run(environment: &Environment, origin: &Origin, config: &str, more: &[&str]) -> Ran {
    environment.write("host.toml", config);
    environment.run("mirror", &with(&mirror(origin, "/courts.csv"), more))
}

/// What `host quarantine list` shows, as JSON.
fn listed(environment: &Environment) -> serde_json::Value {
    environment.host(["quarantine", "list", "--json"]).exits(0).json()
}

/// The only path in quarantine.
#[track_caller]
fn only(environment: &Environment) -> String {
    let listed = listed(environment);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    listed[0]["path"].as_str().expect("a path").to_owned()
}

#[track_caller]
fn sound(environment: &Environment) {
    let found = environment.host(["verify", "--read-data"]).stdout;
    assert!(found.ends_with("nothing wrong\n"), "{found}");
}

#[test]
fn an_error_page_does_not_land_and_a_hundred_of_them_are_one_file() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("\"good\""));
    run(&environment, &origin, "", &[]).exits(0);
    let landed = environment.stored();
    for tick in 1..=100 {
        let page = Reply::new(PAGE).header("Content-Type", "text/csv").etag(&format!("\"page-{tick}\""));
        origin.route("/courts.csv", page);
        let ran = run(&environment, &origin, "", &[]).exits(1);
        if tick == 1 {
            let path = only(&environment);
            let says = format!(
                "{}: the content is not as expected: it is an HTML page, and no csv",
                origin.url("/courts.csv")
            );
            let ran =
                ran.says(&format!("error: {says}\n")).says(&format!("hint: `host quarantine show {path}` shows it"));
            let json = ran.json();
            assert_eq!(json["error"], says);
            assert_eq!((&json["files_written"], &json["files_skipped"]), (&0.into(), &0.into()));
            assert_eq!(
                (&json["quarantined"][0]["path"], &json["quarantined"][0]["code"]),
                (&path.into(), &"unexpected-page".into())
            );
        }
    }
    assert_eq!(environment.stored(), landed);
    let path = only(&environment);
    assert!(path.starts_with(".quarantine/mirror/") && path.ends_with(".csv.gz"), "{path}");
    assert_eq!(environment.everything().len(), 2);
    assert_eq!(environment.query("SELECT times FROM quarantined"), ["100"]);
    // No validator of a page is recorded, and those of the file before it stay.
    assert_eq!(environment.query("SELECT CAST(etag AS TEXT) FROM validators"), ["\"good\""]);
    assert_eq!(origin.asked()[100].header("if-none-match"), Some("\"good\""));
    sound(&environment);
    // What is good again is as it was.
    origin.route("/courts.csv", Reply::new(CSV).etag("\"good\""));
    assert_eq!(run(&environment, &origin, "", &[]).exits(0).json()["files_skipped"], 1);
}

#[test]
fn the_defaults_are_for_some_extensions_and_can_be_switched_off() {
    for (config, extension, content, code) in [
        ("", "csv", PAGE, Some("unexpected-page")),
        ("", "html", PAGE, None),
        ("", "txt", PAGE, None),
        ("[extractor.mirror.expect]\nhtml = true", "csv", PAGE, None),
        ("[extractor.mirror.expect.source.mirror]\nhtml = true", "csv", PAGE, None),
        ("[extractor.mirror.expect]\nhtml = false", "txt", PAGE, Some("unexpected-page")),
        ("", "csv", "", Some("unexpected-empty")),
        ("", "txt", "", Some("unexpected-empty")),
        ("[extractor.mirror.expect]\nempty = true", "csv", "", None),
        ("", "csv", CSV, None),
    ] {
        let (environment, origin) = (environment(), Origin::start());
        // However it is compressed on its way.
        origin.route("/courts.csv", Reply::new(content).gzipped());
        let extension = format!("extension={extension}");
        let ran = run(&environment, &origin, config, &["--param", &extension]);
        match code {
            None => assert_eq!(ran.exits(0).json()["files_written"], 1, "{config}"),
            Some(code) => assert_eq!(ran.exits(1).json()["quarantined"][0]["code"], code, "{config}"),
        }
        sound(&environment);
    }
}

#[test]
fn every_key_is_judged() {
    let json = "{\"type\":\"FeatureCollection\",\"features\":[]}";
    for (key, content, says) in [
        ("content-type = [\"text/csv\"]", CSV, "its content type is not `text/csv`; it is `text/plain; charset=utf-8`"),
        ("min-size = \"1KiB\"", CSV, "it has 17 bytes, and at least 1024 are expected"),
        ("max-size = 16", CSV, "it has 17 bytes, and at most 16 are expected"),
        ("first-line = \"id,city\"", CSV, "its first line is not `id,city`; it is `id,name`"),
        ("json = \"array\"", json, "it is no JSON array"),
        ("json = \"object\"", CSV, "it is no JSON object"),
        ("json = [\"type\", \"bbox\"]", json, "the JSON object has no key `bbox`"),
        ("content-type = \"text/*\"\nmin-size = 17\nmax-size = 17\nfirst-line = \"id,*\"", CSV, ""),
        ("json = [\"type\", \"features\"]", json, ""),
    ] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/courts.csv", Reply::new(content).header("Content-Type", "text/plain; charset=utf-8"));
        let ran = run(&environment, &origin, &format!("[extractor.mirror.expect]\n{key}\n"), &[]);
        if says.is_empty() {
            ran.exits(0);
        } else {
            ran.exits(1).says(&format!("the content is not as expected: {says}\n"));
            assert_eq!(environment.stored().len(), 0, "{key}");
        }
    }
}

#[test]
fn sizes_are_compared_with_the_last_file_of_the_resource() {
    let (environment, origin) = (environment(), Origin::start());
    let config = "[extractor.mirror.expect]\nmax-shrink = \"50%\"\nmax-grow = \"2x\"";
    let of = |size: usize| format!("{}\n", "x".repeat(size - 1));
    for (size, says) in [
        (100, None),
        (201, Some("it has 201 bytes, more than 2 times the size of the last file with its 100")),
        (200, None),
        (99, Some("it has 99 bytes, more than 50% less than the last file with its 200")),
        // What landed once is known, whatever the last one was.
        (100, None),
        (50, None),
    ] {
        origin.route("/courts.csv", Reply::new(of(size)).etag(&format!("\"{size}\"")));
        let ran = run(&environment, &origin, config, &[]);
        match says {
            None => drop(ran.exits(0)),
            Some(says) => drop(ran.exits(1).says(says)),
        }
    }
    // Of another URL nothing is known, so that the source's newest file of that extension counts.
    origin.route("/new.csv", Reply::new(of(500)));
    let new = mirror(&origin, "/new.csv");
    environment.run("mirror", &with(&new, &[])).exits(1).says("of the last file with its 50");
    environment.run("mirror", &with(&new, &["--param", "extension=txt"])).exits(0);
}

#[test]
fn a_manifest_expects_and_the_operator_wins_key_by_key() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let component = environment.write("mine.wasm", harness::without_manifest(&guest("mirror")));
    let expects = "[expect]\nfirst-line = \"id,city\"\nmax-size = 10\n";
    let manifest =
        format!("name = \"mine\"\nhttp = [\"*\"]\n[param.url]\n[param.extension]\ndefault = \"csv\"\n{expects}");
    environment.write("extractor.toml", manifest);
    environment.host(["pack", "mine.wasm"]).exits(0);
    let run = |config: &str| {
        environment.write("host.toml", config);
        let mut command = environment.command(["run"]);
        command.arg(&component).args(mirror(&origin, "/courts.csv"));
        Ran::new(command.output().expect("the program"))
    };
    let inspected = environment.host(["inspect", "mine.wasm", "--json"]).exits(0).json();
    assert_eq!(inspected["manifest"]["expect"], serde_json::json!({ "first-line": "id,city", "max-size": "10" }));
    let inspected = environment.host(["inspect", "mine.wasm"]).exits(0).stdout;
    assert!(inspected.contains("  expects of its contents: `first-line` \"id,city\"\n"), "{inspected}");
    run("").exits(1).says("at most 10 are expected");
    run("[extractor.mine.expect]\nmax-size = 17").exits(1).says("its first line is not `id,city`");
    run("[extractor.mine.expect.source.mine]\nmax-size = 17\nfirst-line = false").exits(0);
    run("[extractor.mine.expect.source.other]\nmax-size = 17").exits(2).says("mine has no source `other`");
}

#[test]
fn a_run_fails_whatever_its_extractor_makes_of_it() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/page.csv", Reply::new(PAGE));
    origin.route("/courts.csv", Reply::new(CSV));
    let urls = format!("url={} {}", origin.url("/page.csv"), origin.url("/courts.csv"));
    for how in ["mirror", "fetch", "land", "stream"] {
        let how = format!("how={how}");
        let arguments =
            ["-v", "--allow-http", &origin.grant(), "--param", "do=each", "--param", &how, "--param", &urls];
        let ran = environment.run("probe", &arguments).exits(1).says("it is an HTML page, and no csv");
        assert!(ran.json()["error"].as_str().expect("an error").ends_with("it is an HTML page, and no csv"), "{ran:?}");
    }
    assert_eq!(environment.query("SELECT times FROM quarantined"), ["4"]);
    assert_eq!(environment.paths().len(), 1);
    sound(&environment);
}

#[test]
fn other_failures_are_told_beside_it() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/page.csv", Reply::new(PAGE));
    origin.route("/empty.csv", Reply::new(""));
    origin.route("/gone.csv", Reply::status(404));
    let run = |guest: &str, paths: &[&str], more: &[&str]| {
        let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
        let urls = format!("url={}", urls.join(" "));
        let arguments = ["--allow-http", &origin.grant(), "--param", &urls];
        environment.run(guest, &[&arguments[..], more].concat()).exits(1)
    };
    let page = "the content is not as expected: it is an HTML page, and no csv";
    let ran =
        run("mirror", &["/page.csv", "/gone.csv"], &[]).says(page).says("status 404").says("host quarantine show");
    ran.says("2 of 2 failed");
    let ran = run("mirror", &["/page.csv", "/empty.csv"], &[]).says(page).says("it is empty");
    ran.says("`host quarantine list` shows both");
    // One that makes light of it fails as well.
    let probe = ["--param", "do=each", "--param", "how=mirror", "--param", "count=1"];
    run("probe", &["/page.csv"], &probe).says(&format!("/page.csv: {page}\n"));
    run("probe", &["/page.csv", "/empty.csv"], &probe).says("is not as expected, and 1 more is not: it is");
}

#[test]
fn what_is_made_of_a_response_is_made_again_where_a_part_was_refused() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cities.txt", Reply::new("Malaga\nX\n").etag("\"one\""));
    let url = format!("url={}", origin.url("/cities.txt"));
    let run = |config: &str| {
        environment.write("host.toml", config);
        let how = [
            "-v",
            "--allow-http",
            &origin.grant(),
            "--param",
            "do=derive",
            "--param",
            "how=regardless",
            "--param",
            &url,
        ];
        environment.run("probe", &how)
    };
    for _ in 0..2 {
        run("[extractor.probe.expect]\nmin-size = 3").exits(1).says("at least 3 are expected");
    }
    assert_eq!(origin.asked()[1].header("if-none-match"), None);
    run("").exits(0);
    run("").exits(0).says("nothing to make");
}

#[test]
fn accepted_content_lands_as_any_other_and_is_unchanged_from_then_on() {
    let replies = [(Reply::new(PAGE).etag("\"t1\""), "/t1.csv.gz"), (Reply::new(PAGE), "_8f7c1f6a.csv.gz")];
    for (environment, (reply, name)) in
        replies.iter().flat_map(|one| rich_and_lean().into_iter().map(move |it| (it, one)))
    {
        let origin = Origin::start();
        origin.route("/courts.csv", reply.clone());
        run(&environment, &origin, "", &[]).exits(1);
        let path = only(&environment);
        let shown = environment.host(["quarantine", "show", &path]).exits(0).stdout;
        for line in [
            "  it is an HTML page, and no csv\n",
            "  met once, last by run 1 of mirror at ",
            "    | <title>503</title>\n",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
        let quarantined = environment.landing().join(&path);
        let stored = std::fs::read(&quarantined).expect("a file");
        let digits = &listed(&environment)[0]["sha256"].as_str().expect("a digest")[..8].to_owned();
        let accepted = environment.host(["quarantine", "accept", digits]).exits(0).stdout;
        let landed = environment.stored();
        let (at, content) = landed.first_key_value().expect("a file");
        assert_eq!(accepted, format!("{path} has landed as {at}\n"));
        assert!(at.ends_with(name) || at.contains(&format!("_{digits}.csv.gz")), "{at}");
        assert_eq!((landed.len(), content), (1, &stored));
        assert!(!quarantined.exists());
        assert_eq!(environment.host(["quarantine", "list"]).exits(0).stdout, "nothing is in quarantine\n");
        let query = "SELECT url || ' ' || run_id FROM landed_files";
        assert_eq!(environment.query(query), [format!("{} 1", origin.url("/courts.csv"))]);
        sound(&environment);
        // It counts as what it is: unchanged, and from then on by its validators.
        let ran = run(&environment, &origin, "", &[]).exits(0).json();
        assert_eq!((&ran["files_written"], &ran["files_skipped"]), (&0.into(), &1.into()));
        run(&environment, &origin, "", &[]).exits(0);
        assert_eq!(environment.stored(), landed);
        assert_eq!(environment.query("SELECT path FROM current_files"), [at.as_str()]);
    }
}

#[test]
fn what_landed_meanwhile_is_accepted_as_that_file() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(PAGE).etag("\"one\""));
    run(&environment, &origin, "", &[]).exits(1);
    let path = only(&environment);
    run(&environment, &origin, "[extractor.mirror.expect]\nhtml = true", &[]).exits(0);
    let landed = environment.stored();
    // The run that let it land decided nothing about what was kept before.
    assert_eq!(only(&environment), path);
    sound(&environment);
    environment.host(["quarantine", "accept", &path]).exits(0);
    assert_eq!(environment.everything(), landed.keys().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(environment.stored(), landed);
    sound(&environment);
}

#[test]
fn dropped_content_is_gone_and_comes_back_if_it_is_sent_again() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(PAGE));
    run(&environment, &origin, "", &[]).exits(1);
    let path = only(&environment);
    let json = environment.host(["quarantine", "drop", &path, "--json"]).exits(0).json();
    assert_eq!(json, serde_json::json!({ "path": path, "dropped": true }));
    assert_eq!(environment.everything(), [""; 0]);
    assert_eq!(listed(&environment), serde_json::json!([]));
    sound(&environment);
    environment.host(["quarantine", "drop", &path]).exits(2).says("nothing in quarantine is named").says("list");
    run(&environment, &origin, "", &[]).exits(1);
    assert_eq!(only(&environment), path);
}

#[test]
fn the_newest_content_may_have_a_greatest_age() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
    let config = "[extractor.mirror.expect]\nmax-age = \"3d\"";
    for _ in 0..2 {
        run(&environment, &origin, config, &[]).exits(0);
    }
    environment
        .state()
        .execute("UPDATE extraction_runs SET started_at = '2020-01-02T00:00:00Z' WHERE run_id = 1", [])
        .expect("a row");
    let says = "mirror: nothing new has landed for more than 3d; the newest content is of run 1";
    run(&environment, &origin, config, &[]).exits(1).says(says).says("`max-age` under [extractor.mirror.expect]");
    run(&environment, &origin, "", &[]).exits(0);
    // Runs are forgotten, and the content is no newer for that.
    environment.host(["prune", "--runs-older-than", "90d"]).exits(0);
    environment
        .state()
        .execute("UPDATE extraction_runs SET started_at = '2020-02-02T00:00:00Z' WHERE run_id < 5", [])
        .expect("rows");
    run(&environment, &origin, config, &[]).exits(1).says(says);
    origin.route("/courts.csv", Reply::new("id\n").etag("\"two\""));
    run(&environment, &origin, config, &[]).exits(0);
    run(&environment, &origin, config, &[]).exits(0);
}

#[test]
fn a_dry_run_says_it_and_keeps_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(PAGE));
    let ran = run(&environment, &origin, "", &["--dry-run"]).exits(1).says("it is an HTML page, and no csv");
    assert!(!ran.stderr.contains("hint"), "{ran:?}");
    assert!(!environment.landing().exists());
}

#[test]
fn what_a_secret_holder_says_is_recorded_without_the_secret() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("hunter2hunter2\n").header("Content-Type", "text/hunter2hunter2"));
    let grant = format!(
        "[extractor.mirror]\nhttp = [\"{0}\"]\n[extractor.mirror.secret.token]\nfrom = {{ env = \"TOKEN\" }}\nas = \"bearer\"\n\
         origins = [\"{0}\"]\n[extractor.mirror.expect]\n",
        origin.grant()
    );
    for expected in ["content-type = \"text/csv\"", "first-line = \"id\""] {
        environment.write("host.toml", format!("{grant}{expected}"));
        let mut command =
            environment.run_command("mirror", &with(&mirror(&origin, "/courts.csv"), &["--param", "secret=token"]));
        let ran = Ran::new(command.env("TOKEN", "hunter2hunter2").output().expect("the program")).exits(1);
        assert!(ran.stderr.contains("[secret token]"), "{ran:?}");
        let told = format!("{}{}{}", ran.stdout, ran.stderr, listed(&environment));
        assert!(!told.contains("hunter2"), "{told}");
    }
}
