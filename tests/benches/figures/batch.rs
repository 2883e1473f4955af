//! Many extractors by one command, beside the same runs one after the other: what is left of two at once.

use std::time::Duration;

use anyhow::Result;
use harness::reply::LINE;
use harness::{Environment, Origin, Reply, guest};

use crate::place::{empty, environment};
use crate::rounds::{Times, timed};
use crate::table::{Line, Unit};

const EXTRACTORS: usize = 50;
const LINES: u64 = 2_000_000 / LINE as u64;
const ROUNDS: usize = 3;

/// Each waits 50 ms for one answer, and has 2 MB of another one to compress meanwhile.
pub(crate) fn measure() -> Result<()> {
    const WORK: &str = "50 extractors, two at once";
    let (environment, origin) = (environment(), Origin::start());
    // The second byte is the one that is waited for.
    origin.route("/slow.csv", Reply::new("a\n").dripping(Duration::from_millis(50)));
    origin.route("/large.csv", Reply::lines(LINES));
    let names: Vec<String> = (0..EXTRACTORS).map(|number| format!("e{number}")).collect();
    let tables: Vec<String> = names.iter().map(|name| table(name, &origin)).collect();
    environment.write("host.toml", tables.concat());
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        empty(&environment.landing())?;
        together.push(timed(&mut environment.command(["run", "--all", "--jobs", "2"]))?);
        alone.push(one_by_one(&environment, &names)? / 2);
    }
    let (together, alone) = (Times::new(together), Times::new(alone));
    let unit = Unit::of(alone.median());
    let peer = format!("{} {} half of their sum", unit.number(alone.median()), unit.name);
    let ratio = Some(together.ratio(&alone));
    Line { work: WORK, host: together.to_string(), peer, ratio, goal: "1.3", ..Line::default() }.print();
    Ok(())
}

fn one_by_one(environment: &Environment, names: &[String]) -> Result<Duration> {
    empty(&environment.landing())?;
    names.iter().map(|name| timed(&mut environment.command(["run", name]))).sum()
}

fn table(name: &str, origin: &Origin) -> String {
    let urls = format!("{} {}", origin.url("/slow.csv"), origin.url("/large.csv"));
    let (component, grant) = (guest("mirror"), origin.grant());
    format!("[extractor.{name}]\ncomponent = {component:?}\nhttp = [{grant:?}]\nparam = {{ url = {urls:?} }}\n")
}
