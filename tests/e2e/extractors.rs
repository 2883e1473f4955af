//! The extractors of real sources below `guests`, each built in a copy of its folder as an author does it, and run on
//! its own cases.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::{Environment, Origin, Reply, python};
use serde_json::Value;

use crate::authors::{host, npm_installed, ran};
use crate::environment;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Copy a directory without what tools make in it; where a link leads to a file, the copy is a file.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let made = ["target", "node_modules", "build", ".venv"].contains(&name) || name.ends_with(".wasm");
        match path.is_dir() {
            _ if made => {}
            true => copy(&path, &to.join(name)),
            false => drop(fs::copy(&path, to.join(name)).expect("a copy")),
        }
    }
}

/// A copy of the folder of an extractor, and of the interface, at the place that it has in the repository.
fn folder(environment: &Environment, name: &str) -> PathBuf {
    copy(&repository().join("wit"), &environment.path().join("wit"));
    let folder = environment.path().join("guests").join(name);
    copy(&repository().join("guests").join(name), &folder);
    folder
}

/// It can be built, and all its cases are as expected.
fn passes(environment: &Environment, folder: &Path, programs: Option<&Path>) {
    let path = folder.display().to_string();
    let built = ran(&mut host(environment, programs, &["build", &path])).exits(0);
    assert!(built.stdout.contains("and it fits this host"), "{built:?}");
    let mut tested = host(environment, programs, &["test"]);
    let tested = ran(tested.current_dir(folder)).exits(0);
    let cases = fs::read_dir(folder.join("cases")).expect("cases").count();
    assert!(cases > 1, "{path}");
    assert!(tested.stdout.ends_with(&format!("\n{cases} cases, all as expected\n")), "{}", tested.stdout);
}

#[test]
fn a_schedule_is_unpacked_once() {
    let environment = environment();
    let folder = folder(&environment, "gtfs");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let sdk = repository().join("guests/sdk").display().to_string();
    fs::write(folder.join("Cargo.toml"), manifest.replace("../sdk", &sdk)).expect("a manifest");
    passes(&environment, &folder, None);

    let recorded = fs::read(folder.join("cases/a-schedule/exchanges.har")).expect("a recording");
    let recorded: Value = serde_json::from_slice(&recorded).expect("JSON");
    let zip = &recorded["log"]["entries"][0]["response"]["content"]["text"];
    let zip = BASE64_STANDARD.decode(zip.as_str().expect("a text")).expect("a zip");
    let origin = Origin::start();
    origin.route("/MBTA_GTFS.zip", Reply::new(zip).etag("\"one\""));
    let map = format!("https://cdn.mbta.com={}", origin.grant());
    let landing = environment.landing().display().to_string();
    let run = || {
        let run = ["run", "guests/gtfs/gtfs.wasm", "--json", "--landing", &landing];
        let answered = ["--allow-http", "https://cdn.mbta.com", "--map", &map];
        let report = environment.host(run.into_iter().chain(answered)).exits(0).json();
        ["files_written", "files_skipped"].map(|count| report[count].as_u64().expect("a number"))
    };
    assert_eq!(run(), [7, 0]);
    assert_eq!(run(), [0, 7]);
    assert_eq!(origin.asked().last().and_then(|asked| asked.header("if-none-match")), Some("\"one\""));
    // One of its files is lost: it is made again, and the others are there.
    let stops = environment.paths().into_iter().find(|path| path.ends_with(".stops.csv.gz")).expect("the stops");
    fs::remove_file(environment.landing().join(stops)).expect("a file");
    assert_eq!(run(), [1, 6]);
}

#[test]
fn rates_are_loaded_month_by_month() {
    let Some(programs) = python::programs() else { return };
    let environment = environment();
    let folder = folder(&environment, "ecb-rates");
    passes(&environment, &folder, Some(&programs));
}

#[test]
fn releases_are_read_page_by_page() {
    let environment = environment();
    let folder = folder(&environment, "github-releases");
    if npm_installed(&folder) {
        // The build asks the host for the interface.
        passes(&environment, &folder, Path::new(env!("CARGO_BIN_EXE_host")).parent());
    }
}
