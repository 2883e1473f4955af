//! The parts of the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytesize::ByteSize;

use super::{DAYS, MAX_FAILURES, MAX_QUARANTINED, MIN_FILTERED, line, name, plots};
use crate::health::Health;
use crate::report::ago;
use clock::Moment;
use rules::text;
use state::{Day, SourceSize, State, StateError, WantedRuns};

/// By day.
type Days = BTreeMap<String, Day>;

fn bytes(count: u64) -> String {
    ByteSize(count).display().si().to_string()
}

/// An address inside the page that no name can leave.
fn anchor(extractor: &str) -> String {
    extractor.bytes().take(200).map(|byte| format!("{byte:02x}")).collect()
}

/// A table in a frame of its own that may be scrolled. Its caption is not seen: the heading above says the same.
fn table(page: &mut String, id: &str, caption: &str, header: &[(&str, bool)], rows: &str) {
    let _ = write!(
        page,
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table id=\"{id}\"><caption>{caption}</caption><thead><tr>"
    );
    for (title, number) in header {
        let class = if *number { " class=\"n\"" } else { "" };
        let _ = write!(page, "<th scope=\"col\"{class}>{title}</th>");
    }
    let _ = writeln!(page, "</tr></thead><tbody>{rows}</tbody></table></div>");
}

/// All extractors, what is bad first.
pub(super) fn overview(page: &mut String, all: &[Health], now: Moment) {
    page.push_str("<h2>Extractors</h2>\n");
    if all.len() >= MIN_FILTERED {
        page.push_str("<p hidden><label for=\"filter\">Only those whose name has</label><br>");
        page.push_str("<input id=\"filter\" type=\"search\" autocomplete=\"off\"></p>\n");
    }
    let mut sorted: Vec<&Health> = all.iter().collect();
    sorted.sort_by_key(|health| health.condition);
    let mut rows = String::new();
    for health in sorted {
        let word = health.condition.word();
        let due = health.next_due.map_or("–".to_owned(), |due| format!("in {}", text::span(due.since(now))));
        let failed = health.last_failure.as_ref().filter(|_| health.streak < 0).map(|failed| line(&failed.error));
        let words = failed.or(health.reason.as_deref().map(line)).unwrap_or_default();
        let shown = name(&health.extractor);
        let row = match health.streak {
            0 => "–".to_owned(),
            good @ 1.. => format!("{good} succeeded"),
            bad => format!("{} failed", bad.unsigned_abs()),
        };
        let _ = write!(
            rows,
            "<tr data-name=\"{shown}\"><th scope=\"row\"><a href=\"#x{}\">{shown}</a></th><td class=\"state {word}\">{word}</td>\
             <td class=\"words\">{words}</td><td>{}</td><td>{}</td><td>{row}</td><td>{due}</td></tr>",
            anchor(&health.extractor),
            ago(health.last_success, now),
            ago(health.newest_content, now),
        );
    }
    let header = [
        ("extractor", false),
        ("state", false),
        // Where the screen ends, as on a phone, what comes first is seen.
        ("what is wrong", false),
        ("last success", false),
        ("newest content", false),
        ("in a row", false),
        ("next due", false),
    ];
    table(page, "extractors", "Extractors", &header, &rows);
}

