//! Hostile sources: hundreds of answers that bend or break HTTP. Each lands whole, or nothing of it is ever visible.

use std::collections::{BTreeMap, BTreeSet};

use harness::hostile::{self, CSV, Case, Comes, answer, framed};
use harness::soak::times;
use harness::{Environment, Gate, Origin, Part, Ran, Reply, gzip, memory};

use crate::environment;

/// Here an empty body is as good as any other.
const EMPTY: &str = "[extractor.probe.expect]\nempty = true\n";

/// The arguments of a run of the probe that lands each of these URLs in a way, and logs what came of it.
fn each(origin: &Origin, urls: &[String], how: &str, more: &[&str]) -> Vec<String> {
    let fixed = ["-v", "--retries", "0", "--allow-http", &origin.grant(), "--param", "do=each"].map(str::to_owned);
    let params = [format!("how={how}"), format!("url={}", urls.join(" "))];
    let params = params.into_iter().flat_map(|param| ["--param".to_owned(), param]);
    fixed.into_iter().chain(params).chain(more.iter().map(|more| (*more).to_owned())).collect()
}

/// What came of each URL: the content of its file, or what the extractor was told. Nothing is below the landing
/// directory but what landed.
fn outcomes(environment: &Environment, ran: &Ran) -> BTreeMap<String, Result<Vec<u8>, String>> {
    let landed = environment.landed();
    let mut outcomes = BTreeMap::new();
    let mut visible = BTreeSet::new();
    for line in ran.stderr.lines() {
        let Some(line) = line.find("http://").map(|at| &line[at..]) else { continue };
        if let Some((url, path)) = line.split_once(" landed at ") {
            let content = landed.get(path).unwrap_or_else(|| panic!("{path} is not there"));
            visible.insert(path.to_owned());
            outcomes.insert(url.to_owned(), Ok(content.clone()));
        } else if let Some((url, says)) = line.split_once(" failed: ") {
            outcomes.insert(url.to_owned(), Err(says.to_owned()));
        }
    }
    assert_eq!(environment.everything(), visible.into_iter().collect::<Vec<_>>());
    outcomes
}

/// The URLs at which these answers are.
fn route<'a>(origin: &Origin, replies: impl IntoIterator<Item = &'a Reply>) -> Vec<String> {
    let at = |(number, reply): (usize, &Reply)| {
        let path = format!("/case-{number}");
        origin.route(&path, reply.clone());
        origin.url(&path)
    };
    replies.into_iter().enumerate().map(at).collect()
}

