//! `host add`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::adding;
use crate::config::Asks;
use crate::error::Error;
use crate::files;
use crate::program;
use engine::Package;
use rules::name::check_name;
use rules::text;

/// Make an extractor of a declarative manifest
///
/// The manifest is one of Airbyte's low-code sources (YAML, `type: DeclarativeSource`), or the short form in TOML. What it asks
/// for is derived from it: origins, secrets, sources and parameters. What cannot be carried out is refused, with its place in
/// the file. Schemas are read from files below the manifest's directory.
#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// The extractor's name
    name: String,
    /// The manifest
    #[arg(value_name = "FILE.yaml|FILE.toml")]
    manifest: PathBuf,
    /// Where to write the extractor [default: NAME.wasm]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The component that carries out manifests [default: the rest.wasm that came with the program]
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

pub(super) fn execute(arguments: &AddArgs) -> Result<ExitCode, Error> {
    let AddArgs { name, manifest: path, output, component } = arguments;
    check_name(name).map_err(|error| Error::usage(error).hint("a name is that of a source, too: `github-issues`"))?;
    let output = output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")));
    check_output(&output)?;
    let manifest = adding::read(path)?;
    let component = adding::component(component.as_deref())?;
    let packed = adding::make(name, path, &manifest, &component)?;
    files::replace(&output, &packed.bytes).map_err(|error| files::unwritten("cannot write", &output, &error))?;
    let asks = Asks::of(&packed.manifest, name).map_err(Error::usage)?;
    let size = text::counted(packed.bytes.len() as u64, "byte");
    let shown = output.display();
    let streams = packed.manifest.description.as_deref().unwrap_or_default();
    let mut said = format!("{shown}: {streams} ({size})\n");
    if !asks.secrets.is_empty() {
        let names: Vec<&str> = asks.secrets.keys().map(String::as_str).collect();
        said.push_str(&format!("secrets: {}\n", names.join(", ")));
    }
    said.push_str(&program::typed(&format!("next: `host inspect {shown}`, then `host allow {shown}`\n")));
    super::print(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// Refuse to write over what is no component.
fn check_output(path: &Path) -> Result<(), Error> {
    match path.exists() && Package::read(path).is_err() {
        true => Err(Error::usage(format!("{} is there already, and is no extractor", path.display()))
            .hint("name another file with `--output FILE`")),
        false => Ok(()),
    }
}
