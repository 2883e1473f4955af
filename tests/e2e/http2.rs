//! HTTP/2: what is landed by it, over how many connections, and what comes of servers that break it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use harness::hostile::http2::{Case, OK, after_head, answer, data, early, ping};
use harness::hostile::{self, Comes};
use harness::http2::{
    Answer, END_HEADERS, PADDED, fields, frame, go_away, headers, kind, last_data, reset, says, settings,
};
use harness::soak::times;
use harness::{Authority, Environment, Gate, Http2, Nginx, Origin, Part, Ran, memory};

use crate::environment;
use crate::hostile::MOST_MEMORY;

const CSV: &str = "city,courts\nMalaga,41\n";
const HERE: &[&str] = &["127.0.0.1", "localhost"];

/// `host.toml` and `ca.pem`: this CA is trusted, and the extractor may ask these origins.
fn trusting(environment: &Environment, authority: &Authority, extractor: &str, origins: &[String], more: &str) {
    environment.write("ca.pem", authority.pem());
    let origins: Vec<String> = origins.iter().map(|origin| format!("\"{origin}\"")).collect();
    let origins = origins.join(", ");
    environment
        .write("host.toml", format!("{more}[tls]\nca = [\"ca.pem\"]\n[extractor.{extractor}]\nhttp = [{origins}]\n"));
}

fn contents(environment: &Environment) -> BTreeSet<Vec<u8>> {
    environment.landed().into_values().collect()
}

