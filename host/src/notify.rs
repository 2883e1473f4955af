//! Telling somebody, after a run or when there was none: by a command of the operator's or a webhook.
//!
//! Whatever becomes of that, it harms no run: the run has ended, its locks are free, and telling has a time of its own.
//! What an extractor may reach has nothing to do with it: a webhook has a connector and a policy of its own.

mod message;
mod webhook;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::commands::Program;
use crate::config::{Event, Notifications, Notifier, Way};
use crate::error::{Error, Kind};
use crate::health::{Condition, Health};
use crate::landing::{Landing, Place};
use crate::patience::{PAUSE, patiently};
use crate::remote::Remote;
use crate::report::Report;
use crate::view::Seen;
use clock::Moment;
use rules::domain::Scope;
use state::{Notice, State};
use zone::Root;

use message::Message;

/// How long a repair is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was not told, a sentence each.
pub type Untold = Vec<String>;

/// Tell of a run that has ended.
pub fn of_run(landing: &Landing, report: &Report, notifications: &Notifications) -> Untold {
    if notifications.notifiers.is_empty() {
        return Untold::new();
    }
    tell_of_run(landing, report, notifications)
        .unwrap_or_else(|error| vec![format!("cannot tell anybody of the run: {}", error.message())])
}

fn tell_of_run(landing: &Landing, report: &Report, notifications: &Notifications) -> Result<Untold, Error> {
    let state = to_read(landing)?;
    let extractor = &report.extractor;
    // A backfill says nothing of how the extractor is: what goes on being so neither begins nor ends with it.
    let is_backfill = state.is_backfill(report.run_id)?;
    let known = if is_backfill { Vec::new() } else { state.notices(Some(extractor))? };
    let failed_before = !is_backfill && state.failed_before(extractor, report.run_id)?.unwrap_or(false);
    // One that did not begin has no row.
    let lasting = [Event::Failure.word(), Event::Stale.word()];
    let was_told = known.iter().any(|notice| lasting.contains(&notice.event.as_str()));
    let mut events = Vec::new();
    match (&report.failure, failed_before || was_told) {
        (Some(_), _) => events.push(Event::Failure),
        (None, true) => events.extend([Event::Success, Event::Recovery]),
        (None, false) => events.push(Event::Success),
    }
    if report.counters.files_written > 0 {
        events.push(Event::Landed);
    }
    let facts = message::of_run(&state, landing, report)?;
    // Telling may take minutes, in which nobody has to wait for this process.
    drop(state);
    let told = tell(notifications, &events, &known, &|event| facts.about(event));
    if is_backfill {
        return Ok(untold(told).collect());
    }
    // What is over is told anew when it begins again.
    let is_over = |event: &&'static str| report.failure.is_none() && known.iter().any(|notice| notice.event == *event);
    let over: Vec<(&str, &str)> =
        lasting.into_iter().filter(is_over).map(|event| (extractor.as_str(), event)).collect();
    Ok(record(landing, told, &over))
}

/// Tell of a run that did not begin, so that there is no row of it.
pub fn of_refusal(landing: &Landing, extractor: &str, error: &Error, notifications: &Notifications) -> Untold {
    if notifications.notifiers.is_empty() {
        return Untold::new();
    }
    // Where nothing has run yet, or the state cannot be read, nobody was told before.
    let known = to_read(landing).and_then(|state| Ok(state.notices(Some(extractor))?)).unwrap_or_default();
    let facts = message::of_refusal(landing, extractor, error);
    let told = tell(notifications, &[Event::Failure], &known, &|event| facts.about(event));
    match to_read(landing) {
        Ok(_) => record(landing, told, &[]),
        Err(_) => untold(told).collect(),
    }
}

/// Tell of extractors that are stale.
pub fn of_staleness(
    landing: &Landing,
    all: &[Health],
    notifications: impl Fn(&str) -> Result<Notifications, Error>,
) -> Result<Untold, Error> {
    let mut told = Vec::new();
    let stale: Vec<&Health> = all.iter().filter(|health| health.reason.is_some()).collect();
    if stale.is_empty() {
        return Ok(Untold::new());
    }
    let failed = |error: Error| Error::new(Kind::Failed, format!("cannot tell who is stale: {}", error.message()));
    let known = to_read(landing).and_then(|state| Ok(state.notices(None)?)).map_err(failed)?;
    for health in stale.into_iter().filter(|health| health.condition != Condition::Retired) {
        let notifications = notifications(&health.extractor)?;
        let known: Vec<Notice> = known.iter().filter(|notice| notice.extractor == health.extractor).cloned().collect();
        let message = message::of_staleness(landing, health);
        told.extend(tell(&notifications, &[Event::Stale], &known, &|event| message.about(event)));
    }
    Ok(record(landing, told, &[]))
}

/// The state, in which a run has ended or a run is missing, so that it is there.
fn to_read(landing: &Landing) -> Result<Seen, Error> {
    Seen::of(landing)?.ok_or_else(|| Error::new(Kind::Failed, format!("there is no state in {landing}")))
}

