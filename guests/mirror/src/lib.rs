//! Lands any list of URLs. It knows nothing of what they hold: the bodies never enter the extractor.

use std::cell::Cell;
use std::collections::HashSet;

use landing::{Context, Error, Extractor, Outcome, Request, Slot, Source, concurrent, params, run};

/// Where the manifest gives no default, as under a host that reads no manifests.
const EXTENSION: &str = "csv";
const CONCURRENCY: usize = 8;
/// More requests at once than this help no source, and tie up the host.
const MOST_AT_ONCE: usize = 64;

struct Mirror;

impl Extractor for Mirror {
    async fn extract() -> Result<(), Error> {
        if run::backfill().is_some() {
            return Err(Error::new("mirror lands what is there now, and knows no days: leave `--backfill` out"));
        }
        let given = params::get("url").unwrap_or_default();
        let urls = distinct(given.split_whitespace());
        if urls.is_empty() {
            return Err(Error::new("there is no URL to land: give one or several by `--param url=\"URL URL …\"`"));
        }
        let extension = params::get("extension").unwrap_or_else(|| EXTENSION.to_owned());
        let limit = at_once(params::parsed("concurrency")?)?;
        let source = match params::get("source") {
            Some(name) => Source::open(&name).context(format_args!("source {name:?}"))?,
            None => Source::own()?,
        };

        let secrets = params::words("secret");
        let total = urls.len() as u64;
        let done = Cell::new(0);
        run::progress(0, Some(total));
        let results = concurrent(limit, &urls, async |url| {
            let request = secrets.iter().fold(Request::get(url), |request, name| request.with_secret(name));
            let result = source.mirror(request, Slot::new(&extension)).await;
            done.set(done.get() + 1);
            run::progress(done.get(), Some(total));
            // Of a receipt no more than that is kept: there may be very many.
            result.map(|receipt| receipt.outcome).context(url)
        })
        .await;
        log_outcomes(results.iter().flatten());
        landing::all(results)?;
        Ok(())
    }
}

landing::export!(Mirror);

/// The URLs in their order, each once: landing one twice at the same time would only download it twice.
fn distinct<'a>(urls: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    urls.filter(|url| seen.insert(*url)).collect()
}

fn at_once(set: Option<usize>) -> Result<usize, Error> {
    match set.unwrap_or(CONCURRENCY) {
        limit @ 1..=MOST_AT_ONCE => Ok(limit),
        limit => Err(Error::new(format_args!(
            "the parameter `concurrency` is {limit}, but must be between 1 and {MOST_AT_ONCE}"
        ))),
    }
}

fn log_outcomes<'a>(outcomes: impl Iterator<Item = &'a Outcome>) {
    let (mut written, mut unchanged) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Written => written += 1,
            Outcome::Unchanged => unchanged += 1,
        }
    }
    landing::info!("{written} new, {unchanged} unchanged");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_landed_once_each() {
        assert_eq!(distinct("b a b c a".split(' ')), ["b", "a", "c"]);
        assert_eq!(distinct(std::iter::empty()), [""; 0]);
    }

    #[test]
    fn concurrency_has_bounds() {
        for (set, expected) in
            [(None, Some(8)), (Some(1), Some(1)), (Some(64), Some(64)), (Some(0), None), (Some(65), None)]
        {
            assert_eq!(at_once(set).ok(), expected, "{set:?}");
        }
    }
}
