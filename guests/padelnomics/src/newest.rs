//! The newest data of every feed. It knows which feeds there are, and not how Overpass is asked.

use std::cell::Cell;
use std::fmt;

use landing::{Context, Error, Outcome, Receipt, Request, Slot, Source, concurrent, params, run};

use crate::overpass;

/// Feeds are on different servers, so that a few at once burden none of them.
const AT_ONCE: usize = 4;

enum Feed {
    /// Courts, by the Overpass API at this URL.
    Overpass(String),
    /// City population, at this URL.
    Eurostat(String),
    /// A further CSV feed.
    Extra(String),
}

/// Land what is new in every feed. A feed that fails stops no other, and fails the run at its end.
pub(crate) async fn land() -> Result<(), Error> {
    let feeds = configured();
    if feeds.is_empty() {
        return Err(Error::new("there is nothing to land: overpass_url, eurostat_url and feeds are all blank"));
    }
    let total = feeds.len() as u64;
    let done = Cell::new(0);
    run::progress(0, Some(total));
    let results = concurrent(AT_ONCE, &feeds, async |feed| {
        let result = feed.land().await;
        done.set(done.get() + 1);
        run::progress(done.get(), Some(total));
        if let Ok(receipt) = &result {
            landing::debug!("{feed}: {}", outcome(receipt));
        }
        result.context(feed)
    });
    landing::all(results.await)?;
    Ok(())
}

fn configured() -> Vec<Feed> {
    let overpass = params::get("overpass_url").map(Feed::Overpass);
    let eurostat = params::get("eurostat_url").map(Feed::Eurostat);
    let extra = params::words("feeds").into_iter().map(Feed::Extra);
    overpass.into_iter().chain(eurostat).chain(extra).collect()
}

impl Feed {
    async fn land(&self) -> Result<Receipt, Error> {
        match self {
            Self::Overpass(url) => overpass::land(url, None).await,
            Self::Eurostat(url) => mirror("eurostat", url).await,
            Self::Extra(url) => mirror("feeds", url).await,
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overpass(_) => formatter.write_str("overpass"),
            Self::Eurostat(_) => formatter.write_str("eurostat"),
            Self::Extra(url) => write!(formatter, "feed {url}"),
        }
    }
}

async fn mirror(source: &str, url: &str) -> Result<Receipt, Error> {
    let source = Source::open(source)?;
    Ok(source.mirror(Request::get(url), Slot::new("csv")).await?)
}

fn outcome(receipt: &Receipt) -> String {
    match receipt.outcome {
        Outcome::Written => format!("landed {} ({} bytes)", receipt.path, receipt.size),
        Outcome::Unchanged => "nothing new".to_owned(),
    }
}
