//! Mirrors a file, and follows an API page by page.

use landing::{Context, Error, Extractor, Request, Slot, Source, params, run, url};

struct Example;

impl Extractor for Example {
    async fn extract() -> Result<(), Error> {
        let base = params::required("base_url")?;
        let source = Source::own()?;

        // A file: the host fetches it, and lands it if it is new. It never enters the sandbox.
        let file = format!("{base}/prices.csv");
        let receipt = source.mirror(Request::get(&file), Slot::new("csv")).await.context(&file)?;
        landing::info!("{} holds {} bytes", receipt.path, receipt.size);

        follow(&source, &format!("{base}/items")).await
    }
}

/// Land the pages of an API whose answers name the next one: `{"items": [...], "next": "a-cursor"}`.
async fn follow(source: &Source, items: &str) -> Result<(), Error> {
    // What the newest checkpoint kept: a run goes on where the last one ended.
    let mut cursor = run::cursor();
    loop {
        let page = match &cursor {
            Some(cursor) => url::with_query(items, "after", cursor),
            None => items.to_owned(),
        };
        let body = Request::get(&page).send().await?.successful().context(&page)?.into_bytes().await?;
        let answer: serde_json::Value = serde_json::from_slice(&body).context(&page)?;
        source.land_bytes(body, Slot::new("json")).await.context(&page)?;
        let Some(next) = answer["next"].as_str() else { return Ok(()) };
        run::checkpoint(next).await;
        cursor = Some(next.to_owned());
    }
}

landing::export!(Example);
