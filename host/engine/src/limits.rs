//! A component under its budgets: memory, time, handles, log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::{CallHook, Engine, ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use super::services::Services;
use rules::budget::{Budget, Budgets, Spent};
use rules::domain::Level;
use rules::text;

/// How often the engine looks at the time while a component computes.
const TICK: Duration = Duration::from_millis(10);
/// Most bytes that one call may pass to the host, whatever memory is left: to copy them takes a tenth of a second.
pub(super) const MAX_PASSED: u64 = 256 * 1024 * 1024;
/// What the engine says where a call passes more than it may.
const PASSED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";
/// Most bytes of one message of the log that are looked at.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Most memories of a component.
const MAX_MEMORIES: usize = 20;
/// Bytes of one element of a table.
const TABLE_ELEMENT: usize = 8;

/// Charges what a store's memories and tables grow by.
#[derive(Debug)]
pub(super) struct Meter(Arc<Budgets>);

impl Meter {
    pub(super) fn new(budgets: Arc<Budgets>) -> Self {
        Self(budgets)
    }

    fn grow(&mut self, by: usize) -> wasmtime::Result<bool> {
        // An error and not a refusal: most languages end in a bare trap when memory is refused, which says nothing.
        self.0.take(Budget::Memory, by as u64)?;
        Ok(true)
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT))
    }

    fn instances(&self) -> usize {
        count(&self.0, Budget::Instances)
    }

    fn tables(&self) -> usize {
        count(&self.0, Budget::Tables)
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

fn count(budgets: &Budgets, budget: Budget) -> usize {
    usize::try_from(budgets.allowed(budget)).unwrap_or(usize::MAX)
}

/// Put a store under its budgets, with `most` bytes that a call may pass. The wall clock is not among them: it runs
/// outside, since an epoch does not wake what waits.
pub(super) fn apply<T: 'static>(
    store: &mut Store<T>,
    budgets: &Arc<Budgets>,
    most: u64,
    meter: fn(&mut T) -> &mut Meter,
) {
    store.limiter(move |state| meter(state));
    let memory = Arc::clone(budgets);
    // At every crossing, since what is passed is copied before any function of the host is asked.
    store.call_hook(move |mut store: StoreContextMut<'_, T>, _: CallHook| {
        store.set_hostcall_fuel(usize::try_from(copied(&memory).min(most)).unwrap_or(usize::MAX));
        Ok(())
    });
    store.set_max_component_handles(count(budgets, Budget::Handles));
    let budgets = Arc::clone(budgets);
    let (cpu, start) = (budgets.time(Budget::Cpu), clock::thread_cpu());
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_: StoreContextMut<'_, T>| {
        // The thread's own time, in which waiting does not count.
        let used = clock::thread_cpu().saturating_sub(start);
        budgets.note(Budget::Cpu, milliseconds(used));
        if used > cpu {
            return Err(budgets.passed(Budget::Cpu).into());
        }
        // Let the network, the timers and the signals have their turn.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
}

/// How many bytes there is memory left for to copy. One of Latin-1 or UTF-16 may become two of UTF-8.
fn copied(budgets: &Budgets) -> u64 {
    budgets.left(Budget::Memory) / 2
}

/// The budget that the engine found to be spent, going by what it says. It has no types for these.
pub(super) fn spent(error: &wasmtime::Error, budgets: &Budgets, most_passed: u64) -> Option<Spent> {
    if let Some(spent) = error.downcast_ref::<Spent>() {
        return Some(*spent);
    }
    let said = error.root_cause().to_string();
    let budget = if said.contains("instance count too high") {
        Budget::Instances
    } else if said.contains("table count too high") {
        Budget::Tables
    } else if said.contains("store handle limit exceeded") {
        Budget::Handles
    } else if passed_too_much(error) && copied(budgets) < most_passed {
        Budget::Memory
    } else {
        return None;
    };
    Some(budgets.passed(budget))
}

/// Whether a call passed more than it may.
pub(super) fn passed_too_much(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains(PASSED_TOO_MUCH)
}

/// Whole milliseconds.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Advance the engine's epoch for as long as the engine lives.
pub(super) fn start_ticking(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("epoch".into()).spawn(tick).map(drop)
}

/// The component's log, within its budgets. What goes beyond them is dropped and counted; a talkative extractor may
/// still do its work.
#[derive(Clone)]
pub(super) struct Log {
    services: Arc<dyn Services>,
    budgets: Arc<Budgets>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    pub(super) fn new(services: Arc<dyn Services>, budgets: Arc<Budgets>) -> Self {
        Self { services, budgets, dropped: Arc::default() }
    }

    /// Write one message; each of its lines counts.
    pub(super) fn write(&self, level: Level, message: &str) {
        let (looked_at, behind) = message.split_at(message.floor_char_boundary(MAX_MESSAGE));
        for line in looked_at.lines() {
            if self.fits(line) {
                self.services.log(level, line);
            } else {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        let more = behind.bytes().filter(|byte| *byte == b'\n').count();
        self.dropped.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// Whether a line fits; none does after one that did not.
    fn fits(&self, line: &str) -> bool {
        self.dropped.load(Ordering::Relaxed) == 0
            && self.budgets.take(Budget::LogBytes, line.len() as u64).is_ok()
            && self.budgets.take(Budget::LogLines, 1).is_ok()
    }

    /// Say how much was left out, if anything was.
    pub(super) fn finish(&self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            let (lines, were) = (text::counted(dropped, "more line"), if dropped == 1 { "was" } else { "were" });
            let message = format!("{lines} of the log {were} dropped: its budget is spent");
            self.services.log(Level::Warn, &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::budget::Settings;

    #[test]
    fn memories_tables_and_what_is_parked_count_together() {
        let settings: Settings = toml::from_str("max-memory = \"100\"").expect("settings");
        let budgets = Budgets::new(settings.amounts());
        let mut meter = Meter::new(Arc::clone(&budgets));
        assert!(meter.memory_growing(0, 60, None).is_ok());
        assert!(meter.table_growing(0, 2, None).is_ok());
        let mut held = budgets.hold(20).expect("room");
        assert!(held.grow(4).is_ok());
        assert!(held.grow(1).is_err());
        let error = meter.memory_growing(60, 61, None).expect_err("the limit");
        assert_eq!(spent(&error, &budgets, MAX_PASSED), Some(budgets.passed(Budget::Memory)));
        drop(held);
        assert!(meter.memory_growing(60, 84, None).is_ok());
    }
}
