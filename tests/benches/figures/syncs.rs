//! How often the host waits for the disk, and what it takes where each such wait lasts 5 ms. Both by strace, which
//! slows the host itself a little; nothing is taken off for that.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use harness::{Environment, under};

use crate::nginx::{Nginx, Speaks};
use crate::place::{SMALL, empty, environment, mirror, write_lines};
use crate::programs::need;
use crate::rounds::{Times, run, timed};
use crate::small::write_many;
use crate::table::{self, Line};

/// The calls that wait for the disk.
const CALLS: &str = "fsync,fdatasync,sync_file_range,syncfs";
/// A disk on which each sync takes 5 ms, as on many that are rented.
const SLOW: &str = "inject=fsync,fdatasync:delay_exit=5000";
const ROUNDS: usize = 5;

pub(crate) fn measure() -> Result<()> {
    need("strace")?;
    let nginx = Nginx::start(&Speaks::Plain)?;
    write_lines(&nginx.file("tick.csv"), 0, SMALL, 0)?;
    // The first is for the count, the others for the rounds.
    for number in 0..=ROUNDS as u64 {
        write_lines(&nginx.file(&format!("new/{number}.csv")), (number + 1) * SMALL, SMALL, number)?;
    }
    let environment = environment();
    let tick = || mirror(&environment, nginx.origin(), &nginx.url("tick.csv"));
    let new = |number: usize| mirror(&environment, nginx.origin(), &nginx.url(&format!("new/{number}.csv")));
    run(&mut tick())?;
    count("nothing new: syncs", &environment, &tick(), "2")?;
    count("one new small file: syncs", &environment, &new(0), "5")?;
    slow("nothing new, 5 ms a sync, under strace", |_| Ok(tick()))?;
    slow("one new small file, 5 ms a sync, under strace", |round| Ok(new(round + 1)))?;
    let urls = write_many(&nginx, "apart")?;
    slow("1,000 small URLs, new, 5 ms a sync, under strace", |_| {
        empty(&environment.landing())?;
        Ok(mirror(&environment, nginx.origin(), &urls))
    })
}

/// Count the syncs of one run.
fn count(work: &str, environment: &Environment, command: &Command, goal: &str) -> Result<()> {
    let report = environment.path().join("syncs");
    let mut strace = Command::new(need("strace")?);
    strace.args(["-f", "-qq", "-c", "-e", "signal=none", "-e", &format!("trace={CALLS}"), "-o"]).arg(&report);
    run(&mut under(strace, command))?;
    let text = fs::read_to_string(report)?;
    // A row of its table: share, seconds, microseconds a call, calls, sometimes errors, name.
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|words| words.last().is_some_and(|name| CALLS.split(',').any(|call| call == *name)));
    let calls: Option<Vec<u64>> = rows.map(|words| words.get(3)?.parse().ok()).collect();
    let calls: u64 = calls.with_context(|| format!("failed: strace says {text:?}"))?.iter().sum();
    Line { work, host: calls.to_string(), goal, ..Line::default() }.print();
    Ok(())
}

fn slow(work: &str, mut command: impl FnMut(usize) -> Result<Command>) -> Result<()> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let mut strace = Command::new(need("strace")?);
        strace.args(["-f", "-qq", "-e", "signal=none", "-e", "trace=fsync,fdatasync", "-e", SLOW, "-o", "/dev/null"]);
        times.push(timed(&mut under(strace, &command(round)?))?);
    }
    table::alone(work, &Times::new(times), "", None);
    Ok(())
}
