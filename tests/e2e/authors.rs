//! What an author does, in an empty folder and with nothing but `host` and the language's own tools: a new folder, a
//! component of it, a run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, component, python, skip};

use crate::environment;

const CSV: &str = "city,courts\nMalaga,41\n";
const FIRST: &str = "{\"items\":[1,2],\"next\":\"page two\"}";
const SECOND: &str = "{\"items\":[3],\"next\":null}";

/// The file and the API that every template expects.
fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/prices.csv", Reply::new(CSV).etag("\"one\""));
    origin.route("/items", Reply::new(FIRST));
    origin.route_query("/items", "after=page two", Reply::new(SECOND));
    origin
}

/// `host` with arguments and this in `PATH`, in front of what is there.
pub(crate) fn host(environment: &Environment, programs: Option<&Path>, arguments: &[&str]) -> Command {
    let mut command = environment.command(arguments);
    if let Some(programs) = programs {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(all).expect("a path"));
    }
    // What the tools of a language keep, they keep in its home.
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    Ran::new(command.output().expect("the program"))
}

/// Whether npm has put the tools of a folder into it; where it cannot, that is told. In CI it has to.
pub(crate) fn npm_installed(folder: &Path) -> bool {
    let installed =
        Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(folder).output();
    let installed = installed.is_ok_and(|output| output.status.success());
    if !installed {
        skip::missing("npm cannot install the tools of TypeScript");
    }
    installed
}

/// A folder for that language lands a file and both pages, and the second run goes on behind them.
fn lands(environment: &Environment, language: &str, programs: Option<&Path>) {
    let origin = origin();
    let arguments = ["new", "prices", "--lang", language];
    ran(&mut host(environment, programs, &arguments)).exits(0);
    land_what_is_made(environment, programs, &origin);
}

fn land_what_is_made(environment: &Environment, programs: Option<&Path>, origin: &Origin) {
    let built = ran(&mut host(environment, programs, &["build", "prices"])).exits(0);
    assert!(built.stdout.contains("prices/prices.wasm: "), "{built:?}");
    assert!(built.stdout.contains("and it fits this host"), "{built:?}");
    let mut tested = host(environment, programs, &["test"]);
    let tested = ran(tested.current_dir(environment.path().join("prices"))).exits(0);
    assert_eq!(tested.stdout, "passed   first\n1 case, all as expected\n");
    let base = format!("base_url={}", origin.grant());
    let grant = origin.grant();
    let run = || environment.host(["run", "prices/prices.wasm", "--json", "--allow-http", &grant, "--param", &base]);
    let report = run().exits(0).json();
    assert_eq!((&report["files_written"], &report["cursor"]), (&3.into(), &"page two".into()));
    let mut landed: Vec<Vec<u8>> = environment.landed().into_values().collect();
    landed.sort();
    assert_eq!(landed, [CSV, FIRST, SECOND].map(|content| content.as_bytes().to_vec()));
    let report = run().exits(0).json();
    assert_eq!((&report["files_written"], &report["files_skipped"]), (&0.into(), &2.into()));
    // Without its parameter it fails in words.
    let failed = environment.host(["run", "prices/prices.wasm", "--allow-http", &origin.grant()]).exits(1);
    failed.says("the parameter `base_url` is not set: give it by `--param base_url=VALUE`");
    // What the server answers is told.
    origin.route("/prices.csv", Reply::status(404));
    run().exits(1).says("/prices.csv: ").says("404");
}

#[test]
fn a_new_folder_in_rust_builds_and_lands() {
    let environment = environment();
    lands(&environment, "rust", None);
    // The SDK as it would be published does as well as the one that `host` writes.
    let published = published_sdk(environment.path());
    let given = environment.path().join("prices/landing-sdk");
    for part in ["src", "wit"] {
        assert_eq!(files(&published.join(part)), files(&given.join(part)), "{part}");
    }
    std::fs::remove_dir_all(&given).expect("the SDK");
    std::fs::rename(&published, &given).expect("the SDK");
    ran(&mut host(&environment, None, &["build", "prices"])).exits(0);
}

