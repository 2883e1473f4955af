//! What `bindgen!` makes of the contract, and nothing else. It cannot name a future, so it is given a rendering in which
//! the contract's one name for one is spelt out.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

wasmtime::component::bindgen!({
    path: "wit",
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
        "landing:extractor/zone.derivation": crate::draft::Made,
    },
});

#[cfg(test)]
mod tests {
    use crate::fit::CONTRACT;

    #[test]
    fn the_rendering_is_the_contract() {
        let alias = "    /// Says at the end of a body whether that was all of it.\n    type verdict = future<result<_, error>>;\n\n";
        assert!(CONTRACT.contains(alias));
        let text = CONTRACT.replace(alias, "").replace("response, verdict, error", "response, error");
        let (http, zone) = text.split_once("interface zone {").expect("two interfaces");
        let http = http.replace("stream<u8>, verdict>", "stream<u8>, future<result<_, error>>>");
        let zone = zone.replace("whole: verdict", "whole: future<result<_, http-error>>");
        assert_eq!([&http, "interface zone {", &zone].concat(), include_str!("../wit/extractor.wit"));
    }
}
