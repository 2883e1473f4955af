//! One large file, new and unchanged. The server sends no validators, so that all of it has to be read each time.

use std::fs;
use std::process::Command;

use anyhow::Result;
use harness::Environment;
use harness::reply::LINE;

use crate::nginx::{Nginx, Speaks};
use crate::place::{empty, environment, mirror, only, write_lines};
use crate::programs::{find, need, peer, pipeline, python};
use crate::rounds::{Measured, Peer, in_turn, run};
use crate::table::{self, Line};

const LINES: u64 = 286_000_000 / LINE as u64;
const ROUNDS: usize = 3;

pub(crate) fn measure() -> Result<()> {
    let nginx = Nginx::start(&Speaks::Plain)?;
    write_lines(&nginx.file("large.csv"), 0, LINES, 0)?;
    let environment = environment();
    new(&nginx, &environment)?;
    stored_size(&nginx, &environment)?;
    unchanged(&nginx, &environment)
}

fn new(nginx: &Nginx, environment: &Environment) -> Result<()> {
    const WORK: &str = "286 MB of CSV, new";
    let (url, file) = (nginx.plain_url("large.csv"), nginx.file("large.csv"));
    let theirs = tempfile::tempdir()?;
    let host = |_| {
        empty(&environment.landing())?;
        Ok(mirror(environment, nginx.origin(), &url))
    };
    let extract = Peer::new("extract.py", python(), |command, _| {
        empty(theirs.path())?;
        command.arg(peer("extract.py")).arg(theirs.path()).args(["mirror", &url]);
        Ok(())
    });
    let pipe = Peer::new("pipeline.sh", pipeline(), |command, _| {
        empty(theirs.path())?;
        command.arg(peer("pipeline.sh")).arg(&url).arg(theirs.path());
        Ok(())
    });
    // What it compresses is thrown away: it is the compression alone.
    let pigz = Peer::new("pigz -6 -p 2", find("pigz"), |command, _| {
        command.args(["-6", "-p", "2", "-c"]).arg(&file);
        Ok(())
    });
    let measured = in_turn(ROUNDS, host, vec![extract.weighed(), pipe, pigz])?;
    // 0.28 is 3.6 times as fast.
    for (peer, goal) in ["0.28", "", "0.60"].into_iter().enumerate() {
        table::compared(WORK, &measured, peer, goal);
    }
    Ok(())
}

fn stored_size(nginx: &Nginx, environment: &Environment) -> Result<()> {
    const WORK: &str = "286 MB of CSV, size as stored";
    let ours = fs::metadata(only(&environment.landing())?)?.len() as f64;
    let theirs = run(Command::new(need("gzip")?).args(["-6", "-c"]).arg(nginx.file("large.csv")))?.len() as f64;
    let (host, peer) = (format!("{:.1} MB", ours / 1e6), format!("{:.1} MB gzip -6", theirs / 1e6));
    Line { work: WORK, host, peer, ratio: Some(ours / theirs), goal: "1.02", ..Line::default() }.print();
    Ok(())
}

fn unchanged(nginx: &Nginx, environment: &Environment) -> Result<()> {
    const WORK: &str = "286 MB of CSV, unchanged";
    let (url, file) = (nginx.plain_url("large.csv"), nginx.file("large.csv"));
    let theirs = tempfile::tempdir()?;
    let host = |_| Ok(mirror(environment, nginx.origin(), &url));
    let curl = Peer::new("curl", find("curl"), |command, _| {
        command.args(["-sS", "-o", "/dev/null", &url]);
        Ok(())
    });
    let openssl = Peer::new("openssl sha256", find("openssl"), |command, _| {
        command.arg("sha256").arg(&file);
        Ok(())
    });
    let python = python();
    if let Some(python) = &python {
        run(Command::new(python).arg(peer("extract.py")).arg(theirs.path()).args(["mirror", &url]))?;
    }
    let extract = Peer::new("extract.py", python, |command, _| {
        command.arg(peer("extract.py")).arg(theirs.path()).args(["mirror", &url]);
        Ok(())
    });
    let measured = in_turn(ROUNDS, host, vec![curl, openssl, extract.weighed()])?;
    table::compared(WORK, &measured, slower(&measured, 0, 1), "1.3");
    table::compared(WORK, &measured, 2, "");
    Ok(())
}

/// Of two peers the slower one; the one that is not installed, so that its line says so.
fn slower(measured: &Measured, one: usize, other: usize) -> usize {
    let median = |peer: usize| measured.peers[peer].1.as_ref().map(|times| times.median());
    match (median(one), median(other)) {
        (None, _) => one,
        (Some(first), Some(second)) if first >= second => one,
        _ => other,
    }
}
