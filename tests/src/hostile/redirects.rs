//! Answers that lead elsewhere (RFC 9110, 15.4 and 10.2.2).

use super::{CSV, Case, Comes, framed, nothing};
use crate::{Origin, Reply};

const NOT_GRANTED: &str = "is not granted";
const OTHER_SCHEME: &str = "is not http or https";
const NO_URL: &str = "the Location field is no URL";
const TOO_MANY: &str = "more than 5 redirects";
const USER: &str = "carries a user name or password";

/// An answer of that status with these field lines and no body.
fn told(status: u16, lines: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n");
    [head.as_bytes(), lines.as_ref(), b"\r\n\r\n"].concat()
}

/// An answer that leads to [`CSV`].
fn leads(what: impl Into<String>, answer: Vec<u8>) -> Case {
    Case { what: what.into(), reply: Reply::raw(answer), comes: Comes::Whole(CSV.to_vec()) }
}

/// Redirects from `origin`, which is granted, also to `other`, which is not. Both get the paths that these lead to.
pub fn redirects(origin: &Origin, other: &Origin) -> Vec<Case> {
    route(origin, other);
    [followed(origin), refused(origin, other), endless(), statuses()].concat()
}

fn route(origin: &Origin, other: &Origin) {
    for at in [origin, other] {
        at.route("/target", Reply::raw(framed("X: y", CSV)));
    }
    origin.route("/t%C3%A4rget", Reply::raw(framed("X: y", CSV)));
    for (hop, next) in [("/hop-1", "/hop-2"), ("/hop-2", "/hop-3"), ("/hop-3", "/hop-4"), ("/hop-4", "/target")] {
        origin.route(hop, Reply::redirect(302, next));
    }
    origin.route("/there", Reply::redirect(302, "/back"));
    origin.route("/back", Reply::redirect(302, "/there"));
    origin.route("/broken", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na,b\n1,2\n"));
}

fn followed(origin: &Origin) -> Vec<Case> {
    let statuses =
        [301, 302, 303, 307, 308].map(|status| leads(format!("status {status}"), told(status, "Location: /target")));
    let port = origin.grant().rsplit(':').next().unwrap_or_default().to_owned();
    let locations = [
        "target".to_owned(),
        "./target".into(),
        "../../target".into(),
        "x/../target".into(),
        "/x/%2e%2E/target".into(),
        "/target?x=y".into(),
        "/target#fragment".into(),
        " /target ".into(),
        "\\target".into(),
        "/ta\trget".into(),
        "http:target".into(),
        format!("//127.0.0.1:{port}/target"),
        format!("\\\\127.0.0.1:{port}\\target"),
        format!("HTTP://127.0.0.1:{port}/target"),
        format!("http://2130706433:{port}/target"),
        format!("http://0x7f.1:{port}/target"),
        format!("http://127.0.0.1.:{port}/target"),
        format!("http:\\\\127.0.0.1:{port}/target"),
        format!("http://@127.0.0.1:{port}/target"),
        "/t\u{e4}rget".into(),
        "/hop-1".into(),
    ];
    let locations = locations
        .map(|location| leads(format!("a redirect to {location:?}"), told(302, format!("Location: {location}"))));
    let bodies = [
        leads("a redirect without a length", b"HTTP/1.1 302 Told\r\nLocation: /target\r\n\r\nmoved".to_vec()),
        leads(
            "a redirect with half a body",
            b"HTTP/1.1 302 Told\r\nLocation: /target\r\nContent-Length: 99\r\n\r\nmoved".to_vec(),
        ),
        leads(
            "a redirect with half a chunk",
            b"HTTP/1.1 302 Told\r\nLocation: /target\r\nTransfer-Encoding: chunked\r\n\r\n9".to_vec(),
        ),
        leads("a redirect with an odd coding", told(302, "Location: /target\r\nContent-Encoding: br")),
    ];
    statuses.into_iter().chain(locations).chain(bodies).collect()
}

fn refused(origin: &Origin, other: &Origin) -> Vec<Case> {
    let (here, there) = (origin.grant(), other.grant());
    let port = here.rsplit(':').next().unwrap_or_default();
    let locations = [
        (format!("{there}/target"), NOT_GRANTED),
        (there.replace("http:", "") + "/target", NOT_GRANTED),
        (there.replace("http://", "\\\\") + "/target", NOT_GRANTED),
        ("http://127.0.0.1/target".into(), NOT_GRANTED),
        (here.replace("http:", "https:") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "localhost") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "127.0.0.2") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "[::ffff:127.0.0.1]") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "[::1]") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "0.0.0.0") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "0") + "/target", NOT_GRANTED),
        (here.replace("127.0.0.1", "127.0.0.1.nip.invalid") + "/target", NOT_GRANTED),
        ("http:///target".into(), NOT_GRANTED),
        ("///target".into(), NO_URL),
        ("https://example.invalid/".into(), NOT_GRANTED),
        (format!("http://example.invalid#@127.0.0.1:{port}/target"), NOT_GRANTED),
        (format!("http://example.invalid\\@127.0.0.1:{port}/target"), NOT_GRANTED),
        (format!("http://user@127.0.0.1:{port}/target"), USER),
        (format!("http://user:pass@127.0.0.1:{port}/target"), USER),
        (format!("http://:pass@127.0.0.1:{port}/target"), USER),
        (format!("{here}@example.invalid/target"), USER),
        (format!("{here}:80/target"), NO_URL),
        (format!("{here}0000/target"), NO_URL),
        ("http://".into(), NO_URL),
        ("//".into(), NO_URL),
        ("http://[::1".into(), NO_URL),
        ("http://[fe80::1%25lo]/".into(), NO_URL),
        ("http://exa mple.invalid/".into(), NO_URL),
        ("http://%00.invalid/".into(), NO_URL),
        ("http://1.2.3.4.5/".into(), NO_URL),
        ("http://256.0.0.1/".into(), NO_URL),
        ("file:///etc/passwd".into(), OTHER_SCHEME),
        ("ftp://127.0.0.1/target".into(), OTHER_SCHEME),
        ("gopher://127.0.0.1/_GET%20/".into(), OTHER_SCHEME),
        ("ws://127.0.0.1/target".into(), OTHER_SCHEME),
        ("data:text/csv,a".into(), OTHER_SCHEME),
        ("javascript:alert(1)".into(), OTHER_SCHEME),
        ("about:blank".into(), OTHER_SCHEME),
        ("unix:///run/x.sock".into(), OTHER_SCHEME),
        (format!("{here}/{}", "x".repeat(20_000)), "longer than"),
    ];
    let locations = locations.into_iter().map(|(location, says)| {
        let shown: String = location.chars().take(80).collect();
        nothing(format!("a redirect to {shown:?}"), told(302, format!("Location: {location}")), says)
    });
    let fields = [
        ("bytes that are no text", &b"Location: /t\xe4rget"[..], "is not ASCII"),
        ("two places", b"Location: /target\r\nLocation: /broken", "more than one Location"),
        ("one place twice", b"Location: /target\r\nLocation: /target", "more than one Location"),
        ("a broken answer", b"Location: /broken", "did not arrive whole"),
        ("a place where nothing is", b"Location: /nothing", "status 404"),
        ("a place in two lines", b"Location: /tar\r\n get", "broke HTTP"),
        ("a place, and two framings", b"Location: /target\r\nTransfer-Encoding: chunked", "both Content-Length"),
        ("a place, and two lengths", b"Location: /target\r\nContent-Length: 0", "more than one Content-Length"),
    ];
    let fields =
        fields.iter().map(|(what, lines, says)| nothing(format!("a redirect with {what}"), told(302, lines), says));
    locations.chain(fields).collect()
}