#[test]
fn a_thousand_files_come_over_one_connection() {
    let authority = Authority::new("The tests' own");
    let Some(nginx) = Nginx::start(&authority.identity(HERE)) else { return };
    let environment = environment();
    trusting(&environment, &authority, "mirror", &[nginx.grant()], "");
    let names: Vec<String> = (0..1000).map(|number| format!("{number}.csv")).collect();
    names.iter().for_each(|name| nginx.put(name, format!("{CSV}{name}\n")));
    let urls: Vec<String> = names.iter().map(|name| nginx.url(&format!("/{name}"))).collect();
    let url = format!("url={}", urls.join(" "));
    let run = || environment.run("mirror", &["--param", &url, "--param", "concurrency=64"]).exits(0).json();
    assert_eq!(run()["files_written"], 1000);
    assert_eq!(contents(&environment), names.iter().map(|name| format!("{CSV}{name}\n").into()).collect());
    let log = nginx.log(1000);
    let connections: BTreeSet<&String> = log.iter().map(|words| &words[0]).collect();
    assert_eq!((log.len(), connections.len()), (1000, 1));
    let other: Vec<_> = log.iter().filter(|words| words[1] != "HTTP/2.0" || words[2] != "200").collect();
    assert!(other.is_empty(), "{other:?}");
    // Conditions, and their answers, are the same as ever.
    assert_eq!(run()["files_skipped"], 1000);
    let log = nginx.log(2000);
    assert!(log[1000..].iter().all(|words| words[2] == "304"), "{:?}", log[1000]);
    assert_eq!(log[1000..].iter().map(|words| &words[0]).collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn a_server_that_says_farewell_is_asked_on_another_connection() {
    let authority = Authority::new("The tests' own");
    // By itself nginx does so after a thousand requests.
    let Some(nginx) = Nginx::start(&authority.identity(HERE)) else { return };
    let environment = environment();
    trusting(&environment, &authority, "mirror", &[nginx.grant()], "");
    let names: Vec<String> = (0..2200).map(|number| format!("{number}.csv")).collect();
    names.iter().for_each(|name| nginx.put(name, name));
    let urls: Vec<String> = names.iter().map(|name| nginx.url(&format!("/{name}"))).collect();
    let arguments = ["--retries", "0", "--param", "concurrency=64", "--param", &format!("url={}", urls.join(" "))];
    assert_eq!(environment.run("mirror", &arguments).exits(0).json()["files_written"], 2200);
    let log = nginx.log(2200);
    let connections: BTreeSet<&String> = log.iter().map(|words| &words[0]).collect();
    assert_eq!((log.len(), connections.len()), (2200, 3));
}

#[test]
fn a_large_file_comes_whole_and_compressed() {
    let authority = Authority::new("The tests' own");
    let Some(nginx) = Nginx::start(&authority.identity(HERE)) else { return };
    let environment = environment();
    trusting(&environment, &authority, "mirror", &[nginx.named("localhost")], "");
    let large: Vec<u8> = (0..200_000).flat_map(harness::reply::line).collect();
    nginx.put("large.csv", &large);
    let url = format!("url={}/large.csv", nginx.named("localhost"));
    environment.run("mirror", &["--param", &url]).exits(0);
    assert_eq!(contents(&environment), BTreeSet::from([large.clone()]));
    let sent: usize = nginx.log(1)[0][3].parse().expect("a number");
    assert!(sent < large.len() / 2, "{sent}");
}

#[test]
fn it_goes_through_a_proxy_too() {
    let authority = Authority::new("The tests' own");
    let Some(nginx) = Nginx::start(&authority.identity(&["data.example"])) else { return };
    let (environment, proxy) = (environment(), Origin::start());
    proxy.tunnel_to("data.example:443", nginx.address());
    let more = format!("[network]\nproxy = \"{}\"\n", proxy.grant());
    trusting(&environment, &authority, "mirror", &["https://data.example".into()], &more);
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| nginx.put(&format!("{name}.csv"), name));
    let urls = names.map(|name| format!("https://data.example/{name}.csv")).join(" ");
    environment.run("mirror", &["--param", &format!("url={urls}")]).exits(0);
    assert_eq!(contents(&environment), names.iter().map(|name| name.as_bytes().to_vec()).collect());
    assert!(nginx.log(4).iter().all(|words| words[1] == "HTTP/2.0"));
    assert_eq!(proxy.asked().len(), 1, "one tunnel for all");
}

/// What came of each URL, as the probe logs it.
fn outcomes(environment: &Environment, ran: &Ran) -> BTreeMap<String, Result<Vec<u8>, String>> {
    let landed = environment.landed();
    let mut outcomes = BTreeMap::new();
    for line in ran.stderr.lines() {
        let Some(line) = line.find("https://").map(|at| &line[at..]) else { continue };
        if let Some((url, path)) = line.split_once(" landed at ") {
            outcomes.insert(url.to_owned(), Ok(landed[path].clone()));
        } else if let Some((url, says)) = line.split_once(" failed: ") {
            outcomes.insert(url.to_owned(), Err(says.to_owned()));
        }
    }
    assert_eq!(environment.everything(), landed.into_keys().collect::<Vec<_>>());
    outcomes
}

/// The arguments of a run of the probe that asks each of these servers once.
fn probe(environment: &Environment, authority: &Authority, servers: &[Http2], how: &str, more: &[&str]) -> Vec<String> {
    let grants: Vec<String> = servers.iter().map(Http2::grant).collect();
    trusting(environment, authority, "probe", &grants, "[extractor.probe.expect]\nempty = true\n");
    let urls: Vec<String> = servers.iter().map(|server| server.url("/a.csv")).collect();
    let url = format!("url={}", urls.join(" "));
    let how = format!("how={how}");
    let fixed = ["-v", "--retries", "0", "--param", "do=each", "--param", &how, "--param", &url];
    fixed.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

fn judge(cases: &[Case], how: &str) {
    let authority = Authority::new("The tests' own");
    let environment = environment();
    let start = |(_, answer, _): &Case| Http2::start(authority.identity(HERE), settings(&[]), [Arc::clone(answer)]);
    let servers: Vec<Http2> = cases.iter().map(start).collect();
    let arguments = probe(&environment, &authority, &servers, how, &["--idle-timeout", "10s", "--param", "count=1"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcomes = outcomes(&environment, &environment.run("probe", &arguments).exits(0));
    let wrong = servers.iter().zip(cases).filter_map(|(server, (what, _, comes))| {
        let outcome = outcomes.get(&server.url("/a.csv"));
        let right = match (comes, outcome) {
            (Comes::Whole(expected), Some(Ok(content))) => content == expected,
            (Comes::Nothing(expected), Some(Err(says))) => says.contains(expected) && !says.contains("within 10s"),
            _ => false,
        };
        (!right).then(|| format!("{what}: {outcome:.300?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}, by {how}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn answers_are_whole_or_nothing_lands() {
    let cases = hostile::http2();
    ["mirror", "land"].iter().for_each(|how| judge(&cases, how));
}

#[test]
fn a_connection_that_ends_inside_a_body_lands_nothing() {
    let authority = Authority::new("The tests' own");
    let environment = environment();
    let cut = || after_head(|stream| data(stream, "city,"));
    let servers = [
        Http2::closing(authority.identity(HERE), settings(&[]), [cut()]),
        Http2::closing(authority.identity(HERE), settings(&[]), [says(|_| Vec::new())]),
        // Nothing of HTTP/2 at all, though it was agreed on.
        Http2::closing(authority.identity(HERE), b"220 mail.example ESMTP\r\n".to_vec(), [cut()]),
    ];
    let arguments =
        probe(&environment, &authority, &servers, "mirror", &["--idle-timeout", "10s", "--param", "count=1"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcomes = outcomes(&environment, &environment.run("probe", &arguments).exits(0));
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    assert!(
        outcomes.values().all(|outcome| outcome.as_ref().is_err_and(|says| !says.contains("within"))),
        "{outcomes:?}"
    );
}

#[test]
fn a_way_down_to_http_changes_nothing_for_a_body_on_the_same_connection() {
    let authority = Authority::new("The tests' own");
    let open = Origin::start();
    for (how, ends) in [("stream", true), ("land", true), ("stream", false), ("land", false)] {
        let environment = environment();
        let down = open.url("/a.csv");
        let second = says(move |stream| {
            let redirect = headers(stream, &[(":status", "302"), ("location", &down)]);
            // The rest of the first body, or the end of everything.
            let rest = if ends { last_data(1, &CSV[5..]) } else { go_away(0, 2) };
            [redirect, last_data(stream, ""), rest].concat()
        });
        let first = after_head(|stream| data(stream, &CSV[..5]));
        let server = Http2::start(authority.identity(HERE), settings(&[]), [first, second]);
        trusting(&environment, &authority, "probe", &[server.grant(), open.grant()], "");
        let url = format!("url={} {}", server.url("/0"), server.url("/1"));
        let how = format!("how={how}");
        let fixed = ["-v", "--retries", "0", "--param", "do=each", "--param", "count=2", "--param"];
        let ran = environment.run("probe", &[&fixed[..], &[&how, "--param", &url]].concat()).exits(0);
        let outcomes = outcomes(&environment, &ran);
        let refused =
            outcomes.values().filter(|outcome| matches!(outcome, Err(says) if says.contains("never redirects")));
        assert_eq!((outcomes.len(), refused.count()), (2, 1), "{how}: {outcomes:?}");
        let expected = if ends { BTreeSet::from([CSV.into()]) } else { BTreeSet::new() };
        assert_eq!(contents(&environment), expected, "{how}: {outcomes:?}");
        assert_eq!((server.connections(), open.asked()), (1, Vec::new()));
    }
}

#[test]
fn what_was_refused_before_it_began_is_sent_again() {
    let authority = Authority::new("The tests' own");
    for (what, first) in [("a refusal", says(|stream| reset(stream, 7))), ("a farewell", says(|_| go_away(0, 0)))] {
        for act in ["mirror", "post"] {
            let environment = environment();
            let answers = [Arc::clone(&first), answer(&[], CSV.as_bytes())];
            let server = Http2::start(authority.identity(HERE), settings(&[]), answers);
            trusting(&environment, &authority, "probe", &[server.grant()], "");
            let url = format!("url={}", server.url("/a.csv"));
            let ran = environment.run("probe", &["--param", &format!("do={act}"), "--param", &url]);
            ran.exits(0);
            assert_eq!(server.requests(), 2, "{what}, {act}");
        }
    }
    // Nobody has to say farewell again and again.
    let environment = environment();
    let server = Http2::start(authority.identity(HERE), settings(&[]), [says(|_| go_away(0, 0))]);
    trusting(&environment, &authority, "mirror", &[server.grant()], "");
    let url = format!("url={}", server.url("/a.csv"));
    environment.run("mirror", &["--retries", "1", "--param", &url]).exits(1).says("broke off");
    assert_eq!((server.requests(), server.connections()), (5, 5));
    // What may have been processed is not, unless it may be repeated.
    let environment = crate::environment();
    let answers = [says(|stream| reset(stream, 2)), answer(&[], CSV.as_bytes())];
    let server = Http2::start(authority.identity(HERE), settings(&[]), answers);
    trusting(&environment, &authority, "probe", &[server.grant()], "");
    let url = format!("url={}", server.url("/a.csv"));
    environment.run("probe", &["--param", "do=post", "--param", &url]).exits(1).says("broke off");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_server_that_stops_is_given_up() {
    let authority = Authority::new("The tests' own");
    let hold = Gate::default();
    let stops = |bytes: fn(u32) -> Vec<u8>| -> Answer {
        let hold = hold.clone();
        Arc::new(move |stream| vec![Part::Bytes(bytes(stream)), Part::Hold(hold.clone())])
    };
    let start = |begin: Vec<u8>, answer: Answer| Http2::start(authority.identity(HERE), begin, [answer]);
    let servers = [
        start(settings(&[]), stops(|_| Vec::new())),
        start(Vec::new(), stops(|_| Vec::new())),
        start(settings(&[]), stops(|stream| headers(stream, OK))),
        start(settings(&[]), stops(|stream| [headers(stream, OK), data(stream, "city,")].concat())),
        start(settings(&[]), stops(|stream| last_data(stream, CSV)[..12].to_vec())),
        start(settings(&[]), stops(|stream| early(stream, "100"))),
        // It lets nobody ask.
        start(settings(&[(3, 0)]), stops(|_| Vec::new())),
    ];
    let environment = environment();
    let arguments =
        probe(&environment, &authority, &servers, "mirror", &["--idle-timeout", "500ms", "--param", "count=9"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcomes = outcomes(&environment, &environment.run("probe", &arguments).exits(0));
    hold.open();
    assert_eq!(outcomes.len(), servers.len(), "{outcomes:?}");
    assert!(
        outcomes.values().all(|outcome| matches!(outcome, Err(says) if says.contains("within 500ms"))),
        "{outcomes:?}"
    );
    // A window that never opens keeps a body from being sent.
    let server = start(settings(&[(4, 0)]), stops(|_| Vec::new()));
    trusting(&environment, &authority, "probe", &[server.grant()], "");
    let url = format!("url={}", server.url("/a.csv"));
    let more = ["--param", "do=post", "--param", "content=body", "--idle-timeout", "500ms"];
    environment.run("probe", &[&["--param", &url], &more[..]].concat()).exits(1).says("within 500ms");
}

#[test]
fn no_more_streams_are_open_than_requests_may_be() {
    let authority = Authority::new("The tests' own");
    let environment = environment();
    let silence: Answer = Arc::new(|_| Vec::new());
    let server = Http2::start(authority.identity(HERE), settings(&[]), [silence]);
    trusting(&environment, &authority, "probe", &[server.grant()], "");
    let urls: Vec<String> = (0..12).map(|number| server.url(&format!("/{number}"))).collect();
    let url = format!("url={}", urls.join(" "));
    let fixed = ["--param", "do=each", "--param", "how=mirror", "--param", "count=12", "--param", &url];
    // Nobody is answered, so that what was asked until the run ended was asked at once.
    let limits = ["--max-concurrency", "4", "--timeout", "2s"];
    environment.run("probe", &[&fixed[..], &limits].concat()).exits(3);
    assert_eq!((server.requests(), server.connections()), (4, 1));
}

#[test]
fn memory_stays_flat_whatever_frames_are_sent() {
    let authority = Authority::new("The tests' own");
    let goes_on = |first: fn(u32) -> Vec<u8>, again: fn(u32) -> Vec<u8>, megabytes: usize| -> Answer {
        Arc::new(move |stream| {
            let again = again(stream);
            let count = (times(megabytes << 20, (10 * megabytes) << 20) / again.len()) as u64;
            vec![Part::Bytes(first(stream)), Part::Repeat(again, count)]
        })
    };
    let head = |stream| headers(stream, OK);
    let none = |_| Vec::new();
    // A field of four kilobytes, put into the table of the connection and named again and again by one byte.
    let bomb = |stream| {
        let field = [&[0x40, 1, b'x', 0x7f, 0x81, 0x1e][..], &[b'y'; 4000]].concat();
        frame(kind::HEADERS, END_HEADERS, stream, [&fields(OK)[..], &field, &[0xbe; 12_000]].concat())
    };
    let answers = [
        ("pings", goes_on(none, |_| ping(), 20)),
        ("settings", goes_on(none, |_| settings(&[]), 20)),
        ("early hints", goes_on(none, |stream| early(stream, "103"), 20)),
        ("resets of a stream that is closed", goes_on(|stream| reset(stream, 0), |stream| reset(stream, 0), 20)),
        ("windows", goes_on(none, |_| frame(kind::WINDOW_UPDATE, 0, 0, 1u32.to_be_bytes()), 20)),
        ("empty frames", goes_on(head, |stream| data(stream, ""), 20)),
        ("frames of one byte", goes_on(head, |stream| data(stream, "x"), 20)),
        (
            "padding",
            goes_on(head, |stream| frame(kind::DATA, PADDED, stream, [[255].as_slice(), &[0; 255]].concat()), 20),
        ),
        (
            "a head without end",
            goes_on(
                |stream| frame(kind::HEADERS, 0, stream, fields(OK)),
                |stream| frame(kind::CONTINUATION, 0, stream, fields(&[("x", "y")])),
                20,
            ),
        ),
        (
            "a head of nothing without end",
            goes_on(
                |stream| frame(kind::HEADERS, 0, stream, fields(OK)),
                |stream| frame(kind::CONTINUATION, 0, stream, ""),
                20,
            ),
        ),
        ("a head that unpacks to 48 MB", says(bomb)),
        ("data that heeds no window", goes_on(head, |stream| data(stream, [b'x'; 16_384]), 200)),
        ("frames of unknown kinds", goes_on(none, |_| frame(99, 0, 0, [0; 16_384]), 100)),
        ("trailers", goes_on(head, |stream| headers(stream, &[("x", "y")]), 20)),
    ];
    let names: Vec<&str> = answers.iter().map(|(what, _)| *what).collect();
    let start = |(_, answer)| Http2::closing(authority.identity(HERE), settings(&[]), [answer]);
    let mut servers: Vec<Http2> = answers.into_iter().map(start).collect();
    let (reached, hold) = (Gate::default(), Gate::default());
    let (at_last, until) = (reached.clone(), hold.clone());
    let last: Answer = Arc::new(move |stream| {
        let right = [headers(stream, OK), last_data(stream, CSV)].concat();
        vec![Part::Open(at_last.clone()), Part::Hold(until.clone()), Part::Bytes(right)]
    });
    servers.push(Http2::start(authority.identity(HERE), settings(&[]), [last]));
    let environment = environment();
    environment.run("probe", &["--param", "do=escape"]).exits(0);
    let arguments =
        probe(&environment, &authority, &servers, "mirror", &["--idle-timeout", "5s", "--param", "count=1"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let running = environment.spawn("probe", &arguments);
    assert!((0..10).any(|_| reached.wait()), "the last one was never asked for");
    let peak = memory::held(&running).expect("a program that runs");
    hold.open();
    let outcomes = outcomes(&environment, &Ran::new(running.wait_with_output().expect("the program")).exits(0));
    for (server, what) in servers.iter().zip(names) {
        let outcome = outcomes.get(&server.url("/a.csv"));
        assert!(matches!(outcome, Some(Err(_))), "{what}: {outcome:.300?}");
    }
    eprintln!("{peak} KiB at the peak");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
}
