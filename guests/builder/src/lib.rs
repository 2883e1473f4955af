//! Builds guests into components: the only place that knows how. Those of this repository become `guests/NAME.wasm`;
//! any other crate becomes `NAME.wasm` beside its `Cargo.toml`.
//!
//! A guest is compiled to a core module for `wasm32-unknown-unknown`, which knows no WASI, and the module is wrapped
//! into a component. What is up to date is left alone and costs a fraction of a second.
//!
//! - `guest` finds the crate that a name or a path means;
//! - `toolchain` finds a compiler with a standard library for WebAssembly, or gets one;
//! - `cargo` compiles modules with it, sealed off from the environment of a cargo outside;
//! - `component` makes components of modules, and checks that they are what a host takes.
#![allow(clippy::disallowed_methods, reason = "a build tool works on files and processes, and is no part of the host")]

mod cargo;
mod component;
mod guest;
mod process;
mod toolchain;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use guest::Guest;

/// The guests that are for use.
pub const DEFAULT: [&str; 3] = ["padelnomics", "mirror", "rest"];
/// All guests: those for use, and `probe`, which is for the tests of the host.
pub const ALL: [&str; 4] = ["padelnomics", "mirror", "rest", "probe"];

/// Build these guests, each given by its name or by the directory of its crate, and give the paths of their components,
/// in the same order.
///
/// It may be called from several processes at the same time: one builds, the others wait. What takes long is announced
/// on stderr; where nothing has changed it is quiet.
pub fn build(wanted: &[&str]) -> Result<Vec<PathBuf>> {
    let home = home()?;
    let guests = wanted.iter().map(|wanted| Guest::find(&home, wanted)).collect::<Result<Vec<_>>>()?;
    for group in guests.chunk_by(|one, next| one.target == next.target) {
        let Guest { workspace, target, .. } = &group[0];
        fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
        let _lock = lock(&target.join(".builder.lock"))?;
        let toolchain = toolchain::find()?;
        let packages: Vec<&str> = group.iter().map(|guest| guest.package.as_str()).collect();
        cargo::compile(&home, workspace, target, &toolchain, &packages)?;
        for guest in group {
            let component = component::of_module(&cargo::module(target, &guest.library))?;
            component::write(&guest.component, &component)?;
        }
    }
    Ok(guests.into_iter().map(|guest| guest.component).collect())
}

/// The workspace that this crate was built in.
fn home() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).context("the builder is not in guests/builder of a workspace")?;
    ensure!(workspace.join("wit").is_dir(), "{} is no longer the workspace of the guests", workspace.display());
    Ok(workspace.to_owned())
}

/// The lock lasts as long as the file that it gives.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
