//! Content that passes through the sandbox: a guest rewrites it line by line, beside native code that does the same.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Result, ensure};
use flate2::read::MultiGzDecoder;
use harness::reply::LINE;

use crate::NATIVE;
use crate::nginx::{Nginx, Speaks};
use crate::place::{empty, environment, only, write_lines};
use crate::rounds::{Peer, in_turn};
use crate::table;

const LINES: u64 = 100_000_000 / LINE as u64;
const ROUNDS: usize = 3;
/// Bytes compared at a time.
const CHUNK: usize = 128 * 1024;

pub(crate) fn measure() -> Result<()> {
    let nginx = Nginx::start(&Speaks::Plain)?;
    write_lines(&nginx.file("rows.csv"), 0, LINES, 0)?;
    let (environment, theirs) = (environment(), tempfile::tempdir()?);
    let (url, output) = (nginx.plain_url("rows.csv"), theirs.path().join("rows.csv.gz"));
    let url_parameter = format!("url={url}");
    let host = |_| {
        empty(&environment.landing())?;
        let arguments = ["--allow-http", nginx.origin(), "--param", "do=rewrite", "--param", &url_parameter];
        Ok(environment.run_command("probe", &arguments))
    };
    let native = Peer::new("native Rust", std::env::current_exe().ok(), |command, _| {
        command.args([NATIVE, &url]).arg(&output);
        Ok(())
    });
    let measured = in_turn(ROUNDS, host, vec![native])?;
    ensure!(is_same(&only(&environment.landing())?, &output)?, "failed: guest and native code do not write the same");
    table::compared("100 MB of CSV, rewritten in a guest", &measured, 0, "1.5");
    Ok(())
}

/// Do two gzip files hold the same?
fn is_same(one: &Path, other: &Path) -> Result<bool> {
    let (mut one, mut other) = (MultiGzDecoder::new(File::open(one)?), MultiGzDecoder::new(File::open(other)?));
    loop {
        let (first, second) = (chunk(&mut one)?, chunk(&mut other)?);
        if first != second || first.is_empty() {
            return Ok(first == second);
        }
    }
}

fn chunk(input: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(CHUNK);
    input.take(CHUNK as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
