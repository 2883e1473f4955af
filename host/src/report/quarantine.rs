//! What is in quarantine. Anybody may have written the rows, and what the contents hold.

use std::io::Write;

use bytesize::ByteSize;

use super::Array;
use crate::error::WriteError;
use rules::text;
use state::{QuarantinedRow, State};

/// Longest reason in a list, in characters.
const MAX_REASON: usize = 200;

/// Write two lines for each content: its path, and what is wrong with it.
pub fn write_text(state: &State, output: &mut impl Write) -> Result<(), WriteError> {
    let mut empty = true;
    state.quarantined(|row| {
        empty = false;
        let line = format!("  {} ({}, met {})", text::cut(&row.reason, MAX_REASON), size(&row), times(&row));
        Ok::<_, WriteError>(writeln!(output, "{}\n{}", row.path, text::wrapped(&line))?)
    })?;
    if empty {
        writeln!(output, "nothing is in quarantine")?;
    }
    Ok(())
}

/// Write a JSON array.
pub fn write_json(state: &State, output: &mut impl Write) -> Result<(), WriteError> {
    let mut array = Array::new(output, ",");
    state.quarantined(|row| Ok::<_, WriteError>(array.item(&row)?))?;
    Ok(array.end()?)
}

/// All that is known of one, and its first lines; none where they are no text.
pub fn shown(row: &QuarantinedRow, lines: &Option<Vec<String>>) -> String {
    let met = match (row.run_id, &row.met_at) {
        (Some(run), Some(at)) => format!("by run {run} of {} at {at}", row.extractor),
        (Some(run), None) => format!("by run {run} of {}", row.extractor),
        (None, _) => "by no run that is known".to_owned(),
    };
    let mut said = vec![
        row.path.clone(),
        format!("  {}", row.reason),
        format!("  from {}", row.url.as_deref().unwrap_or("the extractor itself")),
        format!("  met {}, last {met}", times(row)),
        format!("  {} before compression", size(row)),
        format!("  SHA-256 {}", row.sha256),
    ];
    match lines {
        Some(lines) => said.extend(lines.iter().map(|line| format!("    | {line}"))),
        None => said.push("    (no text)".to_owned()),
    }
    said.iter().map(|line| text::wrapped(&text::line(line)) + "\n").collect()
}

fn times(row: &QuarantinedRow) -> String {
    match row.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    }
}

fn size(row: &QuarantinedRow) -> String {
    ByteSize(u64::try_from(row.size).unwrap_or_default()).display().si().to_string()
}
