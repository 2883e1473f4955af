//! Sources that break HTTP, break off, or send what does not land: nothing of it is ever visible.

use harness::{Gate, Origin, Reply, gzip};

use crate::{environment, mirror, with};

const CSV: &str = "city,courts\nMalaga,41\n";

fn raw(head: &str, body: &[u8]) -> Reply {
    Reply::raw([format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat())
}

#[test]
fn broken_answers_land_nothing() {
    let whole = gzip(CSV.as_bytes());
    let cases: Vec<(&str, Reply, &str)> = vec![
        ("short", Reply::new(CSV).cut_after(5), "did not arrive whole"),
        ("chunks without an end", Reply::new(CSV).chunked().cut_after(5), "did not arrive whole"),
        ("chunks cut after the last byte", Reply::new(CSV).chunked().cut_after(CSV.len()), "did not arrive whole"),
        ("no framing", Reply::new(CSV).unframed(), "does not say where its body ends"),
        (
            "length and chunks",
            raw("200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", b"3\r\na,b\r\n0\r\n\r\n"),
            "both Content-Length and Transfer-Encoding",
        ),
        ("two lengths", raw("200 OK\r\nContent-Length: 3\r\nContent-Length: 4", b"a,b\n"), "broke HTTP"),
        (
            "two equal lengths",
            raw("200 OK\r\nContent-Length: 3\r\nContent-Length: 3", b"a,b"),
            "more than one Content-Length",
        ),
        ("a list of lengths", raw("200 OK\r\nContent-Length: 3, 3", b"a,b"), "Content-Length"),
        (
            "another coding",
            raw("200 OK\r\nTransfer-Encoding: identity", b"a,b\n1,2\ntrunc"),
            "transfer encoding other than",
        ),
        ("gzip as a coding", raw("200 OK\r\nTransfer-Encoding: gzip", &whole), "transfer encoding other than"),
        (
            "chunked, then not",
            raw("200 OK\r\nTransfer-Encoding: chunked, identity", b"3\r\na,b\r\n0\r\n\r\n"),
            "transfer encoding other than",
        ),
        (
            "gzip, then chunked",
            raw("200 OK\r\nTransfer-Encoding: gzip, chunked", b"3\r\na,b\r\n0\r\n\r\n"),
            "transfer encoding other than",
        ),
        ("a length that is none", raw("200 OK\r\nContent-Length: many", b"a,b"), "broke HTTP"),
        ("no HTTP", Reply::raw("SSH-2.0-OpenSSH_9.2\r\n"), "broke HTTP"),
        (
            "hundreds of fields",
            raw(&format!("200 OK{}\r\nContent-Length: 0", "\r\nX-A: b".repeat(300)), b""),
            "broke HTTP",
        ),
        ("a field of a megabyte", raw(&format!("200 OK\r\nX-A: {}", "b".repeat(1 << 20)), b""), "broke HTTP"),
        (
            "an encoding that was not asked for",
            Reply::new(CSV).header("Content-Encoding", "br"),
            "`br` was not asked for",
        ),
        ("truncated transport gzip", Reply::new(&whole[..whole.len() - 3]).gzip_encoded(), "gzip data is truncated"),
        (
            "junk after transport gzip",
            Reply::new([&whole[..], b"junk"].concat()).gzip_encoded(),
            "followed by something else",
        ),
        ("a truncated gzip file", Reply::new(&whole[..whole.len() - 3]), "gzip data is truncated"),
        ("junk after a gzip file", Reply::new([&whole[..], b"junk"].concat()), "followed by something else"),
        ("206", Reply::new(CSV).with_status(206), "status 206"),
        ("204", Reply::status(204), "status 204"),
        ("a 304 that nobody asked for", Reply::status(304), "status 304"),
        ("404", Reply::new(CSV).with_status(404), "status 404"),
        ("500", Reply::new(CSV).with_status(500), "status 500"),
    ];
    let origin = Origin::start();
    for (what, reply, says) in cases {
        let environment = environment();
        origin.route("/courts.csv", reply);
        let arguments = mirror(&origin, "/courts.csv");
        for act in ["mirror", "land", "stream"] {
            // A probe that reads by itself sees statuses too, and lands what it likes.
            if act == "stream" && what.parse::<u16>().is_ok() || what.starts_with("a 304") && act != "mirror" {
                continue;
            }
            let act = format!("do={act}");
            let ran = environment.run("probe", &with(&arguments, &["--retries", "0", "--param", &act]));
            let ran = ran.exits(1).says(says);
            assert_eq!(ran.json()["files"].as_array().map(Vec::len), Some(0), "{what}");
            assert_eq!(environment.everything(), [""; 0], "{what}, by {act}");
        }
    }
}

#[test]
fn a_grant_may_say_that_bodies_end_with_their_connection() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new(CSV).unframed());
    environment.write("host.toml", "[extractor.mirror]\nunframed = true\n");
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
}

