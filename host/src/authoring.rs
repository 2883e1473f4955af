//! What authors of extractors need: a folder to start from, and the way from sources to a component.
//!
//! It works in the author's folder, and knows neither the landing zone nor the configuration.
#![expect(clippy::disallowed_methods, reason = "the author's files, not the landing zone's")]

mod folder;
mod making;
mod templates;

pub use folder::make;
pub use making::run_build;
pub use templates::Language;
