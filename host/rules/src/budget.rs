//! What one run may use, and what it used: one object that every part spends from.
//!
//! It only counts. Whoever runs the extractor waits for [`Budgets::until_spent`].

mod amount;
mod held;
mod settings;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use bytesize::ByteSize;
use futures::task::AtomicWaker;

pub use amount::{Age, Rate, Size, Time};
pub use held::{Held, Reserved};
pub use settings::{MAX_REDIRECTS, Settings};

use crate::domain::FetchError;
use crate::text;

/// One thing that a run has only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// From the start of the run to its end, waiting included, in milliseconds.
    Time,
    /// Computing of the extractor, in milliseconds.
    Cpu,
    /// Bytes of all memories and tables, and of what the extractor parks in the host.
    Memory,
    /// Core instances.
    Instances,
    /// Tables.
    Tables,
    /// Handles that are open at once.
    Handles,
    /// Requests, every hop and every repetition counted.
    Requests,
    /// Bytes that came over the wire, heads included.
    Received,
    /// Bytes of new files' content, before compression.
    Landed,
    /// New files.
    Files,
    /// Bytes of the log.
    LogBytes,
    /// Lines of the log.
    LogLines,
}

/// How an amount is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Milliseconds,
    Bytes,
    Count,
}

impl Budget {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::Time,
        Self::Cpu,
        Self::Memory,
        Self::Instances,
        Self::Tables,
        Self::Handles,
        Self::Requests,
        Self::Received,
        Self::Landed,
        Self::Files,
        Self::LogBytes,
        Self::LogLines,
    ];

    /// The name of its flag, of its key in `host.toml`, and of its entry in the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "timeout",
            Self::Cpu => "max-cpu",
            Self::Memory => "max-memory",
            Self::Instances => "max-instances",
            Self::Tables => "max-tables",
            Self::Handles => "max-handles",
            Self::Requests => "max-requests",
            Self::Received => "max-received",
            Self::Landed => "max-landed",
            Self::Files => "max-files",
            Self::LogBytes => "max-log",
            Self::LogLines => "max-log-lines",
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Time | Self::Cpu => Unit::Milliseconds,
            Self::Memory | Self::Received | Self::Landed | Self::LogBytes => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// An amount as it is written in `host.toml`: the largest unit that leaves no rest.
    pub fn write(self, amount: u64) -> String {
        let units: &[(u64, &str)] = match self.unit() {
            Unit::Milliseconds => &[(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")],
            Unit::Bytes => &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")],
            Unit::Count => &[],
        };
        match units.iter().find(|(unit, _)| amount > 0 && amount.is_multiple_of(*unit)) {
            Some((unit, name)) => format!("{}{name}", amount / unit),
            None => amount.to_string(),
        }
    }

    /// Whether it is written as a number.
    pub fn is_count(self) -> bool {
        self.unit() == Unit::Count
    }

    /// Whether the engine tells how much of it was used.
    fn is_measured(self) -> bool {
        !matches!(self, Self::Instances | Self::Handles)
    }

    fn show(self, amount: u64) -> String {
        match self.unit() {
            Unit::Milliseconds => format!("{:?}", Duration::from_millis(amount)),
            Unit::Bytes => ByteSize(amount).display().to_string(),
            Unit::Count => amount.to_string(),
        }
    }
}

/// A budget that is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Which one.
    pub budget: Budget,
    /// How much of it there was.
    pub allowed: u64,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, amount) = (self.budget.name(), self.budget.show(self.allowed));
        write!(f, "the run spent its budget `{name}` of ")?;
        let counted = |one: &str| text::counted(self.allowed, one);
        match self.budget {
            Budget::Time => f.write_str(&amount),
            Budget::Cpu => write!(f, "{amount} of computing"),
            Budget::Memory => write!(f, "{amount} of memory"),
            Budget::Instances => f.write_str(&counted("instance")),
            Budget::Tables => f.write_str(&counted("table")),
            Budget::Handles => f.write_str(&counted("open handle")),
            Budget::Requests => f.write_str(&counted("request")),
            Budget::Received => write!(f, "{amount} received"),
            Budget::Landed => write!(f, "{amount} landed"),
            Budget::Files => f.write_str(&counted("new file")),
            Budget::LogBytes => write!(f, "{amount} of log"),
            Budget::LogLines => write!(f, "{} of log", counted("line")),
        }
    }
}

