//! What the probe `rewrite` does, without host and sandbox: read CSV from a server on loopback, rewrite it line by line
//! as it comes, and write it as gzip at level 6, which is the host's.
//!
//! It is one thread over plain sockets. It does not hash, sync or record anything: the host does, and pays for it in
//! the ratio.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, GzBuilder};

use crate::rewrite::Rewriter;

/// Bytes read at a time.
const CHUNK: usize = 128 * 1024;

/// Rewrite what an `http://ADDRESS:PORT/PATH` holds into a file.
pub(crate) fn run(url: &str, output: &Path) -> Result<()> {
    let (address, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("no http URL with a path")?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut body = BufReader::with_capacity(CHUNK, stream);
    let mut left = length(&mut body)?;

    let mut encoder = GzBuilder::new().mtime(0).write(File::create(output)?, Compression::new(6));
    let (mut rewriter, mut lines) = (Rewriter::default(), Vec::with_capacity(CHUNK));
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        let read = body.read(&mut chunk)?;
        ensure!(read > 0, "the body breaks off");
        left = left.checked_sub(read as u64).context("the body is longer than announced")?;
        rewriter.push(&chunk[..read], &mut lines);
        encoder.write_all(&lines)?;
        lines.clear();
    }
    rewriter.finish(&mut lines);
    encoder.write_all(&lines)?;
    encoder.finish()?;
    Ok(())
}

/// Read the head of an answer of 200; the length of its body.
fn length(answer: &mut BufReader<TcpStream>) -> Result<u64> {
    let mut line = String::new();
    answer.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200 "), "the server says {line:?}");
    let mut length = None;
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            Some(_) => {}
            None => return length.context("the answer has no length"),
        }
    }
}
