//! The clock: the one place that asks what time it is.

use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The moment that a run counts as its own, however long it lasts and whatever the clock does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Timestamp);

impl Moment {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock's room")]
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// Seconds since 1970-01-01T00:00:00Z; 0 before.
    pub fn unix_seconds(self) -> u64 {
        self.0.as_second().try_into().unwrap_or_default()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; 0 before.
    pub fn unix_milliseconds(self) -> u64 {
        self.0.as_millisecond().try_into().unwrap_or_default()
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

/// The system's clock, to compare with dates that others sent.
#[expect(clippy::disallowed_methods, reason = "this is the clock's room")]
pub fn system() -> SystemTime {
    SystemTime::now()
}

/// Fill `bytes` with what nobody can guess.
pub fn randomise(mut bytes: &mut [u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let count = rustix::rand::getrandom(&mut *bytes, rustix::rand::GetRandomFlags::empty())?;
        bytes = &mut bytes[count..];
    }
    Ok(())
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
