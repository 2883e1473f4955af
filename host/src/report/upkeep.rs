//! What `verify`, `repair` and `prune` found and did. Findings are written one after the other: there may be any number.

use std::io::Write;

use serde_json::json;

use crate::error::WriteError;
use crate::program;
use crate::repair::Repair;
use crate::upkeep::{Findings, UpkeepError};
use crate::verify::Verification;
use rules::findings::{Finding, Kind};
use rules::text;

/// Write findings, a line each, and how many there were.
pub fn write_verification(verified: &mut Verification, output: &mut impl Write) -> Result<(), WriteError> {
    let mut count = 0;
    while let Some(finding) = next(&mut verified.findings)? {
        count += 1;
        let kind = format!("{:?}", finding.kind).to_lowercase();
        writeln!(
            output,
            "{kind:<10}  {}: {}",
            text::line(&finding.path),
            text::line(&program::typed(&finding.detail))
        )?;
    }
    let files = text::counted(verified.files, "file");
    let how = if verified.read { "read" } else { "looked at, not read" };
    match count {
        0 => writeln!(output, "{files} {how}, nothing wrong")?,
        count => writeln!(output, "{files} {how}, {}", text::counted(count, "finding"))?,
    }
    Ok(())
}

/// Write one JSON object, on one line.
pub fn write_verification_json(verified: &mut Verification, output: &mut impl Write) -> Result<(), WriteError> {
    write!(output, r#"{{"files":{},"findings":["#, verified.files)?;
    let mut before = "";
    while let Some(finding) = next(&mut verified.findings)? {
        write!(output, "{before}{}", json!(finding))?;
        before = ",";
    }
    Ok(writeln!(output, r#"],"read":{}}}"#, verified.read)?)
}

/// Write what a repair did, a line each.
pub fn write_repair(repair: &Repair, output: &mut impl Write) -> Result<(), WriteError> {
    let done = &repair.done;
    writeln!(output, "{} read and recorded", text::counted(done.recorded, "file"))?;
    let dropped = match done.forgotten {
        1 => "1 record dropped, whose file is gone or not whole".to_owned(),
        count => format!("{count} records dropped, whose files are gone or not whole"),
    };
    writeln!(output, "{dropped}")?;
    writeln!(output, "{} not whole, left alone", text::counted(done.torn, "file"))?;
    if done.unreadable > 0 {
        writeln!(output, "{} that cannot be read, left as recorded", text::counted(done.unreadable, "path"))?;
    }
    writeln!(output, "{} of killed runs removed", text::counted(done.swept, "left-over"))?;
    if done.erased > 0 {
        writeln!(output, "{} erased that somebody had erased before", text::counted(done.erased, "file"))?;
    }
    writeln!(output, "{} marked as failed", text::counted(done.ended as u64, "dead run"))?;
    if let Some(path) = &done.moved_to {
        let read = match done.salvaged {
            1 => "1 run was read out of it".to_owned(),
            count => format!("{count} runs were read out of it"),
        };
        writeln!(output, "the damaged database is at {}; {read}", path.display())?;
    }
    Ok(())
}

/// Write one JSON object, on one line.
pub fn write_repair_json(repair: &mut Repair, output: &mut impl Write) -> Result<(), WriteError> {
    let head = json!(repair.done).to_string();
    write!(output, "{}", head.strip_suffix('}').unwrap_or(&head))?;
    let mut finding = next(&mut repair.findings)?;
    // In their order.
    for (kind, key) in [(Kind::Torn, "torn"), (Kind::Unreadable, "unreadable")] {
        write!(output, r#","{key}":["#)?;
        let mut before = "";
        while let Some(found) = finding.take_if(|finding| finding.kind == kind) {
            write!(output, "{before}{}", json!(found.path))?;
            before = ",";
            finding = next(&mut repair.findings)?;
        }
        write!(output, "]")?;
    }
    Ok(writeln!(output, "}}")?)
}

fn next(findings: &mut Findings) -> Result<Option<Finding>, WriteError> {
    let next = findings.next().transpose();
    next.map_err(|error| WriteError::Other(UpkeepError::from(error).into()))
}
