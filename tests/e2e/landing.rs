//! What lands, under which name, and what counts as unchanged.

mod names;

use std::fs;

use harness::{Origin, Reply, gzip};
use sha2::{Digest as _, Sha256};

use crate::{environment, kernels, mirror, with};

const CSV: &str = "city,courts\nMalaga,41\n";

fn hex(content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The part of a hash name after the date.
fn after_date(path: &str) -> &str {
    path.split_once('_').expect("a hash name").1
}

#[test]
fn without_validators_the_second_run_downloads_and_writes_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    let first = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    let landed = environment.landed();
    let (path, content) = landed.first_key_value().expect("a file");
    assert_eq!(content, CSV.as_bytes());
    assert_eq!(after_date(path), format!("{}.csv.gz", &hex(CSV)[..8]));

    let file = &first["files"][0];
    assert_eq!(first["status"], "success");
    assert_eq!((&first["files_written"], &first["files_skipped"]), (&1.into(), &0.into()));
    assert_eq!(file["path"], path.as_str());
    assert_eq!(file["sha256"], hex(CSV));
    assert_eq!(file["size"], CSV.len());
    assert_eq!(file["outcome"], "written");
    assert_eq!(file["url"], origin.url("/courts.csv"));
    assert_eq!(file["stored_size"], first["bytes_written"]);

    let second = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!((&second["files_written"], &second["files_skipped"]), (&0.into(), &1.into()));
    assert_eq!(second["files"][0]["path"], path.as_str());
    assert_eq!(environment.landed(), landed);
    assert_eq!(origin.asked().len(), 2);
}

#[test]
fn with_an_etag_the_file_is_named_by_it_and_unchanged_content_is_not_downloaded() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("W/\"66f0a1b2-4e20\""));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let paths = environment.paths();
    assert!(paths[0].starts_with("mirror/20") && paths[0].ends_with("/66f0a1b2-4e20.csv.gz"), "{paths:?}");
    assert_eq!(paths[0].matches('/').count(), 3, "{paths:?}");

    let second = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(second["files_skipped"], 1);
    assert_eq!(second["files"][0]["sha256"], hex(CSV));
    assert_eq!(environment.paths(), paths);
    let asked = origin.asked();
    assert_eq!(asked[0].header("if-none-match"), None);
    assert_eq!(asked[1].header("if-none-match"), Some("W/\"66f0a1b2-4e20\""));
}

#[test]
fn a_last_modified_date_alone_is_sent_back() {
    let (environment, origin) = (environment(), Origin::start());
    let date = "Sat, 14 Jun 2025 21:00:00 GMT";
    origin.route("/courts.csv", Reply::new(CSV).last_modified(date));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let second = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(second["files_skipped"], 1);
    assert_eq!(origin.asked()[1].header("if-modified-since"), Some(date));
    assert_eq!(after_date(&environment.paths()[0]), format!("{}.csv.gz", &hex(CSV)[..8]));
}

#[test]
fn content_landed_under_any_date_is_unchanged() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    let on = |date: &str| {
        let date = format!("date={date}");
        environment.run("probe", &with(&arguments, &["--param", "do=mirror", "--param", &date])).exits(0).json()
    };
    assert_eq!(on("2024-12-31")["files_written"], 1);
    assert_eq!(on("2025-01-01")["files_skipped"], 1);
    assert_eq!(environment.paths(), [format!("probe/2024/2024-12-31_{}.csv.gz", &hex(CSV)[..8])]);
}

#[test]
fn a_new_tag_on_the_same_content_writes_nothing_and_is_remembered() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [Reply::new(CSV).etag("\"one\""), Reply::new(CSV).etag("\"two\"")]);
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let second = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(second["files_skipped"], 1);
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(origin.asked()[2].header("if-none-match"), Some("\"two\""));
    assert_eq!(environment.paths().len(), 1);
}

#[test]
fn the_same_content_twice_at_once_is_one_file() {
    let (environment, origin) = (environment(), Origin::start());
    let urls: Vec<String> = (0..20).map(|number| origin.url(&format!("/{number}"))).collect();
    for number in 0..20 {
        origin.route(&format!("/{number}"), Reply::new(CSV).etag(&format!("\"tag-{number}\"")));
    }
    let url = format!("url={}", urls.join(" "));
    let ran = environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url]).exits(0).json();
    assert_eq!((&ran["files_written"], &ran["files_skipped"]), (&1.into(), &19.into()));
    assert_eq!(environment.paths().len(), 1);
}