/// All extractors together, over time.
pub(super) fn together(page: &mut String, total: &SourceSize, by_day: &BTreeMap<String, Days>, days: &[String]) {
    let mut all = Days::new();
    for of in by_day.values() {
        for (date, day) in of {
            let sum = all.entry(date.clone()).or_default();
            sum.succeeded += day.succeeded;
            sum.failed += day.failed;
            sum.files += day.files;
            sum.unchanged += day.unchanged;
            sum.bytes = sum.bytes.saturating_add(day.bytes);
            sum.seconds = sum.seconds.saturating_add(day.seconds);
            sum.longest = sum.longest.max(day.longest);
        }
    }
    // What a day ended with is what there is now without what came later.
    let mut after = total.bytes;
    let mut sizes: Vec<u64> = Vec::new();
    for date in days.iter().rev() {
        sizes.push(after);
        after = after.saturating_sub(all.get(date).map_or(0, |day| day.bytes));
    }
    sizes.reverse();
    let _ = write!(
        page,
        "<h2>All together, last {DAYS} days</h2>\n<p>{} in {}</p>\n<div class=\"plots\">",
        bytes(total.bytes),
        text::counted(total.files, "file")
    );
    let largest = bytes(sizes.iter().copied().max().unwrap_or(0));
    figure(
        page,
        &format!("Bytes in the landing directory, at most {largest}"),
        &plots::line("Bytes in the landing directory, day by day", &sizes),
    );
    runs_and_bytes(page, &all, days);
    chart(page, "New files", a_day, &each(&all, days, |day| (day.files, 0)));
    let shares = each(&all, days, |day| (day.share_unchanged().unwrap_or(0), 0));
    let caption = format!("Unchanged, at most {} % of what was looked at", highest(&shares));
    // A share is one of a whole: half of it fills half of the plot.
    figure(page, &caption, &plots::bars("Unchanged, in % of what was looked at, day by day", &shares, 100));
    page.push_str("</div>\n");
    numbers(page, "All extractors, day by day", &all, days);
}

fn figure(page: &mut String, caption: &str, plot: &str) {
    let _ = write!(page, "<figure>{plot}<figcaption>{caption}</figcaption></figure>");
}

/// The highest of some bars.
fn highest(values: &[(u64, u64)]) -> u64 {
    values.iter().map(|(good, bad)| good.saturating_add(*bad)).max().unwrap_or(0)
}

/// Bars of which the highest fills the plot, and the caption says how high that is.
fn chart(page: &mut String, title: &str, told: impl Fn(u64) -> String, values: &[(u64, u64)]) {
    let most = highest(values);
    let plot = plots::bars(&format!("{title}, day by day"), values, most);
    figure(page, &format!("{title}, at most {}", told(most)), &plot);
}

fn runs_and_bytes(page: &mut String, of: &Days, days: &[String]) {
    chart(page, "Runs, failures on top", a_day, &each(of, days, |day| (day.succeeded, day.failed)));
    chart(page, "Bytes landed", |most| format!("{} a day", bytes(most)), &each(of, days, |day| (day.bytes, 0)));
    chart(page, "Longest run", |most| text::span(Duration::from_secs(most)), &each(of, days, |day| (day.longest, 0)));
}

/// What a chart shows of each day; of one on which nothing ran, zeros.
fn each(of: &Days, days: &[String], value: fn(Day) -> (u64, u64)) -> Vec<(u64, u64)> {
    days.iter().map(|date| value(of.get(date).copied().unwrap_or_default())).collect()
}

fn a_day(most: u64) -> String {
    format!("{most} a day")
}

/// The numbers of the plots. Days on which nothing ran have no row.
fn numbers(page: &mut String, caption: &str, of: &Days, days: &[String]) {
    let mut rows = String::new();
    for date in days.iter().rev() {
        let Some(day) = of.get(date) else { continue };
        let ended = day.succeeded + day.failed;
        let share = day.share_unchanged().map_or("–".to_owned(), |share| format!("{share} %"));
        let average = day.seconds.checked_div(ended).unwrap_or(0);
        let _ = write!(
            rows,
            "<tr><th scope=\"row\" class=\"date\">{date}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{share}</td><td class=\"n\">{average} s</td><td class=\"n\">{} s</td></tr>",
            day.succeeded,
            day.failed,
            day.files,
            bytes(day.bytes),
            day.longest,
        );
    }
    if rows.is_empty() {
        page.push_str("<p class=\"dim\">No run on any of these days.</p>\n");
        return;
    }
    let header = [
        ("day", false),
        ("succeeded", true),
        ("failed", true),
        ("new files", true),
        ("bytes", true),
        ("unchanged", true),
        ("average", true),
        ("longest", true),
    ];
    page.push_str("<details><summary>Numbers</summary>");
    table(page, &format!("n{}", page.len()), caption, &header, &rows);
    page.push_str("</details>\n");
}