/// The crate of the SDK, unpacked, as a registry would have it.
fn published_sdk(directory: &Path) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = directory.join("package");
    let mut package = Command::new("cargo");
    package.args([
        "package",
        "--quiet",
        "--no-verify",
        "--allow-dirty",
        "--offline",
        "-p",
        "landing-sdk",
        "--target-dir",
    ]);
    let packaged = package.arg(&target).current_dir(repository).output().expect("cargo");
    assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
    let target = target.join("package");
    let entries = std::fs::read_dir(&target).expect("a directory").map(|entry| entry.expect("an entry").path());
    let made = entries.into_iter().find(|path| path.extension() == Some("crate".as_ref())).expect("a crate");
    let unpacked = Command::new("tar").arg("xzf").arg(&made).current_dir(&target).status().expect("tar");
    assert!(unpacked.success());
    made.with_extension("")
}

/// The files of a directory, with their content.
fn files(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("a file"))).collect()
}

#[test]
fn a_new_folder_in_python_builds_and_lands() {
    let Some(programs) = python::programs() else { return };
    lands(&environment(), "python", Some(&programs));
}

#[test]
fn a_new_folder_in_typescript_builds_and_lands() {
    let (environment, origin) = (environment(), origin());
    environment.host(["new", "prices", "--lang", "typescript"]).exits(0);
    if npm_installed(&environment.path().join("prices")) {
        land_what_is_made(&environment, None, &origin);
    }
}

#[test]
fn a_new_folder_in_go_builds_and_lands() {
    let Some(programs) = python::go() else { return };
    lands(&environment(), "go", Some(&programs));
}

#[test]
fn a_folder_is_never_made_over_another() {
    let environment = environment();
    environment.host(["new", "prices"]).exits(0);
    let before = std::fs::read(environment.path().join("prices/extractor.toml")).expect("a manifest");
    environment
        .host(["new", "prices", "--lang", "python"])
        .exits(2)
        .says("error: prices is there already, and is no empty folder");
    assert_eq!(std::fs::read(environment.path().join("prices/extractor.toml")).expect("a manifest"), before);
    for name in ["Prices", "../prices", "a/b", "nul", ""] {
        environment.host(["new", name]).exits(2);
    }
    assert_eq!(std::fs::read_dir(environment.path()).expect("a directory").count(), 1);
}

#[test]
fn a_build_that_cannot_be_leaves_nothing() {
    let environment = environment();
    environment.host(["build", "nothing"]).exits(2).says("cannot read nothing/extractor.toml").says("`host new NAME`");
    environment.host(["new", "prices"]).exits(0);
    let mut command = environment.command(["build", "prices"]);
    command.env("PATH", "/nonexistent");
    ran(&mut command).exits(2).says("the build needs `cargo`, which is not in PATH").says("hint: https://rustup.rs");
    let build = |lines: &str, expected: &str, code: i32| {
        environment.write("prices/extractor.toml", format!("name = \"prices\"\n{lines}"));
        environment.host(["build", "prices"]).exits(code).says(expected);
        assert!(!environment.path().join("prices/prices.wasm").exists(), "{lines}");
    };
    build("", "does not say how it is built", 2);
    build("[build]\ncomand = \"true\"", "there is no key `build.comand`", 2);
    build("[build]\ncommand = \"exit 4\"\nfile = \"x\"", "the build failed: `exit 4`: exit status: 4", 1);
    build("[build]\ncommand = \"true\"\nfile = \"x\"", "made no prices/x", 1);
    build("[build]\ncommand = \"echo > x\"\nfile = \"x\"", "prices/x: it is no WebAssembly component", 1);
    let misfit = component::of_wit(&component::contract_with("now: func() -> u64;", "now: func() -> u32;"));
    environment.write("prices/misfit", misfit);
    build("[build]\ncommand = \"true\"\nfile = \"misfit\"", "`landing:extractor/run.now`", 1);
    environment.write("prices/misfit", b"\0asm\x01\0\0\0");
    build("[build]\ncommand = \"true\"\nfile = \"misfit\"", "no component can be made of this core module", 1);
}

