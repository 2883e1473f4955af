//! Answers whose body is encoded, or says so (RFC 9110, 8.4; RFC 1952).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};

use super::{CSV, Case, framed, nothing, whole};
use crate::gzip;

const UNASKED: &str = "was not asked for";
const TRUNCATED: &str = "the gzip data is truncated";
const CORRUPT: &str = "the gzip data is corrupt";
const TRAILING: &str = "followed by something else";

/// All of them.
pub fn bodies() -> Vec<Case> {
    [codings(), members(), broken_members(), headers()].concat()
}

fn encoded(coding: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    framed(format!("Content-Encoding:{coding}"), body)
}

/// What `Content-Encoding` says.
fn codings() -> Vec<Case> {
    let packed = gzip(CSV);
    let gzips = [" gzip", "gzip ", " GZIP", " GzIp", " x-gzip", " X-Gzip", " gzip,", " ,gzip", " identity, gzip"];
    let gzips = gzips.iter().map(|coding| whole(format!("the coding {coding:?}"), encoded(coding, &packed), CSV));
    let plain = ["", " ", " identity", " Identity", " identity, identity", " ,"];
    let plain = plain.iter().map(|coding| whole(format!("the coding {coding:?}"), encoded(coding, CSV), CSV));
    let others = [
        " br",
        " zstd",
        " deflate",
        " compress",
        " x-compress",
        " dcb",
        " aes128gcm",
        " exi",
        " pack200-gzip",
        " none",
        " *",
        " gzip, gzip",
        " gzip, br",
        " br, gzip",
        " gzip\r\nContent-Encoding: gzip",
        " gzip\r\nContent-Encoding: br",
        " gzip gzip",
        " gzip;q=1",
        " \"gzip\"",
        " gzip\u{a0}",
        " g\u{17e}ip",
        " chunked",
    ];
    let others =
        others.iter().map(|coding| nothing(format!("the coding {coding:?}"), encoded(coding, &packed), UNASKED));
    let wrong = [
        nothing("gzip that is plain", encoded(" gzip", CSV), CORRUPT),
        nothing("gzip that is zlib", encoded(" gzip", zlib(CSV)), CORRUPT),
        nothing("gzip that is deflate", encoded(" gzip", deflate(CSV)), CORRUPT),
        nothing("gzip that is one byte", encoded(" gzip", "x"), CORRUPT),
    ];
    gzips.chain(plain).chain(others).chain(wrong).collect()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

/// Gzip that is odd and whole.
fn members() -> Vec<Case> {
    let packed = gzip(CSV);
    let case = |what: &str, body: Vec<u8>, content: &[u8]| whole(what, encoded(" gzip", body), content);
    let noise: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        case("gzip of nothing", gzip(b""), b""),
        case("no bytes at all as gzip", Vec::new(), b""),
        case("two members", [&packed[..], &packed].concat(), b"a,b\n1,2\na,b\n1,2\n"),
        case("an empty member between two", [&packed[..], &gzip(b""), &packed].concat(), b"a,b\n1,2\na,b\n1,2\n"),
        case("a thousand empty members", [gzip(b"").repeat(1000), packed.clone()].concat(), CSV),
        case("a thousand members", packed.repeat(1000), &CSV.repeat(1000)),
        case("what does not compress", gzip(&noise), &noise),
        // What lands is a file that is gzip itself, so that its content is what it holds.
        case("gzip twice, said once", gzip(&packed), CSV),
    ]
}

/// Gzip that is not whole, or more than that.
fn broken_members() -> Vec<Case> {
    let packed = gzip(CSV);
    let end = packed.len();
    let cuts = [1, 2, 3, 5, 9, 10, 11, end - 9, end - 8, end - 5, end - 4, end - 1];
    let cuts = cuts.iter().map(|at| nothing(format!("gzip cut at {at}"), encoded(" gzip", &packed[..*at]), TRUNCATED));
    let bent = |at: usize| {
        let mut bent = packed.clone();
        bent[at] ^= 0x41;
        bent
    };
    let behind = |junk: &[u8]| [&packed[..], junk].concat();
    let broken = [
        ("a bent first byte", bent(0), CORRUPT),
        ("a bent second byte", bent(1), CORRUPT),
        ("another method", bent(2), CORRUPT),
        ("a bent byte of data", bent(11), CORRUPT),
        ("a wrong checksum", bent(end - 8), CORRUPT),
        ("a wrong length", bent(end - 4), CORRUPT),
        ("a wrong length by 2^24", bent(end - 1), CORRUPT),
        ("a wrong second checksum", [packed.clone(), bent(end - 7)].concat(), CORRUPT),
        ("half a second member", behind(&packed[..end - 3]), TRUNCATED),
        ("the header of a second member", behind(&packed[..10]), TRUNCATED),
        ("junk behind", behind(b"junk"), TRAILING),
        ("a line end behind", behind(b"\n"), TRAILING),
        ("zeros and junk behind", behind(b"\0\0junk"), TRAILING),
        ("one byte of a second member", behind(&packed[..1]), TRAILING),
        ("two bytes of a second member", behind(&packed[..2]), TRAILING),
        ("plain text behind", behind(CSV), TRAILING),
        ("plain text in front", [CSV, &packed].concat(), CORRUPT),
        ("a bomb", gzip(&vec![0; 20 << 20]), "250 times its size"),
        ("bombs one after another", gzip(&vec![0; 1 << 20]).repeat(40), "250 times its size"),
    ];
    let broken =
        broken.into_iter().map(|(what, body, says)| nothing(format!("gzip with {what}"), encoded(" gzip", body), says));
    let decoded = format!("Content-Encoding: gzip\r\nContent-Length: {}", 3 * packed.len());
    let decoded = nothing("gzip with another length", super::answer(decoded, &packed), "did not arrive whole");
    let padded = whole("gzip with zeros behind", encoded(" gzip", behind(&[0; 512])), CSV);
    cuts.chain(broken).chain([decoded, padded]).collect()
}

/// Gzip headers (RFC 1952, 2.3): flags, then what they stand for.
fn headers() -> Vec<Case> {
    let with = |flags: u8, optional: &[u8]| {
        let data = &gzip(CSV)[10..];
        encoded(" gzip", [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255], optional, data].concat())
    };
    let long = [vec![b'x'; 1_000_000], vec![0]].concat();
    let extra = [&[0xff, 0xff][..], &[b'x'; 0xffff]].concat();
    vec![
        whole("gzip that says it is text", with(1, b""), CSV),
        whole("gzip with a file name", with(8, b"../../x\0"), CSV),
        whole("gzip with a file name of 1 MB", with(8, &long), CSV),
        whole("gzip with a comment of 1 MB", with(16, &long), CSV),
        whole("gzip with an extra field of 64 KiB", with(4, &extra), CSV),
        nothing("gzip with a wrong header checksum", with(2, b"xx"), CORRUPT),
        nothing("gzip with a reserved flag", with(32, b""), CORRUPT),
        nothing("gzip with all flags", with(0xff, b""), CORRUPT),
        nothing(
            "a gzip header and a file name without end",
            encoded(" gzip", [&[0x1f, 0x8b, 8, 8][..], &[b'x'; 5000]].concat()),
            TRUNCATED,
        ),
        nothing("a gzip header alone", encoded(" gzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), TRUNCATED),
    ]
}
