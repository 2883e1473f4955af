//! When a request is sent again: exponential backoff with jitter, and Retry-After (RFC 9110, 10.2.3).
//!
//! Pure: it must not sleep or read a clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, SystemTime};

/// The longest wait of our own accord.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The longest wait that a server can ask for; a longer one fails the request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// How often a request finds a connection at its end before that counts as a failure.
const MAX_ELSEWHERE: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// Whether a status says that the same request may succeed later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// Whether a method may be repeated without changing what it means (RFC 9110, 9.2.2), and without a body to resend.
pub fn is_repeatable(method: &http::Method) -> bool {
    matches!(*method, http::Method::GET | http::Method::HEAD | http::Method::OPTIONS)
}

/// The wait that a `Retry-After` field asks for.
pub fn retry_after(field: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(field).ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

/// How often one thing that is wanted was asked for again, whatever went wrong with it: requests and bodies share one
/// count, so that neither multiplies the other.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    again: u32,
    elsewhere: u32,
}

impl Attempts {
    /// Whether to send at once, on another connection, what a connection at its end did not take. That is no failure and
    /// does not count as one, but a server may not end one connection after the other.
    pub fn elsewhere(&mut self) -> bool {
        self.elsewhere += 1;
        self.elsewhere <= MAX_ELSEWHERE
    }

    /// How long to wait before the next attempt, which counts from here; `None` where there were enough.
    pub fn next(&mut self, retries: u32, asked: Option<Duration>, seed: u64) -> Option<Duration> {
        let wait = wait(self.again + 1, retries, asked, seed)?;
        self.again += 1;
        Some(wait)
    }
}

/// How long to wait before attempt `attempt` (1 is the first retry); `None` where it should not be made.
pub fn wait(attempt: u32, retries: u32, asked: Option<Duration>, seed: u64) -> Option<Duration> {
    if attempt > retries {
        return None;
    }
    match asked {
        Some(asked) => (asked <= MAX_RETRY_AFTER).then_some(asked),
        None => {
            let full = FIRST_BACKOFF.saturating_mul(1 << (attempt - 1).min(16)).min(MAX_BACKOFF);
            Some(full / 2 + full.mul_f64(fraction(seed, attempt)) / 2)
        }
    }
}

/// A number from 0 to 1 that differs between runs and attempts, so that many hosts do not come back at once.
fn fraction(seed: u64, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, attempt).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (field, expected) in [
            (&b"0"[..], Some(0)),
            (b" 120 ", Some(120)),
            (b"Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            (b"Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            (b"-1", None),
            (b"soon", None),
            (b"\xff", None),
        ] {
            assert_eq!(retry_after(field, now), expected.map(Duration::from_secs), "{field:?}");
        }
    }

    #[test]
    fn waits_grow_and_end() {
        for seed in 0..50 {
            for (attempt, most) in [(1, 500), (2, 1000), (3, 2000)] {
                let wait = wait(attempt, 3, None, seed).expect("another attempt");
                assert!(wait >= Duration::from_millis(most / 2) && wait <= Duration::from_millis(most), "{wait:?}");
            }
        }
        assert_eq!(wait(4, 3, None, 0), None);
        assert_eq!(wait(1, 0, Some(Duration::ZERO), 0), None);
        assert!(wait(40, 99, None, 0).is_some_and(|wait| wait <= MAX_BACKOFF));
        assert_ne!(wait(1, 3, None, 1), wait(1, 3, None, 2));
    }

    #[test]
    fn attempts_are_counted_together() {
        let mut attempts = Attempts::default();
        let waits = [None, Some(Duration::ZERO), None, None].map(|asked| attempts.next(3, asked, 1));
        assert_eq!(waits, [wait(1, 3, None, 1), Some(Duration::ZERO), wait(3, 3, None, 1), None]);
        assert_eq!([(); 5].map(|()| attempts.elsewhere()), [true, true, true, false, false]);
        // A wait that is too long is none, and counts for nothing.
        let mut attempts = Attempts::default();
        assert_eq!(attempts.next(1, Some(MAX_RETRY_AFTER * 2), 1), None);
        assert!(attempts.next(1, None, 1).is_some());
    }

    #[test]
    fn a_server_can_ask_for_a_bounded_wait() {
        assert_eq!(wait(1, 3, Some(Duration::from_secs(7)), 0), Some(Duration::from_secs(7)));
        assert_eq!(wait(1, 3, Some(MAX_RETRY_AFTER + Duration::from_secs(1)), 0), None);
    }
}