/// The last failures of all.
pub(super) fn failures(page: &mut String, state: &State) -> Result<(), StateError> {
    let wanted =
        WantedRuns { limit: u32::try_from(MAX_FAILURES).ok(), status: Some("failed".into()), ..WantedRuns::default() };
    let mut rows = String::new();
    state.runs(&wanted, |run| {
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td class=\"words\">{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
            name(&run.extractor),
            line(run.error_message.as_deref().unwrap_or_default()),
            name(&run.started_at),
            run.run_id
        );
        Ok::<_, StateError>(())
    })?;
    if !rows.is_empty() {
        page.push_str("<h2>Last failures</h2>\n");
        // Where the screen ends, as on a phone, what comes first is seen.
        let header = [("extractor", false), ("error", false), ("started", false), ("run", true)];
        table(page, "failures", "Last failures", &header, &rows);
    }
    Ok(())
}

/// What waits for a decision.
#[derive(Default)]
pub(super) struct Quarantine {
    rows: String,
    /// How many contents that are.
    pub(super) count: u64,
}

impl Quarantine {
    /// Read it.
    pub(super) fn of(state: &State) -> Result<Self, StateError> {
        let mut all = Self::default();
        state.quarantined(|row| {
            all.count += 1;
            if all.count <= MAX_QUARANTINED {
                let _ = write!(
                    all.rows,
                    "<tr><td class=\"words\">{}</td><td class=\"words\">{}</td><td class=\"n\">{}</td></tr>",
                    line(&row.path),
                    line(&row.reason),
                    row.times
                );
            }
            Ok::<_, StateError>(())
        })?;
        Ok(all)
    }

    /// Write it, if there is anything.
    pub(super) fn write(&self, page: &mut String) {
        if self.count == 0 {
            return;
        }
        page.push_str("<h2>In quarantine</h2>\n");
        let header = [("file", false), ("why", false), ("met", true)];
        table(page, "quarantine", "In quarantine", &header, &self.rows);
        if self.count > MAX_QUARANTINED {
            let _ = writeln!(page, "<p>and {} more</p>", self.count - MAX_QUARANTINED);
        }
    }
}

/// What takes most room.
pub(super) fn sources(page: &mut String, largest: &[SourceSize]) {
    let mut rows = String::new();
    for size in largest {
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            name(&size.source),
            size.files,
            bytes(size.bytes)
        );
    }
    if !rows.is_empty() {
        page.push_str("<h2>Largest sources</h2>\n");
        let header = [("source", false), ("files", true), ("bytes", true)];
        table(page, "sources", "Largest sources", &header, &rows);
    }
}

/// The section of one extractor.
pub struct Extractor<'a> {
    /// How it is.
    pub health: &'a Health,
    /// The days that are shown.
    pub days: &'a [String],
    /// What it did on each.
    pub of: &'a Days,
    /// Now.
    pub now: Moment,
}

impl Extractor<'_> {
    /// Write it.
    pub fn write(&self, page: &mut String) {
        let Health { extractor, condition, reason, last_failure, .. } = self.health;
        let shown = name(extractor);
        let _ = writeln!(
            page,
            "<section class=\"one\" id=\"x{}\" data-name=\"{shown}\"><h2>{shown} <span class=\"state {}\">{}</span></h2>",
            anchor(extractor),
            condition.word(),
            condition.word()
        );
        let _ = writeln!(
            page,
            "<p>Last success {}, newest content {}.</p>",
            ago(self.health.last_success, self.now),
            ago(self.health.newest_content, self.now)
        );
        if let Some(reason) = reason {
            let _ = writeln!(page, "<p class=\"stale\">Stale: {}</p>", line(reason));
        }
        if let Some(failed) = last_failure {
            let _ = writeln!(
                page,
                "<p>Last failure {}, run {}: <span class=\"bad-word\">{}</span></p>",
                ago(Some(failed.at), self.now),
                failed.run_id,
                line(&failed.error)
            );
        }
        let _ = write!(page, "<h3>Last {DAYS} days</h3><div class=\"plots\">");
        runs_and_bytes(page, self.of, self.days);
        page.push_str("</div>\n");
        numbers(page, &format!("{shown}, day by day"), self.of, self.days);
        page.push_str("</section>\n");
    }
}
