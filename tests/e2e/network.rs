//! Which requests are sent, and which are not. A test of a refusal also shows that nothing was asked.

use std::time::Duration;

use harness::{Gate, Origin, Part, Ran, Reply, gzip};
use rustix::process::{Pid, Signal, kill_process};

use crate::{environment, mirror, with};

const CSV: &str = "city,courts\nMalaga,41\n";

#[test]
fn what_is_not_granted_is_not_asked() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let url = format!("url={}", origin.url("/courts.csv"));
    for act in ["mirror", "fetch", "land", "stream"] {
        let act = format!("do={act}");
        let ran = environment.run("probe", &["--param", &act, "--param", &url]).exits(77);
        let ran = ran.says(&format!("{} is not granted", origin.grant()));
        ran.says(&format!("probe.wasm --http {0}`; for one run, add `--allow-http {0}`", origin.grant()));
    }
    assert_eq!(origin.asked(), []);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn grants_come_from_the_configuration_too() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    environment.write("host.toml", format!("[extractor.mirror]\nhttp = [\"{}\"]\n", origin.grant()));
    let url = format!("url={}", origin.url("/courts.csv"));
    environment.run("mirror", &["--param", &url]).exits(0);
    // They are this extractor's and nobody else's.
    environment.run("mirror", &["--name", "other", "--param", &url]).exits(77);
    assert_eq!(origin.asked().len(), 1);
}

#[test]
fn an_ungranted_source_is_refused_and_named() {
    let environment = environment();
    let arguments = ["--param", "do=source", "--param", "name=other"];
    environment.run("probe", &arguments).exits(77).says("--allow-source other");
    assert_eq!(environment.everything(), [""; 0]);
    let granted = [&arguments[..], &["--allow-source", "other"]].concat();
    environment.run("probe", &granted).exits(0);
    assert!(environment.paths()[0].starts_with("other/"));
}

#[test]
fn redirects_are_followed_within_the_grants() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
    origin.route("/old", Reply::redirect(301, "/older"));
    origin.route("/older", Reply::redirect(307, origin.url("/courts.csv")));
    let arguments = mirror(&origin, "/old");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert!(environment.paths()[0].ends_with("/one.csv.gz"));
    // What was landed is remembered for the URL that was asked for.
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_skipped"], 1);
    let asked = origin.asked();
    assert_eq!(asked.iter().filter(|asked| asked.target == "/courts.csv").count(), 2);
    assert_eq!(asked[5].header("if-none-match"), Some("\"one\""));
}

#[test]
fn a_redirect_to_an_ungranted_origin_is_not_followed() {
    let (environment, origin, other) = (environment(), Origin::start(), Origin::start());
    other.route("/courts.csv", Reply::new(CSV));
    origin.route("/courts.csv", Reply::redirect(302, other.url("/courts.csv")));
    let arguments = mirror(&origin, "/courts.csv");
    let ran = environment.run("mirror", &with(&arguments, &[])).exits(77);
    ran.says(&format!("{} is not granted (redirect 1 from {}", other.grant(), origin.grant()));
    assert_eq!(other.asked(), []);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn redirects_that_lead_nowhere_end() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/loop", Reply::redirect(302, "/loop"));
    let arguments = mirror(&origin, "/loop");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("more than 5 redirects");
    assert_eq!(origin.asked().len(), 6);
    origin.route("/file", Reply::redirect(302, "file:///etc/passwd"));
    let arguments = mirror(&origin, "/file");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("not http or https");
}

#[test]
fn an_extractors_fields_stay_with_their_origin() {
    let (environment, origin, other) = (environment(), Origin::start(), Origin::start());
    origin.route("/post", Reply::redirect(307, other.url("/post")));
    other.route("/post", Reply::new("thanks"));
    let url = format!("url={}", origin.url("/post"));
    let arguments = ["--allow-http", &origin.grant(), "--allow-http", &other.grant(), "--param", "do=post"];
    environment.run("probe", &[&arguments[..], &["--param", &url, "--param", "content=body"]].concat()).exits(0);
    let (first, second) = (&origin.asked()[0], &other.asked()[0]);
    assert_eq!((first.method.as_str(), first.header("x-probe"), &first.body[..]), ("POST", Some("post"), &b"body"[..]));
    assert_eq!((second.method.as_str(), second.header("x-probe"), &second.body[..]), ("POST", None, &b"body"[..]));
}

