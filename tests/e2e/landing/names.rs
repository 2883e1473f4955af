//! Names that are taken, that are shared, and that lead elsewhere.

use std::fs;

use harness::{Origin, Reply, gzip};

use super::{CSV, hex};
use crate::{environment, mirror, with};

#[test]
fn one_tag_on_a_thousand_urls_with_different_content_is_a_thousand_files() {
    let (environment, origin) = (environment(), Origin::start());
    let mut urls = String::new();
    for number in 0..1000 {
        origin.route(&format!("/{number}"), Reply::new(format!("number\n{number}\n")).etag("\"same\""));
        urls.push_str(&origin.url(&format!("/{number}")));
        urls.push(' ');
    }
    let url = format!("url={urls}");
    let arguments = ["--allow-http", &origin.grant(), "--param", &url];
    assert_eq!(environment.run("mirror", &arguments).exits(0).json()["files_written"], 1000);
    let landed = environment.landed();
    assert_eq!(landed.len(), 1000);
    for number in 0..1000 {
        let content = format!("number\n{number}\n").into_bytes();
        assert!(landed.values().any(|landed| *landed == content), "{number} is missing");
    }
    let second = environment.run("mirror", &arguments).exits(0).json();
    assert_eq!((&second["files_written"], &second["files_skipped"]), (&0.into(), &1000.into()));
    assert_eq!(environment.landed(), landed);
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    for (taken_by, what) in [(gzip(b"other\n"), "other content"), (b"no gzip".to_vec(), "something unreadable")] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
        let arguments = mirror(&origin, "/courts.csv");
        // Learn the name, then start over with something else in its place.
        environment.run("mirror", &with(&arguments, &[])).exits(0);
        let name = environment.paths()[0].clone();
        fs::remove_dir_all(environment.landing()).expect("a directory");
        environment.write(&format!("landing/{name}"), &taken_by);

        let ran = environment.run("mirror", &with(&arguments, &[])).exits(0).says("holds other content");
        let beside = name.replace("one.csv", &format!("one~{}.csv", &hex(CSV)[..16]));
        assert_eq!(ran.json()["files"][0]["path"], beside, "{what}");
        assert_eq!(fs::read(environment.landing().join(&name)).expect("a file"), taken_by, "{what}");
        assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_skipped"], 1, "{what}");
    }
}

#[test]
fn eight_digits_that_are_taken_become_sixteen() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let digest = hex(CSV);
    environment.write(&format!("landing/probe/2025/2025-03-09_{}.csv.gz", &digest[..8]), gzip(b"other\n"));
    let arguments = mirror(&origin, "/courts.csv");
    let arguments = with(&arguments, &["--param", "do=mirror", "--param", "date=2025-03-09"]);
    let ran = environment.run("probe", &arguments).exits(0).json();
    assert_eq!(ran["files"][0]["path"], format!("probe/2025/2025-03-09_{}.csv.gz", &digest[..16]));
    assert_eq!(environment.landed().len(), 2);
}

#[test]
fn names_that_leave_their_place_are_refused() {
    let environment = environment();
    for name in ["../x", "/x", "a/b", "..", "CON", "x\u{1b}[2J", "", "UPPER"] {
        let name = format!("name={name}");
        let ran = environment.run("probe", &["--param", "do=source", "--param", &name]);
        ran.exits(1).says("not a valid name");
    }
    for extension in ["../x", "csv/../../x", "", ".csv", "csv.gz", "CSV"] {
        let extension = format!("extension={extension}");
        let ran = environment.run("probe", &["--param", "do=slot", "--param", &extension]);
        ran.exits(1).says("not a valid extension");
    }
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn names_that_are_taken_are_told_in_one_line() {
    let (environment, origin) = (environment(), Origin::start());
    let mut urls = String::new();
    for number in 0..200 {
        origin.route(&format!("/{number}"), Reply::new(format!("{number}\n")).etag("\"same\""));
        urls += &origin.url(&format!("/{number} "));
    }
    let ran = environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &format!("url={urls}")]).exits(0);
    let warnings: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("warning: 199 names in mirror hold other content, such as mirror/"),
        "{warnings:?}"
    );
}
