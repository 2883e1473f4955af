//! What `bindgen!` makes of `wit/extractor.wit`, and nothing else.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "extractor",
    imports: {
        "landing:extractor/http.[static]response.body": store | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "landing:extractor/http.request": crate::draft::Draft,
        "landing:extractor/http.response": crate::draft::Answer,
        "landing:extractor/zone.source": crate::services::OpenSource,
    },
});