/// Ask for all of these, one after the other, and compare what comes of each.
fn judge(origin: &Origin, cases: &[Case], how: &str) {
    let environment = environment();
    environment.write("host.toml", EMPTY);
    let urls = route(origin, cases.iter().map(|case| &case.reply));
    let arguments = each(origin, &urls, how, &["--param", "count=1"]);
    let ran = environment.run("probe", &slices(&arguments)).exits(0);
    let outcomes = outcomes(&environment, &ran);
    let wrong = urls.iter().zip(cases).filter_map(|(url, case)| {
        let outcome = outcomes.get(url);
        let right = match (&case.comes, outcome) {
            (Comes::Whole(expected), Some(Ok(content))) => content == expected,
            (Comes::Nothing(expected), Some(Err(says))) => says.contains(expected),
            _ => false,
        };
        let shown = outcome.map(|outcome| outcome.as_ref().map(|content| String::from_utf8_lossy(content)));
        (!right).then(|| format!("{}: {shown:.300?}", case.what))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}, by {how}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn slices(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn framing_is_right_or_nothing_lands() {
    let (origin, cases) = (Origin::start(), hostile::framing());
    ["mirror", "land", "stream", "fetch"].iter().for_each(|how| judge(&origin, &cases, how));
}

#[test]
fn fields_are_right_or_nothing_lands() {
    let (origin, cases) = (Origin::start(), hostile::fields());
    ["mirror", "land", "stream", "fetch"].iter().for_each(|how| judge(&origin, &cases, how));
}

#[test]
fn bodies_are_right_or_nothing_lands() {
    let (origin, cases) = (Origin::start(), hostile::bodies());
    ["mirror", "land", "stream", "fetch"].iter().for_each(|how| judge(&origin, &cases, how));
}

#[test]
fn status_lines_are_right_or_nothing_lands() {
    let (origin, cases) = (Origin::start(), hostile::status_lines());
    // The other ways leave it to the extractor what a status means.
    ["mirror", "land"].iter().for_each(|how| judge(&origin, &cases, how));
}

#[test]
fn redirects_are_right_or_nothing_lands() {
    let (origin, other) = (Origin::start(), Origin::start());
    let cases = hostile::redirects(&origin, &other);
    ["mirror", "land"].iter().for_each(|how| judge(&origin, &cases, how));
    assert_eq!(other.asked(), []);
}

/// An answer that an attacker would like to be taken for that to another request.
const EVIL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil\n";

#[test]
fn what_follows_an_answer_is_not_the_next_answer() {
    let chunked = answer("Transfer-Encoding: chunked", "8\r\na,b\n1,2\n\r\n0\r\n\r\n");
    let firsts = [
        ("a whole answer", framed("X: y", CSV)),
        ("an empty one", framed("X: y", "")),
        ("chunks", chunked.clone()),
        ("chunks with a trailer", answer("Transfer-Encoding: chunked", "8\r\na,b\n1,2\n\r\n0\r\nX: y\r\n\r\n")),
        ("a length that is too short", answer("Content-Length: 4", CSV)),
        ("an empty line", [&framed("X: y", CSV)[..], b"\r\n"].concat()),
        ("gzip", framed("Content-Encoding: gzip", gzip(CSV))),
        ("an unasked coding", framed("Content-Encoding: br", CSV)),
        ("a length and chunks", answer("Content-Length: 8\r\nTransfer-Encoding: chunked", &chunked)),
        ("two lengths", answer("Content-Length: 8\r\nContent-Length: 8", CSV)),
        ("a list of lengths", answer("Content-Length: 8, 8", CSV)),
        ("another status", b"HTTP/1.1 404 No\r\nContent-Length: 8\r\n\r\na,b\n1,2\n".to_vec()),
        ("204", b"HTTP/1.1 204 None\r\n\r\n".to_vec()),
        ("204 with a length", b"HTTP/1.1 204 None\r\nContent-Length: 8\r\n\r\na,b\n1,2\n".to_vec()),
        ("304", b"HTTP/1.1 304 Same\r\nContent-Length: 8\r\n\r\na,b\n1,2\n".to_vec()),
        ("101", b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec()),
        ("a redirect", b"HTTP/1.1 302 Told\r\nLocation: /good-0\r\nContent-Length: 0\r\n\r\n".to_vec()),
        (
            "a redirect with a body",
            b"HTTP/1.1 302 Told\r\nLocation: /good-0\r\nContent-Length: 4\r\n\r\na,b\n".to_vec(),
        ),
        ("an early hint", [&framed("X: y", CSV)[..], b"HTTP/1.1 100 Continue\r\n\r\n"].concat()),
        ("half a head", [&framed("X: y", CSV)[..], b"HTTP/1.1 200 OK\r\nX: "].concat()),
    ];
    let origin = Origin::start();
    let mut urls = Vec::new();
    for (number, (_, first)) in firsts.iter().enumerate() {
        let (one, good) = (format!("/one-{number}"), format!("/good-{number}"));
        origin.route(&one, Reply::raw([first, EVIL].concat()).kept());
        origin.route(&good, Reply::raw(framed("X: y", format!("good\n{number}\n"))).kept());
        urls.extend([one, good].map(|path| origin.url(&path)));
    }
    for count in ["count=1", "count=8"] {
        let environment = environment();
        let arguments = each(&origin, &urls, "mirror", &["--param", count]);
        environment.write("host.toml", EMPTY);
        let outcomes = outcomes(&environment, &environment.run("probe", &slices(&arguments)).exits(0));
        for (number, (what, _)) in firsts.iter().enumerate() {
            let good = outcomes.get(&origin.url(&format!("/good-{number}")));
            assert_eq!(good, Some(&Ok(format!("good\n{number}\n").into_bytes())), "after {what}");
        }
        let evil = |content: &Vec<u8>| content.windows(4).any(|part| part == b"evil");
        assert!(!outcomes.values().flatten().any(evil), "{outcomes:?}");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_not_taken_later() {
    let (environment, origin, other) = (environment(), Origin::start(), Origin::start());
    let (asked, sent) = (Gate::default(), Gate::default());
    // The connection is idle when the evil answer comes, and before the next request it has certainly come.
    origin.route(
        "/one",
        Reply::parts(vec![
            Part::Bytes(framed("X: y", CSV)),
            Part::Hold(asked.clone()),
            Part::Bytes(EVIL.to_vec()),
            Part::Open(sent.clone()),
        ])
        .kept(),
    );
    origin.route("/good", Reply::new("good\n"));
    other.route("/between", Reply::new("between\n").gated(&asked, &sent));
    let urls = [origin.url("/one"), other.url("/between"), origin.url("/good")];
    let arguments = each(&origin, &urls, "mirror", &["--allow-http", &other.grant(), "--param", "count=1"]);
    let outcomes = outcomes(&environment, &environment.run("probe", &slices(&arguments)).exits(0));
    let contents: Vec<_> = urls.iter().map(|url| outcomes.get(url)).collect();
    let expected = [CSV, b"between\n", b"good\n"].map(|content| Ok(content.to_vec()));
    assert_eq!(contents, expected.iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn a_source_that_stops_is_given_up() {
    let origin = Origin::start();
    let hold = Gate::default();
    let stops = |bytes: &[u8]| Reply::parts(vec![Part::Bytes(bytes.to_vec()), Part::Hold(hold.clone())]);
    let goes_on = |bytes: &[u8], again: &[u8]| {
        Reply::parts(vec![Part::Bytes(bytes.to_vec()), Part::Repeat(again.to_vec(), u64::MAX)])
    };
    let chunked = |body: &str| answer("Transfer-Encoding: chunked", body);
    let packed = gzip(CSV);
    let cases = [
        ("silence", stops(b"")),
        ("a part of the status line", stops(b"HTTP/1.1 2")),
        ("a status line", stops(b"HTTP/1.1 200 OK\r\n")),
        ("a part of the head", stops(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n")),
        ("an early hint", stops(b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("a head", stops(&answer("Content-Length: 8", ""))),
        ("a part of the body", stops(&answer("Content-Length: 8", "a,b\n1,2"))),
        ("a part of a chunk's size", stops(&chunked("8"))),
        ("a chunk's size", stops(&chunked("8\r\n"))),
        ("a part of a chunk", stops(&chunked("8\r\na,b\n"))),
        ("a chunk", stops(&chunked("8\r\na,b\n1,2\n\r\n"))),
        ("the last chunk", stops(&chunked("8\r\na,b\n1,2\n\r\n0\r\n"))),
        ("a part of a trailer", stops(&chunked("8\r\na,b\n1,2\n\r\n0\r\nX: y"))),
        ("a part of gzip", stops(&answer("Content-Encoding: gzip\r\nContent-Length: 99", &packed[..12]))),
        ("all of gzip, but not of the length", stops(&answer("Content-Encoding: gzip\r\nContent-Length: 99", &packed))),
        ("a redirect into silence", Reply::redirect(302, "/case-0")),
        ("early hints without end", goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("a chunk's size without end", goes_on(&chunked(""), b"0")),
    ];
    let urls = route(&origin, cases.iter().map(|(_, reply)| reply));
    let environment = environment();
    let arguments = each(&origin, &urls, "mirror", &["--param", "count=9", "--idle-timeout", "300ms"]);
    let outcomes = outcomes(&environment, &environment.run("probe", &slices(&arguments)).exits(0));
    hold.open();
    for (url, (what, _)) in urls.iter().zip(&cases) {
        let outcome = outcomes.get(url);
        let given_up = matches!(outcome, Some(Err(says)) if says.contains("within 300ms"));
        assert!(given_up, "{what}: {outcome:?}");
    }
}

#[test]
fn a_connection_that_breaks_lands_nothing() {
    let (environment, origin) = (environment(), Origin::start());
    let replies = [
        Reply::raw("").reset(),
        Reply::raw("HTTP/1.1 200 OK\r\n").reset(),
        Reply::raw(answer("Content-Length: 8", "a,b\n")).reset(),
        Reply::raw(answer("Content-Length: 80000", "x".repeat(79_999))).reset(),
        Reply::raw(answer("Transfer-Encoding: chunked", "8\r\na,b\n1,2\n\r\n")).reset(),
        Reply::raw(answer("Content-Encoding: gzip\r\nContent-Length: 99", gzip(CSV))).reset(),
        Reply::lines(20_000).cut_after(1_000_000),
        Reply::lines(20_000).chunked().cut_after(1_000_000),
    ];
    let urls = route(&origin, &replies);
    let arguments = each(&origin, &urls, "mirror", &["--param", "count=1"]);
    let outcomes = outcomes(&environment, &environment.run("probe", &slices(&arguments)).exits(0));
    assert!(outcomes.len() == replies.len() && outcomes.values().all(Result::is_err), "{outcomes:?}");
}

/// What a run may hold at its peak, in KiB, whatever is sent to it.
pub(crate) const MOST_MEMORY: u64 = 40 * 1024;

#[test]
fn memory_stays_flat_whatever_is_sent() {
    let origin = Origin::start();
    let goes_on = |head: Vec<u8>, again: &[u8], megabytes: usize| {
        let count = (megabytes << 20) / again.len();
        Reply::parts(vec![Part::Bytes(head), Part::Repeat(again.to_vec(), count as u64)])
    };
    let chunked = || answer("Transfer-Encoding: chunked", "");
    let gzipped = || answer("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", "");
    let named = [&gzipped()[..], b"a\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xff\r\n"].concat();
    let megabyte = [b"100000\r\n", &vec![b'x'; 1 << 20][..], b"\r\n"].concat();
    let bomb = gzip(&vec![0; 256 << 20]);
    let replies = [
        ("a gigabyte that is cut", goes_on(answer("Content-Length: 1000000000", ""), b"a,b\n1,2\n", 200)),
        ("one line of the head without end", goes_on(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b"y", 100)),
        ("a head without end", goes_on(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n", 100)),
        ("a status line without end", goes_on(b"HTTP/1.1 200 ".to_vec(), b"y", 100)),
        ("early hints", goes_on(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n", 50)),
        ("chunks of one byte", goes_on(chunked(), b"1\r\nx\r\n", times(2, 200))),
        ("a chunk of 2^62 bytes", goes_on(answer("Transfer-Encoding: chunked", "4000000000000000\r\n"), b"x", 200)),
        ("a chunk's size of zeros", goes_on(chunked(), b"0", times(10, 200))),
        ("an extension without end", goes_on(answer("Transfer-Encoding: chunked", "8;"), b"x", 100)),
        ("trailers without end", goes_on(answer("Transfer-Encoding: chunked", "0\r\n"), b"X: y\r\n", 100)),
        ("a trailer without end", goes_on(answer("Transfer-Encoding: chunked", "0\r\nX: "), b"y", 100)),
        ("a file name in gzip", goes_on(named, &megabyte, 200)),
        ("gzip of nothing, again and again", goes_on(gzipped(), &empty_member(), times(4, 40))),
        ("a bomb", Reply::raw(framed("Content-Encoding: gzip", &bomb))),
        ("a bomb as a file", Reply::raw(framed("X: y", &bomb))),
    ];
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/last", Reply::new("last\n").gated(&reached, &hold));
    let mut urls = route(&origin, replies.iter().map(|(_, reply)| reply));
    urls.push(origin.url("/last"));
    let environment = environment();
    // Where nobody compiled the probe yet, this does, and that memory is not what is measured.
    environment.run("probe", &["--param", "do=escape"]).exits(0);
    let arguments = each(&origin, &urls, "mirror", &["--param", "count=1"]);
    let running = environment.spawn("probe", &slices(&arguments));
    // A gate waits for a minute, and `cargo soak` takes some.
    assert!((0..times(10, 100)).any(|_| reached.wait()), "the last one was never asked for");
    let peak = memory::held(&running).expect("a program that runs");
    hold.open();
    let ran = Ran::new(running.wait_with_output().expect("the program")).exits(0);
    let outcomes = outcomes(&environment, &ran);
    for (url, (what, _)) in urls.iter().zip(&replies) {
        let outcome = outcomes.get(url);
        assert!(matches!(outcome, Some(Err(_))), "{what}: {outcome:.300?}");
    }
    eprintln!("{peak} KiB at the peak");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
}

/// Gzip of nothing, as a chunk.
fn empty_member() -> Vec<u8> {
    let member = gzip(b"");
    [format!("{:x}\r\n", member.len()).as_bytes(), &member, b"\r\n"].concat()
}

#[test]
fn memory_stays_flat_however_many_urls_there_are() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    (0..1000).for_each(|number| origin.route(&format!("/{number}"), Reply::new(format!("{number}\n"))));
    origin.route("/last", Reply::new("last\n").gated(&reached, &hold));
    let mut urls: String =
        (0..times(5000, 100_000)).map(|number| origin.url(&format!("/{}?{number}\n", number % 1000))).collect();
    urls.push_str(&origin.url("/last"));
    environment.write("urls.txt", urls);
    let running = environment.spawn("mirror", &["--allow-http", &origin.grant(), "--param", "url=@urls.txt"]);
    assert!((0..times(10, 100)).any(|_| reached.wait()), "the last one was never asked for");
    let peak = memory::held(&running).expect("a program that runs");
    hold.open();
    let ran = harness::Ran::new(running.wait_with_output().expect("the program")).exits(0).json();
    assert_eq!(
        (&ran["files_written"], ran["files"].as_array().map(Vec::len)),
        (&1001.into(), Some(times(5001, 100_001)))
    );
    eprintln!("{peak} KiB at the peak");
    assert!(peak < MOST_MEMORY, "{peak} KiB");
}
