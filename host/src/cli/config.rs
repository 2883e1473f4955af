//! `host config`.

mod check;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use engine::Package;
use serde_json::json;

use crate::config::{Configuration, Provenance, SCHEMA, Setting};
use crate::error::Error;
use crate::shipping;
use rules::text;

/// Show what is in force, and where each value came from
///
/// The first of these files that is there counts, and none is merged with another: the one that `--config` or HOST_CONFIG
/// names, host.toml in the working directory, ~/.config/host/host.toml, /etc/host/host.toml. The page "host.toml" of the
/// book has every key.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ConfigArgs {
    /// Only what holds for this extractor
    extractor: Option<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Check(check::CheckArgs),
    /// Print the JSON Schema of the configuration file
    Schema,
}

pub(super) fn execute(arguments: &ConfigArgs) -> Result<ExitCode, Error> {
    match &arguments.what {
        Some(What::Check(arguments)) => return check::execute(arguments),
        Some(What::Schema) => return super::print(SCHEMA).map(|()| ExitCode::SUCCESS),
        None => {}
    }
    let configuration = Configuration::read(arguments.config.as_deref())?;
    // So that all that can be wrong with it is told.
    for name in configuration.all() {
        configuration.notifications(name)?;
    }
    let manifest = |path: &std::path::Path| {
        let package = match shipping::reference(path) {
            Some(reference) => shipping::cached(&configuration, &reference.ok()?),
            None => Package::read(path).ok(),
        };
        package.map(|package| package.manifest)
    };
    let settings = configuration.settings(arguments.extractor.as_deref(), manifest)?;
    let file = configuration.exists().then_some(&configuration.path);
    match arguments.json {
        true => super::print(&format!("{}\n", json!({ "file": file, "settings": settings })))?,
        false => {
            let mut text = match file {
                Some(path) => format!("the configuration is {}\n", path.display()),
                None => "there is no configuration file\n".to_owned(),
            };
            text.push_str(&table(&settings));
            super::print(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A paragraph for all, and one for each extractor. The host's own defaults, which hold for each, come once.
fn table(settings: &[Setting]) -> String {
    let is_default = |setting: &&Setting| setting.from == Provenance::Default && setting.extractor.is_some();
    let (defaults, said): (Vec<&Setting>, Vec<&Setting>) = settings.iter().partition(is_default);
    let width = settings.iter().map(|setting| setting.key.chars().count()).max().unwrap_or_default();
    let (mut out, mut whose) = (String::new(), &None);
    for setting in said {
        if setting.extractor != *whose {
            whose = &setting.extractor;
            let _ = writeln!(out, "\n{}", text::line(whose.as_deref().unwrap_or_default()));
        }
        let value = text::line(&setting.value.to_string());
        let _ = writeln!(out, "  {:width$}  {value}  # {}", text::line(&setting.key), words(&setting.from));
    }
    let mut seen = BTreeSet::new();
    let mut once = defaults.into_iter().filter(|setting| seen.insert(&setting.key)).peekable();
    if once.peek().is_some() {
        out.push_str("\nunless said otherwise\n");
    }
    for setting in once {
        let _ = writeln!(out, "  {:width$}  {}", setting.key, setting.value);
    }
    out
}

fn words(from: &Provenance) -> String {
    match from {
        Provenance::Environment(name) => format!("the variable {name}"),
        Provenance::File(line) => format!("line {line}"),
        Provenance::Defaults(line) => format!("line {line}, for all"),
        Provenance::Manifest => "its manifest".into(),
        Provenance::Default => "default".into(),
    }
}