/// With a compiler that has no standard library for the target, cargo has many words, and the last ones are ours.
#[test]
fn a_target_of_rust_that_is_not_installed_is_named() {
    let environment = environment();
    environment.host(["new", "prices"]).exits(0);
    let programs = environment.path().join("programs");
    std::fs::create_dir(&programs).expect("a directory");
    let program = |name: &str, lines: &str| {
        let path = programs.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    };
    program("cargo", "echo 'error[E0463]: cannot find crate for core' >&2; exit 101");
    let library = environment.path().join("lib");
    program(
        "rustc",
        &format!("[ \"$*\" = '--print target-libdir --target wasm32-unknown-unknown' ] && echo {}", library.display()),
    );
    let build = || ran(&mut host(&environment, Some(&programs), &["build", "prices"])).exits(1);
    let told = build().says("E0463");
    let sentence = "error: the build needs Rust's standard library for wasm32-unknown-unknown, which is not installed\n\
                    hint: `rustup target add wasm32-unknown-unknown`, in prices\n";
    assert!(told.stderr.ends_with(sentence), "{}", told.stderr);
    // Where it is there, something else went wrong.
    std::fs::create_dir(&library).expect("a directory");
    let told = build().says("error: the build failed: `cargo build");
    assert!(!told.stderr.contains("rustup"), "{}", told.stderr);
}

#[test]
fn the_interface_is_printed() {
    let environment = environment();
    assert_eq!(environment.host(["wit"]).exits(0).stdout, component::CONTRACT);
    environment.host(["wit", "--world", "sync", "--output", "sync.wit"]).exits(0);
    let text = std::fs::read_to_string(environment.path().join("sync.wit")).expect("a file");
    assert!(text.contains("mirror: func(request: request, slot: slot)"), "{text}");
}

/// A component of the sync rendering is refused as it is, and fits once it is packed, its types alone changed.
#[test]
fn what_was_built_without_async_fits_once_it_is_packed() {
    let environment = environment();
    let text = environment.host(["wit", "--world", "sync"]).exits(0).stdout;
    let component = component::of_wit(&text);
    let path = environment.write("sync.wasm", &component).display().to_string();
    environment.host(["run", &path]).exits(2).says("it is not async, and async here");
    environment.write("extractor.toml", "");
    environment.host(["pack", "sync.wasm", "--output", "packed.wasm"]).exits(0);
    // It fits, and gives up where a module that was made up does.
    environment.host(["run", "packed.wasm"]).exits(3).says("it gave up by itself");
    let packed = std::fs::read(environment.path().join("packed.wasm")).expect("a component");
    let changed = component.iter().zip(&packed).filter(|(before, after)| before != after);
    let changed: Vec<(u8, u8)> = changed.map(|(before, after)| (*before, *after)).collect();
    assert!(changed.iter().all(|change| *change == (0x40, 0x43)), "{changed:?}");
    assert!(changed.len() > 10, "{changed:?}");
    // What fits already is left alone.
    environment.host(["pack", "packed.wasm"]).exits(0);
    assert_eq!(std::fs::read(environment.path().join("packed.wasm")).expect("a component"), packed);
}

#[test]
fn a_core_module_becomes_a_component() {
    let environment = environment();
    let world = component::World::new(component::CONTRACT);
    let module = world.module(wit_parser::ManglingAndAbi::Standard32);
    environment.write("core.wasm", module);
    environment.write("extractor.toml", "name = \"core\"\n");
    environment.host(["run", "core.wasm"]).exits(2).says("hint: `host pack` makes a component of it");
    environment.host(["pack", "core.wasm", "--output", "whole.wasm"]).exits(0);
    environment.host(["run", "whole.wasm"]).exits(3).says("it gave up by itself");
}
