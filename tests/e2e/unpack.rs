//! Gzip and zip that an extractor unpacks as they arrive, by the helpers of the SDK.

use std::io::Write as _;

use harness::{Environment, Origin, Ran, Reply, gzip};

use crate::environment;

/// Larger than the memory that the run may take.
const LARGE: usize = 40_000_000;

/// A zip of these files, each by its name and content.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut crc = flate2::Crc::new();
        crc.update(content);
        // Version, flags, method, time and date, sums, lengths of the name and of the extra field.
        let mut about = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for number in [crc.sum() as usize, packed.len(), content.len()] {
            about.extend(u32::try_from(number).expect("a number").to_le_bytes());
        }
        about.extend([u8::try_from(name.len()).expect("a short name"), 0, 0, 0]);
        let at = u32::try_from(all.len()).expect("a number").to_le_bytes();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10], &at, name.as_bytes()].concat());
        all.extend([&b"PK\x03\x04"[..], &about, name.as_bytes(), &packed].concat());
    }
    let count = u8::try_from(files.len()).expect("few files");
    let (size, at) = (directory.len() as u32, all.len() as u32);
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &[count, 0, count, 0], &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]];
    [all, directory, end.concat()].concat()
}

/// `host run` of the probe, in little memory.
fn unpack(environment: &Environment, origin: &Origin, path: &str, most: usize) -> Ran {
    let (url, size, grant) = (format!("url={}", origin.url(path)), format!("size={most}"), origin.grant());
    let limits = ["--max-memory", "6MiB", "--allow-http", &grant];
    environment.run("probe", &[&limits[..], &["--param", "do=unpack", "--param", &url, "--param", &size]].concat())
}

fn counts(ran: Ran) -> [u64; 2] {
    let report = ran.exits(0).json();
    ["files_written", "files_skipped"].map(|count| report[count].as_u64().expect("a number"))
}

#[test]
fn what_is_larger_than_the_memory_is_unpacked_as_it_arrives() {
    let (environment, origin) = (environment(), Origin::start());
    let large = vec![b'x'; LARGE];
    origin.route("/large.gz", Reply::new(gzip(&large)).etag("\"one\""));
    let files: [(&str, &[u8]); 3] =
        [("tables/large.txt", &large), ("read.me", b"no table\n"), ("small.txt", b"small\n")];
    origin.route("/tables.zip", Reply::new(zip(&files)).etag("\"two\""));
    assert_eq!(counts(unpack(&environment, &origin, "/large.gz", LARGE)), [1, 0]);
    // The large one is the same as before.
    assert_eq!(counts(unpack(&environment, &origin, "/tables.zip", 2 * LARGE)), [1, 1]);
    let mut landed: Vec<usize> = environment.landed().into_values().map(|content| content.len()).collect();
    landed.sort_unstable();
    assert_eq!(landed, [b"small\n".len(), LARGE]);
    // Neither is read again.
    for path in ["/large.gz", "/tables.zip"] {
        let most = if path == "/large.gz" { LARGE } else { 2 * LARGE };
        unpack(&environment, &origin, path, most).exits(0);
        assert!(origin.asked().last().expect("a request").header("if-none-match").is_some(), "{path}");
    }
}

#[test]
fn what_is_damaged_or_too_much_lands_no_part_of_a_file_and_counts_as_new() {
    let (environment, origin) = (environment(), Origin::start());
    let good = zip(&[("one.txt", b"one\n"), ("two.txt", b"two\n")]);
    let (packed, large) = (gzip(&vec![b'x'; 500_000]), gzip(&vec![b'x'; 3_000_000]));
    for (path, content, says) in [
        ("/a.zip", good[..84].to_vec(), "two.txt: its zip ends in the middle"),
        ("/b.zip", b"<html>".to_vec(), "it is no zip"),
        ("/c.gz", packed[..packed.len() - 9].to_vec(), "its gzip ends in the middle"),
        ("/d.gz", large, "unpacked it is larger than the limit of 1000000 bytes"),
        ("/e.zip", [&good[..], &good].concat(), "its zip is damaged: something else is behind its end"),
        ("/f.zip", good, ""),
    ] {
        origin.route(path, Reply::new(content).etag("\"one\""));
        for _ in 0..2 {
            let ran = unpack(&environment, &origin, path, 1_000_000);
            match says {
                "" => drop(ran.exits(0)),
                says => drop(ran.exits(1).says(says)),
            }
        }
    }
    assert_eq!(environment.landed().len(), 2);
    let conditional = |path: &str| {
        let asked = origin.asked();
        asked.iter().any(|asked| asked.target == path && asked.header("if-none-match").is_some())
    };
    for path in ["/a.zip", "/b.zip", "/c.gz", "/d.gz", "/e.zip"] {
        assert!(!conditional(path), "{path}");
    }
    assert!(conditional("/f.zip"));
}
