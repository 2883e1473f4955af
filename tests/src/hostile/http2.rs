//! Answers of HTTP/2 that are odd, or break RFC 9113, each with what must come of it.

use super::{CSV, Comes};
use crate::gzip;
use crate::http2::{
    Answer, END, END_HEADERS, PADDED, fields, frame, go_away, headers, kind, last_data, reset, says, settings,
};

/// What the host says of a body that is cut.
const WHOLE: &str = "did not arrive whole";

/// All of them.
pub fn http2() -> Vec<Case> {
    [odd(), broken(), frames()].concat()
}

/// The head of a right answer.
pub const OK: &[(&str, &str)] = &[(":status", "200")];

/// A 200 with these fields, and this body in one frame.
pub fn answer(more: &'static [(&'static str, &'static str)], body: &'static [u8]) -> Answer {
    says(move |stream| [headers(stream, &[OK, more].concat()), last_data(stream, body)].concat())
}

/// What is said in front of a right answer.
fn then_right(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Answer {
    says(move |stream| [bytes(stream), headers(stream, OK), last_data(stream, CSV)].concat())
}

/// What is said behind the head of a right answer.
pub fn after_head(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Answer {
    says(move |stream| [headers(stream, OK), bytes(stream)].concat())
}

/// DATA that does not end the stream.
pub fn data(stream: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(kind::DATA, 0, stream, bytes)
}

/// PING.
pub fn ping() -> Vec<u8> {
    frame(kind::PING, 0, 0, [7; 8])
}

/// An answer before the answer.
pub fn early(stream: u32, status: &str) -> Vec<u8> {
    headers(stream, &[(":status", status)])
}

fn head(of: &'static [(&'static str, &'static str)]) -> Answer {
    says(move |stream| [headers(stream, of), last_data(stream, CSV)].concat())
}

/// One answer, and what must come of it.
pub type Case = (&'static str, Answer, Comes);

/// Answers that are odd, and whole.
fn odd() -> Vec<Case> {
    let padded = |stream| frame(kind::DATA, END | PADDED, stream, [&[100][..], CSV, &[0; 100]].concat());
    let split = |stream| {
        let block = fields(&[(":status", "200"), ("x", "y")]);
        let parts = [frame(kind::HEADERS, 0, stream, &block[..3]), frame(kind::CONTINUATION, 0, stream, &block[3..9])];
        [parts.concat(), frame(kind::CONTINUATION, END_HEADERS, stream, &block[9..]), last_data(stream, CSV)].concat()
    };
    let none = |stream| frame(kind::HEADERS, END_HEADERS | END, stream, fields(OK));
    let trailers = |stream| {
        let trailers = frame(kind::HEADERS, END_HEADERS | END, stream, fields(&[("content-length", "3"), ("x", "y")]));
        [data(stream, CSV), trailers].concat()
    };
    let bytes = |stream| {
        let bytes = CSV.chunks(1).flat_map(|byte| data(stream, byte)).collect::<Vec<u8>>();
        [bytes, last_data(stream, "")].concat()
    };
    let cases: Vec<(&'static str, Answer)> = vec![
        ("an answer", answer(&[], CSV)),
        ("a right length", answer(&[("content-length", "8")], CSV)),
        // The library leaves it out, and it frames nothing.
        ("a field of requests", head(&[(":status", "200"), (":path", "/")])),
        ("padding", after_head(padded)),
        ("a head in three frames", says(split)),
        ("trailers", after_head(trailers)),
        ("frames of one byte", after_head(bytes)),
        ("an empty frame in front", after_head(|stream| [data(stream, ""), last_data(stream, CSV)].concat())),
        ("early hints", then_right(|stream| [early(stream, "103"), early(stream, "100")].concat())),
        ("ten thousand early hints", then_right(|stream| early(stream, "103").repeat(10_000))),
        ("a hundred thousand pings", then_right(|_| ping().repeat(100_000))),
        ("ten thousand settings", then_right(|_| settings(&[(3, 100)]).repeat(10_000))),
        (
            "frames of unknown kinds",
            then_right(|stream| [frame(99, 255, stream, "what"), frame(98, 0, 0, "")].concat()),
        ),
        ("priorities", then_right(|stream| frame(kind::PRIORITY, 0, stream, [0, 0, 0, 9, 1]))),
        ("windows", then_right(|_| frame(kind::WINDOW_UPDATE, 0, 0, 1000u32.to_be_bytes()).repeat(1000))),
        ("a farewell, and what was promised", then_right(|stream| go_away(stream, 0))),
        ("a reset behind the end", after_head(|stream| [last_data(stream, CSV), reset(stream, 0)].concat())),
        ("another reset behind the end", after_head(|stream| [last_data(stream, CSV), reset(stream, 8)].concat())),
    ];
    let cases = cases.into_iter().map(|(what, answer)| (what, answer, Comes::Whole(CSV.into())));
    let packed: &'static [u8] = gzip(CSV).leak();
    let more: [Case; 2] = [
        ("no body", says(none), Comes::Whole(Vec::new())),
        ("gzip", answer(&[("content-encoding", "gzip")], packed), Comes::Whole(CSV.into())),
    ];
    cases.chain(more).collect()
}

/// Answers whose head is broken, or whose body does not come to its end.
fn broken() -> Vec<Case> {
    let half = |then: fn(u32) -> Vec<u8>| after_head(move |stream| [data(stream, "a,b\n"), then(stream)].concat());
    let many = |stream| {
        let fields: Vec<(&str, &str)> = OK.iter().copied().chain(vec![("x", "y"); 101]).collect();
        [headers(stream, &fields), last_data(stream, CSV)].concat()
    };
    let heads: [(&'static str, &'static [(&'static str, &'static str)]); 15] = [
        ("no status", &[("x", "y")]),
        ("two statuses", &[(":status", "200"), (":status", "200")]),
        ("a status that is no number", &[(":status", "2OO")]),
        ("a short status", &[(":status", "20")]),
        ("a long status", &[(":status", "2000")]),
        ("an empty status", &[(":status", "")]),
        ("a status behind a field", &[("x", "y"), (":status", "200")]),
        ("an unknown pseudo field", &[(":status", "200"), (":what", "y")]),
        ("a name in upper case", &[(":status", "200"), ("X", "y")]),
        ("a line end in a value", &[(":status", "200"), ("x", "y\r\nz: a")]),
        ("an empty name", &[(":status", "200"), ("", "y")]),
        ("a transfer encoding", &[(":status", "200"), ("transfer-encoding", "chunked")]),
        ("a field of the connection", &[(":status", "200"), ("connection", "close")]),
        ("two lengths", &[(":status", "200"), ("content-length", "8"), ("content-length", "8")]),
        ("a length that is no number", &[(":status", "200"), ("content-length", "8, 8")]),
    ];
    let heads = heads.map(|(what, of)| (what, head(of), Comes::Nothing("")));
    let more: Vec<Case> = vec![
        ("a hundred and one fields", says(many), Comes::Nothing("more than 100 fields")),
        ("a length that is too long", answer(&[("content-length", "9")], CSV), Comes::Nothing(WHOLE)),
        ("a length that is too short", answer(&[("content-length", "7")], CSV), Comes::Nothing("")),
        (
            "an empty body with a length",
            says(|stream| {
                frame(kind::HEADERS, END_HEADERS | END, stream, fields(&[(":status", "200"), ("content-length", "1")]))
            }),
            Comes::Nothing("broke HTTP"),
        ),
        ("a reset without an error", half(|stream| reset(stream, 0)), Comes::Nothing(WHOLE)),
        ("a reset: canceled", half(|stream| reset(stream, 8)), Comes::Nothing(WHOLE)),
        ("a reset: internal error", half(|stream| reset(stream, 2)), Comes::Nothing(WHOLE)),
        ("a reset: refused", half(|stream| reset(stream, 7)), Comes::Nothing(WHOLE)),
        ("a reset before the head", says(|stream| reset(stream, 2)), Comes::Nothing("broke off")),
        ("a refusal before the head", says(|stream| reset(stream, 7)), Comes::Nothing("broke off")),
        ("a farewell before the head", says(|_| go_away(0, 0)), Comes::Nothing("broke off")),
        ("a farewell with an error", half(|_| go_away(0, 11)), Comes::Nothing(WHOLE)),
        ("status 204 with a body", head(&[(":status", "204")]), Comes::Nothing("")),
        ("status 206", head(&[(":status", "206")]), Comes::Nothing("status 206")),
        ("an unasked 304", head(&[(":status", "304")]), Comes::Nothing("")),
        ("status 999", head(&[(":status", "999")]), Comes::Nothing("status 999")),
        ("an unasked coding", answer(&[("content-encoding", "br")], CSV), Comes::Nothing("was not asked for")),
        (
            "cut gzip",
            answer(&[("content-encoding", "gzip")], gzip(CSV)[..20].to_vec().leak()),
            Comes::Nothing("truncated"),
        ),
    ];
    heads.into_iter().chain(more).collect()
}

/// Frames that are broken, or out of place.
fn frames() -> Vec<Case> {
    let cases: Vec<(&'static str, Answer)> = vec![
        ("HTTP/1", says(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na,b\n1,2\n".to_vec())),
        (
            "data before the head",
            says(|stream| [data(stream, "x"), headers(stream, OK), last_data(stream, CSV)].concat()),
        ),
        ("data of no stream", then_right(|_| data(0, "x"))),
        ("data of a stream that nobody opened", then_right(|stream| data(stream + 2, "x"))),
        ("a head of no stream", then_right(|_| headers(0, OK))),
        ("a head of a stream that nobody opened", then_right(|stream| headers(stream + 2, OK))),
        ("a stream of the server's own", then_right(|_| headers(2, OK))),
        (
            "a promise",
            then_right(|stream| {
                frame(
                    kind::PUSH_PROMISE,
                    END_HEADERS,
                    stream,
                    [&2u32.to_be_bytes()[..], &fields(&[(":path", "/")])].concat(),
                )
            }),
        ),
        ("a frame of 20 kB", after_head(|stream| last_data(stream, [b'x'; 20_000]))),
        ("a continuation of nothing", then_right(|stream| frame(kind::CONTINUATION, END_HEADERS, stream, fields(OK)))),
        (
            "a head that is not continued",
            says(|stream| [frame(kind::HEADERS, 0, stream, fields(OK)), last_data(stream, CSV)].concat()),
        ),
        (
            "a head that others come into",
            says(|stream| {
                let rest = frame(kind::CONTINUATION, END_HEADERS, stream, "");
                [frame(kind::HEADERS, 0, stream, fields(OK)), ping(), rest, last_data(stream, CSV)].concat()
            }),
        ),
        (
            "padding that is longer than its frame",
            after_head(|stream| frame(kind::DATA, END | PADDED, stream, [9, b'x'])),
        ),
        (
            "a window beyond all bounds",
            then_right(|_| frame(kind::WINDOW_UPDATE, 0, 0, (u32::MAX >> 1).to_be_bytes()).repeat(2)),
        ),
        ("a window by nothing", then_right(|_| frame(kind::WINDOW_UPDATE, 0, 0, [0; 4]))),
        ("settings of five bytes", then_right(|_| frame(kind::SETTINGS, 0, 0, [0; 5]))),
        ("settings of a stream", then_right(|stream| frame(kind::SETTINGS, 0, stream, ""))),
        ("settings beyond all bounds", then_right(|_| settings(&[(4, u32::MAX)]))),
        ("a ping of seven bytes", then_right(|_| frame(kind::PING, 0, 0, [0; 7]))),
        ("a ping of a stream", then_right(|stream| frame(kind::PING, 0, stream, [0; 8]))),
        ("a reset of three bytes", then_right(|stream| frame(kind::RST_STREAM, 0, stream, [0; 3]))),
        ("a reset of a stream that nobody opened", then_right(|stream| reset(stream + 2, 0))),
        ("a farewell of a stream", then_right(|stream| frame(kind::GOAWAY, 0, stream, [0; 8]))),
        ("an index of nothing", then_right(|stream| frame(kind::HEADERS, END_HEADERS, stream, [0x80]))),
        (
            "an index beyond the table",
            then_right(|stream| frame(kind::HEADERS, END_HEADERS, stream, [0xff, 0xff, 0x7f])),
        ),
        (
            "a table of a gigabyte",
            then_right(|stream| frame(kind::HEADERS, END_HEADERS, stream, [0x3f, 0xe1, 0xff, 0xff, 0xff, 3])),
        ),
        (
            "a text beyond its block",
            then_right(|stream| frame(kind::HEADERS, END_HEADERS, stream, [0, 0x7f, 0xff, 0x7f, b'x'])),
        ),
        ("broken Huffman codes", then_right(|stream| frame(kind::HEADERS, END_HEADERS, stream, [0, 0x81, 0, 0x81, 0]))),
        ("a head behind the end", after_head(|stream| [data(stream, "x"), headers(stream, OK)].concat())),
    ];
    cases.into_iter().map(|(what, answer)| (what, answer, Comes::Nothing(""))).collect()
}
