//! How the extractors are: what is expected of each beside what the state knows of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::config::{Configuration, Watched};
use crate::error::Error;
use crate::view::View;
use clock::Moment;
use rules::text;
use state::{History, Lately, Past, Running};

/// What counts as lately.
const LATELY: Duration = Duration::from_secs(7 * 24 * 3600);

/// How one extractor is. What weighs most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Its last run failed.
    Failing,
    /// Its last success is longer ago than it may be, or it was due twice and did not start.
    Stale,
    /// It has never run.
    New,
    /// Nothing is wrong with it.
    Ok,
    /// It is not in the configuration any more, and nothing is expected of it.
    Retired,
}

impl Condition {
    /// Whether somebody has to look at it.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failing | Self::Stale)
    }

    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::New => "new",
            Self::Ok => "ok",
            Self::Retired => "retired",
        }
    }
}

/// A failure, and its words.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// The run.
    pub run_id: i64,
    /// When it started.
    pub at: Moment,
    /// Why.
    pub error: String,
}

/// How one extractor is.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Its name.
    pub extractor: String,
    /// How it is.
    pub condition: Condition,
    /// Why it counts as stale.
    pub reason: Option<String>,
    /// When the run started that is going on.
    pub running_since: Option<Moment>,
    /// When the last run started that ended.
    pub last_run: Option<Moment>,
    /// How long that took, in seconds.
    pub last_run_seconds: Option<u64>,
    /// When the last success started.
    pub last_success: Option<Moment>,
    /// The last failure.
    pub last_failure: Option<Failed>,
    /// How many of the last runs succeeded, or, negative, failed.
    pub streak: i64,
    /// When it is due next.
    pub next_due: Option<Moment>,
    /// When the run started that landed something new last.
    pub newest_content: Option<Moment>,
    /// What it did in the last seven days.
    pub last_7_days: Lately,
}

/// How all extractors are, in the order of their names.
pub fn of(
    view: Option<&View>,
    configuration: &Configuration,
    stale_after: Option<Duration>,
) -> Result<Vec<Health>, Error> {
    let now = Moment::now();
    let mut histories = BTreeMap::new();
    if let Some(view) = view
        && let Some(state) = view.state()?
    {
        let lately = state.histories(&now.earlier(LATELY).iso8601());
        histories = lately.map_err(|error| Error::database(&error, &view.root().database()))?;
    }
    for (name, history) in &mut histories {
        let goes_on = |running: &Running| {
            let locked = |scope| view.is_none_or(|view| view.root().is_locked(name, &scope).unwrap_or(true));
            running.scope().is_some_and(locked)
        };
        let (alive, dead): (Vec<_>, Vec<_>) = std::mem::take(&mut history.running).into_iter().partition(goes_on);
        history.running = alive;
        dead.into_iter().for_each(|run| killed(history, run));
    }
    let watched = configuration.watched();
    // Where nobody configures any, all that ran are expected to go on.
    let all_expected = watched.is_empty();
    let mut all: BTreeMap<String, Health> = BTreeMap::new();
    for mut watched in watched {
        let history = histories.remove(&watched.name).unwrap_or_default();
        watched.stale_after = stale_after.or(watched.stale_after);
        all.insert(watched.name.clone(), judge(&watched, &history, now, true));
    }
    for (name, history) in histories {
        let watched = Watched { name: name.clone(), stale_after, ..Watched::default() };
        all.insert(name, judge(&watched, &history, now, all_expected));
    }
    Ok(all.into_values().collect())
}

/// The row of a run says that it is running, and nobody runs it.
fn killed(history: &mut History, run: Running) {
    let Running { run_id, started_at, period, is_lately } = run;
    history.lately.runs += u64::from(is_lately);
    history.lately.failures += u64::from(is_lately);
    if period.is_some() {
        return;
    }
    let past = Past { run_id, started_at, finished_at: None, succeeded: false };
    let broken = history.last.as_ref().is_none_or(|last| last.succeeded);
    history.streak = if broken { 1 } else { history.streak + 1 };
    history.failure = Some((past.clone(), "the run was killed, or the machine stopped, before it ended".into()));
    history.last = Some(past);
}

/// What is to be said of an extractor.
fn judge(watched: &Watched, history: &History, now: Moment, expected: bool) -> Health {
    let started = |past: &Past| Moment::parse(&past.started_at);
    let last_run = history.last.as_ref().and_then(started);
    let last_success = history.success.as_ref().and_then(started);
    let since = |running: &Running| Moment::parse(&running.started_at);
    let own_since = history.running.iter().find(|running| running.period.is_none()).and_then(since);
    // Of backfills, the one that goes on the longest. None of them is what a schedule starts.
    let running_since = own_since.or_else(|| history.running.iter().filter_map(since).min());
    let last_start = own_since.or(last_run);
    let reason = stale(watched, last_success, last_start, now);
    let condition = match &history.last {
        _ if !expected => Condition::Retired,
        Some(last) if !last.succeeded => Condition::Failing,
        _ if reason.is_some() => Condition::Stale,
        None if history.running.is_empty() => Condition::New,
        _ => Condition::Ok,
    };
    let failure = history.failure.as_ref();
    let last_failure = failure
        .and_then(|(past, error)| Some(Failed { run_id: past.run_id, at: started(past)?, error: error.clone() }));
    let streak = i64::try_from(history.streak).unwrap_or(i64::MAX);
    let finished = history.last.as_ref().and_then(|last| Moment::parse(last.finished_at.as_deref()?));
    Health {
        extractor: watched.name.clone(),
        condition,
        reason: reason.filter(|_| expected),
        running_since,
        last_run,
        last_run_seconds: finished.zip(last_run).map(|(end, start)| end.since(start).as_secs()),
        last_success,
        last_failure,
        streak: if history.last.as_ref().is_some_and(|last| !last.succeeded) { -streak } else { streak },
        next_due: if expected { watched.due(now) } else { None },
        newest_content: history.newest.as_deref().and_then(Moment::parse),
        last_7_days: history.lately,
    }
}

