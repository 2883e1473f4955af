//! What became of the extractors of a batch.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::Kind;
use rules::text;

/// Exit codes of runs, the one that tells most of a batch first.
const BY_WEIGHT: [u8; 7] = [130, 143, 3, 1, 2, 77, 75];

/// The code that tells most.
pub fn heaviest(codes: impl IntoIterator<Item = u8>) -> u8 {
    let occurred: BTreeSet<u8> = codes.into_iter().collect();
    let known = BY_WEIGHT.into_iter().find(|code| occurred.contains(code));
    // A code that no host exits with is a failure.
    known.unwrap_or_else(|| if occurred.iter().any(|code| *code != 0) { 1 } else { 0 })
}

/// What became of one.
#[derive(Debug)]
pub struct Outcome {
    /// As it was named.
    pub extractor: String,
    /// What its process exited with.
    pub code: u8,
    /// What its run reported, where there was one.
    pub report: Option<Value>,
    /// What it said on standard error: an error and hints.
    pub said: String,
}

impl Outcome {
    /// One that was not run.
    pub(super) fn not_run(extractor: String, kind: Kind, reason: String) -> Self {
        Self { extractor, code: kind.exit_code(), report: None, said: format!("error: {reason}\n") }
    }

    /// One whose process ended.
    pub(super) fn of(extractor: String, status: Option<ExitStatus>, report: Option<Value>, mut said: String) -> Self {
        let code = status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
        if let Some(signal) = status.and_then(|status| status.signal()) {
            said.push_str(&format!("error: its process was ended by signal {signal}\n"));
        }
        Self { extractor, code: code.unwrap_or(Kind::Failed.exit_code()), report, said }
    }

    /// One line.
    pub fn text(&self) -> String {
        match self.report.as_ref().and_then(|report| report["summary"].as_str()) {
            Some(summary) => text::line(summary),
            None => format!("{}: not run, exit code {}", text::quoted(&self.extractor), self.code),
        }
    }

    fn json(&self) -> Value {
        json!({
            "extractor": self.extractor,
            "exit_code": self.code,
            "report": self.report,
            "said": self.said.trim_end(),
        })
    }
}

/// What became of all.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// In the order in which they were named.
    pub all: Vec<Outcome>,
    /// The signal that ended them.
    pub(super) signal: Option<Kind>,
    /// How long all of it took.
    pub(super) elapsed: Duration,
}

impl Outcomes {
    /// The code that tells most.
    pub fn exit_code(&self) -> u8 {
        let signal = self.signal.map(Kind::exit_code);
        heaviest(self.all.iter().map(|outcome| outcome.code).chain(signal))
    }

    /// One line about all of them.
    pub fn summary(&self) -> String {
        let (all, failed) = (self.all.len() as u64, self.all.iter().filter(|outcome| outcome.code != 0).count());
        let took = Duration::from_millis(u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX));
        let how = match failed as u64 {
            0 => "all succeeded".to_owned(),
            failed if failed == all => "none succeeded".to_owned(),
            failed => format!("{} succeeded, {failed} did not", all - failed),
        };
        format!("{}: {how}, in {took:?}\n", text::counted(all, "extractor"))
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let all: Vec<Value> = self.all.iter().map(Outcome::json).collect();
        json!({ "exit_code": self.exit_code(), "extractors": all }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(codes: &[u8], signal: Option<Kind>) -> Outcomes {
        let one = |code: &u8| Outcome { extractor: "x".into(), code: *code, report: None, said: String::new() };
        Outcomes { all: codes.iter().map(one).collect(), signal, elapsed: Duration::from_millis(5) }
    }

    #[test]
    fn the_code_that_tells_most_counts() {
        for (codes, code) in [
            (&[0, 0][..], 0),
            (&[0, 75], 75),
            (&[75, 77, 0], 77),
            (&[2, 77], 2),
            (&[1, 2], 1),
            (&[3, 1], 3),
            (&[143, 3], 143),
            (&[130, 143], 130),
            (&[0, 99], 1),
        ] {
            assert_eq!(outcomes(codes, None).exit_code(), code, "{codes:?}");
        }
        assert_eq!(outcomes(&[0, 3], Some(Kind::Terminated)).exit_code(), 143);
    }

    #[test]
    fn a_batch_is_told_in_one_line() {
        assert_eq!(outcomes(&[0], None).summary(), "1 extractor: all succeeded, in 5ms\n");
        assert_eq!(outcomes(&[0, 1, 75], None).summary(), "3 extractors: 1 succeeded, 2 did not, in 5ms\n");
        assert_eq!(outcomes(&[2, 2], None).summary(), "2 extractors: none succeeded, in 5ms\n");
    }
}
