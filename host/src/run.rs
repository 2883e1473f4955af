//! A run from start to end: the one place where all parts meet.
//!
//! It owns the order of things: lock, state row, extractor, files durable, facts and verdict in one transaction.
//! `FORMAT.md` has the whole protocol.

mod asking;
mod beginning;
mod deciding;
mod deriving;
mod details;
mod doubled;
mod ending;
mod judging;
mod ledger;
mod locking;
mod receipts;
mod recording;
mod rehearsal;
mod renewing;
mod session;
mod signals;
mod site;
mod storing;
mod values;
mod verdict;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::config::Plan;
use crate::error::{Error, Kind};
use crate::events::{Events, KeptLog};
use crate::report::Report;
use crate::timings::Timings;
use beginning::{Beginning, Begun, holds_files, marked};
use clock::{Moment, Stopwatch};
use details::Details;
use ending::Ending;
use engine::{Linked, Services, Stop};
use fetch::{Fetcher, Source};
pub(crate) use locking::held;
pub(crate) use receipts::Receipts;
use recording::Recording;
use renewing::Renewing;
use rules::budget::{Budget, Budgets};
use rules::domain::Level;
use session::Session;
pub(crate) use signals::{Caught, Signals};
use site::Site;
use state::StateError;
pub(crate) use storing::lock;
use storing::{EndState, Store};

use verdict::GrantAdvice;

/// How much later than the engine the run looks at the same clock.
const AFTER_THE_ENGINE: Duration = Duration::from_millis(100);

/// How the extractor's part of a run ended.
enum Ended {
    Stopped(Result<(), Stop>),
    Signal(Caught),
}

/// Who is told what a run does.
#[derive(Clone)]
pub struct Observers {
    /// Where it is told, while it goes on.
    pub events: Events,
    /// Where its time goes.
    pub timings: Arc<Timings>,
    /// Whether its report holds what became of each content.
    pub all_receipts: bool,
}

/// Run an extractor as planned. An error means that no run was started; what happens to one that was is in its report.
pub fn execute(plan: Plan, linked: Linked, observers: &Observers) -> Result<Report, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, error);
    let site = Site::prepare(&plan)?;
    let redactor = Arc::clone(&plan.redactor);
    let recording = match (&plan.egress.source, &plan.trial.record) {
        (Source::Recorded(recorder), Some(path)) => {
            Some(Recording { recorder: Arc::clone(recorder), path: path.clone() })
        }
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&format!("cannot start: {error}")))?;
    let report = runtime.block_on(async {
        // From before the row is there, so that no signal leaves one that runs for ever.
        let signals = Signals::listen().map_err(|error| failed(&format!("cannot listen for signals: {error}")))?;
        run(plan, linked, observers, &site, signals).await
    });
    // What is still on its way to the disk belongs to no run any more.
    runtime.shutdown_background();
    report.map(|mut report| {
        if let Some(recording) = recording {
            recording.write(&mut report);
        }
        report.previews = site.rehearsal.map(|rehearsal| rehearsal.previews(&report.receipts, &redactor));
        report
    })
}

