//! The clock: the one place that asks what time it is.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("host runs on Linux and macOS only; on Windows, build it in WSL 2");

mod simulated;
mod zone;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use simulated::{Simulated, Wait, Work};
pub use zone::{local_zone, zone};

/// The moment that a run counts as its own, however long it lasts and whatever the clock does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(Timestamp::UNIX_EPOCH);

    /// Now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock's room")]
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// A moment as RFC 3339 writes it, of any offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// As RFC 3339 writes it, in UTC, to the millisecond.
    pub fn rfc3339(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// The same to the millisecond, as it comes back when it was written down.
    pub fn to_the_millisecond(self) -> Self {
        Timestamp::from_millisecond(self.0.as_millisecond()).map_or(self, Self)
    }

    /// The moment so long after this one; the last one that there is where it would be beyond.
    pub fn later(self, by: Duration) -> Self {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        Self(self.0.checked_add(by).unwrap_or(Timestamp::MAX))
    }

    /// Seconds since 1970-01-01T00:00:00Z; 0 before.
    pub fn unix_seconds(self) -> u64 {
        self.0.as_second().try_into().unwrap_or_default()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; 0 before.
    pub fn unix_milliseconds(self) -> u64 {
        self.0.as_millisecond().try_into().unwrap_or_default()
    }

    /// The moment as the clocks of a time zone show it.
    pub fn in_zone(self, zone: TimeZone) -> jiff::Zoned {
        self.0.to_zoned(zone)
    }

    /// How long after `earlier` it is, in whole seconds; none where it is before that.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.unix_seconds().saturating_sub(earlier.unix_seconds()))
    }

    /// The UTC day.
    pub fn day(self) -> Date {
        self.0.to_zoned(TimeZone::UTC).date()
    }

    /// ISO 8601 in UTC to the second: `2025-01-31T08:00:00Z`. Texts of this form sort as the moments do.
    pub fn iso8601(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The moment so long before this one, but none before 1970.
    pub fn earlier(self, by: Duration) -> Self {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        Self(self.0.checked_sub(by).map_or(Timestamp::UNIX_EPOCH, |moment| moment.max(Timestamp::UNIX_EPOCH)))
    }

    /// A number that differs between runs.
    pub fn seed(self) -> u64 {
        self.0.as_nanosecond() as u64 ^ u64::from(std::process::id()) << 32
    }
}

impl From<&jiff::Zoned> for Moment {
    fn from(zoned: &jiff::Zoned) -> Self {
        Self(zoned.timestamp())
    }
}

/// As [`Moment::iso8601`].
impl serde::Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso8601())
    }
}

/// The clock of one run: the machine's, or one that starts at a given moment and never really waits.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    Machine,
    /// A simulated one, and when it started.
    Simulated(Moment, Arc<Simulated>),
}

impl Clock {
    /// A simulated clock.
    pub fn starting_at(start: Moment) -> Self {
        Self::Simulated(start, Arc::default())
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        match self {
            Self::Machine => Moment::now(),
            Self::Simulated(start, simulated) => start.later(simulated.passed()),
        }
    }

    /// The same, to compare with dates that others sent.
    pub fn system(&self) -> SystemTime {
        match self {
            Self::Machine => system(),
            Self::Simulated(..) => SystemTime::UNIX_EPOCH + Duration::from_millis(self.now().unix_milliseconds()),
        }
    }

    /// A number that differs between runs, and is the same for the same simulated start.
    pub fn seed(&self, started: Moment) -> u64 {
        match self {
            Self::Machine => started.seed(),
            Self::Simulated(start, _) => start.unix_milliseconds(),
        }
    }

    /// The simulated clock, where it is one.
    pub fn simulated(&self) -> Option<&Arc<Simulated>> {
        match self {
            Self::Machine => None,
            Self::Simulated(_, simulated) => Some(simulated),
        }
    }

    /// Something goes on until this is dropped.
    pub fn work(&self) -> Option<Work> {
        self.simulated().map(Simulated::work)
    }

    /// Fill `bytes` with what nobody can guess; with what is the same each time where the clock is simulated.
    pub fn randomise(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let Self::Simulated(start, simulated) = self else { return randomise(bytes) };
        for piece in bytes.chunks_mut(8) {
            let number = mixed(start.unix_milliseconds() ^ simulated.next_random().wrapping_mul(0x9e37_79b9_7f4a_7c15));
            piece.copy_from_slice(&number.to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }
}

/// A number whose bits all depend on all of this one's (SplitMix64).
fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The system's clock, to compare with dates that others sent.
#[expect(clippy::disallowed_methods, reason = "this is the clock's room")]
pub fn system() -> SystemTime {
    SystemTime::now()
}

/// Fill `bytes` with what nobody can guess.
pub fn randomise(bytes: &mut [u8]) -> std::io::Result<()> {
    Ok(getrandom::fill(bytes)?)
}

/// How long this thread has been computing.
pub fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A clock that only goes forward, to measure with.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Start measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the clock's room")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