#[test]
fn one_url_twice_at_once_is_one_file() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("probe", &with(&arguments, &["--param", "do=twice"])).exits(0);
    assert_eq!(environment.paths().len(), 1);
}

#[test]
fn a_file_that_is_gone_is_fetched_again_without_conditions() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let landed = environment.landed();
    fs::remove_file(environment.landing().join(landed.keys().next().expect("a file"))).expect("a file");
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_written"], 1);
    assert_eq!(environment.landed(), landed);
    assert_eq!(origin.asked()[1].header("if-none-match"), None);
}

#[test]
fn a_gzip_file_is_stored_as_it_came_and_known_by_its_content() {
    let (environment, origin) = (environment(), Origin::start());
    let file = gzip(CSV.as_bytes());
    origin.route("/courts.csv.gz", Reply::new(file.clone()));
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv.gz");
    let ran = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(ran["files"][0]["sha256"], hex(CSV));
    let path = environment.landing().join(ran["files"][0]["path"].as_str().expect("a path"));
    assert_eq!(fs::read(path).expect("a file"), file);
    // The same content, plain: it is there already.
    let plain = mirror(&origin, "/courts.csv");
    assert_eq!(environment.run("mirror", &with(&plain, &[])).exits(0).json()["files_skipped"], 1);
}

#[test]
fn a_content_encoding_is_transport() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).gzipped().etag("\"one\""));
    let arguments = mirror(&origin, "/courts.csv");
    let ran = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(ran["files"][0]["sha256"], hex(CSV));
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
    assert_eq!(origin.asked()[0].header("accept-encoding"), Some("gzip"));
}

#[test]
fn stored_files_have_the_plain_header_that_every_reader_takes() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let stored = fs::read(environment.landing().join(&environment.paths()[0])).expect("a file");
    // Deflate, no flags, modification time 0.
    assert_eq!(stored[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
}

#[test]
fn every_way_of_landing_gives_the_same_content() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).chunked());
    let arguments = mirror(&origin, "/courts.csv");
    for (way, written) in [("fetch", 1), ("stream", 0), ("land", 0), ("mirror", 0)] {
        let act = format!("do={way}");
        let ran = environment.run("probe", &with(&arguments, &["--param", &act])).exits(0).json();
        assert_eq!(ran["files_written"], written, "{way}");
        assert_eq!(ran["files"][0]["sha256"], hex(CSV), "{way}");
    }
}

#[test]
fn content_that_the_extractor_makes_streams_through() {
    let environment = environment();
    let arguments = ["--param", "do=made", "--param", "size=3000000"];
    let ran = environment.run("probe", &arguments).exits(0).json();
    assert_eq!(ran["files"][0]["size"], 3_000_000);
    assert_eq!(ran["files"][0]["url"], serde_json::Value::Null);
    assert_eq!(environment.landed().into_values().map(|content| content.len()).collect::<Vec<_>>(), [3_000_000]);
}

#[test]
fn content_that_the_extractor_rewrites_as_it_comes_lands_whole_or_not_at_all() {
    let (environment, origin) = (environment(), Origin::start());
    // No line break at the end, and more than one chunk.
    let lines = "1,court,2,city,padel,open\n".repeat(20_000) + "3,last";
    let act = ["--param", "do=rewrite"];
    origin.route("/courts.csv", Reply::new(lines.clone()).cut_after(300_000));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("probe", &with(&arguments, &act)).exits(1);
    assert_eq!(environment.everything(), [""; 0]);
    origin.route("/courts.csv", Reply::new(lines).chunked());
    environment.run("probe", &with(&arguments, &act)).exits(0);
    let expected = "1,COURT,2,city,open\n".repeat(20_000) + "3,LAST\n";
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [expected.into_bytes()]);
}

#[test]
fn large_content_goes_through_a_file_of_its_own_and_leaves_nothing_else() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/large.csv", Reply::lines(100_000).etag("\"large\""));
    let arguments = mirror(&origin, "/large.csv");
    let ran = environment.run("mirror", &with(&arguments, &[])).exits(0).json();
    assert_eq!(ran["files"][0]["size"], 6_400_000);
    assert_eq!(environment.everything().len(), 1);
    // Another URL with the same bytes: read, compared, not written.
    origin.route("/again.csv", Reply::lines(100_000).chunked());
    let again = mirror(&origin, "/again.csv");
    assert_eq!(environment.run("mirror", &with(&again, &[])).exits(0).json()["files_skipped"], 1);
    assert_eq!(environment.everything().len(), 1);
}

