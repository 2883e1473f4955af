//! Components that misbehave: stopped, with the reason, and nothing of theirs left.

use std::time::Duration;

use harness::{Environment, Gate, Origin, Reply};

use crate::{environment, mirror, with};

#[track_caller]
fn stopped(act: &str, arguments: &[&str], says: &str) {
    let environment = environment();
    let act = format!("do={act}");
    let ran = environment.run("probe", &[&["--param", &act][..], arguments].concat()).exits(3).says(says);
    assert_eq!(ran.json()["status"], "failed");
    assert_eq!(environment.everything(), [""; 0]);
    let message = environment.query("SELECT error_message FROM extraction_runs WHERE status = 'failed'");
    assert!(message[0].contains(says), "{message:?}");
}

#[test]
fn a_loop_is_stopped_by_the_clock() {
    stopped("spin", &["--timeout", "300ms"], "the run spent its budget `timeout` of 300ms");
}

#[test]
fn a_loop_is_stopped_by_its_own_computing() {
    stopped("spin", &["--max-cpu", "200ms"], "the run spent its budget `max-cpu` of 200ms of computing");
}

#[test]
fn memory_is_limited() {
    stopped("grow", &["--max-memory", "32MiB"], "the run spent its budget `max-memory` of 32.0 MiB of memory");
}

#[test]
fn a_trap_says_what_and_where() {
    stopped("trap", &[], "gave up by itself (a panic, or an abort), in ");
}

#[test]
fn recursion_without_end_is_a_trap() {
    stopped("recurse", &[], "the extractor trapped: its call stack overflowed");
}

#[test]
fn waiting_is_stopped_by_the_clock_too() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow", Reply::new("late").gated(&reached, &hold));
    let arguments = mirror(&origin, "/slow");
    let ran = environment.run("probe", &with(&arguments, &["--param", "do=sleep", "--timeout", "300ms"]));
    ran.exits(3).says("`timeout` of 300ms");
    hold.open();
}

#[test]
fn the_log_is_limited_and_says_what_was_dropped() {
    let environment = environment();
    let arguments = ["--param", "do=flood", "--param", "size=1000", "--max-log-lines", "5", "-v"];
    let ran = environment.run("probe", &arguments).exits(0).says("995 more lines of the log were dropped");
    assert_eq!(ran.stderr.lines().count(), 6, "{}", ran.stderr);
    let bytes = ["--param", "do=flood", "--param", "size=1000", "--max-log", "1kB", "-v"];
    let ran = environment.run("probe", &bytes).exits(0).says("lines of the log were dropped");
    assert!(ran.stderr.len() < 2000, "{}", ran.stderr);
}

#[test]
fn the_log_cannot_speak_to_the_terminal() {
    let environment = environment();
    let ran = environment.run("probe", &["--param", "do=escape", "-v"]).exits(0);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("\\u{1b}"), "{:?}", ran.stderr);
    // The error's text comes from the extractor as well.
    let ran = environment.run("probe", &["--param", "do=fail", "--param", "text=\u{1b}[2Jbad"]).exits(1);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("bad"), "{:?}", ran.stderr);
}

#[test]
fn what_the_extractor_parks_in_the_host_counts_as_its_memory() {
    for act in ["hoard-fields", "hoard-empty-fields", "hoard-bodies"] {
        stopped(
            act,
            &["--param", "url=http://127.0.0.1:9/"],
            "the run spent its budget `max-memory` of 256.0 MiB of memory",
        );
    }
}

#[test]
fn waiting_is_not_computing() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/tick", Reply::new("tick"));
    let arguments = mirror(&origin, "/tick");
    // Each wait crosses a tick of the engine's clock; three hundred ticks are three seconds.
    let more = ["--param", "do=waits", "--param", "count=300", "--max-cpu", "2s"];
    environment.run("probe", &with(&arguments, &more)).exits(0);
    assert_eq!(origin.asked().len(), 300);
}

#[test]
fn refusals_without_end_are_only_counted_as_one() {
    let environment = environment();
    environment.run("probe", &["--param", "do=denied", "--param", "count=5000"]).exits(0);
}

#[test]
fn a_limit_is_a_limit_even_where_a_grant_is_missing() {
    let environment = environment();
    let arguments = ["--param", "do=denied", "--param", "count=1000000000", "--timeout", "300ms"];
    environment.run("probe", &arguments).exits(3).says("`timeout`").says("--allow-http http://");
}

/// Mirror these contents, each at a path of its own, under more arguments.
fn mirrored(contents: &[Reply], more: &[&str]) -> (Environment, Origin, harness::Ran) {
    let (environment, origin) = (environment(), Origin::start());
    let mut url = "url=".to_owned();
    for (number, reply) in contents.iter().enumerate() {
        origin.route(&format!("/{number}"), reply.clone());
        url.push_str(&origin.url(&format!("/{number} ")));
    }
    let arguments = ["--allow-http", &origin.grant(), "--param", &url, "--param", "concurrency=1"];
    let ran = environment.run("mirror", &[&arguments[..], more].concat());
    (environment, origin, ran)
}