async fn run(
    plan: Plan,
    linked: Linked,
    observers: &Observers,
    site: &Site,
    mut signals: Signals,
) -> Result<Report, Error> {
    let Observers { events, timings, all_receipts } = observers;
    let kept = Arc::new(KeptLog::default());
    let events = events.clone().also(Arc::clone(&kept) as Arc<_>);
    timings.step("lock the landing directory");
    let receipts = Receipts::new(*all_receipts || plan.trial.dry_run);
    let clock = plan.egress.clock.clone();
    let (mut started, stopwatch) = (clock.now(), Stopwatch::start());
    if let Source::Recorded(recorder) = &plan.egress.source {
        started = started.to_the_millisecond();
        recorder.started(started);
    }
    let time = plan.budgets.time(Budget::Time);
    let beginning = Beginning::of(&plan, site, receipts, started);
    let begin_within = time.saturating_add(beginning.waits());
    let (begun, caught) = signals.during_at_most(begin_within, move || beginning.begin()).await;
    let unusable = |error: Error| match caught {
        Some(caught) => Error::new(caught.kind(), caught),
        None => error,
    };
    let too_long = || Err(Error::database(&StateError::TooLong, &site.database()));
    let Begun { ledger, dead, first, cursor } = begun.unwrap_or_else(too_long).map_err(unusable)?;
    timings.step("open the state");
    if dead > 0 {
        events.log(Level::Warn, &marked(dead));
    }
    if let Some(large) = ledger.told_large() {
        events.log(Level::Warn, &large);
    }
    if first && !plan.trial.dry_run && holds_files(&site.root) {
        let message = "the landing directory holds files and had no state database, so runs are counted from 1; \
                       `host repair` records the files";
        events.log(Level::Warn, message);
    }

    plan.trial.notes.iter().for_each(|note| events.log(Level::Warn, note));
    let notes = plan.trial.notes.clone();
    let end = EndState { cursor, ..EndState::default() };
    let budgets = Arc::clone(&plan.budgets);
    let store = Store::new(site.zone(), &plan, Arc::clone(timings), ledger, end);
    let store = Arc::new(store);
    let renewing = site.remote.as_ref().map(|remote| Renewing::start(&store, remote.lease(), &events));
    let advice = GrantAdvice { asked: plan.asked.clone(), allow: plan.allow.clone(), extractor: plan.name.clone() };
    let redactor = Arc::clone(&plan.redactor);
    let details = Details::of(&plan);
    let (newest, rehearsed) = (plan.scope.window.is_none(), plan.trial.dry_run);
    let session = session(plan, started, (&events, timings), &store);
    let extractor = session.name.clone();
    let mut ended = match caught {
        Some(caught) => Ended::Signal(caught),
        None => {
            let services: Arc<dyn Services> = session;
            // The engine's own clock starts only now, and tells more at its end; this one is for what passed before.
            let left = time.saturating_sub(stopwatch.elapsed()) + AFTER_THE_ENGINE;
            let run = unless_spent(&budgets, left, linked.run(services, &budgets));
            signals.unless(run).await.map_or_else(Ended::Signal, Ended::Stopped)
        }
    };
    timings.step("run the extractor");
    let quiet = settle_down(&store, &mut ended, &mut signals).await;
    timings.step("wait for what is being stored");
    // An extractor may make light of a refusal and end well, or leave the landing that was refused behind.
    if let (Ended::Stopped(_), Some(spent)) = (&ended, budgets.spent()) {
        ended = Ended::Stopped(Err(spent.into()));
    }
    drop(renewing);
    let ending = Ending {
        extractor,
        advice,
        budgets,
        redactor,
        events,
        kept,
        details,
        quiet,
        stopwatch,
        clock,
        newest,
        rehearsed,
    };
    let end = move || ending.finish(&store, ended);
    let ((mut report, recorded), caught) = signals.during(end).await;
    timings.step("make all of it durable");
    report.notes = notes;
    // The run ended before the signal came, so the signal counts only where it kept the end from being recorded.
    if let (false, Some(caught), Some(failure)) = (recorded, caught, &mut report.failure) {
        failure.kind = caught.kind();
    }
    Ok(report)
}

/// The end of `run`, unless a budget that ends it is spent first.
async fn unless_spent(
    budgets: &Budgets,
    left: Duration,
    run: impl Future<Output = Result<(), Stop>>,
) -> Result<(), Stop> {
    tokio::select! {
        biased;
        spent = budgets.until_spent() => Err(spent.into()),
        ended = run => ended,
        () = tokio::time::sleep(left) => Err(budgets.passed(Budget::Time).into()),
    }
}

/// Wait until nothing of the run goes on any more; whether that came about.
async fn settle_down(store: &Store, ended: &mut Ended, signals: &mut Signals) -> bool {
    if matches!(ended, Ended::Stopped(Ok(()))) {
        match signals.unless(store.settle_down(true)).await {
            Ok(quiet) => return quiet,
            Err(caught) => *ended = Ended::Signal(caught),
        }
    }
    state::hurry();
    store.settle_down(false).await
}

fn session(
    plan: Plan,
    started: Moment,
    (events, timings): (&Events, &Arc<Timings>),
    store: &Arc<Store>,
) -> Arc<Session> {
    let limits = (plan.fetch, plan.budgets);
    let clock = plan.egress.clock.clone();
    let seed = clock.seed(started);
    let fetcher = Fetcher::new(plan.egress, limits, Arc::clone(&plan.redactor), &plan.name, seed);
    Arc::new(Session {
        name: plan.name,
        params: plan.params,
        sources: plan.sources,
        asked_sources: plan.asked_sources,
        backfill: plan.scope.window,
        fresh: plan.fresh,
        started,
        clock,
        component: plan.component,
        maker: OnceLock::new(),
        values: Arc::default(),
        fetcher,
        redactor: plan.redactor,
        events: events.clone(),
        timings: Arc::clone(timings),
        store: Arc::clone(store),
    })
}
