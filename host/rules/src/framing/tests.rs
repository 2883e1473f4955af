use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nHEAD / \r\n";

/// What is said of answers to these requests, all sent before, whole and byte by byte.
fn said_of(requests: &[&[u8]], answers: &[u8]) -> Result<(), Lax> {
    let framing = || {
        let mut framing = Framing::default();
        requests.iter().for_each(|request| framing.sent(request));
        framing
    };
    let whole = framing().received(answers);
    let mut by_bytes = framing();
    let mut bytes = answers.chunks(1).enumerate();
    let by_bytes = bytes.try_for_each(|(at, byte)| by_bytes.received(byte).map_err(|(none, lax)| (at + none, lax)));
    assert_eq!(by_bytes, whole, "{answers:?}");
    whole.map_err(|(_, lax)| lax)
}

#[test]
fn lines_of_heads_end_in_crlf() {
    for (answer, said) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n", Ok(())),
        ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n", Ok(())),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\na\n", Err(Lax::LineFeed)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\na\n", Err(Lax::LineFeed)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\na\n", Err(Lax::LineFeed)),
        ("\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n", Err(Lax::LineFeed)),
        ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", Err(Lax::CarriageReturn)),
        ("HTTP/1.1 200 OK\r\r\n\r\n", Err(Lax::CarriageReturn)),
        ("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\n", Err(Lax::LineFeed)),
        ("HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\n", Err(Lax::LineFeed)),
        // What has another framing than one that is taken is left to who refuses it.
        ("HTTP/1.1 200 OK\r\n\r\na\n", Ok(())),
        ("HTTP/1.1 101 Switch\r\n\r\na\n", Ok(())),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\na\n", Ok(())),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na\n", Ok(())),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\na\n", Ok(())),
        ("what\r\n\r\na\n", Ok(())),
    ] {
        assert_eq!(said_of(&[GET], answer.as_bytes()), said, "{answer:?}");
    }
}

#[test]
fn what_is_in_front_of_a_fault_may_be_read() {
    let mut framing = Framing::default();
    framing.sent(GET);
    assert_eq!(framing.received(b"HTTP/1.1 200 OK\r\nX: y\n"), Err((21, Lax::LineFeed)));
}

#[test]
fn the_next_head_is_where_the_body_ends() {
    let second = b"HTTP/1.1 200 OK\n";
    for (request, first, judged) in [
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n", true),
        (GET, "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", true),
        (GET, "HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\n", true),
        (GET, "HTTP/1.1 304 Same\r\nContent-Length: 2\r\n\r\n", true),
        (HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true),
        (HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        (POST, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", false),
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", false),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\na\n\r\n0\r\n\r\n", true),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"\n", true),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n", true),
    ] {
        let said = said_of(&[request, GET], &[first.as_bytes(), second].concat());
        assert_eq!(said, if judged { Err(Lax::LineFeed) } else { Ok(()) }, "{first:?}");
    }
}

#[test]
fn chunk_lines_are_of_the_grammar() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for line in [
        "2",
        "0002",
        "2;x",
        "2;x;y",
        "2;x=y",
        "2 ; x = y ; z",
        "2\t;\tx=\"a;\\\"b\u{e9}\t\"",
        "2;x=\"\"",
        "2;x=\"\";y",
        "2;x=\"y\" ;z",
    ] {
        assert_eq!(
            said_of(&[GET], format!("{chunked}{line}\r\na\n\r\n0;z\r\nX: y\r\n\r\n").as_bytes()),
            Ok(()),
            "{line}"
        );
    }
    for (line, said) in [
        ("2 \r\n", Lax::ChunkLine),
        ("2\t\r\n", Lax::ChunkLine),
        (" 2\r\n", Lax::ChunkLine),
        ("\r\n", Lax::ChunkLine),
        ("g\r\n", Lax::ChunkLine),
        ("0x2\r\n", Lax::ChunkLine),
        ("+2\r\n", Lax::ChunkLine),
        ("2;\r\n", Lax::ChunkLine),
        ("2;x \r\n", Lax::ChunkLine),
        ("2;x=\r\n", Lax::ChunkLine),
        ("2;x=y z\r\n", Lax::ChunkLine),
        ("2;x=\"y\r\n", Lax::ChunkLine),
        ("2;x=\"y\"z\r\n", Lax::ChunkLine),
        ("2;;x\r\n", Lax::ChunkLine),
        ("2;x\u{e9}\r\n", Lax::ChunkLine),
        ("2;x=\"\0\"\r\n", Lax::ChunkLine),
        ("10000000000000000\r\n", Lax::ChunkLine),
        ("2\n", Lax::LineFeed),
        ("2;x=\"y\n\"\r\n", Lax::LineFeed),
        ("2;x\n\r\n", Lax::LineFeed),
        ("2\ra\n\r\n", Lax::CarriageReturn),
        ("2\r\na\n\n", Lax::LineFeed),
        ("2\r\na\n\r0\r\n", Lax::CarriageReturn),
        ("0\r\n\n", Lax::LineFeed),
        ("0\r\nX: y\n\r\n", Lax::LineFeed),
        ("0\r\nX: a\rb\r\n\r\n", Lax::CarriageReturn),
    ] {
        assert_eq!(said_of(&[GET], format!("{chunked}{line}").as_bytes()), Err(said), "{line:?}");
    }
}

#[test]
fn bytes_that_belong_to_no_answer_are_never_one() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n";
    let unframed = b"HTTP/1.1 200 OK\r\n\r\na\n";
    for first in [&[][..], &[&answer[..], b"junk\n"].concat(), &[&answer[..], answer].concat(), unframed] {
        let mut framing = Framing::default();
        if !first.is_empty() {
            framing.sent(GET);
        }
        assert_eq!(framing.received(if first.is_empty() { b"early\n" } else { first }), Ok(()));
        framing.sent(GET);
        assert_eq!(framing.received(answer), Err((0, Lax::Unasked)), "{first:?}");
    }
    let mut framing = Framing::default();
    for request in [GET, POST, GET] {
        framing.sent(request);
        assert_eq!(framing.received(answer), Ok(()));
    }
}
