//! Answers from a recording in the place of the network.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Environment, Origin, Ran, Reply, gzip, skip, under};
use serde_json::{Value, json};

use crate::{environment, mirror, with};

const CONTENT: &str = "city,price\nMadrid,18\n";

/// All files below a directory of the working directory, byte for byte, the host's own left out.
pub(crate) fn tree(environment: &Environment, name: &str) -> Vec<(String, Vec<u8>)> {
    fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(root).expect("below the root").display().to_string();
            match path.is_dir() {
                _ if relative.starts_with('.') => {}
                true => collect(root, &path, found),
                false => found.push((relative, std::fs::read(&path).expect("a file"))),
            }
        }
    }
    let root = environment.path().join(name);
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort();
    found
}

/// `host run` of mirror against a server, recorded.
pub(crate) fn record(environment: &Environment, origin: &Origin, paths: &[&str], more: &[&str]) -> Ran {
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let url = format!("url={}", urls.join(" "));
    let base = ["--allow-http", &origin.grant(), "--param", &url, "--record", "run.har"];
    environment.run("mirror", &[&base[..], more].concat())
}

/// The same again from the recording, into a directory of that name.
fn replay_command(environment: &Environment, grant: &str, urls: &str, landing: &str, more: &[&str]) -> Command {
    let landing = environment.path().join(landing).display().to_string();
    let url = format!("url={urls}");
    let base = ["--allow-http", grant, "--param", &url, "--replay", "run.har", "--landing", &landing];
    environment.run_command("mirror", &[&base[..], more].concat())
}

fn replay(environment: &Environment, grant: &str, urls: &str, landing: &str, more: &[&str]) -> Ran {
    Ran::new(replay_command(environment, grant, urls, landing, more).output().expect("the program"))
}

fn har(environment: &Environment) -> Value {
    serde_json::from_slice(&fs::read(environment.path().join("run.har")).expect("a HAR")).expect("JSON")
}

#[test]
fn a_recording_gives_the_same_bytes_without_a_socket() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::redirect(302, "/b.csv"));
    origin.route("/b.csv", Reply::new(CONTENT).etag("\"one\""));
    origin.route("/packed.csv", Reply::new("packed\n").gzipped());
    origin.route("/binary.csv", Reply::new(b"\xff\x00\xfe".to_vec()).chunked());
    origin.script("/busy.csv", [Reply::status(503).header("Retry-After", "1"), Reply::new("late\n")]);
    let paths = ["/a.csv", "/packed.csv", "/binary.csv", "/busy.csv"];
    record(&environment, &origin, &paths, &[]).exits(0);
    let kept = har(&environment);
    assert_eq!(kept["log"]["version"], "1.2");
    let entries = kept["log"]["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 6, "redirects and repetitions are entries of their own");
    let of = |path: &str| {
        let found =
            entries.iter().find(|entry| entry["request"]["url"].as_str().is_some_and(|url| url.ends_with(path)));
        &found.expect(path)["response"]
    };
    assert_eq!((&of("/a.csv")["status"], &of("/a.csv")["redirectURL"]), (&json!(302), &json!("/b.csv")));
    assert_eq!(of("/packed.csv")["content"]["text"], "packed\n");
    assert_eq!(of("/binary.csv")["content"]["encoding"], "base64");

    let asked = origin.asked().len();
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let started = Instant::now();
    for landing in ["one", "two"] {
        replay(&environment, &origin.grant(), &urls.join(" "), landing, &[])
            .exits(0)
            .says("all answers come from run.har");
        assert_eq!(tree(&environment, landing), tree(&environment, "landing"));
    }
    assert_eq!(origin.asked().len(), asked, "nobody is asked again");
    if crate::injected::strace() {
        let trace = environment.path().join("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "signal=none", "-e", "trace=socket,connect", "-o"]).arg(&trace);
        let command = replay_command(&environment, &origin.grant(), &urls.join(" "), "traced", &[]);
        Ran::new(under(strace, &command).output().expect("strace")).exits(0);
        let trace = fs::read_to_string(trace).expect("a trace");
        assert!(!trace.lines().any(|line| line.contains("AF_INET") || line.contains("connect(")), "{trace}");
    }
    assert!(started.elapsed() < Duration::from_secs(60));
    // What is there already is unchanged the second time.
    let again = replay(&environment, &origin.grant(), &urls.join(" "), "one", &[]).exits(0).json();
    assert_eq!((&again["files_written"], &again["files_skipped"]), (&json!(0), &json!(4)));
}

#[test]
fn what_was_not_recorded_fails_and_names_what_is_nearest() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/list", Reply::new(CONTENT));
    record(&environment, &origin, &["/list?page=1&size=10", "/list?page=2&size=10"], &[]).exits(0);
    let url = origin.url("/list?page=3&size=100");
    let ran = replay(&environment, &origin.grant(), &url, "one", &[]).exits(1);
    let said = format!("GET {url} was not recorded; the nearest that was is GET {}", origin.url("/list?page="));
    ran.says(&said);
    assert_eq!(tree(&environment, "one"), []);
    // The policy comes first.
    replay(&environment, "https://other.example", &url, "two", &[]).exits(77).says("is not granted");
}

