//! Compiles guests to core modules by cargo. It knows nothing of components.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::toolchain::{TARGET, Toolchain};

/// The profile that guests are built with.
const PROFILE: &str = "guest";
/// What that profile is, wherever the guest is. Function names stay in, so that a trap can say where it happened.
const SETTINGS: [&str; 6] =
    ["inherits='release'", "opt-level='s'", "lto=true", "codegen-units=1", "panic='abort'", "strip='debuginfo'"];
/// What cargo calls the flags of the compiler, and what separates them.
const FLAGS: (&str, &str) = ("CARGO_ENCODED_RUSTFLAGS", "\x1f");
/// The user's own settings of cargo, which hold for guests too.
const KEPT: [&str; 7] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_", "CARGO_TERM_"];

/// What cargo says of the packages of the workspace that this directory belongs to.
pub(crate) fn metadata(directory: &Path) -> Result<Value> {
    let mut command = command(directory);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo cannot read {}", directory.join("Cargo.toml").display());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Compile these packages of the workspace into the target directory; `home` is where the SDK is. Cargo's errors go to
/// stderr.
pub(crate) fn compile(
    home: &Path,
    workspace: &Path,
    target: &Path,
    toolchain: &Toolchain,
    packages: &[&str],
) -> Result<()> {
    if !directory(target).exists() {
        let what = if toolchain.builds_std() { "the standard library and the guests" } else { "the guests" };
        eprintln!("builder: compiling {what} for WebAssembly by {toolchain}; the first time takes a while");
    }
    let mut command = command(workspace);
    command.args(["build", "--quiet", "--target", TARGET, "--profile", PROFILE]);
    for setting in SETTINGS {
        command.arg("--config").arg(format!("profile.{PROFILE}.{setting}"));
    }
    command.arg("--target-dir").arg(target);
    for package in packages {
        command.args(["--package", package]);
    }
    command.env(FLAGS.0, flags(home, workspace).join(FLAGS.1));
    toolchain.apply(&mut command);
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "cargo could not compile {}", packages.join(", "));
    Ok(())
}

/// Where the module of that library is, once compiled.
pub(crate) fn module(target: &Path, library: &str) -> PathBuf {
    directory(target).join(format!("{}.wasm", library.replace('-', "_")))
}

fn directory(target: &Path) -> PathBuf {
    target.join(TARGET).join(PROFILE)
}

/// Cargo in that directory, sealed off.
fn command(directory: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    seal(&mut command);
    command.current_dir(directory);
    command
}

/// Take out of the environment what a cargo outside (`cargo run`, `cargo test`) or flags meant for this machine's own
/// programs would bring in.
fn seal(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let cargo = text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept));
        let compiler = text.starts_with("RUSTC") || text.starts_with("RUSTDOC") || text == "RUSTFLAGS";
        if cargo || compiler {
            command.env_remove(&name);
        }
    }
    // It leads to the libraries of the toolchain outside, which may not be the one that is used here.
    command.env_remove("LD_LIBRARY_PATH");
}

/// Flags that keep the paths of this machine out of the modules, so that they are the same wherever they are built.
fn flags(home: &Path, workspace: &Path) -> Vec<String> {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    // Where several match, the last one counts.
    let mut flags = vec![remap(home, "landing"), remap(workspace, ".")];
    flags.extend(cargo.map(|cargo| remap(&cargo.join("registry/src"), "crates")));
    flags
}
