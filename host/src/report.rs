//! What runs did, as text that a person reads at a glance or as JSON.

mod cursors;
mod files;
mod quarantine;
mod run;
mod runs;
mod status;
mod upkeep;

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use bytesize::ByteSize;
use serde_json::json;

use crate::error::Kind;
pub(crate) use crate::run::Receipts;
use state::Counters;

pub use cursors::{write_json as write_cursors_json, write_text as write_cursors};
pub use files::{write_json as write_files_json, write_text as write_files};
pub use quarantine::{shown as quarantined, write_json as write_quarantine_json, write_text as write_quarantine};
pub use run::{write_json as write_run_json, write_text as write_run};
pub use runs::{write_json as write_runs_json, write_text as write_runs};
pub use status::{ago, status};
pub use upkeep::{write_repair, write_repair_json, write_verification, write_verification_json};

/// Longest cursor that is shown, in characters. All of it is in the state and in JSON.
const MAX_CURSOR: usize = 60;

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the exit code says.
    pub kind: Kind,
    /// What the state's `error_message` says.
    pub message: String,
    /// What to do next, each a sentence.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, hints: Vec::new() }
    }
}

/// A content that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rejection {
    /// Where it is kept, below the landing directory.
    pub path: String,
    /// The source that it did not enter.
    pub source: String,
    /// What is wrong with it, in a word that never changes.
    pub code: &'static str,
    /// The same in a sentence.
    pub reason: String,
    /// Where it came from; none where the extractor made it.
    pub url: Option<String>,
}

impl Rejection {
    /// The part of the sentence that the extractor is told as well.
    pub(crate) fn what(&self) -> &str {
        self.reason.split_once("; ").map_or(&self.reason, |(what, _)| what)
    }
}

/// A file that a dry run would have landed.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Preview {
    /// Below the landing directory.
    pub path: String,
    /// `written` or `unchanged`.
    pub outcome: String,
    /// Bytes before compression.
    pub size: u64,
    /// Its first lines, where it is new.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// What one run did.
#[derive(Debug)]
pub struct Report {
    /// Its number in the state.
    pub run_id: i64,
    /// Whose run it was.
    pub extractor: String,
    /// What it counted.
    pub counters: Counters,
    /// Of the new files, those that hold the same as one that another run landed at the same time.
    pub doubled: u64,
    /// The cursor that it made durable.
    pub cursor: Option<String>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What became of each content, in the order of landing.
    pub(crate) receipts: Receipts,
    /// The first contents that were not as expected.
    pub rejections: Vec<Rejection>,
    /// What was used of each budget and what was allowed.
    pub budgets: serde_json::Value,
    /// How long it took.
    pub elapsed: Duration,
    /// What sets it apart from ordinary runs, one sentence each.
    pub notes: Vec<String>,
    /// What would have landed, where it was a dry run; the first of it.
    pub previews: Option<Vec<Preview>>,
}