/// Tell all who want to know; what became of that.
fn tell(
    notifications: &Notifications,
    events: &[Event],
    known: &[Notice],
    message: &dyn Fn(Event) -> Message,
) -> Vec<Notice> {
    let now = Moment::now();
    let mut told = Vec::new();
    for notifier in &notifications.notifiers {
        for event in events.iter().filter(|event| notifier.on.contains(event)) {
            let earlier = known.iter().find(|notice| notice.target == notifier.name && notice.event == event.word());
            if earlier.is_some_and(|earlier| !is_due(*event, notifier, earlier, now)) {
                continue;
            }
            let message = message(*event);
            let done = match &notifier.way {
                Way::Command(words, env) => command(notifications, notifier, (words, env), &message),
                Way::Webhook(url, kept) => webhook::send(notifications, notifier, (url, *kept), &message),
            };
            told.push(Notice {
                extractor: message.extractor.clone(),
                event: event.word().to_owned(),
                target: notifier.name.clone(),
                told_at: now.iso8601(),
                run_id: message.run_id,
                error: done.err(),
            });
        }
    }
    told
}

/// Whether it is time to tell again: always of what happens, now and then of what goes on being so, and of what could not
/// be told.
fn is_due(event: Event, notifier: &Notifier, earlier: &Notice, now: Moment) -> bool {
    let lasts = matches!(event, Event::Failure | Event::Stale);
    let told_at = Moment::parse(&earlier.told_at);
    !lasts || earlier.error.is_some() || told_at.is_none_or(|at| at.later(notifier.repeat) <= now)
}

fn command(
    notifications: &Notifications,
    notifier: &Notifier,
    (words, env): (&[String], &[String]),
    message: &Message,
) -> Result<(), String> {
    let passed = env.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let program = Program {
        words,
        directory: &notifications.directory,
        variables: passed.chain(message.variables()).collect(),
        input: message.json().into_bytes(),
        timeout: notifier.timeout,
        kept: 0,
    };
    program.run(true).map(drop)
}

/// Keep what became of it; what could not be told, or not be kept.
fn record(landing: &Landing, told: Vec<Notice>, over: &[(&str, &str)]) -> Untold {
    let kept = if told.is_empty() && over.is_empty() { Ok(()) } else { keep(landing, &told, over) };
    let unkept =
        kept.err().map(|error| format!("what was told cannot be recorded, and may be told again: {}", error.message()));
    untold(told).chain(unkept).collect()
}

fn untold(told: Vec<Notice>) -> impl Iterator<Item = String> {
    told.into_iter().filter_map(|notice| {
        let Notice { extractor, event, target, error, .. } = notice;
        Some(format!("{target} was not told of {event} of {extractor}: {}", error?))
    })
}

/// Write it down as runs do, so that no repair sets the database aside meanwhile.
fn keep(landing: &Landing, told: &[Notice], over: &[(&str, &str)]) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let landing = match landing {
        Landing::Directory(landing) => landing,
        Landing::Store(place) => return keep_in_store(place, told, over),
    };
    let root = Root::open(landing).map_err(|error| failed(&error))?;
    let _shared = patiently(Some(PATIENCE), PAUSE, || {
        let lock = root.lock_zone(false).map_err(|error| failed(&error))?;
        Ok(lock.ok_or_else(|| Error::new(Kind::Locked, "the landing directory is being repaired")))
    })?;
    let noted = State::open(&root.database()).and_then(|mut state| state.note(told, over));
    noted.map_err(|error| failed(&error))
}

/// Each extractor's own state knows what was told of it.
fn keep_in_store(place: &Place, told: &[Notice], over: &[(&str, &str)]) -> Result<(), Error> {
    let remote = Arc::new(Remote::open(place)?);
    let names = told.iter().map(|notice| notice.extractor.as_str()).chain(over.iter().map(|(name, _)| *name));
    for name in names.collect::<BTreeSet<_>>() {
        let told: Vec<Notice> = told.iter().filter(|notice| notice.extractor == name).cloned().collect();
        let over: Vec<(&str, &str)> = over.iter().filter(|(extractor, _)| *extractor == name).copied().collect();
        remote.amend(name, &Scope::default(), |state| state.note(&told, &over))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_lasts_is_told_once_and_again_after_a_while() {
        let at = |text: &str| Moment::parse(text).expect(text);
        let notifier = Notifier {
            name: "x".into(),
            on: Vec::new(),
            way: Way::Webhook(String::new(), false),
            timeout: Duration::ZERO,
            repeat: Duration::from_secs(3600),
        };
        let earlier = |error: Option<&str>| Notice {
            extractor: "e".into(),
            event: "failure".into(),
            target: "x".into(),
            told_at: "2026-03-10T12:00:00Z".into(),
            run_id: 1,
            error: error.map(Into::into),
        };
        let soon = at("2026-03-10T12:59:59Z");
        for (event, error, now, due) in [
            (Event::Failure, None, soon, false),
            (Event::Failure, None, at("2026-03-10T13:00:00Z"), true),
            (Event::Failure, Some("no"), soon, true),
            (Event::Stale, None, soon, false),
            (Event::Landed, None, soon, true),
            (Event::Success, None, soon, true),
            (Event::Recovery, None, soon, true),
        ] {
            assert_eq!(is_due(event, &notifier, &earlier(error), now), due, "{event:?} {error:?}");
        }
    }
}
