//! Answers that say where their body ends: rightly, wrongly, twice, or not at all (RFC 9112, 6 and 7).

use super::{CSV, Case, answer, nothing, whole};

/// What the host says of each kind of fault.
const BROKEN_HEAD: &str = "broke HTTP";
const BROKEN_BODY: &str = "did not arrive whole";
const OTHER_CODING: &str = "transfer encoding other than `chunked`";
const BOTH: &str = "both Content-Length and Transfer-Encoding";
const TWO_LENGTHS: &str = "more than one Content-Length";
const UNFRAMED: &str = "does not say where its body ends";

/// [`CSV`] in one chunk.
const CHUNKS: &str = "8\r\na,b\n1,2\n\r\n0\r\n\r\n";

/// All of them.
pub fn framing() -> Vec<Case> {
    [lengths(), length_fields(), codings(), both(), chunks(), broken_chunks(), trailers()].concat()
}

/// One `Content-Length`, in every spelling.
fn lengths() -> Vec<Case> {
    let good = ["8", "008", &format!("{}8", "0".repeat(40)), " 8 ", "\t8\t"];
    let good = good
        .iter()
        .map(|length| whole(format!("a length of {length:?}"), answer(format!("Content-Length:{length}"), CSV), CSV));
    let bad = [
        ("-8", BROKEN_HEAD),
        ("+8", BROKEN_HEAD),
        ("0x8", BROKEN_HEAD),
        ("8h", BROKEN_HEAD),
        ("8.0", BROKEN_HEAD),
        ("8e0", BROKEN_HEAD),
        ("1_0", BROKEN_HEAD),
        ("8;", BROKEN_HEAD),
        ("\"8\"", BROKEN_HEAD),
        ("8 8", BROKEN_HEAD),
        ("", BROKEN_HEAD),
        (" ", BROKEN_HEAD),
        ("many", BROKEN_HEAD),
        ("８", BROKEN_HEAD),
        ("\u{668}", BROKEN_HEAD),
        ("\u{a0}8", BROKEN_HEAD),
        ("8\0", BROKEN_HEAD),
        ("\x0b8", BROKEN_HEAD),
        ("8\x0b", BROKEN_HEAD),
        ("8\x0c", BROKEN_HEAD),
        ("\r\n 8", BROKEN_HEAD),
        ("8\r\n 8", BROKEN_HEAD),
        ("8, 9", BROKEN_HEAD),
        ("8, 8", "is no number"),
        ("8,8", "is no number"),
        (",8", BROKEN_HEAD),
        ("8,", BROKEN_HEAD),
        ("9", BROKEN_BODY),
        ("1000000000", BROKEN_BODY),
        ("9223372036854775807", "larger than"),
        ("18446744073709551613", "larger than"),
        ("18446744073709551615", BROKEN_HEAD),
        ("18446744073709551616", BROKEN_HEAD),
        ("18446744073709551624", BROKEN_HEAD),
        ("99999999999999999999999999999", BROKEN_HEAD),
    ];
    let bad = bad.iter().map(|(length, says)| {
        nothing(format!("a length of {length:?}"), answer(format!("Content-Length:{length}"), CSV), says)
    });
    let sizes = [
        whole("more than the length", answer("Content-Length: 8", "a,b\n1,2\n3,4\n"), CSV),
        whole("a length of nothing, and something", answer("Content-Length: 0", CSV), ""),
        whole("a length of nothing", answer("Content-Length: 0", ""), ""),
        whole(
            "a body that looks like an answer",
            answer("Content-Length: 47", "half\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
            "half\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
    ];
    good.chain(bad).chain(sizes).collect()
}

/// A length said twice, not at all, or where it does not count.
fn length_fields() -> Vec<Case> {
    let lines = [
        ("Content-Length: 8\r\nContent-Length: 8", TWO_LENGTHS),
        ("Content-Length: 8\r\ncontent-length: 8", TWO_LENGTHS),
        ("Content-Length: 8\r\nX: y\r\nContent-Length: 8", TWO_LENGTHS),
        ("Content-Length: 8\r\nContent-Length: 08", TWO_LENGTHS),
        ("Content-Length: 8\r\nContent-Length: 9", BROKEN_HEAD),
        ("Content-Length: 9\r\nContent-Length: 8", BROKEN_HEAD),
        ("Content-Length: 8\r\nContent-Length:", BROKEN_HEAD),
        ("Content-Length: 0\r\nContent-Length: 8", BROKEN_HEAD),
        ("Content-Length : 8", BROKEN_HEAD),
        ("Content-Length\t: 8", BROKEN_HEAD),
        (" Content-Length: 8", BROKEN_HEAD),
        ("Content-Length\r\n: 8", BROKEN_HEAD),
        ("Content_Length: 8", UNFRAMED),
        ("ContentLength: 8", UNFRAMED),
        ("Content-Length8: 8", UNFRAMED),
        ("X: y", UNFRAMED),
        ("Connection: close", UNFRAMED),
        ("Connection: keep-alive", UNFRAMED),
    ];
    lines.iter().map(|(lines, says)| nothing(format!("the fields {lines:?}"), answer(lines, CSV), says)).collect()
}

/// One or more `Transfer-Encoding`s.
fn codings() -> Vec<Case> {
    let good = ["chunked", " Chunked", " CHUNKED", "\tchunked\t", " chunked  "].iter().map(|coding| {
        let answer = answer(format!("Transfer-Encoding:{coding}"), CHUNKS);
        whole(format!("a transfer encoding of {coding:?}"), answer, CSV)
    });
    let bad = [
        ("chunked, chunked", OTHER_CODING),
        ("gzip, chunked", OTHER_CODING),
        ("identity, chunked", OTHER_CODING),
        ("chunked, identity", OTHER_CODING),
        ("chunked, gzip", OTHER_CODING),
        ("chunked,", OTHER_CODING),
        (",chunked", OTHER_CODING),
        ("identity", OTHER_CODING),
        ("gzip", OTHER_CODING),
        ("deflate", OTHER_CODING),
        ("compress", OTHER_CODING),
        ("xchunked", OTHER_CODING),
        ("chunkedx", OTHER_CODING),
        ("chunke", OTHER_CODING),
        ("chunked chunked", OTHER_CODING),
        ("chunked;q=1", OTHER_CODING),
        ("\"chunked\"", OTHER_CODING),
        ("'chunked'", OTHER_CODING),
        ("chun\u{212a}ed", OTHER_CODING),
        ("\u{a0}chunked", OTHER_CODING),
        ("", OTHER_CODING),
        ("0", OTHER_CODING),
        ("\x0bchunked", BROKEN_HEAD),
        ("chunked\x0b", BROKEN_HEAD),
        ("\x0cchunked", BROKEN_HEAD),
        ("chunked\0", BROKEN_HEAD),
        ("\r\n chunked", BROKEN_HEAD),
        ("chunked\r\n\t", BROKEN_HEAD),
        ("chunked\r\n , identity", BROKEN_HEAD),
    ];
    let bad = bad.iter().map(|(coding, says)| {
        let answer = answer(format!("Transfer-Encoding:{coding}"), CHUNKS);
        nothing(format!("a transfer encoding of {coding:?}"), answer, says)
    });
    let lines = [
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", OTHER_CODING),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", OTHER_CODING),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", OTHER_CODING),
        ("Transfer-Encoding:\r\nTransfer-Encoding: chunked", OTHER_CODING),
        ("Transfer-Encoding: gzip\r\ntransfer-encoding: chunked", OTHER_CODING),
        ("Transfer-Encoding : chunked", BROKEN_HEAD),
        ("Transfer-Encoding\t: chunked", BROKEN_HEAD),
        ("Transfer-Encoding\r\n: chunked", BROKEN_HEAD),
        ("Transfer_Encoding: chunked", UNFRAMED),
        ("TE: chunked", UNFRAMED),
        ("X: y\rTransfer-Encoding: chunked", BROKEN_HEAD),
    ];
    let lines = lines.iter().map(|(lines, says)| nothing(format!("the fields {lines:?}"), answer(lines, CHUNKS), says));
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let old = nothing("chunks in HTTP/1.0", [old, CHUNKS].concat(), BROKEN_HEAD);
    good.chain(bad).chain(lines).chain([old]).collect()
}

/// A length and a coding, which is how responses are smuggled.
fn both() -> Vec<Case> {
    let lines = [
        ("Content-Length: 8\r\nTransfer-Encoding: chunked", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: 8", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: many", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length:", BOTH),
        ("Transfer-Encoding: identity\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding: gzip\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding: xchunked\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding:\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding: chunked, chunked\r\nContent-Length: 18", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: 8\r\nContent-Length: 8", TWO_LENGTHS),
    ];
    lines.iter().map(|(lines, says)| nothing(format!("the fields {lines:?}"), answer(lines, CHUNKS), says)).collect()
}

fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("Transfer-Encoding: chunked", body)
}

fn chunks() -> Vec<Case> {
    let long = "x".repeat(26);
    let case = |what: &str, body: String, content: &str| whole(what, chunked(body), content);
    vec![
        case("a size in upper case", format!("1A\r\n{long}\r\n0\r\n\r\n"), &long),
        case("a size in lower case", format!("1a\r\n{long}\r\n0\r\n\r\n"), &long),
        case("a size with zeros in front", "0008\r\na,b\n1,2\n\r\n000\r\n\r\n".into(), "a,b\n1,2\n"),
        case(
            "a size with thousands of zeros in front",
            format!("{}8\r\na,b\n1,2\n\r\n0\r\n\r\n", "0".repeat(100_000)),
            "a,b\n1,2\n",
        ),
        case("two chunks", "4\r\na,b\n\r\n4\r\n1,2\n\r\n0\r\n\r\n".into(), "a,b\n1,2\n"),
        case("chunks of one byte", format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(5000)), &"x".repeat(5000)),
        case("no chunks", "0\r\n\r\n".into(), ""),
        case("an extension", "8;x=y\r\na,b\n1,2\n\r\n0;z\r\n\r\n".into(), "a,b\n1,2\n"),
        case("blanks in an extension", "8\t; x = y ;z\r\na,b\n1,2\n\r\n0\r\n\r\n".into(), "a,b\n1,2\n"),
        case("a quoted extension", "8 ; x=\"y;z\"\r\na,b\n1,2\n\r\n0\r\n\r\n".into(), "a,b\n1,2\n"),
        case("an extension of 10 kB", format!("8;{}\r\na,b\n1,2\n\r\n0\r\n\r\n", "x".repeat(10_000)), "a,b\n1,2\n"),
        case("a chunk that looks like an end", "5\r\n0\r\n\r\n\r\n0\r\n\r\n".into(), "0\r\n\r\n"),
        case("junk behind the last chunk", "8\r\na,b\n1,2\n\r\n0\r\n\r\njunk".into(), "a,b\n1,2\n"),
    ]
}

fn broken_chunks() -> Vec<Case> {
    let sizes = [
        "g",
        "-8",
        "+8",
        "0x8",
        "",
        " 8",
        "8 8",
        "8,8",
        "8.",
        "８",
        "8\0",
        "8\x0b",
        "8\x0c",
        "8 x",
        "8 ",
        "8 \t",
        "8;",
        "8; ",
        "8;x ",
        "8;;x",
        "8;x=",
        "8;x=\"y",
        "8;x=\"y\"z",
        "8;x\u{e9}",
        "7",
        "9",
        "80000000",
        "7fffffffffffffff",
        "ffffffffffffffff",
        "10000000000000000",
        "10000000000000008",
        "fffffffffffffffffffffff8",
        "8;x\ny",
        "8;x\ry",
        "8\r",
    ];
    let sizes = sizes.iter().map(|size| {
        let body = format!("{size}\r\na,b\n1,2\n\r\n0\r\n\r\n");
        nothing(format!("a chunk's size of {size:?}"), chunked(body), BROKEN_BODY)
    });
    let bodies = [
        ("nothing", ""),
        ("a line feed alone behind the size", "8\na,b\n1,2\n\r\n0\r\n\r\n"),
        ("a carriage return alone behind the size", "8\ra,b\n1,2\n\r\n0\r\n\r\n"),
        ("no line end behind the data", "8\r\na,b\n1,2\n0\r\n\r\n"),
        ("a line feed alone behind the data", "8\r\na,b\n1,2\n\n0\r\n\r\n"),
        ("a carriage return alone behind the data", "8\r\na,b\n1,2\n\r0\r\n\r\n"),
        ("no last chunk", "8\r\na,b\n1,2\n\r\n"),
        ("no line end behind the last chunk", "8\r\na,b\n1,2\n\r\n0"),
        ("half a line end behind the last chunk", "8\r\na,b\n1,2\n\r\n0\r"),
        ("no empty line at the end", "8\r\na,b\n1,2\n\r\n0\r\n"),
        ("half an empty line at the end", "8\r\na,b\n1,2\n\r\n0\r\n\r"),
        ("line feeds alone at the end", "8\r\na,b\n1,2\n\r\n0\n\n"),
        ("the size alone", "8"),
        ("the size and its line end alone", "8\r\n"),
        ("half the data", "8\r\na,b\n"),
        ("no chunks", "a,b\n1,2\n"),
        ("an empty line in front", "\r\n8\r\na,b\n1,2\n\r\n0\r\n\r\n"),
        ("a last chunk below zero", "8\r\na,b\n1,2\n\r\n-0\r\n\r\n"),
    ];
    let bodies = bodies.iter().map(|(what, body)| nothing(format!("chunks: {what}"), chunked(body), BROKEN_BODY));
    let huge = [
        ("an extension of 20 kB", format!("8;{}\r\na,b\n1,2\n\r\n0\r\n\r\n", "x".repeat(20_000))),
        ("extensions of 20 kB together", format!("{}0\r\n\r\n", "1;xxxxxxxxxx\r\nx\r\n".repeat(2000))),
    ];
    let huge = huge.iter().map(|(what, body)| nothing(*what, chunked(body), BROKEN_BODY));
    sizes.chain(bodies).chain(huge).collect()
}

/// Fields behind the last chunk. Nothing that they say counts, but they must be fields.
fn trailers() -> Vec<Case> {
    let with = |trailers: &str| chunked(format!("8\r\na,b\n1,2\n\r\n0\r\n{trailers}\r\n"));
    let good = [
        ("one", "X: y\r\n".to_owned()),
        ("a hundred", "X: y\r\n".repeat(100)),
        ("Content-Length", "Content-Length: 4\r\n".into()),
        ("Transfer-Encoding", "Transfer-Encoding: gzip\r\n".into()),
        ("Content-Encoding", "Content-Encoding: gzip\r\n".into()),
        ("ETag", "ETag: \"trailer\"\r\n".into()),
    ];
    let good = good.iter().map(|(what, trailers)| whole(format!("trailers: {what}"), with(trailers), CSV));
    let bad = [
        ("a hundred and one", "X: y\r\n".repeat(101)),
        ("20 kB", format!("X: {}\r\n", "y".repeat(20_000))),
        ("1 MB", format!("X: {}\r\n", "y".repeat(1_000_000))),
        ("no colon", "X\r\n".into()),
        ("no name", ": y\r\n".into()),
        ("a line feed alone", "X: y\n".into()),
        ("a line feed alone, then another", "X: y\nY: z\r\n".into()),
        ("a blank in the name", "X Y: z\r\n".into()),
        ("a blank behind the name", "X : y\r\n".into()),
        ("NUL", "X: \0\r\n".into()),
        ("a folded one", "X: y\r\n z\r\n".into()),
        ("a carriage return alone", "X: y\rz\r\n".into()),
    ];
    let bad = bad.iter().map(|(what, trailers)| nothing(format!("trailers: {what}"), with(trailers), BROKEN_BODY));
    let cut = chunked("8\r\na,b\n1,2\n\r\n0\r\nX: y");
    good.chain(bad).chain([nothing("trailers: cut", cut, BROKEN_BODY)]).collect()
}
