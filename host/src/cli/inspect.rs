//! `host inspect`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::allow::{Offer, Review};
use crate::config::{Component, Configuration, Configured, Flags, compiled_store};
use crate::error::Error;
use engine::{ImportedInterface, Manifest, Param, SecretAsk};
use rules::budget::Budget;
use rules::text;

/// Longest help and default of a parameter that are shown, in characters.
const MAX_SAID: usize = 200;

/// Show what a component is and asks for, and what its grant covers, without running it
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// The extractor: a WebAssembly component, a reference such as oci://HOST/NAME:TAG, or a name of the configuration
    #[arg(value_name = "EXTRACTOR")]
    extractor: String,
    /// The extractor's identity [default: the component's own name, else its file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &InspectArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let named = configuration.extractor(&arguments.extractor, arguments.name.as_deref())?;
    let path = &named.component;
    let package = super::opened("inspect", &configuration, path)?;
    let flags = Flags { name: named.name.clone(), config: arguments.config.clone(), ..Flags::default() };
    let component_manifest = package.manifest.clone();
    let component = Component { path, digest: package.digest, manifest: &component_manifest };
    let configured = Configured::resolve(&flags, &configuration, component)?;
    let store = compiled_store(|name| std::env::var_os(name));
    let size = package.size();
    let (imports, misfit) = match package.imports(store.as_deref()) {
        Ok((imports, misfit)) => (Some(imports), misfit),
        Err(error) => (None, Some(error)),
    };
    let misfit = misfit.map(|error| error.to_string());
    if arguments.json {
        let object = json!({
            "path": path.display().to_string(),
            "sha256": component.digest,
            "size": size,
            "manifest": manifest(&component_manifest),
            "imports": imports.as_ref().map(|imports| imports.iter().map(imported).collect::<Vec<_>>()),
            "misfit": misfit,
            "grant": grant(component, &configured),
        });
        super::print(&format!("{object}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let review = Review::new(component, &configured, &Offer::default())?;
    let mut text = review.text();
    for (name, param) in &component_manifest.params {
        let default = param.default.as_ref().map(|default| format!(", by default {}", text::saying(default, MAX_SAID)));
        let help = text::saying(&param.help, MAX_SAID);
        line(&mut text, &format!("  takes the parameter `{name}`: {help}{}", default.unwrap_or_default()));
    }
    for (key, expected) in component_manifest.expect.said() {
        line(&mut text, &format!("  expects of its contents: `{key}` {}", text::saying(&expected, MAX_SAID)));
    }
    line(&mut text, &format!("It has {}, and imports", text::counted(size as u64, "byte")));
    for ImportedInterface { name, functions } in imports.iter().flatten() {
        let functions = if functions.is_empty() { "types only".to_owned() } else { functions.join(", ") };
        line(&mut text, &format!("    {}: {}", text::line(name), text::line(&functions)));
    }
    if let Some(misfit) = misfit {
        line(&mut text, &format!("It cannot be run: {misfit}"));
    }
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn line(text: &mut String, line: &str) {
    text.push_str(&text::wrapped(line));
    text.push('\n');
}

fn imported(import: &ImportedInterface) -> Value {
    json!({ "name": import.name, "functions": import.functions })
}

/// What the manifest says; nothing where there is none.
fn manifest(manifest: &Manifest) -> Value {
    if !manifest.declared {
        return Value::Null;
    }
    let secret = |(name, secret): (&String, &SecretAsk)| {
        (
            name.clone(),
            json!({ "help": secret.help, "as": secret.place, "origins": secret.origins, "optional": secret.optional }),
        )
    };
    let param =
        |(name, param): (&String, &Param)| (name.clone(), json!({ "help": param.help, "default": param.default }));
    let budget = |budget: Budget| Some((budget.name().to_owned(), json!(manifest.budget.said(budget)?)));
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "authors": manifest.authors,
        "license": manifest.license,
        "homepage": manifest.homepage,
        "http": manifest.http,
        "sources": manifest.sources,
        "secrets": manifest.secrets.iter().map(secret).collect::<serde_json::Map<_, _>>(),
        "params": manifest.params.iter().map(param).collect::<serde_json::Map<_, _>>(),
        "budget": Budget::ALL.into_iter().filter_map(budget).collect::<serde_json::Map<_, _>>(),
        "expect": manifest.expect.said().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "unknown": manifest.unknown,
    })
}

/// What is granted to it, and what it asks for beyond that.
fn grant(component: Component<'_>, configured: &Configured) -> Value {
    let granted = &configured.granted;
    let private = granted.http.iter().filter(|origin| origin.is_private());
    json!({
        "name": configured.name,
        "file": configured.file.display().to_string(),
        "sha256": granted.sha256,
        "fits": configured.fits(component.digest),
        "http": granted.http.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "private": private.map(ToString::to_string).collect::<Vec<_>>(),
        "sources": granted.sources,
        "secrets": granted.secrets.keys().collect::<Vec<_>>(),
        "missing": configured.missing(),
    })
}
