//! What a component may use: memory, time, log. It must not know what it uses them for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Engine, ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use super::services::Services;
use crate::domain::Level;

/// How often the engine looks at the time while a component computes.
const TICK: Duration = Duration::from_millis(10);
/// Most bytes that one call may pass to the host.
const HOSTCALL_FUEL: usize = 256 * 1024 * 1024;
/// Most handles that are open at once.
const MAX_HANDLES: usize = 10_000;
/// Bytes of one element of a table.
const TABLE_ELEMENT: usize = 8;
/// Longest line of the log, in bytes.
const MAX_LINE: usize = 8 * 1024;

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

/// Adds up what a store's memories and tables hold.
#[derive(Debug)]
pub(super) struct Meter {
    limit: u64,
    used: u64,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    fn grow(&mut self, by: usize) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(by as u64);
        if used > self.limit {
            // An error and not a refusal: most languages end in a bare trap when memory is refused, which says nothing.
            return Err(LimitPassed::Memory(self.limit).into());
        }
        self.used = used;
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
    let mut computed = Duration::ZERO;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_: StoreContextMut<'_, T>| {
        computed += TICK;
        if computed > cpu {
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

/// The component's log, within its budget and made safe to show.
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
                self.services.log(level, &safe_line(line));
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

/// A line without control characters, cut where it is too long.
pub(super) fn safe_line(line: &str) -> String {
    let mut end = line.len().min(MAX_LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let mut safe = String::with_capacity(end);
    for character in line[..end].chars() {
        // Format characters turn text around or hide it (Unicode UAX #9, UTS #39).
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden || (character.is_control() && character != '\t') {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    if end < line.len() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_together() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).is_ok());
        assert!(meter.table_growing(0, 5, None).is_ok());
        let error = meter.memory_growing(60, 61, None).expect_err("the limit");
        assert_eq!(error.downcast_ref(), Some(&LimitPassed::Memory(100)));
    }

    #[test]
    fn lines_are_safe_to_show() {
        assert_eq!(safe_line("\u{1b}[2Jhi\r\0\u{202e}x\ty é"), "\\u{1b}[2Jhi\\r\\u{0}\\u{202e}x\ty é");
        assert_eq!(safe_line(&"é".repeat(MAX_LINE)).len(), MAX_LINE + '…'.len_utf8());
    }
}
