//! Mirrors the parameter `url`, and lands a line of its own making.

use landing::{Error, Extractor, Request, Slot, Source, params, run};

struct Kept;

impl Extractor for Kept {
    async fn extract() -> Result<(), Error> {
        let url = params::required("url")?;
        let source = Source::own()?;
        let receipt = source.mirror(Request::get(&url), Slot::new("csv")).await?;
        let made = format!("made by {}: {} bytes\n", run::name(), receipt.size);
        source.land_bytes(made.into_bytes(), Slot::new("txt")).await?;
        Ok(())
    }
}

landing::export!(Kept);
