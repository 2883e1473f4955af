//! Answers with odd status lines and fields (RFC 9110, 5 and 15; RFC 9112, 2 to 5).

use super::{CSV, Case, answer, framed, nothing, whole};

const BROKEN: &str = "broke HTTP";

/// A status line, and all else as it should be.
fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    [line.as_ref(), b"\r\nContent-Length: 8\r\n\r\n", CSV].concat()
}

/// Status lines.
pub fn status_lines() -> Vec<Case> {
    let good =
        ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/1.1 200 Nicht gefunden\t!"]
            .iter()
            .map(|text| whole(format!("the status line {text:?}"), line(text), CSV));
    let bad = [
        "HTTP/0.9 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200 OK",
        "HTTP/3 200 OK",
        "HTTP/11 200 OK",
        "HTTP/1,1 200 OK",
        "HTTP/01.1 200 OK",
        "http/1.1 200 OK",
        "Http/1.1 200 OK",
        "HTTPS/1.1 200 OK",
        "HTTP /1.1 200 OK",
        "HTTP/ 1.1 200 OK",
        " HTTP/1.1 200 OK",
        "\tHTTP/1.1 200 OK",
        "\0HTTP/1.1 200 OK",
        "\u{feff}HTTP/1.1 200 OK",
        "ICY 200 OK",
        "RTSP/1.0 200 OK",
        "200 OK",
        "OK",
        "HTTP/1.1",
        "HTTP/1.1 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 99 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 1000 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 -200 OK",
        "HTTP/1.1 +200 OK",
        "HTTP/1.1 2OO OK",
        "HTTP/1.1 0x200 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200.1 OK",
        "HTTP/1.1 ２００ OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 O\x1b[2JK",
        "HTTP/1.1 200 O\x7fK",
        "<html>",
        "SSH-2.0-OpenSSH_9.2",
        "\x16\x03\x01\x02\0\x01\0",
        "PRI * HTTP/2.0",
    ];
    let bad = bad.iter().map(|text| nothing(format!("the status line {text:?}"), line(text), BROKEN));
    let odd = [
        whole("a reason that is not ASCII", line(b"HTTP/1.1 200 \xe9\xff"), CSV),
        whole("a reason of 60 kB", line(format!("HTTP/1.1 200 {}", "x".repeat(60_000))), CSV),
        nothing("a reason of 200 kB", line(format!("HTTP/1.1 200 {}", "x".repeat(200_000))), BROKEN),
        whole("an empty line in front", line("\r\nHTTP/1.1 200 OK"), CSV),
        nothing("a body without a head", CSV, BROKEN),
        nothing("nothing", "", "broke off"),
        nothing("half a status line", "HTTP/1.1 2", "broke off"),
        nothing("a status line alone", "HTTP/1.1 200 OK\r\n", "broke off"),
        nothing("half a head", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nX", "broke off"),
        nothing("a head without its empty line", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n", "broke off"),
    ];
    good.chain(bad).chain(odd).chain(statuses()).chain(informational()).collect()
}

/// Statuses that bring nothing to land, whatever body is with them.
fn statuses() -> Vec<Case> {
    let named = [
        (201, "status 201"),
        (202, "status 202"),
        (203, "status 203"),
        (204, "status 204"),
        (205, "status 205"),
        (206, "status 206"),
        (226, "status 226"),
        (299, "status 299"),
        (304, "status 304"),
        (400, "status 400"),
        (401, "status 401"),
        (404, "status 404"),
        (407, "status 407"),
        (408, "status 408"),
        (412, "status 412"),
        (416, "status 416"),
        (421, "status 421"),
        (425, "status 425"),
        (429, "status 429"),
        (500, "status 500"),
        (502, "status 502"),
        (503, "status 503"),
        (505, "status 505"),
        (599, "status 599"),
        (600, "status 600"),
        (999, "status 999"),
    ];
    let named = named.iter().map(|(status, says)| {
        nothing(format!("status {status} with a body"), line(format!("HTTP/1.1 {status} Told")), says)
    });
    let part = b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-7/8\r\nContent-Length: 8\r\n\r\na,b\n1,2\n";
    let switch = b"HTTP/1.1 101 Switch\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\na,b\n1,2\n";
    let tagged = b"HTTP/1.1 304 Same\r\nETag: \"one\"\r\n\r\n";
    let more = [
        nothing("a part that is all of it", part, "status 206"),
        nothing("another protocol", switch, "status 101"),
        nothing("an unasked 304 with a tag", tagged, "status 304"),
        nothing("a 204 without a length", b"HTTP/1.1 204 None\r\n\r\n", "status 204"),
    ];
    named.chain(more).collect()
}

/// Answers before the answer: as many as there are, they count for nothing.
fn informational() -> Vec<Case> {
    let after = |first: &str| [first.as_bytes(), &line("HTTP/1.1 200 OK")].concat();
    let fields = "HTTP/1.1 103 Hints\r\nETag: \"early\"\r\nContent-Length: 3\r\n\r\n";
    vec![
        whole("100, then 200", after("HTTP/1.1 100 Continue\r\n\r\n"), CSV),
        whole(
            "102, 103 and 199, then 200",
            after("HTTP/1.1 102 A\r\n\r\nHTTP/1.1 103 B\r\n\r\nHTTP/1.1 199 C\r\n\r\n"),
            CSV,
        ),
        whole("103 with fields of its own, then 200", after(fields), CSV),
        whole("10,000 times 100, then 200", after(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000)), CSV),
        nothing("100 with a body, then 200", after("HTTP/1.1 100 Go\r\nContent-Length: 8\r\n\r\na,b\n1,2\n"), BROKEN),
        nothing("100, and nothing more", "HTTP/1.1 100 Continue\r\n\r\n", "broke off"),
        nothing("100, then no HTTP", "HTTP/1.1 100 Continue\r\n\r\na,b\n1,2\n", BROKEN),
        nothing("100, then 404", [&b"HTTP/1.1 100 Go\r\n\r\n"[..], &line("HTTP/1.1 404 No")].concat(), "status 404"),
    ]
}

/// Fields beside a right length.
pub fn fields() -> Vec<Case> {
    let good = [
        "X:",
        "X: ",
        "X:y",
        "X:\ty\t",
        "X: a\tb",
        "X: a:b:c",
        "X: \u{e9}",
        "x-~!#$%&'*+.^_`|: y",
        "Connection: upgrade\r\nUpgrade: h2c",
        "Connection: close, keep-alive",
        "Keep-Alive: timeout=0, max=0",
        "Trailer: Content-Length",
        "Alt-Svc: h2=\":1\"; ma=99999",
        "Refresh: 0; url=/target",
        "Location: /target",
        "Content-Location: /etc/passwd",
        "Content-Disposition: attachment; filename=\"../../../../tmp/x\"",
        "Content-Range: bytes 0-7/800",
        "Content-Type: text/html",
        "Set-Cookie: a=b",
        "Retry-After: 99999999",
        "Last-Modified: soon",
        "Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT",
        "Date: yesterday\r\nDate: tomorrow",
    ];
    let good = good.iter().map(|lines| whole(format!("the fields {lines:?}"), framed(lines, CSV), CSV));
    let bad = [
        "X",
        "X y",
        ": y",
        " X: y",
        "X : y",
        "X\t: y",
        "X Y: z",
        "X\0: y",
        "X\u{e9}: y",
        "X(: y",
        "X\"y\": z",
        "X[y]: z",
        "X/y: z",
        "\r\n\r\n: y",
        "X: a\0b",
        "X: a\rb",
        "X: a\r\rb",
        "X: a\x01b",
        "X: a\x08b",
        "X: a\x0bb",
        "X: a\x0cb",
        "X: a\x1bb",
        "X: a\x7fb",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X: a\r\n ",
        "X: y\nY: z",
        "X: y\n",
        "X: y\n\r",
        "X: y\n\nZ: z",
        "HTTP/1.1 200 OK",
    ];
    // An empty line ends the head, so what follows it is the body and has no length.
    let says = |lines: &str| if lines.starts_with("\r\n") { "does not say where" } else { BROKEN };
    let bad = bad.iter().map(|lines| nothing(format!("the fields {lines:?}"), framed(lines, CSV), says(lines)));
    good.chain(bad).chain(many_fields()).chain(tags()).collect()
}

fn many_fields() -> Vec<Case> {
    let lines = |count: usize| vec!["X: y"; count].join("\r\n");
    let value = |size: usize| format!("X: {}", "y".repeat(size));
    let feeds = "HTTP/1.1 200 OK\nContent-Length: 8\n\na,b\n1,2\n";
    vec![
        whole("a hundred fields", framed(lines(99), CSV), CSV),
        nothing("a hundred and one fields", framed(lines(100), CSV), BROKEN),
        nothing("a thousand fields", framed(lines(1000), CSV), BROKEN),
        whole("a value of 60 kB", framed(value(60_000), CSV), CSV),
        nothing("a value of 66 kB", framed(value(66_000), CSV), "head is too large"),
        nothing("a value of 5 MB", framed(value(5_000_000), CSV), BROKEN),
        whole("a name of 60 kB", framed(format!("{}: x", "y".repeat(60_000)), CSV), CSV),
        nothing("a name of 70 kB", framed(format!("{}: x", "y".repeat(70_000)), CSV), BROKEN),
        nothing("a value that is not closed", answer(value(5_000_000), ""), BROKEN),
        nothing("line feeds alone", feeds, "a line feed alone"),
        nothing(
            "a line feed alone behind the status line",
            "HTTP/1.1 200 OK\nContent-Length: 8\r\n\r\na,b\n1,2\n",
            BROKEN,
        ),
        nothing("a line feed alone at the end", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\na,b\n1,2\n", BROKEN),
        nothing("a line feed alone in front", "\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na,b\n1,2\n", BROKEN),
        whole(
            "a value of every byte above ASCII",
            framed([b"X: ", &(0x80..=0xff).collect::<Vec<u8>>()[..]].concat(), CSV),
            CSV,
        ),
    ]
}

/// Tags of every form: a file is named by a good one, and no content is lost by a bad one.
fn tags() -> Vec<Case> {
    let long = "x".repeat(2_000);
    let tags = [
        "\"plain\"",
        "\"plain\"",
        "W/\"plain\"",
        "w/\"plain\"",
        "",
        "\"\"",
        "W/\"\"",
        "W/",
        "plain",
        "\"open",
        "shut\"",
        "\"",
        "\"a\"b\"",
        "\"a b\"",
        "\"a\tb\"",
        "\"a\", \"b\"",
        "\"a\"\r\nETag: \"b\"",
        "\"a\"\r\nETag: \"a\"",
        "\"..\"",
        "\".\"",
        "\"../../../../tmp/x\"",
        "\"/etc/passwd\"",
        "\"a/b\"",
        "\"a\\b\"",
        "\"CON\"",
        "\"nul.csv\"",
        "\".tmp-x\"",
        "\".state.sqlite\"",
        "\"-rf\"",
        "\"a%2fb\"",
        "\"\u{202e}vsc\"",
        "\"2026-01-01_00000000\"",
        &format!("\"{long}\""),
    ];
    let case = |(number, tag): (usize, &&str)| {
        // Contents differ, so that the same tag twice is a clash of names.
        let content = format!("tag\n{number}\n");
        whole(format!("the tag {tag:?}"), framed(format!("ETag: {tag}"), &content), content)
    };
    tags.iter().enumerate().map(case).collect()
}
