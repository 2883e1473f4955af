//! `host pack`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Asks;
use crate::error::Error;
use crate::files;
use engine::Packed;
use rules::name::check_name;
use rules::text;

/// What to look up where a manifest is refused.
pub(super) const MANIFEST_HINT: &str = "host/book/src/manifest.md shows what extractor.toml may say";

/// Put a manifest into a component that another tool made
///
/// A manifest that was put in so is replaced; one that its build put in, as Rust's does, stays the only one. Of a core module a component is made first. What a toolchain without
/// `async` built against `host wit --world sync` is made to fit.
#[derive(Debug, clap::Args)]
pub(super) struct PackArgs {
    /// The extractor: a WebAssembly component, or a core module
    component: PathBuf,
    /// The manifest
    #[arg(long, value_name = "FILE", default_value = "extractor.toml")]
    manifest: PathBuf,
    /// Where to write the component with its manifest [default: over the component]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn execute(arguments: &PackArgs) -> Result<ExitCode, Error> {
    let PackArgs { component: path, manifest: source, output } = arguments;
    let bytes = read(path, "check the path")?;
    let text = read(source, "`--manifest FILE` names another")?;
    let refused = |reason: String| {
        Error::usage(format!("cannot pack {} into {}: {reason}", source.display(), path.display())).hint(MANIFEST_HINT)
    };
    let text = String::from_utf8(text).map_err(|error| refused(error.to_string()))?;
    let Packed { bytes: packed, manifest, .. } =
        engine::pack(&bytes, &text).map_err(|error| refused(error.to_string()))?;
    let name = manifest.name.clone().unwrap_or_default();
    if manifest.name.is_some() {
        check_name(&name).map_err(|error| refused(error.to_string()))?;
    }
    Asks::of(&manifest, &name).map_err(refused)?;
    let output = output.as_ref().unwrap_or(path);
    files::replace(output, &packed).map_err(|error| files::unwritten("cannot write", output, &error))?;
    let size = text::counted(packed.len() as u64, "byte");
    super::print(&format!("{}: {size}, with its manifest\n", output.display()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn read(path: &Path, hint: &str) -> Result<Vec<u8>, Error> {
    #[expect(clippy::disallowed_methods, reason = "the author's files, not the landing zone's")]
    std::fs::read(path).map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())).hint(hint))
}