#[test]
fn several_answers_to_one_request_come_in_their_order() {
    let environment = environment();
    let entry = |text: &str| {
        json!({
            "startedDateTime": "2024-02-29T23:59:58.000Z",
            "request": { "method": "GET", "url": "https://prices.example/a.csv" },
            "response": { "status": 200, "content": { "text": text } },
        })
    };
    environment.write("run.har", json!({ "log": { "entries": [entry("one"), entry("two")] } }).to_string());
    let urls = "https://prices.example/a.csv";
    for landing in ["a", "b"] {
        let same = format!("{urls} {urls}#again {urls}#more");
        let ran =
            replay(&environment, "https://prices.example", &same, landing, &["--param", "concurrency=1"]).exits(0);
        // The last one repeats.
        assert_eq!((&ran.json()["files_written"], &ran.json()["files_skipped"]), (&json!(2), &json!(1)));
    }
    assert_eq!(tree(&environment, "a"), tree(&environment, "b"));
    // By the clock of the recording.
    assert!(tree(&environment, "a").iter().all(|(path, _)| path.starts_with("mirror/2024/2024-02-29_")));
}

#[test]
fn time_and_what_is_random_are_the_same_each_time() {
    let environment = environment();
    environment.write("run.har", r#"{"log":{"pages":[{"startedDateTime":"2025-01-31T08:00:00.250Z"}],"entries":[]}}"#);
    let started = Instant::now();
    for name in ["one", "two"] {
        let landing = environment.path().join(name).display().to_string();
        environment.run("probe", &["--param", "do=time", "--landing", &landing, "--replay", "run.har"]).exits(0);
    }
    assert_eq!(tree(&environment, "one"), tree(&environment, "two"));
    let (path, packed) = tree(&environment, "one").remove(0);
    assert!(path.starts_with("probe/2025/2025-01-31_"), "{path}");
    let landed = String::from_utf8(unpacked(&packed)).expect("text");
    // Half an hour and, beside it, an hour; then a second.
    assert!(landed.starts_with("1738310400250 1738314001250 ["), "{landed}");
    assert!(started.elapsed() < Duration::from_secs(60), "nobody really waits");
}

#[test]
fn what_went_wrong_is_recorded_and_goes_wrong_again() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/cut.csv", Reply::new("a,b\n1,2\n").cut_after(5));
    origin.route("/busy.csv", Reply::status(503));
    record(&environment, &origin, &["/cut.csv", "/busy.csv"], &["--retries", "1"]).exits(1);
    let asked = origin.asked().len();
    let urls = format!("{} {}", origin.url("/cut.csv"), origin.url("/busy.csv"));
    let ran = replay(&environment, &origin.grant(), &urls, "one", &["--retries", "1"]).exits(1);
    let ran = ran.says("the body did not arrive whole").says("status 503");
    assert_eq!(origin.asked().len(), asked, "{ran:?}");
    assert_eq!(tree(&environment, "one"), []);
    // Ten waits of up to half a minute, and of five minutes each, take no time.
    let busy = json!({
        "startedDateTime": "2025-01-31T08:00:00Z",
        "request": { "method": "GET", "url": "https://prices.example/a.csv" },
        "response": { "status": 503, "headers": [{ "name": "Retry-After", "value": "299" }] },
    });
    environment.write("run.har", json!({ "log": { "entries": [busy] } }).to_string());
    let ran =
        replay(&environment, "https://prices.example", "https://prices.example/a.csv", "two", &["--retries", "10"]);
    let ran = ran.exits(1).json();
    assert_eq!(ran["budgets"]["max-requests"]["used"], 11);
    let waited = environment.path().join("two/.state.sqlite");
    let state = rusqlite::Connection::open(waited).expect("a state database");
    let finished: String =
        state.query_row("SELECT finished_at FROM extraction_runs", [], |row| row.get(0)).expect("a run");
    assert_eq!(finished, "2025-01-31T08:49:50Z");
}