#[test]
fn symbolic_links_in_the_landing_directory_lead_nowhere() {
    for environment in kernels() {
        let origin = Origin::start();
        origin.route("/courts.csv", Reply::new(CSV));
        let outside = environment.path().join("outside");
        fs::create_dir_all(&outside).expect("a directory");
        fs::create_dir_all(environment.landing()).expect("a directory");
        std::os::unix::fs::symlink(&outside, environment.landing().join("mirror")).expect("a link");
        let arguments = mirror(&origin, "/courts.csv");
        environment.run("mirror", &with(&arguments, &[])).exits(1).says("cannot open the directory mirror");
        assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0);
    }
}

#[test]
fn a_redirect_that_leads_elsewhere_is_another_content_whatever_its_tag() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/latest", [Reply::redirect(302, "/monday"), Reply::redirect(302, "/tuesday")]);
    origin.route("/monday", Reply::new("monday\n").etag("\"same\""));
    origin.route("/tuesday", Reply::new("tuesday\n").etag("\"same\""));
    let arguments = mirror(&origin, "/latest");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_written"], 1);
    assert!(environment.landed().values().any(|content| content == b"tuesday\n"));
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_skipped"], 1);
}

#[test]
fn a_date_of_the_same_second_is_no_validator() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script(
        "/courts.csv",
        ["one\n", "two\n"].map(|content| Reply::new(content).last_modified(harness::reply::DATE)),
    );
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_written"], 1);
    assert_eq!(origin.asked()[1].header("if-modified-since"), None);
}

#[test]
fn many_streams_at_once_do_not_wait_for_each_other() {
    let environment = environment();
    let ran = environment.run("probe", &["--param", "do=many", "--param", "count=60"]).exits(0).json();
    assert_eq!(ran["files_written"], 60);
}

#[test]
fn a_landing_that_the_extractor_cancels_is_whole_or_not_there() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/large.csv", Reply::lines(100_000));
    let arguments = mirror(&origin, "/large.csv");
    let ran = environment.run("probe", &with(&arguments, &["--param", "do=cancel"])).exits(0).json();
    assert_eq!(ran["files_written"], environment.landed().len());
}

#[test]
fn a_gzip_file_that_is_padded_with_zeros_lands_without_them() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv.gz", Reply::new([gzip(CSV.as_bytes()), vec![0; 500]].concat()));
    let arguments = mirror(&origin, "/courts.csv.gz");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
    // One member and nothing behind it, for readers that take no more.
    let stored = environment.stored().into_values().next().expect("a file");
    let mut decoder = flate2::bufread::GzDecoder::new(&stored[..]);
    std::io::copy(&mut decoder, &mut std::io::sink()).expect("gzip");
    assert_eq!(decoder.into_inner(), [0; 0]);
}

#[test]
fn a_directory_that_is_swapped_in_the_middle_of_a_run_is_told_as_that() {
    for environment in kernels() {
        let origin = Origin::start();
        let (reached, hold) = (harness::Gate::default(), harness::Gate::default());
        origin.route("/first.csv", Reply::new("first\n").etag("\"first\""));
        origin.route("/last.csv", Reply::new("last\n").etag("\"last\"").gated(&reached, &hold));
        let url = format!("url={} {}", origin.url("/first.csv"), origin.url("/last.csv"));
        let arguments = ["--allow-http", &origin.grant(), "--param", &url, "--param", "concurrency=1"];
        let running = environment.spawn("mirror", &arguments);
        assert!(reached.wait());
        let month = environment.landing().join(&environment.paths()[0]).parent().expect("a directory").to_owned();
        fs::rename(&month, month.with_extension("away")).expect("a directory");
        fs::create_dir(&month).expect("a directory");
        hold.open();
        let ran = harness::Ran::new(running.wait_with_output().expect("the program")).exits(1);
        ran.says("somebody put another directory in its place while the run was going on");
        assert_eq!(fs::read_dir(&month).expect("a directory").count(), 0, "nothing is written to the other one");
    }
}

#[test]
fn directories_do_not_stay_open_in_any_number() {
    for environment in kernels() {
        let host = environment.run_command("probe", &["--param", "do=years", "--param", "count=300"]);
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", "ulimit -n 128 && exec \"$0\" \"$@\""]);
        let ran = harness::under(bash, &host).output().expect("bash");
        assert_eq!(harness::Ran::new(ran).exits(0).json()["files_written"], 300);
    }
}