impl std::error::Error for Spent {}

impl From<Spent> for FetchError {
    fn from(spent: Spent) -> Self {
        Self::Budget(spent.to_string())
    }
}

#[derive(Debug, Default)]
struct Used {
    now: AtomicU64,
    most: AtomicU64,
}

/// All budgets of one run.
#[derive(Debug)]
pub struct Budgets {
    allowed: [u64; Budget::ALL.len()],
    used: [Used; Budget::ALL.len()],
    spent: OnceLock<Spent>,
    /// Whoever runs the extractor, and waits for that.
    waiting: AtomicWaker,
}

impl Budgets {
    /// Budgets of these amounts, in the order of [`Budget::ALL`].
    pub fn new(allowed: [u64; Budget::ALL.len()]) -> Arc<Self> {
        Arc::new(Self { allowed, used: Default::default(), spent: OnceLock::new(), waiting: AtomicWaker::new() })
    }

    /// How much of a budget there is.
    pub fn allowed(&self, budget: Budget) -> u64 {
        self.allowed[budget as usize]
    }

    /// How much of a budget is left.
    pub fn left(&self, budget: Budget) -> u64 {
        self.allowed(budget).saturating_sub(self.used[budget as usize].now.load(Ordering::Relaxed))
    }

    /// A budget of time.
    pub fn time(&self, budget: Budget) -> Duration {
        Duration::from_millis(self.allowed(budget))
    }

    /// What to say of a budget that something outside found to be spent.
    pub fn passed(&self, budget: Budget) -> Spent {
        Spent { budget, allowed: self.allowed(budget) }
    }

    /// Add so much to what is used, if there is as much left; the sum.
    fn try_add(&self, budget: Budget, amount: u64) -> Result<u64, Spent> {
        let (now, allowed) = (&self.used[budget as usize].now, self.allowed(budget));
        let fits = |now: u64| now.checked_add(amount).filter(|sum| *sum <= allowed);
        let added = now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        added.map(|before| before + amount).map_err(|_| self.passed(budget))
    }

    /// Take so much, if there is as much left.
    pub fn take(&self, budget: Budget, amount: u64) -> Result<(), Spent> {
        let sum = self.try_add(budget, amount)?;
        self.used[budget as usize].most.fetch_max(sum, Ordering::Relaxed);
        Ok(())
    }

    /// Take so much; where there is not as much left, the run ends.
    pub fn spend(&self, budget: Budget, amount: u64) -> Result<(), Spent> {
        self.take(budget, amount).map_err(|spent| self.end_with(spent))
    }

    /// End the run, since this is spent; the first counts.
    fn end_with(&self, spent: Spent) -> Spent {
        self.spent.get_or_init(|| spent);
        self.waiting.wake();
        spent
    }

    /// Reserve something of a budget, nothing at first.
    pub fn reserve(self: &Arc<Self>, budget: Budget) -> Reserved {
        Reserved::new(Arc::clone(self), budget)
    }

