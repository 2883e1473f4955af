//! A run from start to end: the one place where all parts meet.
//!
//! It owns the order of things: lock, state row, extractor, files durable, facts and cursor and verdict in one
//! transaction. `FORMAT.md` has the whole protocol.

mod ledger;
mod session;
mod storing;

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{Moment, Stopwatch};
use crate::component::{Linked, Services, Stop};
use crate::config::Plan;
use crate::console::Console;
use crate::domain::{Grant, Level};
use crate::error::{Error, Kind};
use crate::fetch::Fetcher;
use crate::landing::Zone;
use crate::report::{Failure, Report};
use crate::state::{CursorKey, State};
use ledger::Ledger;
use session::Session;
use storing::Store;

/// Most threads that hash, compress and sync at once.
const MAX_STORING: usize = 32;
/// Most missing grants that are named.
const MAX_NAMED: usize = 5;

/// How the extractor's part of a run ended.
enum Ended {
    Stopped(Result<(), Stop>),
    Signal(Kind, &'static str),
}

/// Run an extractor as planned. An error means that no run was started; what happens to one that was is in its report.
pub fn execute(plan: Plan, linked: Linked, console: &Arc<Console>) -> Result<Report, Error> {
    let (started, stopwatch) = (Moment::now(), Stopwatch::start());
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let zone = Zone::open(&plan.landing).map_err(|error| {
        failed(&error).hint("name another directory with `--landing DIR`, or make this one writable")
    })?;
    let lock = zone.lock(&plan.name).map_err(|error| failed(&error).hint("the landing directory must be writable"))?;
    let Some(_lock) = lock else {
        let message = format!("another run of {} holds its lock in {}", plan.name, plan.landing.display());
        return Err(Error::new(Kind::Locked, message).hint("wait for it to end; `host runs` shows when it started"));
    };
    let database = zone.database();
    let unusable = |error: &dyn std::fmt::Display| {
        failed(error).hint(format!("the database is {}; nothing was changed", database.display()))
    };
    let mut state = State::open(&database).map_err(|error| unusable(&error))?;
    let (run_id, dead) = state.begin(&plan.name, &started.iso8601()).map_err(|error| unusable(&error))?;
    if dead > 0 {
        console.log(Level::Warn, "the run before this one ended without a word; it is marked as failed");
    }

    let ledger = Ledger::new(state, run_id, CursorKey::new(&plan.name, plan.backfill));
    let store = Arc::new(Store::new(zone, plan.content, Arc::clone(console), ledger));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_STORING)
        .build()
        .map_err(|error| failed(&format!("cannot start: {error}")))?;
    let limits = plan.component.clone();
    let session = session(plan, started, console, &store);
    let extractor = session.name.clone();
    let ended = runtime.block_on(drive(linked, session, &limits));
    // What is still on its way to the disk belongs to no run any more.
    runtime.shutdown_background();
    Ok(finish(&store, extractor, ended, stopwatch))
}

fn session(plan: Plan, started: Moment, console: &Arc<Console>, store: &Arc<Store>) -> Arc<Session> {
    let fetcher = Fetcher::new(plan.policy, plan.fetch, plan.authorities, &plan.name, started.seed());
    Arc::new(Session {
        name: plan.name,
        params: plan.params,
        sources: plan.sources,
        backfill: plan.backfill,
        started,
        fetcher,
        console: Arc::clone(console),
        store: Arc::clone(store),
    })
}

/// The signals that a run answers to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Handled so that it does not kill: the write that caused it fails with EFBIG and is reported.
    _file_too_large: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _file_too_large: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }
}

async fn drive(linked: Linked, session: Arc<Session>, limits: &crate::component::Limits) -> Ended {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return Ended::Stopped(Err(Stop::Host(format!("cannot listen for signals: {error}")))),
    };
    let services: Arc<dyn Services> = session;
    tokio::select! {
        biased;
        _ = signals.interrupt.recv() => Ended::Signal(Kind::Interrupted, "interrupted by SIGINT"),
        _ = signals.terminate.recv() => Ended::Signal(Kind::Terminated, "ended by SIGTERM"),
        stopped = linked.run(services, limits) => Ended::Stopped(stopped),
    }
}

/// Make the files durable, then write the verdict.
fn finish(store: &Store, extractor: String, ended: Ended, stopwatch: Stopwatch) -> Report {
    let mut ledger = store.ledger();
    let broken = ledger.broken.take();
    let mut failure = verdict(ended, broken, ledger.missing.iter(), &extractor);
    if let Err(error) = store.zone.sync() {
        ledger.discard();
        failure.get_or_insert_with(|| Failure::new(Kind::Failed, error.to_string()));
    }
    let message = failure.as_ref().map(|failure| failure.message.clone());
    if let Err(error) = ledger.finish(message.as_deref()) {
        let message = format!("the run's end could not be recorded: {error}");
        failure.get_or_insert_with(|| Failure::new(Kind::Failed, message));
    }
    Report {
        run_id: ledger.run_id,
        extractor,
        counters: ledger.counters,
        cursor: ledger.own_cursor().map(str::to_owned),
        failure,
        files: std::mem::take(&mut ledger.receipts),
        elapsed: stopwatch.elapsed(),
    }
}

fn verdict<'a>(
    ended: Ended,
    broken: Option<String>,
    missing: impl Iterator<Item = &'a Grant>,
    extractor: &str,
) -> Option<Failure> {
    let stopped = match ended {
        Ended::Signal(kind, reason) => return Some(Failure::new(kind, reason.to_owned())),
        Ended::Stopped(stopped) => stopped,
    };
    let kind = match &stopped {
        Err(Stop::Trapped { .. } | Stop::Limit(_)) => Kind::Stopped,
        _ => Kind::Failed,
    };
    let message = match (broken, stopped) {
        (Some(broken), _) => return Some(Failure::new(Kind::Failed, broken)),
        (None, Ok(())) => return None,
        (None, Err(Stop::Trapped { reason, frames })) if !frames.is_empty() => {
            format!("the extractor {reason}, in {}", frames.join(" < "))
        }
        (None, Err(stop)) => stop.to_string(),
    };
    let missing: Vec<&Grant> = missing.take(MAX_NAMED).collect();
    match grant_hint(&missing, extractor) {
        Some(hint) => Some(Failure { kind: Kind::NotGranted, message, hint: Some(hint) }),
        None => Some(Failure::new(kind, message)),
    }
}

/// What the operator would say to grant what is missing.
fn grant_hint(missing: &[&Grant], extractor: &str) -> Option<String> {
    let (mut flags, mut origins, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for grant in missing {
        match grant {
            Grant::Origin(origin) => {
                flags.push(format!("--allow-http {origin}"));
                origins.push(format!("\"{origin}\""));
            }
            Grant::Source(source) => {
                flags.push(format!("--allow-source {source}"));
                sources.push(format!("\"{source}\""));
            }
            Grant::Secret(_) => {}
        }
    }
    if flags.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    if !origins.is_empty() {
        lines.push(format!("`http = [{}]`", origins.join(", ")));
    }
    if !sources.is_empty() {
        lines.push(format!("`sources = [{}]`", sources.join(", ")));
    }
    let lines = lines.join(" and ");
    Some(format!("to allow it, add `{}`, or put {lines} under [extractor.{extractor}] in host.toml", flags.join(" ")))
}
