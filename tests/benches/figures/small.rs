//! Small files: what a tick costs, and a thousand of them.

use std::fs;

use anyhow::Result;

use crate::nginx::{Nginx, Speaks};
use crate::place::{SMALL, empty, environment, landed, mirror, write_lines};
use crate::programs::{find, peer, pipeline, python};
use crate::rounds::{Peer, in_turn, run};
use crate::table::{self, Line};

/// Rounds of what takes milliseconds.
const ROUNDS: usize = 21;
const FEWER_ROUNDS: usize = 5;
/// How many URLs are many.
const MANY: u64 = 1000;

pub(crate) fn measure() -> Result<()> {
    let nginx = Nginx::start(&Speaks::Plain)?;
    write_lines(&nginx.file("tick.csv"), 0, SMALL, 0)?;
    nothing_new("nothing new, with an ETag", &nginx, &nginx.url("tick.csv"))?;
    nothing_new("nothing new, without validators", &nginx, &nginx.plain_url("tick.csv"))?;
    one_new(&nginx)?;
    cold(&nginx)?;
    let size = fs::metadata(env!("CARGO_BIN_EXE_host"))?.len() as f64 / 1e6;
    Line { work: "size of the program", host: format!("{size:.1} MB"), goal: "20 MB", ..Line::default() }.print();
    Ok(())
}

fn nothing_new(work: &str, nginx: &Nginx, url: &str) -> Result<()> {
    let (environment, theirs) = (environment(), tempfile::tempdir()?);
    let host = |_| Ok(mirror(&environment, nginx.origin(), url));
    let curl = Peer::new("curl", find("curl"), |command, _| {
        command.args(["-sS", "-o", "/dev/null", url]);
        Ok(())
    });
    let extract = Peer::new("extract.py", python(), |command, _| {
        command.arg(peer("extract.py")).arg(theirs.path()).args(["mirror", url]);
        Ok(())
    });
    run(&mut host(0)?)?;
    let measured = in_turn(ROUNDS, host, vec![curl, extract])?;
    table::compared(work, &measured, 0, "1.1");
    table::compared(work, &measured, 1, "");
    Ok(())
}

fn one_new(nginx: &Nginx) -> Result<()> {
    let (environment, theirs, piped) = (environment(), tempfile::tempdir()?, tempfile::tempdir()?);
    // Each round has a URL of its own, and one more is for the round that measures memory.
    let url = |round: usize| nginx.url(&format!("new/{round}.csv"));
    for round in 0..=ROUNDS as u64 {
        write_lines(&nginx.file(&format!("new/{round}.csv")), round * SMALL, SMALL, round)?;
    }
    run(&mut mirror(&environment, nginx.origin(), &nginx.url("tick.csv")))?;
    let host = |round| Ok(mirror(&environment, nginx.origin(), &url(round)));
    let pipe = Peer::new("pipeline.sh", pipeline(), |command, round| {
        command.arg(peer("pipeline.sh")).arg(url(round)).arg(piped.path());
        Ok(())
    });
    let extract = Peer::new("extract.py", python(), |command, round| {
        command.arg(peer("extract.py")).arg(theirs.path()).arg("mirror").arg(url(round));
        Ok(())
    });
    let measured = in_turn(ROUNDS, host, vec![pipe, extract])?;
    table::compared("one new small file", &measured, 0, "");
    table::compared("one new small file", &measured, 1, "");
    Ok(())
}

/// The first run of an extractor, which compiles it.
fn cold(nginx: &Nginx) -> Result<()> {
    let environment = environment();
    let cache = environment.path().join("cache");
    let host = |_| {
        empty(&cache)?;
        empty(&environment.landing())?;
        let mut command = mirror(&environment, nginx.origin(), &nginx.url("tick.csv"));
        command.env("XDG_CACHE_HOME", &cache);
        Ok(command)
    };
    let measured = in_turn(FEWER_ROUNDS, host, Vec::new())?;
    table::alone("cold first run, which compiles mirror", &measured.host, "300 ms", measured.peak);
    Ok(())
}

/// nginx makes tags of time and size: files that were deployed together have the same one, where their sizes are alike.
pub(crate) fn measure_many() -> Result<()> {
    let nginx = Nginx::start(&Speaks::Plain)?;
    many(&nginx, "apart", "1,000 small URLs")?;
    many(&nginx, "alike", "1,000 small URLs with one ETag")
}

fn many(nginx: &Nginx, directory: &str, work: &str) -> Result<()> {
    let urls = write_many(nginx, directory)?;
    let (environment, theirs) = (environment(), tempfile::tempdir()?);
    let (ours, theirs) = (environment.landing(), theirs.path().join("landing"));
    run(&mut mirror(&environment, nginx.origin(), &nginx.url(&format!("{directory}/0.csv"))))?;
    for (state, afresh, goal) in [("new", true, "0.65"), ("unchanged", false, "")] {
        let host = |_| {
            if afresh {
                empty(&ours)?;
            }
            Ok(mirror(&environment, nginx.origin(), &urls))
        };
        let extract = Peer::new("extract.py", python(), |command, _| {
            if afresh {
                empty(&theirs)?;
            }
            command.arg(peer("extract.py")).arg(&theirs).arg("mirror").args(urls.split(' '));
            Ok(())
        });
        let measured = in_turn(FEWER_ROUNDS, host, vec![extract.weighed()])?;
        table::compared(&format!("{work}, {state}"), &measured, 0, goal);
    }
    let peer = match python() {
        Some(_) => format!("{} extract.py", landed(&theirs)?.len()),
        None => String::new(),
    };
    let (work, host) = (format!("{work}: files that landed"), landed(&ours)?.len().to_string());
    Line { work: &work, host, peer, goal: "1000", ..Line::default() }.print();
    Ok(())
}

/// Write many small files, with times apart or alike; their URLs.
pub(crate) fn write_many(nginx: &Nginx, directory: &str) -> Result<String> {
    let mut urls = Vec::new();
    for number in 0..MANY {
        let name = format!("{directory}/{number}.csv");
        let age = if directory == "alike" { 0 } else { number };
        write_lines(&nginx.file(&name), number * SMALL, SMALL, age)?;
        urls.push(nginx.url(&name));
    }
    Ok(urls.join(" "))
}
