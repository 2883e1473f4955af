//! Files of the landing zone, one after the other: there may be any number.

use std::io::Write;

use bytesize::ByteSize;

use super::Array;
use crate::error::WriteError;
use rules::text;
use state::{Listed, State, Wanted};

/// Write one line for each file.
pub fn write_text(state: &State, wanted: &Wanted, output: &mut impl Write) -> Result<(), WriteError> {
    state.listed(wanted, |file| Ok(writeln!(output, "{}", line(&file))?))
}

/// Path, bytes, when it landed or became current, and where it came from.
fn line(file: &Listed) -> String {
    let bytes = file.stored_size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    let mut line = format!("{}  {}", text::line(&file.path), ByteSize(bytes).display().si());
    let from = file.resource.as_ref().or(file.url.as_ref());
    let erased =
        file.erased_at.as_ref().map(|at| format!("erased {at}: {}", file.reason.as_deref().unwrap_or_default()));
    for part in [file.since.as_ref(), from, erased.as_ref()].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&text::line(part));
    }
    line
}

/// Write a JSON array.
pub fn write_json(state: &State, wanted: &Wanted, output: &mut impl Write) -> Result<(), WriteError> {
    let mut array = Array::new(output, ",\n");
    state.listed(wanted, |file| Ok::<_, WriteError>(array.item(&file)?))?;
    Ok(array.end()?)
}
