//! What makes a crate an extractor: the trait, and the macro that exports it and embeds its manifest.

use crate::Error;

/// An extractor: what one run does.
///
/// A whole extractor is a `cdylib` crate with an `extractor.toml` beside its `Cargo.toml` and this:
///
/// ```
/// use landing::{Context, Error, Extractor, Request, Slot, Source, concurrent, params, run};
///
/// struct Prices;
///
/// impl Extractor for Prices {
///     async fn extract() -> Result<(), Error> {
///         let base = params::required("base_url")?;
///         let prices = Source::open("prices")?;
///         let cities = ["berlin", "madrid", "wien"];
///         let landed = concurrent(4, cities, async |city| {
///             let request = Request::get(&format!("{base}/{city}.csv"));
///             prices.mirror(request, Slot::new("csv")).await.context(city)
///         });
///         for receipt in landing::all(landed.await)? {
///             landing::info!("{} holds {} bytes", receipt.path, receipt.size);
///         }
///         run::checkpoint(&run::today().to_string()).await;
///         Ok(())
///     }
/// }
///
/// landing::export!(Prices);
/// ```
///
/// and this manifest, which tells the operator what the extractor asks for:
///
/// ```toml
/// name = "prices"
/// version = "0.1.0"
/// description = "Court prices of three cities"
/// http = ["https://prices.example"]
/// sources = ["prices"]
///
/// [param.base_url]
/// help = "Where the price lists are"
/// default = "https://prices.example/lists"
/// ```
#[allow(async_fn_in_trait, reason = "a guest has one thread, so no bound on the future is missing")]
pub trait Extractor {
    /// Do one run. An error's text becomes the run's error message; files that landed before it stay.
    async fn extract() -> Result<(), Error>;
}

impl<T: Extractor> crate::bindings::exports::landing::extractor::entry::Guest for T {
    async fn extract() -> Result<(), String> {
        <T as Extractor>::extract().await.map_err(|error| error.to_string())
    }
}

/// Export a type that implements [`Extractor`](crate::Extractor), and embed the crate's `extractor.toml`.
///
/// The manifest becomes the module's custom section `landing:manifest`, so that a `.wasm` alone says what it asks for.
/// Use it once in a crate; see [`Extractor`](crate::Extractor) for a whole extractor.
#[macro_export]
macro_rules! export {
    ($extractor:ident) => {
        $crate::bindings::export!($extractor with_types_in $crate::bindings);

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            const TEXT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/extractor.toml"));

            #[unsafe(link_section = "landing:manifest")]
            static MANIFEST: [u8; TEXT.len()] = *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/extractor.toml"));
        };
    };
}
