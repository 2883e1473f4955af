//! `host build`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::allow::{Offer, Review};
use crate::authoring::run_build;
use crate::config::{Asks, Component, Configuration, Configured, Flags, compiled_store};
use crate::error::{Error, Kind};
use crate::files;
use engine::{Manifest, Package};
use rules::name::check_name;
use rules::text;

/// Build an extractor of its sources, and check that this program can run it
///
/// It runs the command that stands under `[build]` in `extractor.toml`, makes a component of what comes out, and puts the
/// manifest into it.
#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    /// The folder with the sources and `extractor.toml`
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The configuration file, to say what is not granted yet [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

pub(super) fn execute(arguments: &BuildArgs) -> Result<ExitCode, Error> {
    let folder = &arguments.folder;
    let source = folder.join("extractor.toml");
    let text = super::pack::read(&source, "`host new NAME` makes a folder with an extractor in it")?;
    let unusable = |reason: &dyn std::fmt::Display| {
        Error::usage(format!("cannot build {}: {reason}", source.display())).hint(super::pack::MANIFEST_HINT)
    };
    let text = String::from_utf8(text).map_err(|error| unusable(&error))?;
    let manifest = engine::manifest(&text).map_err(|error| unusable(&error))?;
    let name = checked_name(&manifest, &source).map_err(|reason| unusable(&reason))?;
    Asks::of(&manifest, &name).map_err(|reason| unusable(&reason))?;
    let (made, bytes) = run_build(folder, &source, &manifest.build)?;
    let failed = |reason: &dyn std::fmt::Display| {
        Error::new(Kind::Failed, format!("what the build made cannot be run: {}: {reason}", made.display()))
    };
    let packed = engine::pack(&bytes, &text).map_err(|error| failed(&error))?;
    let file = format!("{name}.wasm");
    let output = if folder == Path::new(".") { PathBuf::from(file) } else { folder.join(file) };
    let size = packed.bytes.len() as u64;
    let package = Package::of(packed.bytes.clone()).map_err(|error| failed(&error))?;
    let (digest, store) = (package.digest, compiled_store(|name| std::env::var_os(name)));
    let fits = package.link(store.as_deref());
    fits.map_err(|error| {
        failed(&error).wrapped().hint("`host wit` prints the interface that it has to be built with")
    })?;
    let component = Component { path: &output, digest, manifest: &packed.manifest };
    let flags = Flags { config: arguments.config.clone(), ..Flags::default() };
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let configured = Configured::resolve(&flags, &configuration, component)?;
    let mut said = Review::new(component, &configured, &Offer::default())?.text();
    files::replace(&output, &packed.bytes).map_err(|error| files::unwritten("cannot write", &output, &error))?;
    let size = text::counted(size, "byte");
    said.push_str(&format!("{}: {size}, and it fits this host\n", output.display()));
    super::print(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// The name that the component goes by, which names its file as well.
fn checked_name(manifest: &Manifest, source: &Path) -> Result<String, String> {
    let name = manifest.name.clone().ok_or_else(|| format!("{} has no `name`", source.display()))?;
    check_name(&name).map_err(|error| error.to_string())?;
    Ok(name)
}
