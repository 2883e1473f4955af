//! What extractors keep for their next runs.

use std::io::Write;

use super::Array;
use crate::error::WriteError;
use rules::text;
use state::{CursorRow, State};

/// Write one line for each extractor and window; of one extractor its values as well.
pub fn write_text(state: &State, extractor: Option<&str>, output: &mut impl Write) -> Result<(), WriteError> {
    let mut empty = true;
    state.kept(extractor, |row| {
        empty = false;
        writeln!(output, "{}", line(&row))?;
        match extractor {
            Some(_) => state.values(&row, |key, value| {
                Ok::<_, WriteError>(writeln!(output, "  {} = {}", text::line(&key), text::line(&value))?)
            }),
            None => Ok(()),
        }
    })?;
    match extractor {
        Some(name) if empty => Ok(writeln!(output, "{} keeps nothing", text::line(name))?),
        None if empty => Ok(writeln!(output, "no extractor keeps anything")?),
        _ => Ok(()),
    }
}

fn line(row: &CursorRow) -> String {
    let window = row.window.as_ref().map(|window| format!(" {window}")).unwrap_or_default();
    let cursor = match &row.cursor {
        Some(cursor) => format!("cursor {}, of run {}", text::line(cursor), row.run_id.unwrap_or_default()),
        None => "no cursor".to_owned(),
    };
    let values = match row.values {
        0 => String::new(),
        values => format!(", {}", text::counted(values, "value")),
    };
    format!("{}{}: {cursor}{values}", text::line(&row.extractor), text::line(&window))
}

/// Write the same as a JSON array; of one extractor with an object of its values.
pub fn write_json(state: &State, extractor: Option<&str>, output: &mut impl Write) -> Result<(), WriteError> {
    let mut array = Array::new(output, ",");
    state.kept(extractor, |row| {
        let mut object = serde_json::to_value(&row).unwrap_or_default();
        if extractor.is_some() {
            let mut values = serde_json::Map::new();
            state.values(&row, |key, value| {
                values.insert(key, value.into());
                Ok::<_, WriteError>(())
            })?;
            object["values"] = values.into();
        }
        Ok::<_, WriteError>(array.item(&object)?)
    })?;
    Ok(array.end()?)
}
