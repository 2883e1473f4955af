//! `host run`.

mod several;

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::allow::{agreed, somebody_is_there};
use crate::allow::{Offer, Review};
use crate::config::{self, Component, Configuration, Configured, Flags, Named, Notifications, Plan, compiled_store};
use crate::console::{Console, LogFormat, Verbosity};
use crate::error::{Error, Kind};
use crate::events::{Events, Journal, Reader, Told, Wire};
use crate::landing::Landing;
use crate::run::{self, Observers};
use crate::shards::{self, Order};
use crate::timings::Timings;
use crate::{metrics, notify};
use engine::{Linked, LoadError};

/// Run extractors, once each
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunArgs {
    /// The extractors: WebAssembly components, references such as oci://HOST/NAME:TAG, or names of the configuration
    #[arg(value_name = "EXTRACTOR", required_unless_present_any = ["all", "plan"])]
    extractors: Vec<String>,
    /// Run all extractors that the configuration names
    #[arg(long, conflicts_with = "extractors")]
    all: bool,
    /// Of several extractors, run so many at once [default: as many as there are processors, and 4 at least]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Run one shard of a plan, which `host plan` makes
    #[arg(
        long,
        value_name = "FILE",
        requires = "shard",
        conflicts_with_all = ["extractors", "all", "jobs", "backfill", "only", "name"]
    )]
    plan: Option<PathBuf>,
    /// Which shard of the plan: its number, the first one being 0, or env:NAME for a variable that has it, such as
    /// env:JOB_COMPLETION_INDEX
    #[arg(long, value_name = "N", requires = "plan")]
    shard: Option<String>,
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
    /// Say nothing where all is well
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// The process that runs several extractors, of which this is one.
    #[arg(long, value_name = "PID", hide = true)]
    part_of: Option<i32>,
}

impl RunArgs {
    fn verbosity(&self) -> Verbosity {
        if self.quiet { Verbosity::Quiet } else { Verbosity::from(self.verbose) }
    }
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of extractors; give at least 1"))
}

pub(super) fn execute(arguments: &RunArgs) -> Result<ExitCode, Error> {
    if let (Some(plan), Some(shard)) = (&arguments.plan, &arguments.shard) {
        let Order { extractor, name, backfill, only, params } =
            shards::read(plan, shards::number(shard, |name| std::env::var_os(name))?)?;
        let params = params.into_iter().chain(arguments.flags.params.iter().cloned()).collect();
        let flags = Flags { name, backfill, only, params, ..arguments.flags.clone() };
        return run_one(&RunArgs { flags, ..arguments.clone() }, &extractor);
    }
    match &arguments.extractors[..] {
        [one] if !arguments.all => run_one(arguments, one),
        _ => several::execute(arguments),
    }
}

fn run_one(arguments: &RunArgs, word: &str) -> Result<ExitCode, Error> {
    if let Some(parent) = arguments.part_of {
        several::end_with(parent)?;
    }
    let timings = Arc::new(Timings::default());
    let mut configuration = Configuration::read(arguments.flags.config.as_deref())?;
    let Named { name, component: path } = configuration.extractor(word, arguments.flags.name.as_deref())?;
    let flags = Flags { name, ..arguments.flags.clone() };
    let landing = configuration.landing(flags.landing.as_deref())?;
    let prepared = prepare(arguments, &flags, &mut configuration, &path, &timings);
    let not_started = |error: &Error| tell_refusal(arguments, &flags, &configuration, &landing, error);
    let Prepared { plan, linked, ordinary, notifications } = prepared.inspect_err(not_started)?;
    let verbosity = arguments.verbosity();
    let console = Arc::new(Console::new(verbosity).of(&plan.name, arguments.log_format).counting(&plan.budgets));
    let reader: Arc<dyn Reader> = match arguments.part_of {
        Some(_) => Arc::new(Wire(verbosity.least())),
        None => journal_or(&console, &plan.name, arguments),
    };
    let events = Events::new(&plan.redactor, vec![reader]);
    let observers = Observers { events, timings: Arc::clone(&timings), all_receipts: arguments.json };
    let report = run::execute(plan, linked, &observers);
    if let Ok(report) = &report {
        let untold = notify::of_run(&landing, report, &notifications);
        untold.iter().for_each(|sentence| observers.events.untold(sentence));
    }
    console.finish();
    let report = report.inspect_err(not_started)?;
    if ordinary && arguments.part_of.is_none() {
        renew_metrics(&landing, &configuration);
    }
    if arguments.timings {
        let _ = std::io::stderr().write_all(timings.text().as_bytes());
    }
    match (arguments.part_of, arguments.json) {
        (Some(_), _) => Told::Ended(several::told(&report)?).write(),
        (None, true) => super::print_with(|output| report.write_json(output))?,
        (None, false) if arguments.quiet => {}
        (None, false) => super::print(&report.text())?,
    }
    let went_on = report.previews.is_none() && (report.counters.files_written > 0 || report.cursor.is_some());
    let Some(failure) = report.failure else { return Ok(ExitCode::SUCCESS) };
    let mut error = Error::new(failure.kind, failure.message);
    if failure.hints.is_empty() && failure.kind == Kind::Failed && went_on {
        error = error.hint("what landed stays; the next run goes on from there");
    }
    Err(failure.hints.into_iter().fold(error, Error::hint))
}