#[test]
fn a_secret_is_in_no_recording_and_no_replay_needs_it() {
    let (environment, origin) = (environment(), Origin::start());
    let echo = "your token is s3cr3t-of-prices\n";
    origin.route("/a.csv", Reply::new(echo).header("X-Token", "s3cr3t-of-prices"));
    for (place, name) in [("as = \"bearer\"", "bearer"), ("as = { query = \"key\" }", "query")] {
        let config = format!(
            "[extractor.mirror.secret.token]\nfrom = {{ env = \"TOKEN\" }}\n{place}\norigins = [\"{}\"]\n",
            origin.grant()
        );
        environment.write("host.toml", config);
        let arguments = with(&mirror(&origin, "/a.csv"), &[]).join("\n");
        let arguments: Vec<&str> =
            arguments.lines().chain(["--param", "secret=token", "--record", "run.har"]).collect();
        let mut command = environment.run_command("mirror", &arguments);
        Ran::new(command.env("TOKEN", "s3cr3t-of-prices").output().expect("the program")).exits(0);
        let text = fs::read_to_string(environment.path().join("run.har")).expect("a HAR");
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(text.contains("[secret token]"), "{text}");
        replay(&environment, &origin.grant(), &origin.url("/a.csv"), name, &["--param", "secret=token"]).exits(0);
        assert_eq!(tree(&environment, name).len(), 1);
    }
}

#[test]
fn what_a_browser_saved_replays_too() {
    let environment = environment();
    let har = json!({ "log": {
        "version": "1.2",
        "creator": { "name": "WebInspector", "version": "537.36" },
        "pages": [{ "startedDateTime": "2025-03-30T10:00:00.123+02:00", "id": "page_1", "title": "x", "pageTimings": {} }],
        "entries": [
            {
                "_initiator": { "type": "other" }, "_resourceType": "document", "_error": "net::ERR_FAILED",
                "startedDateTime": "2025-03-30T08:00:01Z", "time": 12.5, "connection": "443", "cache": {},
                "request": {
                    "method": "GET", "url": "https://prices.example/a.csv?x=%20y#top", "httpVersion": "http/2.0",
                    "headers": [{ "name": ":authority", "value": "prices.example" },
                                { "name": ":method", "value": "GET" }, { "name": "user-agent", "value": "Mozilla/5.0" }],
                    "cookies": [{ "name": "a", "value": "b" }], "queryString": [], "headersSize": -1, "bodySize": 0,
                },
                "response": {
                    "status": 200, "statusText": "", "httpVersion": "http/2.0",
                    "headers": [{ "name": "content-encoding", "value": "br" }, { "name": "content-length", "value": "7" },
                                { "name": "set-cookie", "value": "a=1\nb=2" }, { "name": ":status", "value": "200" }],
                    "content": { "size": 21, "mimeType": "text/csv", "compression": 14, "text": "Y2l0eSxwcmljZQo=",
                                 "encoding": "base64" },
                    "redirectURL": "", "headersSize": -1, "bodySize": 7, "_transferSize": 120,
                },
                "timings": { "blocked": -1, "dns": -1, "send": 0.1, "wait": 10, "receive": 2, "ssl": -1 },
            },
            { "request": { "method": "GET", "url": "https://prices.example/empty", "postData": null, "headers": null },
              "response": { "status": 200, "headers": null, "content": {} } },
            { "request": { "method": "GET", "url": "https://prices.example/gone" },
              "response": { "status": 200, "content": { "size": 10, "mimeType": "text/csv" } } },
            { "request": { "method": "GET", "url": "https://prices.example/blocked" }, "response": { "status": 0 } },
        ],
    } });
    environment.write("run.har", format!("\u{feff}{har}"));
    let url = "https://prices.example/a.csv?x=%20y https://prices.example/empty";
    environment.write("host.toml", "[extractor.mirror.expect]\nempty = true\n");
    replay(&environment, "https://prices.example", url, "one", &[]).exits(0);
    let landed = tree(&environment, "one");
    assert_eq!(landed.len(), 2);
    assert!(landed.iter().all(|(path, _)| path.starts_with("mirror/2025/2025-03-30_")), "{landed:?}");
    assert!(landed.iter().any(|(_, packed)| unpacked(packed) == b"city,price\n"));
    for (url, reason) in [
        ("https://prices.example/gone", "recorded without its content"),
        ("https://prices.example/blocked", "there was no response when this was recorded"),
    ] {
        replay(&environment, "https://prices.example", url, "two", &[]).exits(1).says(reason);
    }
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(packed), &mut content).expect("gzip");
    content
}

