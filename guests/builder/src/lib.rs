//! Builds guests into `guests/NAME.wasm`: the only place that knows how.
//!
//! A guest is compiled to a core module for `wasm32-unknown-unknown`, which knows no WASI, and the module is wrapped
//! into a component. What is up to date is left alone and costs a fraction of a second.
//!
//! - `toolchain` finds a compiler with a standard library for WebAssembly, or gets one;
//! - `cargo` compiles modules with it, sealed off from the environment of a cargo outside;
//! - `component` makes components of modules, and checks that they are what a host takes.
#![allow(clippy::disallowed_methods, reason = "a build tool works on files and processes, and is no part of the host")]

mod cargo;
mod component;
mod process;
mod toolchain;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The guests that are for use.
pub const DEFAULT: [&str; 2] = ["padelnomics", "mirror"];
/// All guests: those for use, and `probe`, which is for the tests of the host.
pub const ALL: [&str; 3] = ["padelnomics", "mirror", "probe"];

/// Build these guests, and give the paths of their components, in the order of the names.
///
/// It may be called from several processes at the same time: one builds, the others wait. What takes long is announced
/// on stderr; where nothing has changed it is quiet.
pub fn build(names: &[&str]) -> Result<Vec<PathBuf>> {
    for name in names {
        ensure!(ALL.contains(name), "there is no guest `{name}`; there are {}", ALL.join(", "));
    }
    let workspace = workspace()?;
    let target = target(&workspace);
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let _lock = lock(&target.join(".builder.lock"))?;

    let toolchain = toolchain::find()?;
    cargo::compile(&workspace, &target, &toolchain, names)?;
    names
        .iter()
        .map(|name| {
            let component = component::of_module(&cargo::module(&target, name))?;
            let path = workspace.join("guests").join(format!("{name}.wasm"));
            if component::write(&path, &component)? {
                eprintln!("builder: guests/{name}.wasm, {} kB", component.len() / 1000);
            }
            Ok(path)
        })
        .collect()
}

/// The workspace that this crate was built in.
fn workspace() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).context("the builder is not in guests/builder of a workspace")?;
    ensure!(workspace.join("wit").is_dir(), "{} is no longer the workspace of the guests", workspace.display());
    Ok(workspace.to_owned())
}

/// Where the guests are compiled: below the target directory, apart from what the cargo outside locks.
fn target(workspace: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => workspace.join(target).join("guests"),
        None => workspace.join("target/guests"),
    }
}

/// The lock lasts as long as the file that it gives.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
