//! The past of the courts, month by month. It knows which months are to do, and not how Overpass is asked.

use landing::{Context, Date, Error, Month, Window, params, run};

use crate::overpass;

/// Overpass can look back to the day on which OpenStreetMap took its present licence.
const FIRST: Date = Date { year: 2012, month: 9, day: 13 };

/// Land the courts of every month of the window that is not done yet, the oldest first.
///
/// The cursor is the last month done, so that an interrupted backfill goes on behind it.
pub(crate) async fn walk(window: Window) -> Result<(), Error> {
    let endpoint = params::required("overpass_url")?;
    let done = run::cursor().map(|cursor| parse_cursor(&cursor)).transpose()?;
    let months: Vec<Date> = window.months().collect();
    let pending = pending(&months, done, run::today());
    announce(&months, &pending, done);

    let total = months.len() as u64;
    // One at a time: Overpass gives each client few slots, and the cursor can only say that all before it is done.
    for (index, date) in pending.iter().enumerate() {
        run::progress(total - (pending.len() - index) as u64, Some(total));
        let month = Month::of(*date);
        let receipt = overpass::land(&endpoint, Some(*date)).await.context(month)?;
        run::checkpoint(&month.to_string()).await;
        landing::debug!("{month}: {} ({} bytes)", receipt.path, receipt.size);
    }
    run::progress(total, Some(total));
    Ok(())
}

fn parse_cursor(cursor: &str) -> Result<Month, Error> {
    cursor.parse().context(
        "this window's cursor is not one that a backfill leaves; another window or another --name starts afresh",
    )
}

/// The months that are left to do and can be asked for: Overpass would answer for a day to come with today's courts.
fn pending(months: &[Date], done: Option<Month>, today: Date) -> Vec<Date> {
    let can_be_asked = FIRST..=today;
    months
        .iter()
        .filter(|date| done.is_none_or(|done| Month::of(**date) > done))
        .filter(|date| can_be_asked.contains(date))
        .copied()
        .collect()
}

fn announce(months: &[Date], pending: &[Date], done: Option<Month>) {
    landing::info!("only Overpass answers for the past, so a backfill lands nothing of Eurostat and the feeds");
    if let Some(done) = done {
        landing::info!("the months up to {done} are done; going on after them");
    }
    let behind = months.iter().filter(|date| done.is_some_and(|done| Month::of(**date) <= done));
    let left_out = months.len() - behind.count() - pending.len();
    if left_out > 0 {
        landing::warn!("{left_out} months left out: Overpass knows the days from {FIRST} until today");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str) -> Vec<Date> {
        text.split_whitespace().map(|date| date.parse().expect(date)).collect()
    }

    #[test]
    fn months_that_are_left() {
        let cases = [
            ("2025-01-15 2025-02-01 2025-03-01", None, "2025-01-15 2025-02-01 2025-03-01"),
            ("2025-01-15 2025-02-01 2025-03-01", Some("2025-01"), "2025-02-01 2025-03-01"),
            ("2025-01-15 2025-02-01 2025-03-01", Some("2025-03"), ""),
            ("2025-01-15 2025-02-01", Some("2030-01"), ""),
            ("2025-05-01 2025-06-01 2025-07-01", None, "2025-05-01 2025-06-01"),
            ("2012-08-01 2012-09-01 2012-10-01", None, "2012-10-01"),
            ("", None, ""),
        ];
        let today = dates("2025-06-01")[0];
        for (months, done, expected) in cases {
            let done = done.map(|done: &str| done.parse().expect(done));
            assert_eq!(pending(&dates(months), done, today), dates(expected), "{months} after {done:?}");
        }
    }

    #[test]
    fn a_cursor_of_another_kind_is_refused_kindly() {
        assert!(parse_cursor("2025-03").is_ok());
        let error = parse_cursor("page 7").expect_err("no month").to_string();
        assert!(error.ends_with("\"page 7\" is no month such as 2025-03"), "{error}");
    }
}
