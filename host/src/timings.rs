//! Where the time of one run went: `host run --timings`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Stopwatch;

/// What takes time beside other things, and is summed up over all threads.
#[derive(Debug, Clone, Copy)]
pub enum Beside {
    /// From a request to the head of its answer.
    Answers,
    /// Hashing, compressing, syncing, asking the state.
    Storing,
}

/// The time of one run: its steps one after the other, and what went on beside them.
pub struct Timings {
    since: Mutex<(Stopwatch, Vec<(&'static str, Duration)>)>,
    answers: AtomicU64,
    storing: AtomicU64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            since: Mutex::new((Stopwatch::start(), Vec::new())),
            answers: AtomicU64::new(0),
            storing: AtomicU64::new(0),
        }
    }
}

impl Timings {
    /// A step ends here, and the next begins.
    pub fn step(&self, name: &'static str) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let took = since.0.elapsed();
        since.1.push((name, took));
        since.0 = Stopwatch::start();
    }

    /// Something beside the steps took so long.
    pub fn add(&self, beside: Beside, took: Duration) {
        let sum = match beside {
            Beside::Answers => &self.answers,
            Beside::Storing => &self.storing,
        };
        sum.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn beside(&self) -> [(&'static str, Duration); 2] {
        let sum = |sum: &AtomicU64| Duration::from_micros(sum.load(Ordering::Relaxed));
        [("waiting for answers", sum(&self.answers)), ("storing, on threads of their own", sum(&self.storing))]
    }

    /// A line for each.
    pub fn text(&self) -> String {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let milliseconds = |took: &Duration| took.as_secs_f64() * 1000.0;
        let mut text = String::from("time in ms\n");
        for (name, took) in &since.1 {
            let _ = writeln!(text, "{:>10.2}  {name}", milliseconds(took));
        }
        let all: Duration = since.1.iter().map(|(_, took)| *took).sum();
        let _ = writeln!(text, "{:>10.2}  together; and beside that, summed up over all requests:", milliseconds(&all));
        for (name, took) in self.beside() {
            let _ = writeln!(text, "{:>10.2}  {name}", milliseconds(&took));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_sums_are_told() {
        let timings = Timings::default();
        timings.step("load");
        timings.add(Beside::Answers, Duration::from_millis(3));
        timings.add(Beside::Answers, Duration::from_millis(4));
        timings.step("extract");
        let text = timings.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[1].ends_with("  load") && lines[2].ends_with("  extract"), "{text}");
        assert_eq!(lines[4].trim(), "7.00  waiting for answers");
    }
}
