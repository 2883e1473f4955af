//! The helpers of each language as a package: built, installed into a folder that has nothing of them, and used there by
//! what the book says of zips.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Environment, Origin, Reply, python, skip};
use serde_json::Value;

use crate::authors::{host, npm_installed, ran};
use crate::book::block;
use crate::extractors::{copy, repository};
use crate::{environment, unpack};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A new folder for that language, without cases, and with a parameter for a zip. The first of these changes are made in
/// its manifest.
fn folder(environment: &Environment, language: &str, changes: &[(&str, &str)]) -> PathBuf {
    environment.host(["new", "prices", "--lang", language]).exits(0);
    let folder = environment.path().join("prices");
    fs::remove_dir_all(folder.join("cases")).expect("the cases");
    change(&folder.join("extractor.toml"), &[&[("[param.base_url]", "[param.url]")], changes].concat());
    folder
}

/// Put others in the place of texts that are in a file.
#[track_caller]
fn change(path: &Path, changes: &[(&str, &str)]) {
    let mut text = fs::read_to_string(path).expect("a file");
    for (from, to) in changes {
        assert!(text.contains(from), "{}: {from}", path.display());
        text = text.replace(from, to);
    }
    fs::write(path, text).expect("a file");
}

/// The command succeeds; where it cannot, that is told. In CI it has to.
fn can(command: &mut Command) -> bool {
    let done = command.output().map_err(|error| error.to_string()).and_then(|output| match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    });
    if let Err(reason) = &done {
        skip::missing(format_args!("{command:?}: {reason}"));
    }
    done.is_ok()
}

/// It is built, and lands the tables of a zip and nothing else.
fn lands_the_tables_of_a_zip(environment: &Environment, programs: Option<&Path>) {
    ran(&mut host(environment, programs, &["build", "prices"])).exits(0);
    let origin = Origin::start();
    let tables = [&b"city,courts\nMalaga,41\n"[..], &b"city,courts\nMadrid,112\n".repeat(10_000)];
    let zip = unpack::zip(&[("a.csv", tables[0]), ("read.me", b"no table\n"), ("more/b.csv", tables[1])]);
    origin.route("/tables.zip", Reply::new(zip));
    origin.route("/none.zip", Reply::new("<html>"));
    let run = |path: &str| {
        let url = format!("url={}", origin.url(path));
        environment.host(["run", "prices/prices.wasm", "--json", "--allow-http", &origin.grant(), "--param", &url])
    };
    assert_eq!(run("/tables.zip").exits(0).json()["files_written"], 2);
    let mut landed: Vec<Vec<u8>> = environment.landed().into_values().collect();
    landed.sort_by_key(Vec::len);
    assert_eq!(landed, tables);
    run("/none.zip").exits(1);
    assert_eq!(environment.landed().len(), 2);
}

#[test]
fn the_helpers_of_python_are_a_wheel() {
    let Some(programs) = python::programs() else { return };
    let environment = environment();
    let folder = folder(
        &environment,
        "python",
        &[("--wit-path wit ", ""), ("componentize app", "componentize app -p . -p site")],
    );
    let (dist, site) = (environment.path().join("dist"), folder.join("site"));
    let mut wheel = Command::new(programs.join("pip"));
    wheel.args(["wheel", "--quiet", "--no-deps", "--wheel-dir"]).arg(&dist);
    if !can(wheel.arg(repository().join("guests/sdk-python"))) {
        return;
    }
    let wheel = dist.join(format!("landing_sdk-{VERSION}-py3-none-any.whl"));
    let mut install = Command::new(programs.join("pip"));
    install.args(["install", "--quiet", "--no-deps", "--no-index", "--target"]).arg(&site).arg(wheel);
    assert!(install.status().expect("pip").success());
    // It is what `host new` writes, and neither the helpers nor the interface have to be there as well.
    for (installed, written) in [("__init__.py", "landing.py"), ("wit/extractor.wit", "wit/extractor.wit")] {
        let installed = fs::read(site.join("landing").join(installed)).expect("a file");
        assert!(installed == fs::read(folder.join(written)).expect("a file"), "{written}");
        fs::remove_file(folder.join(written)).expect("a file");
    }
    fs::write(folder.join("app.py"), block("host/book/src/author-python.md", "python", "import zipfile"))
        .expect("a file");
    lands_the_tables_of_a_zip(&environment, Some(&programs));
}

#[test]
fn the_helpers_of_typescript_are_a_package_of_npm() {
    let environment = environment();
    let folder = folder(&environment, "typescript", &[]);
    // Its source is at the place that it has in the repository.
    for part in ["guests/sdk-typescript", "host/templates/typescript"] {
        copy(&repository().join(part), &environment.path().join(part));
    }
    let package = environment.path().join("guests/sdk-typescript");
    if !can(Command::new("npm").args(["pack", "--silent"]).current_dir(&package)) {
        return;
    }
    let tarball = package.join(format!("landing-sdk-{VERSION}.tgz"));
    let path = folder.join("package.json");
    let mut named: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    named["dependencies"]["landing-sdk"] = format!("file:{}", tarball.display()).into();
    named["dependencies"]["fflate"] = "0.8.3".into();
    fs::write(&path, named.to_string()).expect("a file");
    if !npm_installed(&folder) {
        return;
    }
    for file in ["landing.ts", "wit.d.ts"] {
        let installed = fs::read(folder.join("node_modules/landing-sdk").join(file)).expect("a file");
        let written = fs::read(folder.join("src").join(file)).expect("a file");
        assert!(installed.ends_with(&written), "{file}");
        fs::remove_file(folder.join("src").join(file)).expect("a file");
    }
    let code =
        block("host/book/src/author-typescript.md", "ts", "unzipSync").replace("\"./landing\"", "\"landing-sdk\"");
    fs::write(folder.join("src/extractor.ts"), code).expect("a file");
    lands_the_tables_of_a_zip(&environment, None);
}

#[test]
fn the_helpers_of_go_are_a_module() {
    let Some(programs) = python::go() else { return };
    let environment = environment();
    let folder = folder(&environment, "go", &[]);
    fs::rename(folder.join("landing-sdk"), environment.path().join("landing-sdk")).expect("the module");
    let replaced = block("host/book/src/author-go.md", "text", "replace landing-sdk");
    fs::write(folder.join("go.mod"), format!("module prices\n\ngo 1.24\n\n{replaced}")).expect("a file");
    fs::write(folder.join("extractor.go"), block("host/book/src/author-go.md", "go", "archive/zip")).expect("a file");
    lands_the_tables_of_a_zip(&environment, Some(&programs));
}
