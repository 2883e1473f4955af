//! `host config check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::super::{opened, print, unusable};
use crate::batch;
use crate::config::{Component, Configuration, Flags, Named, Plan, compiled_store};
use crate::error::{Error, Kind};
use crate::landing::Landing;
use rules::text;

/// Find what a run that starts now would refuse, and run nothing
///
/// Of each extractor: that its component is there and fits, what it is granted, its parameters, that its secrets can be read,
/// where it lands,
/// and whom `[notify]` tells. Sources, proxies and stores are not asked, and nothing is made. Components of a registry are got, as a run gets them.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Extractors [default: all that the configuration names]
    #[arg(value_name = "EXTRACTOR")]
    extractors: Vec<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// The landing directory, or a place in an object store [default: what the configuration says, or data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    landing: Option<PathBuf>,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &CheckArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let named = match &arguments.extractors[..] {
        [] => configuration.meant().into_iter().map(str::to_owned).collect(),
        named => named.to_vec(),
    };
    if named.is_empty() {
        return Err(Error::usage("there is no extractor to check")
            .hint("`component = \"FILE.wasm\"` under [extractor.NAME] in host.toml makes one; or name a component"));
    }
    let checked: Vec<_> = named.iter().map(|word| (word, check(arguments, &configuration, word).err())).collect();
    match arguments.json {
        true => print(&format!(
            "{}\n",
            checked.iter().map(|(word, error)| as_json(word, error.as_ref())).collect::<Value>()
        ))?,
        false => print(&checked.iter().map(|(word, error)| as_text(word, error.as_ref())).collect::<String>())?,
    }
    let codes = checked.iter().map(|(_, error)| error.as_ref().map_or(0, |error| error.kind.exit_code()));
    Ok(ExitCode::from(batch::heaviest(codes)))
}

/// All that comes before a run.
fn check(arguments: &CheckArgs, configuration: &Configuration, word: &str) -> Result<(), Error> {
    let Named { name, component: path } = configuration.extractor(word, None)?;
    let (config, landing) = (arguments.config.clone(), arguments.landing.clone());
    let flags = Flags { name, config, landing, ..Flags::default() };
    let package = opened("run", configuration, &path)?;
    let component = Component { path: &path, digest: package.digest, manifest: &package.manifest };
    let plan = Plan::resolve(&flags, configuration, component)?;
    configuration.notifications(&plan.name)?;
    let store = compiled_store(|name| std::env::var_os(name));
    package.link(store.as_deref()).map_err(|error| unusable("run", &path, &error))?;
    match &plan.landing {
        Landing::Directory(path) => can_be(path),
        Landing::Store(_) => Ok(()),
    }
}

/// Refuse a landing directory that is something else, or cannot be made.
fn can_be(landing: &Path) -> Result<(), Error> {
    let nearest = landing.ancestors().find(|path| path.exists() || path.is_symlink());
    match nearest.filter(|path| !path.as_os_str().is_empty() && !path.is_dir()) {
        Some(other) => Err(Error::new(
            Kind::Failed,
            format!("{} cannot be a landing directory: {} is none", landing.display(), other.display()),
        )
        .hint("`--landing DIR` or LANDING_DIR says where it is")),
        None => Ok(()),
    }
}

fn as_text(word: &str, error: Option<&Error>) -> String {
    let shown = text::line(word);
    match error {
        None => format!("{shown}: nothing wrong\n"),
        Some(error) => format!("{shown}: {error}\n"),
    }
}

fn as_json(word: &str, error: Option<&Error>) -> Value {
    json!({
        "extractor": word,
        "exit_code": error.map_or(0, |error| error.kind.exit_code()),
        "error": error.map(Error::message),
        "hints": error.map_or(&[][..], Error::hints),
    })
}
