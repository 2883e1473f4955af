//! The check for macOS: everything is compiled for it up to the linker, and nothing is run. It takes the compiler for C
//! that PyPI has, and the standard library that rustup has.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python;

/// The target, and what the compiler for C calls it. Nothing here differs on the other kind of processor.
const TARGET: &str = "aarch64-apple-darwin";
const NAME: &str = "aarch64-macos";

/// Check all that is built on macOS, tests included; the reason where something is wrong.
pub fn check() -> Result<(), String> {
    let programs = python::zig()?;
    ran("rustup", Command::new("rustup").args(["target", "add", TARGET]))?;
    let compiler = compiler(&programs).map_err(|error| format!("cannot write the compiler: {error}"))?;
    let mut cargo = crate::cargo();
    cargo.args(["check", "--locked", "--all-targets", "--target", TARGET]);
    cargo.env("CC_aarch64_apple_darwin", compiler);
    cargo.env("CARGO_TARGET_AARCH64_APPLE_DARWIN_RUSTFLAGS", "-D warnings");
    // So that nobody asks for Apple's tools, which are not here. The compiler has its own headers.
    ran("cargo check", cargo.env("SDKROOT", "/"))
}

fn ran(name: &str, command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} failed: {status}")),
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}

/// A compiler for C: Zig's, without the words for a target that are Clang's own.
fn compiler(programs: &Path) -> io::Result<OsString> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/macos");
    fs::create_dir_all(&directory)?;
    let directory = directory.canonicalize()?;
    let (path, python): (PathBuf, PathBuf) = (directory.join("cc"), programs.join("python"));
    let text = format!(
        "#!/bin/sh\nfor word; do\n  shift\n  case \"$word\" in\n    --target=* | -mmacosx-version-min=*) ;;\n    \
         *) set -- \"$@\" \"$word\" ;;\n  esac\ndone\nexport ZIG_GLOBAL_CACHE_DIR='{}'\n\
         exec '{}' -m ziglang cc -target {NAME} \"$@\"\n",
        directory.join("cache").display(),
        python.display()
    );
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path.into())
}
