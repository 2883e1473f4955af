//! Components of every language that was tried, as their tools made them: what runs once runs for ever.

use std::path::{Path, PathBuf};

use harness::{Origin, Reply};

use crate::environment;

const CSV: &str = "city,courts\nMalaga,41\n";

/// The components made for this version of the contract.
fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/0.2.0/guests");
    let entries = std::fs::read_dir(folder).expect("the components").map(|entry| entry.expect("an entry").path());
    let mut components: Vec<PathBuf> = entries.filter(|path| path.extension() == Some("wasm".as_ref())).collect();
    components.sort();
    components
}

#[test]
fn components_of_every_language_run() {
    let components = kept();
    assert!(components.len() >= 4, "{components:?}");
    for component in components {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/courts.csv", Reply::new(CSV).etag("\"one\""));
        let language = component.file_stem().expect("a name").to_string_lossy().into_owned();
        let url = format!("url={}", origin.url("/courts.csv"));
        let component = component.display().to_string();
        let run = || environment.host(["run", &component, "--json", "--allow-http", &origin.grant(), "--param", &url]);
        assert_eq!(run().exits(0).json()["files_written"], 2, "{language}");
        let mut landed: Vec<Vec<u8>> = environment.landed().into_values().collect();
        landed.sort();
        let made = format!("made by {language}: {} bytes\n", CSV.len());
        assert_eq!(landed, [CSV.as_bytes(), made.as_bytes()], "{language}");
        assert_eq!(run().exits(0).json()["files_skipped"], 2, "{language}");
        // What goes wrong arrives in words.
        let refused = environment.host(["run", &component, "--param", &url]).exits(77);
        refused.says("the egress policy refuses it: ").says("is not granted");
    }
}