/// A run that may begin.
struct Prepared {
    plan: Plan,
    linked: Linked,
    /// Whether it is for data, and no test.
    ordinary: bool,
    notifications: Notifications,
}

/// Find out whatever can be wrong with an order before anything runs.
fn prepare(
    arguments: &RunArgs,
    flags: &Flags,
    configuration: &mut Configuration,
    path: &Path,
    timings: &Timings,
) -> Result<Prepared, Error> {
    let unusable = |error: LoadError| super::unusable("run", path, &error);
    let package = super::opened("run", configuration, path)?;
    let component = Component { path, digest: package.digest, manifest: &package.manifest };
    timings.step("read the component");
    if !arguments.json && somebody_is_there() && ask_first(flags, configuration, component)? {
        *configuration = Configuration::read(flags.config.as_deref())?;
    }
    let plan = Plan::resolve(flags, configuration, component)?;
    timings.step("resolve the configuration");
    let linked = package.link(compiled_store(|name| std::env::var_os(name)).as_deref()).map_err(unusable)?;
    timings.step("load or compile its code");
    let ordinary = !plan.trial.is_one() && !plan.trial.dry_run;
    let notifications = if ordinary { configuration.notifications(&plan.name)? } else { Notifications::default() };
    Ok(Prepared { plan, linked, ordinary, notifications })
}

/// Tell of a configured extractor whose run did not begin. That another run goes on is no failure.
fn tell_refusal(arguments: &RunArgs, flags: &Flags, configuration: &Configuration, landing: &Landing, error: &Error) {
    let named = arguments.flags.name.is_none().then_some(flags.name.as_deref()).flatten();
    let for_tests = flags.dry_run || flags.replay.is_some() || !flags.mapped.is_empty();
    let Some(name) = named.filter(|_| !for_tests && error.kind != Kind::Locked) else { return };
    // What is wrong with those who are to be told is an error of its own, which is said.
    let Ok(notifications) = configuration.notifications(name) else { return };
    for sentence in notify::of_refusal(landing, name, error, &notifications) {
        let _ = writeln!(std::io::stderr(), "warning: {sentence}");
    }
}

/// The journal, where standard error leads there and nobody wants another form; else the console.
fn journal_or(console: &Arc<Console>, extractor: &str, arguments: &RunArgs) -> Arc<dyn Reader> {
    let journal = match arguments.log_format {
        LogFormat::Text => Journal::connect(extractor, arguments.verbosity().least(), Arc::clone(console) as _),
        LogFormat::Json => None,
    };
    journal.map_or_else(|| Arc::clone(console) as _, |journal| Arc::new(journal) as _)
}

/// Renew the file of metrics, where there is one. A run is none the worse where that does not work.
fn renew_metrics(landing: &Landing, configuration: &Configuration) {
    if let Some(path) = configuration.textfile()
        && let Err(error) = metrics::write(landing, configuration, &path)
    {
        let _ = writeln!(std::io::stderr(), "{}", error.to_string().replacen("error: ", "warning: ", 1));
    }
}

/// Offer to grant what a component that nobody ever looked at asks for; whether something was granted.
fn ask_first(flags: &Flags, configuration: &Configuration, component: Component<'_>) -> Result<bool, Error> {
    let configured = Configured::resolve(flags, configuration, component)?;
    if !configured.is_unknown() {
        return Ok(false);
    }
    let review = Review::new(component, &configured, &Offer::default())?;
    if review.addition.is_empty() {
        return Ok(false);
    }
    if !agreed(&review, &configured)? {
        return Err(Error::new(Kind::NotGranted, "nothing was granted"));
    }
    config::record(&configured.file, &configured.name, &review.addition)?;
    // Not the run's result, so not for standard output.
    let _ = writeln!(std::io::stderr(), "granted to {} in {}", configured.name, configured.file.display());
    Ok(true)
}