#[test]
fn what_is_no_recording_is_refused_in_one_sentence() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new(CONTENT.repeat(100)));
    record(&environment, &origin, &["/a.csv"], &[]).exits(0);
    let whole = fs::read(environment.path().join("run.har")).expect("a HAR");
    let base64 = json!({ "log": { "entries": [{
        "request": { "method": "GET", "url": "https://a.example/" },
        "response": { "status": 200, "content": { "text": "%%%", "encoding": "base64" } },
    }] } });
    let one = r#"{"request":{"method":"GET","url":"https://a.example/"}}"#;
    let many = format!("{{\"log\":{{\"entries\":[{}]}}}}", vec![one; 100_001].join(","));
    for (bytes, reason) in [
        (whole[..whole.len() / 2].to_vec(), "it is cut off in the middle, at line"),
        (base64.to_string().into_bytes(), "exchange 1 (https://a.example/) has a body that is no Base64"),
        (b"<html>".to_vec(), "it is not JSON: line 1"),
        (Vec::new(), "it is cut off in the middle"),
        (b"{\"log\": []}".to_vec(), "it is JSON and no HAR"),
        (gzip(&whole), "it is not JSON"),
        (many.into_bytes(), "it is JSON and no HAR: it has more than 100000 exchanges"),
    ] {
        environment.write("run.har", bytes);
        let ran = replay(&environment, &origin.grant(), &origin.url("/a.csv"), "one", &[]).exits(2);
        let ran = ran.says(&format!("cannot replay run.har: {reason}"));
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{ran:?}");
    }
    fs::File::create(environment.path().join("run.har")).expect("a file").set_len(500_000_000).expect("a length");
    let started = Instant::now();
    replay(&environment, &origin.grant(), &origin.url("/a.csv"), "one", &[])
        .exits(2)
        .says("larger than the limit of 256 MiB");
    assert!(started.elapsed() < Duration::from_secs(10));
    fs::remove_file(environment.path().join("run.har")).expect("a file");
    replay(&environment, &origin.grant(), &origin.url("/a.csv"), "one", &[]).exits(2).says("No such file");
    assert!(!environment.path().join("one").exists());
    for (place, reason) in [(".", "it is a directory"), ("none/run.har", "there is no such directory")] {
        let arguments = mirror(&origin, "/a.csv");
        environment.run("mirror", &with(&arguments, &["--record", place])).exits(2).says(reason);
    }
}

/// Another day, and a network of the process's own without even a loopback: the same trees, byte for byte.
#[test]
fn a_replay_is_the_same_on_another_day_without_any_network() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    origin.route("/plain.csv", Reply::new("a,b\n3,4\n"));
    record(&environment, &origin, &["/tagged.csv", "/plain.csv"], &[]).exits(0);
    let urls = format!("{} {}", origin.url("/tagged.csv"), origin.url("/plain.csv"));
    replay(&environment, &origin.grant(), &urls, "today", &[]).exits(0);
    let today = tree(&environment, "today");
    assert_eq!(today.len(), 2, "{today:?}");

    let mut faketime = crate::clock::faketime();
    faketime.args(["-f", "2031-02-03 04:05:06"]);
    let command = |landing: &str| replay_command(&environment, &origin.grant(), &urls, landing, &[]);
    match under(faketime, &command("later")).output() {
        Ok(output) => {
            Ran::new(output).exits(0);
            assert_eq!(tree(&environment, "later"), today);
        }
        Err(error) => {
            skip::missing(format_args!("the program faketime cannot be run: {error}"));
        }
    }
    if crate::others::is_root() {
        let mut unshare = Command::new("unshare");
        unshare.arg("--net");
        Ran::new(under(unshare, &command("alone")).output().expect("unshare")).exits(0);
        assert_eq!(tree(&environment, "alone"), today);
    }
}
