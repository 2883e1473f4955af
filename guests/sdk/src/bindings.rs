//! The contract as Rust: what `wit-bindgen` makes of `wit/`, and nothing else.
//!
//! Three WIT types are written by hand in this crate, so that they can have a `Display` and an order of their own.
#![allow(missing_docs, unreachable_pub, reason = "generated code")]

wit_bindgen::generate!({
    path: "wit",
    world: "extractor",
    pub_export_macro: true,
    default_bindings_module: "landing::bindings",
    with: {
        "landing:extractor/http@0.2.0/error": crate::http::Error,
        "landing:extractor/zone@0.2.0/error": crate::zone::Error,
        "landing:extractor/zone@0.2.0/date": crate::date::Date,
    },
});
