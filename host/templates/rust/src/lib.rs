//! Mirrors a file, and follows an API page by page.

use landing::{Context, Error, Extractor, Pages, Request, Slot, Source, params, run};

struct Example;

impl Extractor for Example {
    async fn extract() -> Result<(), Error> {
        let base = params::required("base_url")?;
        let source = Source::own()?;

        // A file: the host fetches it, and lands it if it is new. It never enters the sandbox.
        let file = format!("{base}/prices.csv");
        let receipt = source.mirror(Request::get(&file), Slot::new("csv")).await.context(&file)?;
        landing::info!("{} holds {} bytes", receipt.path, receipt.size);

        // An API whose answers name the next page: {"items": [...], "next": "a-cursor"}.
        // A run goes on at the cursor that the newest checkpoint kept.
        let find = |body: &[u8]| {
            let answer: serde_json::Value = serde_json::from_slice(body)?;
            Ok(answer["next"].as_str().map(str::to_owned))
        };
        let mut pages = Pages::by_cursor(&format!("{base}/items"), "after", run::cursor().as_deref(), find);
        while let Some(page) = pages.next().await? {
            source.land_bytes(page.body, Slot::new("json")).await.context(&page.url)?;
            if let Some(cursor) = &page.cursor {
                run::checkpoint(cursor).await;
            }
        }
        Ok(())
    }
}

landing::export!(Example);
