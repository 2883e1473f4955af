//! A report to look at: one page of HTML that needs nothing else, no network. Without script it lacks its own age and a filter.
//!
//! Whatever comes from outside (names, errors, URLs) is anybody's text: it is made one line, cut, and escaped.

mod parts;
mod plots;

use std::fmt::Write as _;

use jiff::ToSpan as _;

use crate::health::{Condition, Health};
use crate::program;
use clock::Moment;
use rules::text;
use state::{State, StateError};

pub use parts::Extractor;

/// How many days the plots and tables show.
const DAYS: usize = 30;
/// Most failures that are listed.
const MAX_FAILURES: usize = 20;
/// Most contents in quarantine that are listed.
const MAX_QUARANTINED: u64 = 50;
/// Most sources that are listed.
const MAX_SOURCES: usize = 20;
/// From how many extractors on a filter helps to find one.
const MIN_FILTERED: usize = 11;
/// Most sections of extractors.
const MAX_SECTIONS: usize = 500;
/// Longest name, and longest other text, in characters.
const MAX_NAME: usize = 80;
const MAX_TEXT: usize = 300;

/// The page for a zone, whose directory is shown as `landing`.
pub fn html(landing: &str, all: &[Health], state: Option<&State>, now: Moment) -> Result<String, StateError> {
    let days = days(now);
    let quarantine = state.map(parts::Quarantine::of).transpose()?.unwrap_or_default();
    let headline = headline(all, quarantine.count);
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; ",
    );
    page.push_str("script-src 'unsafe-inline'\">\n");
    let _ = write!(
        page,
        "<title>{headline} – extractors</title>\n<style>{}</style>\n</head>\n<body>\n",
        include_str!("page/style.css")
    );
    let _ = write!(
        page,
        "<header>\n<h1>{headline}</h1>\n<p class=\"dim\">{}, as of <time datetime=\"{}\">{} UTC</time><span id=\"age\"></span></p>\n\
         <p id=\"old\" class=\"stale\" hidden></p>\n</header>\n<main>\n",
        line(landing),
        now.iso8601(),
        now.iso8601().replace(['T', 'Z'], " ").trim_end()
    );
    parts::overview(&mut page, all, now);
    if let Some(state) = state {
        let by_day = state.days(days.first().map_or("", String::as_str))?;
        let (largest, total) = state.sizes(MAX_SOURCES)?;
        parts::together(&mut page, &total, &by_day, &days);
        parts::failures(&mut page, state)?;
        quarantine.write(&mut page);
        parts::sources(&mut page, &largest);
        page.push_str("<h2 id=\"each\">Each extractor</h2>\n");
        for health in all.iter().take(MAX_SECTIONS) {
            let of = by_day.get(&health.extractor).cloned().unwrap_or_default();
            Extractor { health, days: &days, of: &of, now }.write(&mut page);
        }
        if let Some(more) = all.len().checked_sub(MAX_SECTIONS).filter(|more| *more > 0) {
            let _ = writeln!(page, "<p>and {} more, which <code>{} status</code> shows</p>", more, program::name());
        }
    }
    let _ = write!(
        page,
        "</main>\n<footer>host {}</footer>\n<script>{}{}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        include_str!("page/age.js"),
        if all.len() < MIN_FILTERED { "" } else { include_str!("page/filter.js") }
    );
    Ok(page)
}

/// What matters most. All is well only if nothing is to be said of any extractor.
fn headline(all: &[Health], quarantined: u64) -> String {
    let count = |condition| all.iter().filter(|health| health.condition == condition).count();
    let have = |new| if new == 1 { "has" } else { "have" };
    let told = [
        (count(Condition::Failing), "failing".to_owned()),
        (count(Condition::Stale), "stale".to_owned()),
        (count(Condition::New), format!("{} never run", have(count(Condition::New)))),
    ];
    let mut told: Vec<String> =
        told.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if told.is_empty() {
        told.push(if all.is_empty() { "Nothing has run yet" } else { "All is well" }.into());
    }
    if quarantined > 0 {
        told.push(format!("{} in quarantine", text::counted(quarantined, "content")));
    }
    told.join(", ")
}

/// The last days, the oldest first.
fn days(now: Moment) -> Vec<String> {
    let today = now.day();
    (0..DAYS as i64).rev().filter_map(|back| today.checked_sub(back.days()).ok()).map(|day| day.to_string()).collect()
}

/// Text of anybody's, on one line, cut and escaped.
fn line(said: &str) -> String {
    escape(&text::cut(&text::line(said), MAX_TEXT))
}

/// A name of anybody's.
fn name(said: &str) -> String {
    escape(&text::cut(&text::line(said), MAX_NAME))
}

/// A text in HTML, inside an element or an attribute in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_anybodys_is_markup() {
        assert_eq!(escape("<a href='x' title=\"&\">"), "&lt;a href=&#39;x&#39; title=&quot;&amp;&quot;&gt;");
        assert!(!line("\u{202e}x\n<y>").contains(['\u{202e}', '\n', '<']));
        assert!(name(&"x".repeat(1_000_000)).len() < 100);
    }

    #[test]
    fn the_days_are_the_last_ones() {
        let days = days(Moment::parse("2026-03-01T12:00:00Z").expect("a moment"));
        assert_eq!((days.len(), days[0].as_str(), days[DAYS - 1].as_str()), (DAYS, "2026-01-31", "2026-03-01"));
    }
}
