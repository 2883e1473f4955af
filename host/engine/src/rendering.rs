//! The contract for toolchains that know no `async`: the same names and types, without what needs streams and futures.
//!
//! Pure over text.

use super::fit::CONTRACT;

/// Functions and types that have no meaning without streams and futures.
const LEFT_OUT: [&str; 3] = ["type verdict = ", "body: static func", "land-stream: async func"];
/// What is said in front of it.
const PREFACE: &str = "\
// The contract for toolchains without `async`: every call waits until it is done, and what needs streams is left out.
// `host pack` makes what is built against this fit the contract itself.

";

/// The contract without `async`, and without what streams or futures go through.
///
/// It goes by lines: each function of the contract is on one line, with its documentation above.
pub fn sync_contract() -> String {
    let mut rendering = String::from(PREFACE);
    let mut documentation = Vec::new();
    for line in CONTRACT.lines() {
        let code = line.trim_start();
        if code.starts_with("///") {
            documentation.push(line);
            continue;
        }
        let documented = std::mem::take(&mut documentation);
        if LEFT_OUT.iter().any(|start| code.starts_with(start)) {
            continue;
        }
        let line = line.replace("async func", "func").replace(" verdict,", "");
        for line in documented.into_iter().chain([line.as_str()]) {
            rendering.push_str(line);
            rendering.push('\n');
        }
    }
    without_double_blanks(&rendering)
}

/// A function that is left out leaves the blank line in front of it, and the one behind it.
fn without_double_blanks(text: &str) -> String {
    let mut kept = text.to_owned();
    while kept.contains("\n\n\n") {
        kept = kept.replace("\n\n\n", "\n\n");
    }
    kept
}

#[cfg(test)]
mod tests {
    use wit_parser::{FunctionKind, Resolve};

    use super::*;

    fn functions(text: &str) -> Vec<(String, bool)> {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("extractor.wit", text).expect(text);
        resolve.select_world(&[package], Some("extractor")).expect("the world");
        let interfaces = resolve.interfaces.iter();
        let named = interfaces.flat_map(|(_, interface)| {
            let path = interface.name.clone().unwrap_or_default();
            interface.functions.values().map(move |function| {
                use FunctionKind::{AsyncFreestanding, AsyncMethod, AsyncStatic};
                let waits = matches!(function.kind, AsyncFreestanding | AsyncMethod(_) | AsyncStatic(_));
                (format!("{path}.{}", super::super::fit::plain(&function.name)), waits)
            })
        });
        named.collect()
    }

    #[test]
    fn it_is_the_contract_without_what_needs_streams() {
        let rendering = sync_contract();
        let (whole, left) = (functions(CONTRACT), functions(&rendering));
        assert!(left.iter().all(|(_, waits)| !waits), "{left:?}");
        let gone: Vec<&str> = whole
            .iter()
            .filter(|(name, _)| !left.iter().any(|(other, _)| other == name))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(gone, ["http.response.body", "zone.derivation.land-stream", "zone.source.land-stream"]);
        let code = rendering.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!["async", "stream<", "future<", "verdict"].iter().any(|word| line.contains(word)), "{line}");
        }
        assert!(!rendering.contains("\n\n\n"));
    }
}
