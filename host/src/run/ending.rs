//! The end of a run: files durable, then the verdict, then the report.

use std::sync::Arc;

use clock::{Clock, Stopwatch};
use rules::budget::{Budget, Budgets};
use rules::domain::{Fault, Level};
use rules::redact::Redactor;

use super::Ended;
use super::details::Details;
use super::judging;
use super::storing::{EndState, Store};
use super::verdict::{self, GrantAdvice};
use crate::error::Kind;
use crate::events::{Event, Events, KeptLog, Reader as _};
use crate::program;
use crate::report::{Failure, Report};

/// What the end of a run needs to know.
pub(super) struct Ending {
    pub(super) extractor: String,
    pub(super) advice: GrantAdvice,
    pub(super) budgets: Arc<Budgets>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) events: Events,
    pub(super) kept: Arc<KeptLog>,
    pub(super) details: Details,
    /// Whether nothing of the run is still going on.
    pub(super) quiet: bool,
    pub(super) stopwatch: Stopwatch,
    pub(super) clock: Clock,
    /// Whether the run was for the newest data, and not a backfill.
    pub(super) newest: bool,
    /// Whether nothing of it stays.
    pub(super) rehearsed: bool,
}

impl Ending {
    /// Make the files durable, then write the verdict; the report, and whether the end was recorded.
    pub(super) fn finish(self, store: &Store, ended: Ended) -> (Report, bool) {
        let mut ledger = store.ledger();
        let mut end = std::mem::take(&mut *store.end());
        if let Err(error) = store.zone.sync() {
            ledger.sync_failed();
            end.fault.get_or_insert_with(|| Fault::new(error));
        }
        self.tell_taken(&end);
        self.tell_erased(&end);
        let failure = verdict::verdict(ended, &end, &self.advice);
        let mut failure = judging::rejected(&end, failure, self.rehearsed);
        if failure.is_none() && self.newest {
            let stale = judging::stale(&ledger, &store.expected, self.clock.now(), &self.extractor);
            failure = stale.unwrap_or_else(|error| Some(Failure::new(Kind::Failed, error.to_string())));
        }
        if let Some(failure) = &mut failure {
            failure.message = self.redactor.text(&failure.message).into_owned();
            failure.hints.iter_mut().for_each(|hint| *hint = self.redactor.text(&program::typed(hint)).into_owned());
        }
        let message = failure.as_ref().map(|failure| failure.message.clone());
        let elapsed = self.stopwatch.elapsed();
        self.budgets.note(Budget::Time, u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        let usage = self.budgets.usage();
        let code = failure.as_ref().map_or(0, |failure| failure.kind.exit_code());
        let (usage_text, details) = (usage.to_string(), self.details.ended(code, elapsed));
        let (now, beside) = (self.clock.now().iso8601(), (&*usage_text, &*details));
        let recorded = ledger.finish(&now, message.as_deref(), beside, !self.quiet, |doubled| {
            // The others are told once the transaction is over: a terminal may keep them waiting.
            doubled.lines().for_each(|line| self.kept.read(Event::Log { level: Level::Warn, message: &line }));
            self.kept.take()
        });
        if recorded.is_ok() {
            ledger.doubled.lines().for_each(|line| self.events.log(Level::Warn, &line));
        }
        if let Err(error) = &recorded {
            let message = format!("the run's end could not be recorded: {error}");
            failure.get_or_insert_with(|| Failure::new(Kind::Failed, message));
        }
        let report = Report {
            run_id: ledger.run_id,
            extractor: self.extractor,
            counters: ledger.counters,
            doubled: ledger.doubled.count(),
            cursor: end.cursor.filter(|_| end.cursor_is_new),
            failure,
            receipts: std::mem::take(&mut ledger.receipts),
            rejections: end.rejections,
            budgets: usage,
            elapsed: self.stopwatch.elapsed(),
            notes: Vec::new(),
            previews: None,
        };
        (report, recorded.is_ok())
    }

    /// One line for each source in which names were taken, however many they were.
    fn tell_taken(&self, end: &EndState) {
        for (source, (count, first)) in &end.taken {
            let message = match count {
                1 => format!("{first} holds other content, so the new one is beside it"),
                _ => format!(
                    "{count} names in {source} hold other content, such as {first}; the new ones are beside them"
                ),
            };
            self.events.log(Level::Warn, &message);
        }
    }

    /// One line for each source whose erased contents came again, however often.
    fn tell_erased(&self, end: &EndState) {
        for (source, (count, first)) in &end.erased {
            let message = match count {
                1 => format!("the content of {first} came again and did not land, since it was erased"),
                _ => format!(
                    "{count} contents of {source} came again and did not land, since they were erased, such as {first}"
                ),
            };
            self.events.log(Level::Warn, &message);
        }
    }
}
