//! The table: a line for each piece of work, printed once it is measured.

use std::time::Duration;

use crate::programs::find;
use crate::rounds::{Measured, Times};

/// What a line says; an empty text where there is nothing to say.
#[derive(Default)]
pub(crate) struct Line<'a> {
    pub(crate) work: &'a str,
    pub(crate) host: String,
    pub(crate) peer: String,
    /// What the host took, divided by what the peer took.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: &'a str,
    /// The most memory that the host held at once, in MiB.
    pub(crate) peak: Option<f64>,
}

pub(crate) fn head() {
    println!("Ratio: host to peer. Goal: the most that a ratio, or else what the host takes, should be.");
    let skipped = if find("time").is_none() { " skipped: GNU time" } else { "" };
    println!("MiB: the most memory that the host held at once; the goal of all lines is 32.{skipped}\n");
    row(["work", "host: median (min–max)", "peer: median", "ratio", "goal", "MiB"]);
}

fn row([work, host, peer, ratio, goal, peak]: [&str; 6]) {
    println!("{work:<50} {host:>23}  {peer:<33} {ratio:>5}  {goal:<6} {peak:>5}");
}

impl Line<'_> {
    pub(crate) fn print(&self) {
        let ratio = self.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let peak = self.peak.map(|peak| format!("{peak:.1}")).unwrap_or_default();
        row([self.work, &self.host, &self.peer, &ratio, self.goal, &peak]);
    }
}

/// A line for the host and one of the peers that it was measured with.
pub(crate) fn compared(work: &str, measured: &Measured, peer: usize, goal: &str) {
    let (name, times) = &measured.peers[peer];
    let peak = measured.peer_peaks[peer].map(|peak| format!(", {peak:.0} MiB")).unwrap_or_default();
    let line = Line { work, host: measured.host.to_string(), goal, peak: measured.peak, ..Line::default() };
    match times {
        Some(times) => {
            let unit = Unit::of(times.median());
            let peer = format!("{} {} {name}{peak}", unit.number(times.median()), unit.name);
            Line { peer, ratio: Some(measured.host.ratio(times)), ..line }.print();
        }
        None => Line { peer: format!("skipped: {name}"), ..line }.print(),
    }
}

/// A line for the host, where nothing is beside it.
pub(crate) fn alone(work: &str, times: &Times, goal: &str, peak: Option<f64>) {
    Line { work, host: times.to_string(), goal, peak, ..Line::default() }.print();
}

/// A line for what could not be measured, and why.
pub(crate) fn gap(work: &str, reason: &anyhow::Error) {
    println!("{work:<50} {reason:#}");
}

/// What a time is given in, and how exactly: so that about three digits count.
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    per_second: f64,
    decimals: usize,
}

impl Unit {
    /// The unit for times about as long as this one.
    pub(crate) fn of(time: Duration) -> Self {
        let (name, per_second, decimals) = match time.as_secs_f64() {
            seconds if seconds >= 10.0 => ("s", 1.0, 1),
            seconds if seconds >= 1.0 => ("s", 1.0, 2),
            seconds if seconds >= 0.1 => ("ms", 1e3, 0),
            _ => ("ms", 1e3, 1),
        };
        Self { name, per_second, decimals }
    }

    pub(crate) fn number(&self, time: Duration) -> String {
        format!("{:.*}", self.decimals, time.as_secs_f64() * self.per_second)
    }
}
