//! The Rust SDK for extractors: the trait to implement, the macro that exports it, and the contract's three
//! interfaces as Rust modules. It knows `wit/` and nothing of the host.
//!
//! - [`Extractor`] and [`export!`] make a crate an extractor; the trait's page has a whole one.
//! - [`http`], [`zone`] and [`run`] are the contract: requests, the landing zone, the run in progress.
//! - [`Error`], [`Context`] and [`all`] are for failing well; [`params`] reads what the operator set.
//! - [`Pages`] follows an API page by page, [`Lines`] cuts a body into lines or records of CSV as it arrives, and
//!   [`until_ready`] asks again where the answer is "not yet".
//! - `Gunzip` and `Unzip`, with the feature `unpack`, unpack a body as it arrives, in the memory of a piece.
//! - [`Date`] and [`Month`] are the calendar; [`concurrent`] does several things at once; [`url`] builds queries.

#[cfg(feature = "unpack")]
mod archive;
mod calendar;
mod concurrent;
#[cfg(feature = "unpack")]
mod entry;
mod error;
mod export;
#[cfg(feature = "unpack")]
mod gunzip;
#[cfg(feature = "unpack")]
mod inflate;
mod later;
mod lines;
mod log;
mod pages;
#[cfg(feature = "unpack")]
mod unzip;

pub mod date;
pub mod http;
pub mod params;
pub mod run;
pub mod url;
pub mod zone;

#[doc(hidden)]
pub mod bindings;

pub use concurrent::concurrent;
pub use date::{Date, DateError, Month};
pub use error::{Context, Error, all};
pub use export::Extractor;
#[cfg(feature = "unpack")]
pub use gunzip::Gunzip;
pub use http::{Request, Response, fetch};
pub use later::until_ready;
pub use lines::Lines;
pub use pages::{Page, Pages};
pub use run::Window;
#[cfg(feature = "unpack")]
pub use unzip::Unzip;
pub use wit_bindgen::{FutureReader, StreamReader};
pub use zone::{Content, Derivation, Outcome, Receipt, Slot, Source};