#[test]
fn a_body_past_its_limit_is_stopped() {
    let origin = Origin::start();
    origin.route("/length", Reply::lines(1000));
    origin.route("/chunks", Reply::lines(1000).chunked());
    origin.route("/encoded", Reply::new(vec![b'x'; 64_000]).gzipped());
    origin.route("/gzip", Reply::new(gzip(&vec![b'x'; 64_000])));
    for path in ["/length", "/chunks", "/encoded", "/gzip"] {
        let environment = environment();
        let arguments = mirror(&origin, path);
        let ran = environment.run("mirror", &with(&arguments, &["--max-body", "10kB"])).exits(1);
        ran.says("larger than the limit of 10000 bytes");
        assert_eq!(environment.everything(), [""; 0], "{path}");
    }
}

#[test]
fn a_gzip_bomb_is_stopped_by_its_ratio() {
    let (environment, origin) = (environment(), Origin::start());
    let bomb = gzip(&vec![0; 64 << 20]);
    origin.route("/file", Reply::new(bomb.clone()));
    origin.route("/encoded", Reply::new(bomb).gzip_encoded());
    for path in ["/file", "/encoded"] {
        let arguments = mirror(&origin, path);
        environment.run("mirror", &with(&arguments, &[])).exits(1).says("250 times its size");
        assert_eq!(environment.everything(), [""; 0], "{path}");
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/courts.csv", Reply::new(CSV).gated(&reached, &hold));
    let arguments = mirror(&origin, "/courts.csv");
    let ran = environment.run("mirror", &with(&arguments, &["--idle-timeout", "300ms", "--retries", "0"]));
    ran.exits(1).says("within 300ms");
    hold.open();
}

#[test]
fn a_body_that_broke_off_is_asked_for_again() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [Reply::new(CSV).cut_after(5), Reply::new(CSV)]);
    let arguments = mirror(&origin, "/courts.csv");
    assert_eq!(environment.run("mirror", &with(&arguments, &[])).exits(0).json()["files_written"], 1);
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [CSV.as_bytes()]);
    assert_eq!(origin.asked().len(), 2);
}

#[test]
fn an_empty_body_is_content_too_where_it_may_be() {
    let (environment, origin) = (environment(), Origin::start());
    environment.write("host.toml", "[extractor.mirror.expect]\nempty = true\n");
    origin.route("/empty.csv", Reply::new("").gzip_encoded());
    let arguments = mirror(&origin, "/empty.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), [b""]);
}

#[test]
fn content_that_the_extractor_gave_up_does_not_land() {
    let environment = environment();
    environment.run("probe", &["--param", "do=half"]).exits(1).says("gave up");
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn an_answer_cut_at_any_byte_lands_whole_or_not_at_all() {
    let origin = Origin::start();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"one\"\r\n\r\n8\r\na,b\n1,2\n\r\n0\r\n\r\n";
    let framed = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nETag: \"one\"\r\n\r\na,b\n1,2\n";
    for answer in [chunked, framed] {
        for (end, reset) in (0..=answer.len()).flat_map(|end| [(end, false), (end, true)]) {
            let environment = environment();
            let reply = Reply::raw(&answer.as_bytes()[..end]);
            origin.route("/courts.csv", if reset { reply.reset() } else { reply });
            let arguments = mirror(&origin, "/courts.csv");
            let ran = environment.run("mirror", &with(&arguments, &["--retries", "0"]));
            let whole: &[&[u8]] = if ran.code == Some(0) { &[b"a,b\n1,2\n"] } else { &[] };
            // A reset may overtake the last bytes of a whole answer, but it never makes a whole one of a part.
            let may_fail = end < answer.len() || reset;
            assert!(
                ran.code == Some(i32::from(may_fail)) || (end == answer.len() && ran.code == Some(0)),
                "cut at {end}: {ran:?}"
            );
            assert_eq!(environment.landed().into_values().collect::<Vec<_>>(), whole, "cut at {end}");
        }
    }
}