impl Report {
    fn status(&self) -> &'static str {
        if self.failure.is_some() { "failed" } else { "success" }
    }

    /// Write one JSON object, on one line.
    pub fn write_json(&self, output: &mut impl io::Write) -> io::Result<()> {
        let head = json!({
            "run_id": self.run_id,
            "extractor": self.extractor,
            "status": self.status(),
            "files_written": self.counters.files_written,
            "files_skipped": self.counters.files_skipped,
            "bytes_written": self.counters.bytes_written,
            "duplicates": self.doubled,
            "cursor": self.cursor,
            "error": self.failure.as_ref().map(|failure| &failure.message),
            "quarantined": self.rejections,
            "budgets": self.budgets,
            "warnings": self.notes,
        })
        .to_string();
        // What became of each content may be more than memory holds, so it is written piece by piece.
        output.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
        if let Some(previews) = &self.previews {
            write!(output, ",\"dry_run\":{}", json!(previews))?;
        }
        output.write_all(b",\"files\":")?;
        self.receipts.write(output)?;
        output.write_all(b"}\n")
    }

    /// A few lines.
    pub fn text(&self) -> String {
        let Counters { files_written, files_skipped, bytes_written } = self.counters;
        let what = match (files_written, files_skipped) {
            (0, 0) if self.failure.is_some() => String::new(),
            (0, 0) => ", nothing to land".to_owned(),
            (0, skipped) => format!(", nothing new, {skipped} unchanged"),
            (written, skipped) => {
                format!(", {written} new ({}), {skipped} unchanged", ByteSize(bytes_written).display().si())
            }
        };
        let took = Duration::from_millis(u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX));
        let Some(previews) = &self.previews else {
            let text = format!("{} run {}: {}{what}, in {took:?}\n", self.extractor, self.run_id, self.status());
            return text + &self.listed() + &self.rest();
        };
        let mut text =
            format!("{} dry run, nothing is written: {}{what}, in {took:?}\n", self.extractor, self.status());
        for Preview { path, outcome, size, lines } in previews {
            let outcome = if outcome == "written" { "new" } else { outcome };
            let _ = writeln!(text, "  {path}  {}, {outcome}", ByteSize(*size).display().si());
            for line in lines {
                let _ = writeln!(text, "    | {line}");
            }
        }
        let more = (files_written + files_skipped).saturating_sub(previews.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
        text + &self.rest()
    }

    /// The first files that it wrote.
    fn listed(&self) -> String {
        let mut text = String::new();
        for (path, stored_size) in &self.receipts.listed {
            let _ = writeln!(text, "  {path}  {}", ByteSize(*stored_size).display().si());
        }
        let more = self.counters.files_written.saturating_sub(self.receipts.listed.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
        text
    }

    /// What else is to be said.
    fn rest(&self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        if let Some(cursor) = &self.cursor {
            let _ = writeln!(text, "  cursor {}", rules::text::cut(cursor, MAX_CURSOR));
        }
        text
    }
}

/// A JSON array, written item by item: there may be more of them than memory holds.
struct Array<'a, W> {
    output: &'a mut W,
    before: &'static str,
    between: &'static str,
}

impl<'a, W: io::Write> Array<'a, W> {
    fn new(output: &'a mut W, between: &'static str) -> Self {
        Self { output, before: "[", between }
    }

    fn item(&mut self, item: &impl serde::Serialize) -> io::Result<()> {
        write!(self.output, "{}{}", self.before, json(item))?;
        self.before = self.between;
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        writeln!(self.output, "{}]", if self.before == "[" { "[" } else { "" })
    }
}

/// Anything as JSON, on one line.
pub fn json(value: &impl serde::Serialize) -> String {
    json!(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::domain::{Digest, Outcome, Receipt};

    fn report() -> Report {
        let mut receipts = Receipts::new(true);
        for (name, outcome) in [("a", Outcome::Written), ("b", Outcome::Unchanged)] {
            let receipt = Receipt {
                path: format!("x/2025/{name}.csv.gz"),
                sha256: Digest([1; 32]),
                size: 10,
                stored_size: 1234,
                outcome,
                url: Some("http://127.0.0.1/x".into()),
            };
            receipts.push(&receipt, || unreachable!("two of them fit into memory")).expect("memory");
        }
        Report {
            run_id: 7,
            extractor: "x".into(),
            counters: Counters { files_written: 1, files_skipped: 1, bytes_written: 1234 },
            doubled: 0,
            cursor: None,
            failure: None,
            receipts,
            rejections: Vec::new(),
            budgets: json!({}),
            elapsed: Duration::from_millis(12),
            notes: Vec::new(),
            previews: None,
        }
    }

    #[test]
    fn a_report_reads_at_a_glance() {
        assert_eq!(
            report().text(),
            "x run 7: success, 1 new (1.2 kB), 1 unchanged, in 12ms\n  x/2025/a.csv.gz  1.2 kB\n"
        );
        let nothing = Report {
            receipts: Receipts::default(),
            counters: Counters { files_skipped: 3, ..Counters::default() },
            ..report()
        };
        assert_eq!(nothing.text(), "x run 7: success, nothing new, 3 unchanged, in 12ms\n");
    }

    #[test]
    fn a_report_is_one_json_object() {
        let mut text = Vec::new();
        report().write_json(&mut text).expect("memory");
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["files"][0]["outcome"], "written");
        assert_eq!(value["files"][0]["sha256"], "01".repeat(32));
        assert_eq!(value["error"], serde_json::Value::Null);
        assert_eq!(value.as_object().map(|object| object.len()), Some(13));
    }
}