#[test]
fn requests_are_limited_and_repetitions_count() {
    let three = [Reply::new("a\n"), Reply::new("b\n"), Reply::new("c\n")];
    let (environment, origin, ran) = mirrored(&three, &["--max-requests", "2"]);
    let ran = ran.exits(3).says("the run spent its budget `max-requests` of 2 requests");
    ran.says("hint: `--max-requests`, or `max-requests` under [extractor.mirror.budget] in host.toml, allows more");
    assert_eq!((origin.asked().len(), environment.paths().len()), (2, 2));
    let busy = [Reply::status(503).header("Retry-After", "0"), Reply::new("a\n")];
    let (_, origin, ran) = mirrored(&busy, &["--max-requests", "2", "--retries", "9"]);
    ran.exits(3).says("`max-requests`");
    assert_eq!(origin.asked().len(), 2);
    let (_, origin, ran) = mirrored(&[Reply::redirect(302, "/0")], &["--max-requests", "3"]);
    ran.exits(3).says("`max-requests`");
    assert_eq!(origin.asked().len(), 3);
}

#[test]
fn bytes_are_limited_on_the_wire_and_in_the_zone() {
    let big = [Reply::new("a,b\n"), Reply::new("x".repeat(100_000))];
    let (environment, _, ran) = mirrored(&big, &["--max-received", "50kB"]);
    ran.exits(3).says("the run spent its budget `max-received` of 48.8 KiB received");
    assert_eq!(environment.everything().len(), 1);
    // What little is received may be much once it is decoded.
    let gzipped = [Reply::new("a,b\n"), Reply::new("x".repeat(100_000)).gzipped()];
    let (environment, _, ran) = mirrored(&gzipped, &["--max-received", "50kB", "--max-landed", "50kB"]);
    ran.exits(3).says("the run spent its budget `max-landed` of 48.8 KiB landed");
    assert_eq!(environment.everything().len(), 1);
}

#[test]
fn new_files_are_limited_and_old_ones_cost_nothing() {
    let two = [Reply::new("a\n").etag("\"a\""), Reply::new("b\n")];
    let (environment, _, ran) = mirrored(&two, &["--max-files", "1"]);
    ran.exits(3).says("the run spent its budget `max-files` of 1 new file");
    assert_eq!(environment.everything().len(), 1);
    let same = [Reply::new("a\n"), Reply::new("a\n"), Reply::new("a\n")];
    let (_, _, ran) = mirrored(&same, &["--max-files", "1"]);
    assert_eq!(ran.exits(0).json()["files_skipped"], 2);
}

#[test]
fn the_engines_own_limits_have_names_too() {
    stopped("hoard-handles", &["--max-handles", "500"], "the run spent its budget `max-handles` of 500 open handles");
    stopped("spin", &["--max-instances", "1"], "the run spent its budget `max-instances` of 1 instance");
    stopped("spin", &["--max-tables", "0"], "the run spent its budget `max-tables` of 0 tables");
}

#[test]
fn one_origin_is_asked_so_often_at_once() {
    let (environment, origin) = (environment(), Origin::start());
    // Each answer waits until the other was asked for.
    let (one, two) = (Gate::default(), Gate::default());
    origin.route("/one", Reply::new("one\n").gated(&one, &two));
    origin.route("/two", Reply::new("two\n").gated(&two, &one));
    let url = format!("url={} {}", origin.url("/one"), origin.url("/two"));
    let arguments = ["--allow-http", &origin.grant(), "--param", &url];
    environment.run("mirror", &[&arguments[..], &["--max-concurrency", "1", "--timeout", "1s"]].concat()).exits(3);
    assert_eq!(origin.asked().len(), 1);
    environment.run("mirror", &[&arguments[..], &["--max-concurrency", "2"]].concat()).exits(0);
}

#[test]
fn a_body_that_drips_is_given_up() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/drip", Reply::new("x".repeat(1000)).dripping(Duration::from_millis(50)));
    let arguments = mirror(&origin, "/drip");
    let more = ["--idle-timeout", "300ms", "--min-speed", "1000"];
    let ran = environment.run("mirror", &with(&arguments, &more)).exits(1);
    ran.says("the body came with less than 1000 bytes per second");
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn what_was_used_is_kept_with_the_run() {
    let three = [Reply::new("a\n"), Reply::new("b\n"), Reply::new("bb\n")];
    let (environment, _, ran) = mirrored(&three, &["--max-requests", "70"]);
    let told = ran.exits(0).json();
    let kept = environment.host(["runs", "--json"]).exits(0).json();
    assert_eq!(kept[0]["budgets"], told["budgets"]);
    let budget = |name: &str, part: &str| kept[0]["budgets"][name][part].as_u64();
    assert_eq!((budget("max-requests", "used"), budget("max-requests", "allowed")), (Some(3), Some(70)));
    assert_eq!(budget("max-landed", "used"), Some(7));
    // With the heads of the answers.
    assert!(budget("max-received", "used").is_some_and(|bytes| bytes > 100 && bytes < 2000));
    assert_eq!((budget("max-files", "used"), budget("max-log-lines", "allowed")), (Some(3), Some(10_000)));
    assert!(budget("max-memory", "used").is_some_and(|bytes| bytes > 1 << 20));
    assert!(budget("max-tables", "used").is_some_and(|tables| tables > 0));
    // A run that was stopped tells as well.
    environment.run("probe", &["--param", "do=spin", "--max-cpu", "200ms"]).exits(3);
    let kept = environment.host(["runs", "--json"]).exits(0).json();
    assert!(kept[0]["budgets"]["max-cpu"]["used"].as_u64().is_some_and(|used| used >= 200), "{kept}");
}