/// Why an extractor is stale; nothing where it is not.
fn stale(watched: &Watched, success: Option<Moment>, last_start: Option<Moment>, now: Moment) -> Option<String> {
    if let Some(stale_after) = watched.stale_after {
        let oldest = now.earlier(stale_after);
        match success {
            Some(success) if success >= oldest => {}
            Some(_) => return Some(format!("its last success is more than {} ago", text::span(stale_after))),
            // One that never succeeded has no age.
            None if last_start.is_some() => return Some("it has never succeeded".into()),
            None => {}
        }
    }
    // Once it may just be about to start, or the machine was off.
    let due = watched.due(last_start?)?;
    let again = watched.due(due)?;
    (again < now)
        .then(|| format!("it was due at {} and again at {}, and did not start", due.iso8601(), again.iso8601()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).expect(text)
    }

    fn past(started_at: &str, succeeded: bool) -> Past {
        Past { run_id: 1, started_at: started_at.into(), finished_at: None, succeeded }
    }

    fn watched(schedule: Option<&str>, hours: Option<u64>) -> Watched {
        let schedule = schedule.map(|text| (text.parse().expect(text), jiff::tz::TimeZone::UTC));
        Watched { name: "x".into(), schedule, stale_after: hours.map(|hours| Duration::from_secs(hours * 3600)) }
    }

    #[test]
    fn an_extractor_is_judged_by_its_last_run_its_age_and_its_schedule() {
        let now = at("2026-03-10T12:30:00Z");
        let (good, bad) = (past("2026-03-10T06:00:00Z", true), past("2026-03-10T06:00:00Z", false));
        let of = |last: Option<&Past>| History {
            last: last.cloned(),
            success: last.filter(|past| past.succeeded).cloned(),
            streak: 1,
            ..History::default()
        };
        for (watched, last, condition, streak) in [
            (watched(None, None), Some(&good), Condition::Ok, 1),
            (watched(None, None), Some(&bad), Condition::Failing, -1),
            (watched(None, None), None, Condition::New, 1),
            (watched(None, Some(7)), Some(&good), Condition::Ok, 1),
            (watched(None, Some(6)), Some(&good), Condition::Stale, 1),
            (watched(None, Some(6)), None, Condition::New, 1),
            // Due once since is no reason; due twice is one.
            (watched(Some("0 12 * * *"), None), Some(&good), Condition::Ok, 1),
            (watched(Some("0 * * * *"), None), Some(&good), Condition::Stale, 1),
        ] {
            let health = judge(&watched, &of(last), now, true);
            assert_eq!((health.condition, health.streak), (condition, streak), "{watched:?} {last:?}");
            assert_eq!(health.reason.is_some(), condition == Condition::Stale, "{health:?}");
            assert_eq!(judge(&watched, &of(last), now, false).condition, Condition::Retired);
        }
        let health = judge(&watched(Some("0 * * * *"), None), &of(Some(&good)), now, true);
        assert_eq!(health.next_due, Some(at("2026-03-10T13:00:00Z")));
        assert!(
            health.reason.is_some_and(|reason| reason.contains("at 2026-03-10T07:00:00Z and again at 2026-03-10T08"))
        );
    }

    #[test]
    fn a_backfill_that_goes_on_is_no_run_that_a_schedule_started() {
        let now = at("2026-03-10T12:30:00Z");
        let running = |period: Option<&str>, started_at: &str| Running {
            period: period.map(str::to_owned),
            started_at: started_at.into(),
            ..Running::default()
        };
        let [newer, older] = ["2026-03-10T12:20:00Z", "2026-03-10T12:10:00Z"];
        let backfills =
            [running(Some("2025-01-01..2025-02-01"), newer), running(Some("2025-02-01..2025-03-01"), older)];
        let own = running(None, "2026-03-10T12:25:00Z");
        for (more, condition, since) in
            [(None, Condition::Stale, older), (Some(&own), Condition::Ok, "2026-03-10T12:25:00Z")]
        {
            let last = Some(past("2026-03-10T06:00:00Z", true));
            let running = more.into_iter().chain(&backfills).cloned().collect();
            let history = History { success: last.clone(), last, streak: 1, running, ..History::default() };
            let health = judge(&watched(Some("0 * * * *"), None), &history, now, true);
            assert_eq!((health.condition, health.running_since), (condition, Some(at(since))));
        }
    }

    #[test]
    fn a_run_that_nobody_runs_any_more_has_failed() {
        let started_at = "2026-03-10T06:00:00Z".to_owned();
        for (is_backfill, condition, streak) in [(false, Condition::Failing, -1), (true, Condition::Ok, 4)] {
            let period = is_backfill.then(|| "2025-01-01..2025-02-01".to_owned());
            let running = Running { run_id: 7, started_at: started_at.clone(), period, is_lately: true };
            let mut history = History { streak: 4, ..History::default() };
            history.last = Some(past("2026-03-10T05:00:00Z", true));
            killed(&mut history, running);
            let health = judge(&watched(None, None), &history, at("2026-03-10T12:30:00Z"), true);
            assert_eq!((health.condition, health.streak, health.running_since), (condition, streak, None));
            assert_eq!((health.last_7_days.runs, health.last_7_days.failures), (1, 1));
            let failed = health.last_failure.map(|failed| (failed.run_id, failed.error.contains("was killed")));
            assert_eq!(failed, (!is_backfill).then_some((7, true)));
        }
    }
}
