//! Rows of `extraction_runs`, one after the other: there may be any number, and others may have written them.

use std::io::Write;

use super::{Array, MAX_CURSOR};
use crate::error::WriteError;
use rules::text;
use state::{RunRow, State, WantedRuns};

/// Between two columns.
const GAP: &str = "  ";

/// Write the newest runs as a table.
pub fn write_text(state: &State, wanted: &WantedRuns, output: &mut impl Write) -> Result<(), WriteError> {
    // Twice over the rows, so that none has to be held: first for the widths of the columns.
    let header = ["run", "extractor", "started", "status", "new", "unchanged", "bytes"].map(str::to_owned);
    let mut widths = header.each_ref().map(String::len);
    state.runs(wanted, |row| {
        for (width, cell) in widths.iter_mut().zip(cells(&row)) {
            *width = cell.chars().count().max(*width);
        }
        Ok::<_, WriteError>(())
    })?;
    writeln!(output, "{}", line(&header, &widths, "cursor"))?;
    state.runs(wanted, |row| {
        let cursor = row.cursor_value.as_deref().map(|cursor| text::cut(cursor, MAX_CURSOR)).unwrap_or_default();
        writeln!(output, "{}", line(&cells(&row), &widths, &cursor))?;
        if let Some(message) = &row.error_message {
            let line = format!("{:1$}{GAP}{2}", "", widths[0], text::line(message));
            writeln!(output, "{}", text::wrapped(&line))?;
        }
        Ok(())
    })
}

/// Write the newest runs as a JSON array.
pub fn write_json(state: &State, wanted: &WantedRuns, output: &mut impl Write) -> Result<(), WriteError> {
    let mut array = Array::new(output, ",");
    state.runs(wanted, |row| Ok::<_, WriteError>(array.item(&row)?))?;
    Ok(array.end()?)
}

/// All columns but the last, which is not bounded.
fn cells(row: &RunRow) -> [String; 7] {
    let number = |value: Option<i64>| value.unwrap_or_default().to_string();
    [
        row.run_id.to_string(),
        text::quoted(&row.extractor),
        text::quoted(&row.started_at),
        text::quoted(&row.status),
        number(row.files_written),
        number(row.files_skipped),
        number(row.bytes_written),
    ]
}

fn line(cells: &[String; 7], widths: &[usize; 7], last: &str) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line += &match column {
            0 | 4 | 5 | 6 => format!("{cell:>width$}{GAP}"),
            _ => format!("{cell:<width$}{GAP}"),
        };
    }
    (line + last).trim_end().to_owned()
}