#[test]
fn no_call_takes_more_than_the_host_can_hold() {
    for how in ["log", "url", "param", "source"] {
        let how = format!("how={how}");
        stopped(
            "huge",
            &["--param", &how, "--param", "size=300000000", "--max-memory", "1GiB"],
            "the extractor was stopped: it passed more than 256MiB to the host in one call",
        );
    }
}

#[test]
fn what_is_taken_in_counts_before_it_is_known_to_be_new() {
    let big = [Reply::lines(100_000)];
    let (environment, _, ran) = mirrored(&big, &["--max-landed", "1MiB", "--max-received", "100MiB"]);
    let ran = ran.exits(3).says("the run spent its budget `max-landed` of 1.0 MiB landed");
    let received = ran.json()["budgets"]["max-received"]["used"].as_u64();
    assert!(received.is_some_and(|bytes| bytes < 5 << 20), "it stopped long before the end: {received:?}");
    assert_eq!(environment.everything(), [""; 0]);
    // What turns out unchanged is given back.
    let same = [Reply::new("x".repeat(600_000)), Reply::new("x".repeat(600_000)), Reply::new("x".repeat(600_000))];
    let (_, _, ran) = mirrored(&same, &["--max-landed", "1300kB"]);
    assert_eq!(ran.exits(0).json()["budgets"]["max-landed"]["used"], 600_000);
}

#[test]
fn open_bodies_count_as_memory() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a", Reply::new("x".repeat(100_000)).gzipped());
    let arguments = mirror(&origin, "/a");
    let more = ["--param", "do=hoard-streams", "--param", "count=300", "--max-memory", "32MiB"];
    environment.run("probe", &with(&arguments, &more)).exits(3).says("`max-memory` of 32.0 MiB of memory");
}

#[test]
fn heads_without_end_are_received_too() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a", Reply::raw("HTTP/1.1 103 Wait\r\n\r\n".repeat(20_000)));
    let arguments = mirror(&origin, "/a");
    environment.run("mirror", &with(&arguments, &["--max-received", "100kB"])).exits(3).says("`max-received`");
}

#[test]
fn landings_that_leave_nothing_take_no_memory() {
    stopped_after("twice-without-end", &["--max-memory", "2MiB", "--timeout", "3s"], "`timeout` of 3s");
}

/// The same where a file has landed before.
#[track_caller]
fn stopped_after(act: &str, arguments: &[&str], says: &str) {
    let environment = environment();
    let act = format!("do={act}");
    environment.run("probe", &[&["--param", &act][..], arguments].concat()).exits(3).says(says);
    assert_eq!(environment.everything().len(), 1);
}

#[test]
fn a_reader_of_the_log_that_stopped_holds_nobody_up() {
    let environment = environment();
    // Far more than a pipe holds, into one that nobody reads until the program has ended.
    let arguments = ["--param", "do=flood", "--param", "size=10000", "-v", "--max-log", "100MiB"];
    let mut running = environment.spawn("probe", &arguments);
    let unread = running.stderr.take();
    let (ended, end) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || ended.send(running.wait()));
    let status = end.recv_timeout(Duration::from_secs(60)).expect("it ends").expect("a status");
    assert_eq!(status.code(), Some(0));
    assert_eq!(environment.query("SELECT status FROM extraction_runs"), ["success"]);
    drop(unread);
    waiting.join().expect("a thread").expect("it was heard");
}

#[test]
fn a_gzip_file_counts_as_what_is_in_it() {
    let file = harness::gzip(&b"a,b\n".repeat(200_000));
    assert!(file.len() < 10_000);
    let (_, _, ran) = mirrored(&[Reply::new(file.clone())], &[]);
    assert_eq!(ran.exits(0).json()["budgets"]["max-landed"]["used"], 800_000);
    let (environment, _, ran) = mirrored(&[Reply::new(file)], &["--max-landed", "700kB"]);
    ran.exits(3).says("the run spent its budget `max-landed`");
    assert_eq!(environment.paths(), [""; 0]);
}
