//! What a component may use: memory, time, log. It must not know what it uses them for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Engine, ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use super::services::Services;
use crate::clock;
use crate::domain::Level;

/// How often the engine looks at the time while a component computes.
const TICK: Duration = Duration::from_millis(10);
/// Most bytes that one call may pass to the host.
const HOSTCALL_FUEL: usize = 256 * 1024 * 1024;
/// Most handles that are open at once.
const MAX_HANDLES: usize = 10_000;
/// Bytes of one element of a table.
const TABLE_ELEMENT: usize = 8;

/// What one run of a component may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of all memories and tables together.
    pub memory: u64,
    /// From the start of the run to its end, waiting included.
    pub wall: Duration,
    /// Time in which the component itself computes.
    pub cpu: Duration,
    /// Lines of the log.
    pub log_lines: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitPassed {
    /// All memories and tables together.
    #[error("the extractor wanted more than its limit of {} of memory", bytesize::ByteSize(*.0).display())]
    Memory(u64),
    /// The whole run.
    #[error("the run passed its time limit of {}", humane(.0))]
    Wall(Duration),
    /// The component's own computing.
    #[error("the extractor computed for longer than its limit of {}", humane(.0))]
    Cpu(Duration),
}

fn humane(duration: &Duration) -> String {
    format!("{duration:?}")
}

/// Counts the memory that a component has the host hold: its own, and what it parks outside it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    limit: u64,
    used: Arc<AtomicU64>,
}

impl Account {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Count so many bytes more, for good.
    fn charge(&self, bytes: u64) -> Result<(), LimitPassed> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(LimitPassed::Memory(self.limit)),
        }
    }

    /// Count so many bytes more, until the hold is dropped.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held, LimitPassed> {
        self.charge(bytes as u64)?;
        Ok(Held { account: self.clone(), bytes: bytes as u64 })
    }
}

/// Bytes that are counted as long as this lives.
#[derive(Debug)]
pub(super) struct Held {
    account: Account,
    bytes: u64,
}

impl Held {
    /// Count so many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), LimitPassed> {
        self.account.charge(bytes as u64)?;
        self.bytes += bytes as u64;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Charges what a store's memories and tables grow by.
#[derive(Debug)]
pub(super) struct Meter(Account);

impl Meter {
    pub(super) fn new(account: Account) -> Self {
        Self(account)
    }

    fn grow(&mut self, by: usize) -> wasmtime::Result<bool> {
        // An error and not a refusal: most languages end in a bare trap when memory is refused, which says nothing.
        self.0.charge(by as u64)?;
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
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        20
    }
}

/// Put a store under its limits. The wall clock is not among them: it runs outside, since an epoch does not wake what waits.
pub(super) fn apply<T: 'static>(store: &mut Store<T>, limits: &Limits, meter: fn(&mut T) -> &mut Meter) {
    store.limiter(move |state| meter(state));
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    store.set_max_component_handles(MAX_HANDLES);
    let cpu = limits.cpu;
    let start = clock::thread_cpu();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_: StoreContextMut<'_, T>| {
        // The thread's own time, in which waiting does not count.
        if clock::thread_cpu().saturating_sub(start) > cpu {
            return Err(LimitPassed::Cpu(cpu).into());
        }
        // Let the network, the timers and the signals have their turn.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
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

/// The component's log, within its budget.
#[derive(Clone)]
pub(super) struct Log {
    services: Arc<dyn Services>,
    budget: Arc<Mutex<Budget>>,
}

struct Budget {
    lines: u64,
    bytes: u64,
    dropped: u64,
}

impl Log {
    pub(super) fn new(services: Arc<dyn Services>, limits: &Limits) -> Self {
        let budget = Budget { lines: limits.log_lines, bytes: limits.log_bytes, dropped: 0 };
        Self { services, budget: Arc::new(Mutex::new(budget)) }
    }

    /// Write one message; each of its lines counts.
    pub(super) fn write(&self, level: Level, message: &str) {
        for line in message.lines() {
            if self.spend(line.len()) {
                self.services.log(level, line);
            }
        }
    }

    fn spend(&self, bytes: usize) -> bool {
        let mut budget = self.budget();
        let bytes = bytes as u64;
        let within = budget.lines > 0 && budget.bytes >= bytes && budget.dropped == 0;
        if within {
            budget.lines -= 1;
            budget.bytes -= bytes;
        } else {
            budget.dropped += 1;
        }
        within
    }

    /// Say how much was left out, if anything was.
    pub(super) fn finish(&self) {
        let dropped = self.budget().dropped;
        if dropped > 0 {
            self.services
                .log(Level::Warn, &format!("{dropped} more lines of the log were dropped: its limit was reached"));
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_tables_and_what_is_parked_count_together() {
        let account = Account::new(100);
        let mut meter = Meter::new(account.clone());
        assert!(meter.memory_growing(0, 60, None).is_ok());
        assert!(meter.table_growing(0, 2, None).is_ok());
        let mut held = account.hold(20).expect("room");
        assert!(held.grow(4).is_ok());
        assert_eq!(held.grow(1), Err(LimitPassed::Memory(100)));
        let error = meter.memory_growing(60, 61, None).expect_err("the limit");
        assert_eq!(error.downcast_ref(), Some(&LimitPassed::Memory(100)));
        drop(held);
        assert!(meter.memory_growing(60, 84, None).is_ok());
    }
}
