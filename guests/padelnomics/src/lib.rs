//! The market data of padel: courts from OpenStreetMap, city population from Eurostat, further CSV feeds by parameter.
//!
//! A run lands the newest data of all of them; a backfill walks the months of its window, for the courts alone, since
//! only Overpass answers for the past.

mod backfill;
mod newest;
mod overpass;

use landing::{Error, Extractor, run};

struct Padelnomics;

impl Extractor for Padelnomics {
    async fn extract() -> Result<(), Error> {
        match run::backfill() {
            Some(window) => backfill::walk(window).await,
            None => newest::land().await,
        }
    }
}

landing::export!(Padelnomics);
