//! Asking again where the answer is "not yet": exports that are being made, jobs that are not done.

use crate::{Error, Request, Response, run};

/// The shortest and the longest wait, in seconds, where the server does not say.
const WAITS: (u64, u64) = (1, 60);
/// The longest wait that a server may ask for, in seconds.
const LONGEST: u64 = 300;

/// Send what `ask` makes until `not_yet` no longer says so of the answer, at most so many times.
///
/// In between it waits as long as the field `Retry-After` says, five minutes at most; without one 1 s, 2 s, 4 s and so on
/// up to a minute. The host itself repeats only after failures such as 503; see [`Request::repeated_on`].
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use landing::{Request, Slot, Source, until_ready};
///
/// let ask = || Request::get("https://data.example/export/7");
/// let response = until_ready(20, ask, |response| response.status() == 202).await?;
/// Source::own()?.land(response.successful()?, Slot::new("csv")).await?;
/// # Ok(())
/// # }
/// ```
pub async fn until_ready(
    times: u32,
    ask: impl Fn() -> Request,
    not_yet: impl Fn(&Response) -> bool,
) -> Result<Response, Error> {
    for time in 0..times {
        let response = ask().send().await?;
        if !not_yet(&response) {
            return Ok(response);
        }
        let seconds = seconds(response.header("retry-after").as_deref(), time);
        drop(response);
        if time + 1 < times {
            run::wait(seconds * 1_000).await;
        }
    }
    Err(Error::new(format_args!("it was asked {times} times, and was not ready")))
}

/// How long to wait after that many times before this one.
fn seconds(said: Option<&str>, time: u32) -> u64 {
    match said.and_then(|said| said.trim().parse::<u64>().ok()) {
        Some(said) => said.min(LONGEST),
        None => (WAITS.0 << time.min(10)).min(WAITS.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let cases = [
            (None, 0, 1),
            (None, 3, 8),
            (None, 60, 60),
            (Some("7"), 3, 7),
            (Some(" 0 "), 0, 0),
            (Some("100000"), 0, LONGEST),
            (Some("Wed, 21 Oct 2026 07:28:00 GMT"), 1, 2),
        ];
        for (said, time, expected) in cases {
            assert_eq!(seconds(said, time), expected, "{said:?} {time}");
        }
    }
}
