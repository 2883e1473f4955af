//! All that is kept of one run.

use std::io::Write;

use bytesize::ByteSize;
use serde_json::{Value, json};

use super::json as on_one_line;
use crate::error::WriteError;
use rules::budget::Budget;
use rules::domain::Scope;
use rules::text;
use state::{Details, RunRow, State, Wanted};

/// Write it as text, a paragraph for each thing that is known.
pub fn write_text(state: &State, row: &RunRow, details: &Details, output: &mut impl Write) -> Result<(), WriteError> {
    let RunRow { run_id, extractor, started_at, finished_at, status, .. } = row;
    writeln!(output, "run {run_id} of {}: {}", text::line(extractor), text::line(status))?;
    let finished = finished_at.as_deref().unwrap_or("not finished");
    writeln!(output, "from {} to {}", text::line(started_at), text::line(finished))?;
    if let Some(claimed) = &details.window {
        let Scope { window, part } = claimed.parse().unwrap_or_default();
        window.map_or(Ok(()), |window| writeln!(output, "backfill {window}"))?;
        part.map_or(Ok(()), |part| writeln!(output, "only {}", text::line(&part.to_string())))?;
    }
    if let Some(error) = &row.error_message {
        writeln!(output, "{}", text::wrapped(&format!("error: {}", text::line(error))))?;
    }
    if let Some(cursor) = &row.cursor_value {
        writeln!(output, "cursor {}", text::line(cursor))?;
    }
    if let Some(known) = &details.details {
        granted(known, output)?;
    }
    if let Some(Value::Object(budgets)) = &row.budgets {
        writeln!(output, "\nbudgets")?;
        for (name, budget) in budgets {
            let (used, allowed) = (amount(name, &budget["used"]), amount(name, &budget["allowed"]));
            writeln!(output, "  {}: {used} of {allowed}", text::line(name))?;
        }
    }
    let mut files = 0_u64;
    state.listed(&Wanted { run: Some(*run_id), ..Wanted::default() }, |file| {
        if files == 0 {
            writeln!(output, "\nfiles")?;
        }
        files += 1;
        let bytes = file.stored_size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        let url = file.url.map(|url| format!("  {}", text::line(&url))).unwrap_or_default();
        writeln!(output, "  {}  {}{url}", text::line(&file.path), ByteSize(bytes).display().si())?;
        Ok::<_, WriteError>(())
    })?;
    if let Some(log) = &details.log {
        writeln!(output, "\nlog")?;
        for line in log.lines() {
            writeln!(output, "  {}", text::line(line))?;
        }
    }
    Ok(())
}

/// An amount of a budget as it is written in a configuration; one that was not measured is a question.
fn amount(name: &str, value: &Value) -> String {
    let budget = Budget::ALL.into_iter().find(|budget| budget.name() == name);
    match (budget, value.as_u64()) {
        (Some(budget), Some(amount)) => budget.write(amount),
        _ => "?".to_owned(),
    }
}

/// What ran, and what it was granted.
fn granted(known: &Value, output: &mut impl Write) -> Result<(), WriteError> {
    let list = |key: &str| {
        let all = known[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.map(text::line).collect::<Vec<_>>().join(", ")
    };
    if let Some(component) = known["component"].as_str() {
        writeln!(output, "component {}", text::line(component))?;
    }
    for (what, key) in [("requests to", "http"), ("sources", "sources"), ("secrets", "secrets")] {
        match list(key) {
            list if list.is_empty() => {}
            list => writeln!(output, "granted {what} {list}")?,
        }
    }
    Ok(())
}

/// Write it as one JSON object.
pub fn write_json(state: &State, row: &RunRow, details: &Details, output: &mut impl Write) -> Result<(), WriteError> {
    let mut object = serde_json::to_value(row).unwrap_or_default();
    object["window"] = json!(details.window);
    object["details"] = json!(details.details);
    object["log"] = json!(details.log);
    let head = on_one_line(&object);
    // Files may be more than memory holds.
    write!(output, "{},\"files\":", head.strip_suffix('}').unwrap_or(&head))?;
    super::write_files_json(state, &Wanted { run: Some(row.run_id), ..Wanted::default() }, output)?;
    Ok(writeln!(output, "}}")?)
}
