//! How the extractors are, as a table that a person likes to read.

use std::fmt::Write as _;

use bytesize::ByteSize;

use crate::health::Health;
use clock::Moment;
use rules::text;
use state::Notice;

/// Between two columns.
const GAP: &str = "  ";
/// Longest error that is shown, in characters.
const MAX_ERROR: usize = 300;

/// A line for each extractor, and below it what is wrong.
pub fn status(all: &[Health], notices: &[Notice], now: Moment) -> String {
    let header =
        ["extractor", "", "last success", "next due", "in a row", "7 days", "newest content"].map(str::to_owned);
    let rows: Vec<[String; 7]> = all.iter().map(|health| cells(health, now)).collect();
    let mut widths = header.each_ref().map(|cell| cell.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = line(&header, &widths);
    for (health, row) in all.iter().zip(&rows) {
        text.push_str(&line(row, &widths));
        if let Some(reason) = &health.reason {
            let _ = writeln!(text, "{GAP}stale: {reason}");
        }
        if let Some(failed) = health.last_failure.as_ref().filter(|_| health.streak < 0) {
            let error = text::cut(&text::line(&failed.error), MAX_ERROR);
            let failed = format!("{GAP}run {}, {}: {error}", failed.run_id, ago(Some(failed.at), now));
            let _ = writeln!(text, "{}", text::wrapped(&failed));
        }
        for notice in notices.iter().filter(|notice| notice.extractor == health.extractor) {
            if let Some(error) = &notice.error {
                let (target, event) = (text::quoted(&notice.target), text::quoted(&notice.event));
                let told =
                    format!("{GAP}{target} was not told of {event}: {}", text::cut(&text::line(error), MAX_ERROR));
                let _ = writeln!(text, "{}", text::wrapped(&told));
            }
        }
    }
    text
}

fn cells(health: &Health, now: Moment) -> [String; 7] {
    let due = match (health.running_since, health.next_due) {
        (Some(since), _) => format!("running for {}", text::span(now.since(since))),
        (None, Some(due)) => format!("in {}", text::span(due.since(now))),
        (None, None) => "-".into(),
    };
    let lately = match (health.last_7_days.files, health.last_7_days.runs) {
        (0, 0) => "-".to_owned(),
        (0, _) => "nothing new".to_owned(),
        (files, _) => format!("{files} new, {}", ByteSize(health.last_7_days.bytes).display().si()),
    };
    let streak = match health.streak {
        0 => "-".to_owned(),
        failed @ ..0 => format!("{} failed", failed.unsigned_abs()),
        good => good.to_string(),
    };
    [
        text::quoted(&health.extractor),
        health.condition.word().to_owned(),
        ago(health.last_success, now),
        due,
        streak,
        lately,
        ago(health.newest_content, now),
    ]
}

/// How long ago something was, if it ever was.
pub fn ago(moment: Option<Moment>, now: Moment) -> String {
    moment.map_or("never".into(), |moment| format!("{} ago", text::span(now.since(moment))))
}

fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}{GAP}"));
    format!("{}\n", cells.collect::<String>().trim_end())
}
