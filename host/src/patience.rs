//! Waiting for what another process holds, for as long as the operator says.

use std::time::Duration;

use clock::Stopwatch;

use crate::error::Error;

/// How often a lock of this machine is tried again.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Up to here nobody said that they want to wait: locks that are held for an instant are tried for so long anyway.
pub const NO_WAIT: Duration = Duration::from_millis(50);

/// What to do about a lock that is still held after that long.
pub fn hint(wait: Option<Duration>) -> &'static str {
    match wait {
        Some(wait) if wait > NO_WAIT => "wait for longer, or without end with `--wait` alone",
        _ => "wait for it with `--wait`",
    }
}

/// For how long somebody waits, whatever it is for; `None` is without end.
pub struct Patience {
    wait: Option<Duration>,
    waited: Stopwatch,
}

impl Patience {
    /// From now on.
    pub fn begin(wait: Option<Duration>) -> Self {
        Self { wait, waited: Stopwatch::start() }
    }

    /// What to do about what is still held after that.
    pub fn hint(&self) -> &'static str {
        hint(self.wait)
    }

    /// For how long still.
    pub fn left(&self) -> Option<Duration> {
        self.wait.map(|wait| wait.saturating_sub(self.waited.elapsed()))
    }
}

/// Try until there is something, each `pause`, for as long as `wait` says, `None` being without end. The inner error says that it is held,
/// and is told once the time is over; the outer one ends it at once.
pub fn patiently<T>(
    wait: Option<Duration>,
    pause: Duration,
    mut attempt: impl FnMut() -> Result<Result<T, Error>, Error>,
) -> Result<T, Error> {
    let waited = Stopwatch::start();
    loop {
        match attempt()? {
            Ok(gained) => return Ok(gained),
            Err(held) if wait.is_some_and(|wait| waited.elapsed() >= wait) => return Err(held),
            Err(_) => std::thread::sleep(pause),
        }
    }
}
