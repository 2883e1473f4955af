//! Finds a compiler that has a standard library for WebAssembly, or gets one.
//!
//! The standard library comes from one of three places: it is installed beside the current compiler, rustup adds it
//! there, or Debian's packages bring a compiler together with the library's source, from which cargo builds it. What is
//! on the machine goes before what has to be downloaded.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process;

/// The target of all guests.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What Debian calls the compiler, the source of its library, and the linker.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-22"];
/// Where Debian's compiler is.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Asking a compiler about itself: rustup may have to look around first.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// Some 20 MB on a line that works. Without a network rustup may wait for ever.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);
/// Some 250 MB from a mirror of Debian.
const APT_LIMIT: Duration = Duration::from_secs(900);

/// A compiler for guests, and how it comes by its standard library.
pub(crate) struct Toolchain {
    rustc: OsString,
    library: Library,
}

enum Library {
    /// It is installed.
    Installed,
    /// Cargo builds it, and this linker links.
    Source { linker: PathBuf },
}

impl Toolchain {
    /// Will cargo have to build the standard library?
    pub(crate) fn builds_std(&self) -> bool {
        matches!(self.library, Library::Source { .. })
    }

    /// Have this cargo command use the toolchain.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.env("RUSTC", &self.rustc);
        if let Library::Source { linker } = &self.library {
            command.args(["-Z", "build-std=std,panic_abort"]);
            // A stable compiler takes `-Z` only so. It is the way that distributions build with their own compiler.
            command.env("RUSTC_BOOTSTRAP", "1");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Path::new(&self.rustc).display())
    }
}

/// A toolchain for guests; or an error that says what was tried, what is missing, and how to get it.
pub(crate) fn find() -> Result<Toolchain> {
    let current = || installed(&env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let mut tried = Vec::new();
    let mut attempt = |outcome: Result<Toolchain, String>| outcome.map_err(|reason| tried.push(reason)).ok();
    let found = attempt(current())
        .or_else(|| attempt(debian()))
        .or_else(|| attempt(add_by_rustup().and_then(|()| current())))
        .or_else(|| attempt(add_by_apt().and_then(|()| debian())));
    match found {
        Some(toolchain) => Ok(toolchain),
        None => bail!(
            "the guests need Rust's standard library for {TARGET}, and this machine has none:\n  - {}\n\
             Get it in one of two ways:\n  rustup target add {TARGET}\n  \
             sudo apt-get install --no-install-recommends {}",
            tried.join("\n  - "),
            PACKAGES.join(" ")
        ),
    }
}

/// A compiler that has the library installed.
fn installed(rustc: &OsString) -> Result<Toolchain, String> {
    let sysroot = sysroot(rustc)?;
    if library(&sysroot).is_none() {
        return Err(format!("{} has no {TARGET} installed", sysroot.display()));
    }
    Ok(Toolchain { rustc: rustc.clone(), library: Library::Installed })
}

/// Is the library itself there, and not only its directory, which an interrupted installation leaves behind?
fn library(sysroot: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(sysroot.join("lib/rustlib").join(TARGET).join("lib")).ok()?;
    let mut paths = files.flatten().map(|file| file.path());
    paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libstd-")))
}

/// Debian's compiler, with the library installed or its source and a linker beside it.
fn debian() -> Result<Toolchain, String> {
    let rustc = OsString::from(DEBIAN_RUSTC);
    if !Path::new(&rustc).exists() {
        return Err(format!("the Debian packages {} are not installed", PACKAGES.join(", ")));
    }
    let about = process::output(Command::new(&rustc).arg("-vV"), ASK_LIMIT)?;
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    if version(&about, "release:").is_none_or(|release| Some(release) < numbers(wanted)) {
        return Err(format!("{DEBIAN_RUSTC} is older than Rust {wanted}"));
    }
    if let Ok(toolchain) = installed(&rustc) {
        return Ok(toolchain);
    }
    let source = sysroot(&rustc)?.join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if !source.exists() {
        return Err(format!("{DEBIAN_RUSTC} has no source of the standard library ({} brings it)", PACKAGES[1]));
    }
    // A linker of another LLVM than the compiler's may not read what it writes.
    let Some((major, _)) = version(&about, "LLVM version:") else {
        return Err(format!("{DEBIAN_RUSTC} does not say which LLVM it is built on"));
    };
    let linker = PathBuf::from(format!("/usr/bin/wasm-ld-{major}"));
    if !linker.exists() {
        return Err(format!("{} is missing (the Debian package lld-{major} brings it)", linker.display()));
    }
    Ok(Toolchain { rustc, library: Library::Source { linker } })
}

fn add_by_rustup() -> Result<(), String> {
    let seconds = RUSTUP_LIMIT.as_secs();
    process::output(Command::new("rustup").arg("--version"), ASK_LIMIT)?;
    eprintln!("builder: rustup target add {TARGET} (for up to {seconds} s)");
    process::output(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT).map(drop)
}

fn add_by_apt() -> Result<(), String> {
    // The owner of a process's own directory is the user that it acts as.
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return Err("apt-get was not tried, since it needs root".to_owned());
    }
    process::output(Command::new("apt-get").arg("--version"), ASK_LIMIT)?;
    eprintln!("builder: apt-get install {}", PACKAGES.join(" "));
    let mut update = Command::new("apt-get");
    process::output(update.arg("update"), APT_LIMIT)?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(PACKAGES);
    process::output(install.env("DEBIAN_FRONTEND", "noninteractive"), APT_LIMIT).map(drop)
}

fn sysroot(rustc: &OsString) -> Result<PathBuf, String> {
    let path = process::output(Command::new(rustc).args(["--print", "sysroot"]), ASK_LIMIT)?;
    Ok(PathBuf::from(path.trim()))
}

/// The first two numbers of the version behind that label of `rustc -vV`.
fn version(about: &str, label: &str) -> Option<(u32, u32)> {
    about.lines().find_map(|line| line.strip_prefix(label)).and_then(numbers)
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let minor = minor.split(|character: char| !character.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let about = "rustc 1.96.0 (ac68faa20 2026-05-25)\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(version(about, "release:"), Some((1, 96)));
        assert_eq!(version(about, "LLVM version:"), Some((22, 1)));
        assert_eq!(version(about, "host:"), None);
        for (text, expected) in [("1.95", Some((1, 95))), ("1.97-nightly", Some((1, 97))), ("22", None), ("a.b", None)]
        {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }
}
