//! `host run`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::component::{LoadError, ManifestError, Package};
use crate::config::{Flags, Plan, compiled_store};
use crate::console::{Console, Verbosity};
use crate::error::{Error, Kind};
use crate::run;

/// Run an extractor once
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The extractor: a WebAssembly component
    component: PathBuf,
    #[command(flatten)]
    flags: Flags,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Show what the extractor tells and each file; twice, each request as well
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
}

pub(super) fn execute(arguments: &RunArgs) -> Result<ExitCode, Error> {
    let path = &arguments.component;
    let unusable = |error: LoadError| {
        let hint = hint(&error);
        Error::usage(format!("cannot run {}: {error}", path.display())).hint(hint)
    };
    let package = Package::read(path).map_err(unusable)?;
    let plan = Plan::resolve(&arguments.flags, path, &package.manifest)?;
    let linked = package.link(compiled_store(|name| std::env::var_os(name)).as_deref()).map_err(unusable)?;
    let console = Arc::new(Console::new(Verbosity::from(arguments.verbose)));
    let report = run::execute(plan, linked, &console);
    console.finish();
    let report = report?;
    match arguments.json {
        true => super::print(&(report.json() + "\n"))?,
        false => super::print(&report.text())?,
    }
    let went_on = report.counters.files_written > 0 || report.cursor.is_some();
    let Some(failure) = report.failure else { return Ok(ExitCode::SUCCESS) };
    let error = Error::new(failure.kind, failure.message);
    Err(match failure.hint {
        Some(hint) => error.hint(hint),
        None if failure.kind == Kind::Failed && went_on => {
            error.hint("what landed stays; the next run goes on from there")
        }
        None => error,
    })
}

fn hint(error: &LoadError) -> &'static str {
    match error {
        LoadError::Unreadable(_) => "check the path; `cargo guests` builds the extractors of this repository",
        LoadError::Manifest(ManifestError::CoreModule) => {
            "`cargo guests PATH` makes a component of a crate; `wasm-tools component new` of any module"
        }
        LoadError::Misfit(_) => "build it against the interface in wit/extractor.wit of this version of host",
        _ => "host runs WebAssembly components that export `extract` of wit/extractor.wit",
    }
}
