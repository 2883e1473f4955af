//! Files out of other people's packages: vectors and lists that are better fetched than copied.
//!
//! What cargo has is simply there. What comes from npm is fetched once, and tests of it are skipped where it cannot be
//! had; in CI it has to be.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The directory of a crate that this workspace is built with: where cargo unpacked the version that `Cargo.lock` names.
/// `cargo metadata` would want the packages of every other platform as well, which nothing has downloaded.
pub fn of_cargo(name: &str) -> PathBuf {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(&lock).expect("Cargo.lock");
    let entry = format!("name = \"{name}\"\nversion = \"");
    let rest = lock.split_once(&entry).unwrap_or_else(|| panic!("the workspace is built without {name}")).1;
    unpacked(name, rest.split('"').next().unwrap_or_default()).unwrap_or_else(|reason| panic!("{reason}"))
}

/// Where cargo unpacked a version of a crate.
pub(crate) fn unpacked(name: &str, version: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).ok_or("no cargo home")?;
    let sources = home.join("registry/src");
    let registries = fs::read_dir(&sources).map_err(|error| format!("cannot read {}: {error}", sources.display()))?;
    let mut unpacked = registries.flatten().map(|registry| registry.path().join(format!("{name}-{version}")));
    unpacked.find(|path| path.is_dir()).ok_or_else(|| format!("cargo has not unpacked {name} {version}"))
}

/// The directory of a package of npm, of exactly this version; `None`, with the reason printed, where it cannot be had.
pub fn of_npm(name: &str, version: &str) -> Option<PathBuf> {
    match fetched(name, version) {
        Ok(directory) => Some(directory),
        Err(reason) => {
            crate::skip::missing(format_args!("{name}: {reason}"));
            None
        }
    }
}

fn fetched(name: &str, version: &str) -> Result<PathBuf, String> {
    prepared(name, version, |directory| {
        let package = format!("{name}@{version}");
        run(Command::new("npm").args(["pack", "--silent", &package]).current_dir(directory))?;
        run(Command::new("tar").args(["xzf", &format!("{name}-{version}.tgz")]).current_dir(directory))
    })
    .map(|directory| directory.join("package"))
}

/// The directory that a package of npm is installed in, of exactly this version, with all that it needs; the reason,
/// where it cannot be had.
pub(crate) fn installed_by_npm(name: &str, version: &str) -> Result<PathBuf, String> {
    prepared(name, version, |directory| {
        let package = format!("{name}@{version}");
        let flags = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."];
        run(Command::new("npm").args(flags).arg(&package).current_dir(directory))
    })
    .map(|directory| directory.join("node_modules").join(name))
}

/// A directory for a package, made once.
fn prepared(
    name: &str,
    version: &str,
    prepare: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/tmp/npm/{name}-{version}"));
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    // Test processes may run at the same time; one of them fetches.
    let lock = File::create(directory.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let done = directory.join("done");
    if !done.exists() {
        prepare(&directory)?;
        fs::write(done, "").map_err(|error| error.to_string())?;
    }
    Ok(directory)
}

/// What a module of JavaScript exports; npm runs on the program that reads it.
pub fn exported(module: &Path) -> Value {
    let print = "process.stdout.write(JSON.stringify(require(process.argv[1])))";
    run(Command::new("node").args(["-e", print]).arg(module))
        .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
        .unwrap_or_else(|reason| panic!("{reason}"))
}

/// What a program prints; the reason, where it fails.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
