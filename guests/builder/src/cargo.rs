//! Compiles guests to core modules by cargo. It knows nothing of components.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::toolchain::{TARGET, Toolchain};

/// The profile of the workspace that guests are built with.
const PROFILE: &str = "guest";
/// What cargo calls the flags of the compiler, and what separates them.
const FLAGS: (&str, &str) = ("CARGO_ENCODED_RUSTFLAGS", "\x1f");
/// The user's own settings of cargo, which hold for guests too.
const KEPT: [&str; 7] =
    ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_", "CARGO_TERM_"];

/// Compile these packages of the workspace into the target directory. Cargo's errors go to stderr.
pub(crate) fn compile(workspace: &Path, target: &Path, toolchain: &Toolchain, names: &[&str]) -> Result<()> {
    if !directory(target).exists() {
        let what = if toolchain.builds_std() { "the standard library and the guests" } else { "the guests" };
        eprintln!("builder: compiling {what} for WebAssembly by {toolchain}; the first time takes a while");
    }
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    seal(&mut command);
    command.current_dir(workspace).args(["build", "--quiet", "--target", TARGET, "--profile", PROFILE]);
    command.arg("--target-dir").arg(target);
    for name in names {
        command.args(["--package", name]);
    }
    command.env(FLAGS.0, flags(workspace).join(FLAGS.1));
    toolchain.apply(&mut command);
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "cargo could not compile {}", names.join(", "));
    Ok(())
}

/// Where the module of that package is, once compiled.
pub(crate) fn module(target: &Path, name: &str) -> PathBuf {
    directory(target).join(format!("{}.wasm", name.replace('-', "_")))
}

fn directory(target: &Path) -> PathBuf {
    target.join(TARGET).join(PROFILE)
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
fn flags(workspace: &Path) -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(workspace, ".")];
    flags.extend(home.map(|home| remap(&home.join("registry/src"), "crates")));
    flags
}
