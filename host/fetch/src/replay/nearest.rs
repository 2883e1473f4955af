//! What to say of a request that was not recorded: which one that was is nearest to it.

use url::Url;

use super::Recorded;
use crate::exchange::Shown;
use rules::policy::shown_url;

/// Most exchanges that are looked at.
const MOST: usize = 10_000;

/// What is missing, and what is there in its place.
pub(super) fn told(asked: &Shown, exchanges: &[Recorded]) -> String {
    let wanted = shown(&asked.url);
    let missing = format!("{} {wanted} was not recorded", asked.method);
    let score = |exchange: &&Recorded| {
        let (one, other) = (exchange.url.as_bytes(), asked.url.as_bytes());
        let same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(one, other)| one == other).count();
        let start = same(&mut one.iter().zip(other));
        let end = same(&mut one.iter().rev().zip(other.iter().rev())).min(one.len().min(other.len()) - start);
        // Those of one length differ in less.
        (start + end, exchange.method == asked.method, usize::MAX - one.len().abs_diff(other.len()))
    };
    let Some(nearest) = exchanges.iter().take(MOST).max_by_key(score) else {
        return format!("{missing}; the recording holds no exchange");
    };
    if nearest.url != asked.url {
        return format!("{missing}; the nearest that was is {} {}", nearest.method, shown(&nearest.url));
    }
    if nearest.method != asked.method {
        return format!("{missing}; it was with {}", nearest.method);
    }
    if nearest.body != asked.body {
        return format!("{missing} with this body; it was with another one");
    }
    format!("{missing} as it is asked now; only an answer to other fields was")
}

fn shown(url: &str) -> String {
    Url::parse(url).map(|url| shown_url(&url)).unwrap_or_default()
}
