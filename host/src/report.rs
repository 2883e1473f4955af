//! What runs did, as text that a person reads at a glance or as JSON. It must not know how it was found out.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use bytesize::ByteSize;
use serde_json::json;

use crate::error::Kind;
use crate::repair::Repair;
use crate::run::Receipts;
use rules::findings::Finding;
use rules::text;
use state::{Counters, RunRow};

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

/// What one run did.
#[derive(Debug)]
pub struct Report {
    /// Its number in the state.
    pub run_id: i64,
    /// Whose run it was.
    pub extractor: String,
    /// What it counted.
    pub counters: Counters,
    /// The cursor that it made durable.
    pub cursor: Option<String>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What became of each content, in the order of landing.
    pub receipts: Receipts,
    /// What was used of each budget and what was allowed.
    pub budgets: serde_json::Value,
    /// How long it took.
    pub elapsed: Duration,
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
            "cursor": self.cursor,
            "error": self.failure.as_ref().map(|failure| &failure.message),
            "budgets": self.budgets,
        })
        .to_string();
        // What became of each content may be more than memory holds, so it is written piece by piece.
        output.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
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
        let mut text = format!("{} run {}: {}{what}, in {took:?}\n", self.extractor, self.run_id, self.status());
        for (path, stored_size) in &self.receipts.listed {
            let _ = writeln!(text, "  {path}  {}", ByteSize(*stored_size).display().si());
        }
        let more = files_written.saturating_sub(self.receipts.listed.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
        if let Some(cursor) = &self.cursor {
            let _ = writeln!(text, "  cursor {}", text::cut(cursor, MAX_CURSOR));
        }
        text
    }
}

/// Rows of the state as a table.
pub fn runs_text(rows: &[RunRow]) -> String {
    let number = |value: Option<i64>| value.unwrap_or_default().to_string();
    let header = ["run", "extractor", "started", "status", "new", "unchanged", "bytes", "cursor"].map(str::to_owned);
    let mut table = vec![header];
    for row in rows {
        table.push([
            row.run_id.to_string(),
            text::line(&row.extractor),
            text::line(&row.started_at),
            text::line(&row.status),
            number(row.files_written),
            number(row.files_skipped),
            number(row.bytes_written),
            row.cursor_value.as_deref().map(|cursor| text::cut(cursor, MAX_CURSOR)).unwrap_or_default(),
        ]);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 4 | 5 | 6 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        let message = at.checked_sub(1).and_then(|at| rows[at].error_message.as_deref());
        if let Some(message) = message {
            let line = format!("{:1$}  {2}", "", widths[0], text::line(message));
            let _ = writeln!(text, "{}", text::wrapped(&line));
        }
    }
    text
}

/// Anything as JSON, on one line.
pub fn json(value: &impl serde::Serialize) -> String {
    json!(value).to_string()
}

/// What a repair did, a line for each thing.
pub fn repair_text(repair: &Repair) -> String {
    let count = |count: usize, one: &str| text::counted(count as u64, one);
    let files = if repair.forgotten == 1 { "file is" } else { "files are" };
    let mut lines = vec![
        format!("{} read and recorded", count(repair.recorded, "file")),
        format!("{} dropped, whose {files} gone or not whole", count(repair.forgotten, "record")),
        format!("{} not whole, left alone", count(repair.torn.len(), "file")),
        format!("{} of killed runs removed", count(repair.swept, "left-over")),
        format!("{} marked as failed", count(repair.ended, "dead run")),
    ];
    if let Some(path) = &repair.moved_to {
        let were = if repair.salvaged == 1 { "was" } else { "were" };
        let runs = count(repair.salvaged, "run");
        lines.push(format!("the damaged database is at {}; {runs} {were} read out of it", path.display()));
    }
    lines.join("\n")
}

/// Findings, a line each.
pub fn verification_text(files: usize, read: bool, findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let kind = format!("{:?}", finding.kind).to_lowercase();
        let _ = writeln!(text, "{kind:<10}  {}: {}", text::line(&finding.path), text::line(&finding.detail));
    }
    let how = if read { "read" } else { "looked at, not read" };
    let found = match findings.len() as u64 {
        0 => "nothing wrong".to_owned(),
        count => text::counted(count, "finding"),
    };
    let _ = writeln!(text, "{} {how}, {found}", text::counted(files as u64, "file"));
    text
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
            cursor: None,
            failure: None,
            receipts,
            budgets: json!({}),
            elapsed: Duration::from_millis(12),
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
    fn one_of_a_thing_is_one() {
        let one = Repair {
            recorded: 1,
            forgotten: 1,
            torn: vec!["x".into()],
            swept: 1,
            ended: 1,
            moved_to: Some("/x".into()),
            salvaged: 1,
        };
        assert_eq!(
            repair_text(&one),
            "1 file read and recorded\n1 record dropped, whose file is gone or not whole\n1 file not whole, left alone\n\
             1 left-over of killed runs removed\n1 dead run marked as failed\n\
             the damaged database is at /x; 1 run was read out of it"
        );
        let several = Repair { recorded: 2, salvaged: 0, ..one };
        assert!(
            repair_text(&several).starts_with("2 files read")
                && repair_text(&several).ends_with("0 runs were read out of it")
        );
        let finding = Finding::new(rules::findings::Kind::Missing, "x", "y");
        assert!(verification_text(1, true, std::slice::from_ref(&finding)).ends_with("\n1 file read, 1 finding\n"));
        assert_eq!(verification_text(1, false, &[]), "1 file looked at, not read, nothing wrong\n");
        assert!(verification_text(0, true, &[finding.clone(), finding]).ends_with("\n0 files read, 2 findings\n"));
    }

    #[test]
    fn a_report_is_one_json_object() {
        let mut text = Vec::new();
        report().write_json(&mut text).expect("memory");
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["files"][0]["outcome"], "written");
        assert_eq!(value["files"][0]["sha256"], "01".repeat(32));
        assert_eq!(value["error"], serde_json::Value::Null);
        assert_eq!(value.as_object().map(|object| object.len()), Some(10));
    }
}