#[test]
fn failures_that_pass_are_retried() {
    let (environment, origin) = (environment(), Origin::start());
    let busy = |status| Reply::status(status).header("Retry-After", "0");
    origin.script("/courts.csv", [busy(503), busy(429), Reply::new(CSV)]);
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(origin.asked().len(), 3);
}

#[test]
fn a_body_that_does_not_come_whole_is_asked_for_again() {
    let hold = Gate::default();
    let stalls = || {
        let half = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\ncity", CSV.len());
        Reply::parts(vec![Part::Bytes(half.into()), Part::Hold(hold.clone())])
    };
    let whole = gzip(CSV.as_bytes());
    let cut = Reply::new(&whole[..whole.len() - 3]).gzip_encoded();
    let slow = Reply::new(CSV).dripping(Duration::from_millis(30));
    for (what, first) in
        [("a stall", stalls()), ("a drip", slow), ("cut gzip", cut), ("a break", Reply::new(CSV).cut_after(5))]
    {
        let (environment, origin) = (environment(), Origin::start());
        origin.script("/courts.csv", [first, Reply::new(CSV)]);
        let arguments = mirror(&origin, "/courts.csv");
        let limits = ["--idle-timeout", "300ms", "--min-speed", "1MB", "-v"];
        environment.run("mirror", &with(&arguments, &limits)).exits(0);
        assert_eq!((origin.asked().len(), environment.landed().len()), (2, 1), "{what}");
    }
    hold.open();
    // What is wrong for good is not, and nor is what was sent with a body of its own.
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new([&whole[..], b"junk"].concat()).gzip_encoded());
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("followed by something else");
    assert_eq!(origin.asked().len(), 1);
}

#[test]
fn requests_and_bodies_share_one_budget_of_retries() {
    let (environment, origin) = (environment(), Origin::start());
    let busy = || Reply::status(503).header("Retry-After", "0");
    let cut = || Reply::new(CSV).cut_after(5);
    // Each body takes two requests, so that two budgets would multiply.
    origin.script("/courts.csv", [busy(), cut(), busy(), cut(), busy(), cut(), busy(), cut(), busy(), Reply::new(CSV)]);
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &["--retries", "3"])).exits(1).says("did not arrive whole");
    assert_eq!(origin.asked().len(), 4);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn an_origin_that_asks_for_patience_does_not_hold_up_another() {
    let (busy, other) = (Origin::start(), Origin::start());
    for (what, reply, more) in [
        ("Retry-After", Reply::status(503).header("Retry-After", "300"), &[][..]),
        ("a rate", Reply::new(CSV), &["--max-rate", "1/h"]),
    ] {
        let environment = environment();
        let (reached, hold) = (Gate::default(), Gate::default());
        other.route("/courts.csv", Reply::new(CSV).gated(&reached, &hold));
        // More than land at once.
        let mut urls: Vec<String> = (0..70).map(|number| busy.url(&format!("/{number}"))).collect();
        (0..70).for_each(|number| busy.route(&format!("/{number}"), reply.clone()));
        urls.push(other.url("/courts.csv"));
        let url = format!("url={}", urls.join(" "));
        let (busy, other) = (busy.grant(), other.grant());
        let how = ["--param", "do=each", "--param", "how=mirror", "--param", "count=100", "--param", &url];
        let grants = ["--allow-http", &busy, "--allow-http", &other];
        let running = environment.spawn("probe", &[&grants, &how[..], more].concat());
        let asked = reached.wait();
        hold.open();
        let process = i32::try_from(running.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(process, Signal::TERM).expect("a signal");
        Ran::new(running.wait_with_output().expect("the program")).exits(143);
        assert!(asked, "{what} held up another origin");
    }
}

#[test]
fn failures_that_stay_are_reported() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/busy", Reply::status(503).header("Retry-After", "0"));
    let arguments = mirror(&origin, "/busy");
    environment.run("mirror", &with(&arguments, &["--retries", "2"])).exits(1).says("503");
    assert_eq!(origin.asked().len(), 3);
    origin.forget();
    // A wait that is longer than any budget is not made.
    origin.route("/later", Reply::status(503).header("Retry-After", "86400"));
    let arguments = mirror(&origin, "/later");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("503");
    assert_eq!(origin.asked().len(), 1);
    origin.forget();
    // What a POST did the first time is unknown, so there is no second.
    origin.route("/post", Reply::status(503).header("Retry-After", "0"));
    let arguments = mirror(&origin, "/post");
    environment.run("probe", &with(&arguments, &["--param", "do=post"])).exits(0);
    assert_eq!(origin.asked().len(), 1);
}

