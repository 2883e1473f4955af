//! A run from start to end: the one place where all parts meet.
//!
//! It owns the order of things: lock, state row, extractor, files durable, facts and cursor and verdict in one
//! transaction. `FORMAT.md` has the whole protocol.

mod ledger;
mod session;
mod storing;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{Moment, Stopwatch};
use crate::component::{Limits, Linked, Services, Stop};
use crate::config::Plan;
use crate::console::Console;
use crate::domain::{Grant, Level};
use crate::error::{Error, Kind};
use crate::fetch::Fetcher;
use crate::landing::{DiskError, Lock, Zone};
use crate::report::{Failure, Report};
use crate::state::{self, CursorKey, State, StateError};
use ledger::Ledger;
use session::Session;
use storing::{Notes, Store};

/// How often a lock that is held is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Most missing grants that are named.
const MAX_NAMED: usize = 10;

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
    let _locks = locks(&zone, &plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&format!("cannot start: {error}")))?;
    // From before the row is there, so that no signal leaves one that runs for ever.
    let signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(|error| failed(&format!("cannot listen for signals: {error}")))?
    };
    let database = zone.database();
    let unusable = |error: StateError| failed(&error).hint(database_hint(&error, &database));
    let mut state = State::open(&database).map_err(unusable)?;
    let (run_id, dead) = state.begin(&plan.name, &started.iso8601()).map_err(unusable)?;
    if dead > 0 {
        let message =
            "the run before this one was killed, or the machine stopped, before it ended; it is marked as failed";
        console.log(Level::Warn, message);
    }

    let ledger = Ledger::new(state, &plan.name, run_id, CursorKey::new(&plan.name, plan.backfill));
    let notes = Notes { cursor: ledger.earlier_cursor().map_err(unusable)?, ..Notes::default() };
    let store = Arc::new(Store::new(zone, plan.content, Arc::clone(console), ledger, notes));
    let limits = plan.component.clone();
    let asked = plan.asked.clone();
    let session = session(plan, started, console, &store);
    let extractor = session.name.clone();
    let (ended, quiet) = runtime.block_on(async {
        let ended = drive(linked, session, &limits, signals).await;
        let success = matches!(ended, Ended::Stopped(Ok(())));
        if !success {
            state::hurry();
        }
        let quiet = store.settle_down(success).await;
        (ended, quiet)
    });
    // What is still on its way to the disk belongs to no run any more.
    runtime.shutdown_background();
    Ok(finish(&store, extractor, &asked, ended, quiet, stopwatch))
}

/// The zone's lock, shared with other runs, and the extractor's own.
fn locks(zone: &Zone, plan: &Plan) -> Result<[Lock; 2], Error> {
    let waited = Stopwatch::start();
    let failed = |error: DiskError| Error::new(Kind::Failed, error).hint("the landing directory must be writable");
    loop {
        let shared = zone.lock_zone(false).map_err(failed)?;
        let own = zone.lock(&plan.name).map_err(failed)?;
        let message = match (shared, own) {
            (Some(shared), Some(own)) => return Ok([shared, own]),
            (None, _) => format!("{} is being repaired", plan.landing.display()),
            (_, None) => format!("another run of {} holds its lock in {}", plan.name, plan.landing.display()),
        };
        if plan.wait.is_some_and(|wait| waited.elapsed() >= wait) {
            let hint = "wait for it with `--wait`; `host runs` shows when it started";
            return Err(Error::new(Kind::Locked, message).hint(hint));
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// What to do about a database that cannot be used.
fn database_hint(error: &StateError, database: &Path) -> String {
    let shown = database.display();
    match error {
        StateError::Corrupt(_) => format!("move {shown} away: the next run starts another from what has landed"),
        StateError::Busy => format!("see who holds {shown} open, for example with `fuser`"),
        StateError::Newer(_) => format!("run the host that made {shown}, or a later one"),
        StateError::Foreign(_) | StateError::Sqlite(_) => format!("the database is {shown}"),
    }
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

async fn drive(linked: Linked, session: Arc<Session>, limits: &Limits, mut signals: Signals) -> Ended {
    let services: Arc<dyn Services> = session;
    tokio::select! {
        biased;
        _ = signals.interrupt.recv() => Ended::Signal(Kind::Interrupted, "interrupted by SIGINT"),
        _ = signals.terminate.recv() => Ended::Signal(Kind::Terminated, "ended by SIGTERM"),
        stopped = linked.run(services, limits) => Ended::Stopped(stopped),
    }
}

/// Make the files durable, then write the verdict. `quiet` says that nothing of the run is still going on.
fn finish(
    store: &Store,
    extractor: String,
    asked: &BTreeSet<Grant>,
    ended: Ended,
    quiet: bool,
    stopwatch: Stopwatch,
) -> Report {
    let mut ledger = store.ledger();
    let mut notes = std::mem::take(&mut *store.notes());
    if let Err(error) = store.zone.sync() {
        ledger.sync_failed();
        notes.broken.get_or_insert_with(|| error.to_string());
    }
    let mut failure = verdict(ended, notes.broken, &notes.missing, asked, &extractor);
    let message = failure.as_ref().map(|failure| failure.message.clone());
    if let Err(error) = ledger.finish(message.as_deref(), !quiet) {
        let message = format!("the run's end could not be recorded: {error}");
        failure.get_or_insert_with(|| Failure::new(Kind::Failed, message));
    }
    Report {
        run_id: ledger.run_id,
        extractor,
        counters: ledger.counters,
        cursor: notes.cursor.filter(|_| notes.cursor_is_new),
        failure,
        files: std::mem::take(&mut ledger.receipts),
        elapsed: stopwatch.elapsed(),
    }
}

fn verdict(
    ended: Ended,
    broken: Option<String>,
    missing: &BTreeSet<Grant>,
    asked: &BTreeSet<Grant>,
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
    // Where one grant is missing, those that the manifest asks for are named as well: one round instead of several.
    let more = if missing.is_empty() { &BTreeSet::new() } else { asked };
    let missing: BTreeSet<&Grant> = missing.iter().chain(more).take(MAX_NAMED).collect();
    let hint = grant_hint(&missing, extractor);
    // A limit or a trap is what it is, whatever was refused before.
    let kind = if kind == Kind::Failed && hint.is_some() { Kind::NotGranted } else { kind };
    Some(Failure { kind, message, hint })
}

/// What the operator would say to grant what is missing.
fn grant_hint(missing: &BTreeSet<&Grant>, extractor: &str) -> Option<String> {
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