    /// Take bytes of memory until they are dropped.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Result<Held, Spent> {
        self.take(Budget::Memory, bytes as u64)?;
        Ok(Held::new(Arc::clone(self), bytes as u64))
    }

    /// Note how much was used of a budget that is measured elsewhere.
    pub fn note(&self, budget: Budget, used: u64) {
        self.used[budget as usize].most.fetch_max(used, Ordering::Relaxed);
    }

    /// The budget that ends the run, if one does.
    pub fn spent(&self) -> Option<Spent> {
        self.spent.get().copied()
    }

    /// Wait until a budget that ends the run is spent. One task may wait at a time.
    pub async fn until_spent(&self) -> Spent {
        std::future::poll_fn(|cx| {
            // First, so that what is spent between the look and the wait is heard.
            self.waiting.register(cx.waker());
            self.spent().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// What was used against what was allowed, for the state.
    pub fn usage(&self) -> serde_json::Value {
        let entry = |budget: Budget| {
            let unit = match budget.unit() {
                Unit::Milliseconds => "ms",
                Unit::Bytes => "bytes",
                Unit::Count => "count",
            };
            let most = self.used[budget as usize].most.load(Ordering::Relaxed);
            let used = budget.is_measured().then_some(most);
            (
                budget.name().to_owned(),
                serde_json::json!({ "used": used, "allowed": self.allowed(budget), "unit": unit }),
            )
        };
        Budget::ALL.into_iter().map(entry).collect::<serde_json::Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn budgets(allowed: u64) -> Arc<Budgets> {
        Budgets::new([allowed; Budget::ALL.len()])
    }

    #[test]
    fn the_list_is_in_the_order_of_the_values() {
        for (at, budget) in Budget::ALL.into_iter().enumerate() {
            assert_eq!(budget as usize, at, "{budget:?}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (budget, amount, text) in [
            (Budget::Time, 7_200_000, "2h"),
            (Budget::Cpu, 90_000, "90s"),
            (Budget::Cpu, 1500, "1500ms"),
            (Budget::Memory, 512 << 20, "512MiB"),
            (Budget::Landed, 1000, "1000"),
            (Budget::Files, 7, "7"),
        ] {
            assert_eq!(budget.write(amount), text);
            let quote = if budget.is_count() { "" } else { "\"" };
            let settings: Settings = toml::from_str(&format!("{} = {quote}{text}{quote}", budget.name())).expect(text);
            assert_eq!(settings.said(budget), Some(amount));
        }
    }

    #[test]
    fn what_is_spent_ends_the_run_and_what_is_taken_does_not() {
        let budgets = budgets(3);
        assert_eq!(budgets.take(Budget::LogLines, 4), Err(budgets.passed(Budget::LogLines)));
        assert_eq!(budgets.spent(), None);
        assert_eq!(budgets.spend(Budget::Requests, 3), Ok(()));
        let spent = budgets.spend(Budget::Requests, 1).expect_err("there is no fourth");
        assert_eq!(spent.to_string(), "the run spent its budget `max-requests` of 3 requests");
        let one = Spent { budget: Budget::LogLines, allowed: 1 };
        assert_eq!(one.to_string(), "the run spent its budget `max-log-lines` of 1 line of log");
        assert!(budgets.spend(Budget::Files, u64::MAX).is_err());
        assert_eq!(budgets.spent(), Some(spent), "the first counts");
        assert_eq!(budgets.until_spent().now_or_never(), Some(spent));
    }

    #[test]
    fn what_is_reserved_comes_back_unless_it_lands() {
        let budgets = budgets(100);
        let landed = || budgets.reserve(Budget::Landed);
        let (mut one, mut files) = (landed(), budgets.reserve(Budget::Files));
        assert_eq!((one.grow_to(40), one.grow_to(60), files.grow_to(100)), (Ok(()), Ok(()), Ok(())));
        drop(one);
        let (mut two, mut three) = (landed(), landed());
        assert_eq!((two.grow_to(70), budgets.spent()), (Ok(()), None));
        two.keep();
        assert_eq!(budgets.usage()["max-landed"]["used"], 70);
        assert_eq!(three.grow_to(31), Err(budgets.passed(Budget::Landed)));
        assert_eq!(budgets.spent(), Some(budgets.passed(Budget::Landed)));
    }

    #[test]
    fn memory_comes_back_and_its_peak_is_kept() {
        let budgets = budgets(100);
        let mut held = budgets.hold(60).expect("room");
        assert_eq!(held.grow(41), Err(budgets.passed(Budget::Memory)));
        assert_eq!(held.grow(30), Ok(()));
        drop(held);
        assert!(budgets.hold(100).is_ok());
        drop(budgets.hold(10));
        budgets.note(Budget::Cpu, 7);
        let usage = budgets.usage();
        assert_eq!(usage["max-memory"], serde_json::json!({ "used": 100, "allowed": 100, "unit": "bytes" }));
        assert_eq!(usage["max-cpu"]["used"], 7);
        assert_eq!(usage["max-handles"]["used"], serde_json::Value::Null);
    }
}