fn endless() -> Vec<Case> {
    let locations = ["", "?x=y", "#fragment", ".", "/there", "/back"];
    // A path that leads to itself, whatever its query, or one of two that lead to each other.
    let places = locations.iter().filter(|location| **location != ".").map(|location| {
        nothing(format!("a redirect to {location:?}"), told(302, format!("Location: {location}")), TOO_MANY)
    });
    let here = nothing("a redirect to \".\"", told(302, "Location: ."), "status 404");
    places.chain([here]).collect()
}

/// Statuses that lead nowhere, with or without a place.
fn statuses() -> Vec<Case> {
    let bare =
        [(301, "status 301"), (302, "status 302"), (303, "status 303"), (307, "status 307"), (308, "status 308")];
    let bare = bare
        .iter()
        .map(|(status, says)| nothing(format!("status {status} without a place"), told(*status, "X: y"), says));
    let placed = [
        (201, "status 201"),
        (300, "status 300"),
        (304, "status 304"),
        (305, "status 305"),
        (306, "status 306"),
        (309, "status 309"),
        (399, "status 399"),
        (401, "status 401"),
        (404, "status 404"),
    ];
    let placed = placed.iter().map(|(status, says)| {
        nothing(format!("status {status} with a place"), told(*status, "Location: /target"), says)
    });
    bare.chain(placed).collect()
}