#[test]
fn an_error_says_which_page_it_was_and_shows_no_signature() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/items", Reply::raw("").reset());
    origin.route("/moved", Reply::redirect(302, "/signed?signature=abc"));
    origin.route("/signed", Reply::raw("").reset());
    origin.route("/again", Reply::redirect(302, "/refused?signature=abc"));
    origin.route("/refused", Reply::redirect(302, "http://other.invalid/"));
    let long = format!("/items?page=3&long={}&more=1", "x".repeat(600));
    for (path, code, says) in [
        ("/items?page=3&size=10", 1, "/items?page=3&size=10 broke off"),
        (&long, 1, "/items?page=3&… broke off"),
        ("/moved?page=3", 1, "/signed broke off"),
        ("/again?page=3", 77, "http://other.invalid is not granted (redirect 2 from "),
    ] {
        let arguments = mirror(&origin, path);
        let ran = environment.run("probe", &with(&arguments, &["--param", "do=fetch", "--retries", "0"])).exits(code);
        let report = ran.json()["error"].as_str().map(str::to_owned).unwrap_or_default();
        assert!(report.contains(says) && !report.contains("signature"), "{report}");
        assert!(!ran.says(says).stderr.contains("signature"));
    }
}

#[test]
fn one_url_that_fails_does_not_keep_the_others_from_landing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a", Reply::new("a\n"));
    origin.route("/c", Reply::new("c\n"));
    let url = format!("url={} {} {}", origin.url("/a"), origin.url("/b"), origin.url("/c"));
    let ran = environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url]).exits(1);
    let ran = ran.says("1 of 3 failed").says("status 404").json();
    assert_eq!((&ran["status"], &ran["files_written"]), (&"failed".into(), &2.into()));
    assert_eq!(environment.paths().len(), 2);
}

#[test]
fn the_program_says_who_asks() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let asked = origin.asked();
    assert!(
        asked[0].header("user-agent").is_some_and(|agent| agent.starts_with("host/") && agent.ends_with("(mirror)"))
    );
}

#[test]
fn a_304_about_something_else_is_not_believed() {
    let (environment, origin) = (environment(), Origin::start());
    let arguments = mirror(&origin, "/courts.csv");
    let other = Reply::raw("HTTP/1.1 304 Same\r\nETag: \"two\"\r\n\r\n");
    origin.script("/courts.csv", [Reply::new(CSV).etag("\"one\""), other, Reply::new("new\n").etag("\"two\"")]);
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_written"], 1);
    assert_eq!(environment.landed().len(), 2);
    // The same tag, weakly, is the same.
    let weak = Reply::raw("HTTP/1.1 304 Same\r\nETag: W/\"two\"\r\n\r\n");
    origin.script("/courts.csv", [weak, Reply::status(500)]);
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_skipped"], 1);
}
