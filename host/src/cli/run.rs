//! `host run`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::allow::{agreed, somebody_is_there};
use crate::allow::{Offer, Review};
use crate::config::{self, Component, Configured, Flags, Plan, compiled_store};
use crate::console::{Console, LogFormat, Verbosity};
use crate::error::{Error, Kind};
use crate::run::{self, Observers};
use crate::timings::Timings;
use engine::{LoadError, Package};

/// Run an extractor once
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The extractor: a WebAssembly component
    component: PathBuf,
    #[command(flatten)]
    pub(super) flags: Flags,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// How the log on standard error is written; as JSON, an object with time, level, extractor and message a line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// Tell on standard error where the time went
    #[arg(long)]
    timings: bool,
    /// Show what the extractor tells and each file; twice, each request as well
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
}

pub(super) fn execute(arguments: &RunArgs) -> Result<ExitCode, Error> {
    let timings = Arc::new(Timings::default());
    let path = &arguments.component;
    let unusable = |error: LoadError| super::unusable("run", path, &error);
    let package = Package::read(path).map_err(unusable)?;
    let component = Component { path, digest: package.digest, manifest: &package.manifest };
    timings.step("read the component");
    ask_first(arguments, component)?;
    let plan = Plan::resolve(&arguments.flags, component)?;
    timings.step("resolve the configuration");
    let linked = package.link(compiled_store(|name| std::env::var_os(name)).as_deref()).map_err(unusable)?;
    timings.step("load or compile its code");
    let console = Console::new(Verbosity::from(arguments.verbose)).of(&plan.name, arguments.log_format);
    let console = Arc::new(console.without_secrets(&plan.redactor));
    let observers =
        Observers { console: Arc::clone(&console), timings: Arc::clone(&timings), all_receipts: arguments.json };
    let report = run::execute(plan, linked, &observers);
    console.finish();
    let report = report?;
    if arguments.timings {
        let _ = std::io::stderr().write_all(timings.text().as_bytes());
    }
    match arguments.json {
        true => super::print_with(|output| report.write_json(output))?,
        false => super::print(&report.text())?,
    }
    let went_on = report.previews.is_none() && (report.counters.files_written > 0 || report.cursor.is_some());
    let Some(failure) = report.failure else { return Ok(ExitCode::SUCCESS) };
    let mut error = Error::new(failure.kind, failure.message);
    if failure.hints.is_empty() && failure.kind == Kind::Failed && went_on {
        error = error.hint("what landed stays; the next run goes on from there");
    }
    Err(failure.hints.into_iter().fold(error, Error::hint))
}

/// Where a person is there, offer to grant what a component that nobody ever looked at asks for.
fn ask_first(arguments: &RunArgs, component: Component<'_>) -> Result<(), Error> {
    if arguments.json || !somebody_is_there() {
        return Ok(());
    }
    let configured = Configured::resolve(&arguments.flags, component)?;
    if !configured.is_unknown() {
        return Ok(());
    }
    let review = Review::new(component, &configured, &Offer::default())?;
    if review.addition.is_empty() {
        return Ok(());
    }
    if !agreed(&review, &configured)? {
        return Err(Error::new(Kind::NotGranted, "nothing was granted"));
    }
    config::record(&configured.file, &configured.name, &review.addition)?;
    // Not the run's result, so not for standard output.
    let _ = writeln!(std::io::stderr(), "granted to {} in {}", configured.name, configured.file.display());
    Ok(())
}
