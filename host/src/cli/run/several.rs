//! `host run` with several extractors: each a process of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Pid, Signal, getppid};
use serde_json::Value;

use super::RunArgs;
use crate::batch::Batch;
use crate::config::{Configuration, Flags};
use crate::error::{Error, Kind};
use crate::report::Report;
use rules::budget::{Settings, Time};
use rules::text;

/// Least number that run at once where nobody says: most of their time they wait for the network.
const LEAST_JOBS: NonZeroUsize = NonZeroUsize::new(4).expect("it is not zero");
/// Most extractors of one command.
const MAX_EXTRACTORS: usize = 10_000;

pub(super) fn execute(arguments: &RunArgs) -> Result<ExitCode, Error> {
    let flags = &arguments.flags;
    if let Some(said) = for_one_only(arguments) {
        return Err(Error::usage(format!("{said} is for one extractor at a time"))
            .hint("run that one alone, or say it for each in the configuration"));
    }
    let configuration = Configuration::read(flags.config.as_deref())?;
    if configuration.is_stream() {
        return Err(Error::usage("several extractors cannot share a configuration that comes through a pipe")
            .hint("put it into a file"));
    }
    let extractors = match arguments.all {
        true => configuration.all().into_iter().map(str::to_owned).collect(),
        false => arguments.extractors.clone(),
    };
    check(arguments, &extractors, &configuration)?;
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let batch = Batch {
        extractors,
        jobs: arguments.jobs.unwrap_or(processors.max(LEAST_JOBS)),
        flags: again(flags, arguments.verbose),
        verbosity: arguments.verbosity(),
        log_format: arguments.log_format,
        told: !arguments.json && !arguments.quiet,
    };
    let outcomes = batch.run()?;
    super::renew_metrics(&configuration.landing(flags.landing.as_deref())?, &configuration);
    match arguments.json {
        true => super::super::print(&(outcomes.json() + "\n"))?,
        false if arguments.quiet => {}
        false => super::super::print(&outcomes.summary())?,
    }
    Ok(ExitCode::from(outcomes.exit_code()))
}

/// Refuse an order that cannot be what was meant, before anything runs.
fn check(arguments: &RunArgs, extractors: &[String], configuration: &Configuration) -> Result<(), Error> {
    if extractors.is_empty() && !configuration.exists() {
        let looked: Vec<String> = Configuration::places().iter().map(|path| path.display().to_string()).collect();
        return Err(Error::usage(format!(
            "there is no host.toml to name extractors; looked for {}",
            looked.join(", ")
        ))
        .hint("`--config FILE` names another; `component = \"FILE.wasm\"` under [extractor.NAME] makes an extractor"));
    }
    if extractors.is_empty() {
        return Err(Error::usage(format!("{} names no extractor to run", configuration.path.display()))
            .hint("`component = \"FILE.wasm\"` under [extractor.NAME] makes one"));
    }
    if extractors.len() > MAX_EXTRACTORS {
        return Err(Error::usage(format!("there are more than {MAX_EXTRACTORS} extractors")).hint("name fewer"));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = extractors.iter().find(|word| !seen.insert(*word)) {
        return Err(Error::usage(format!("`{}` is named twice", text::quoted(twice))).hint("name each once"));
    }
    // So that a slip of the pen starts nothing at all.
    let waits = matches!(arguments.flags.wait, Some(None));
    extractors.iter().try_for_each(|word| match configuration.extractor(word, None) {
        Err(error) if waits && word.parse::<Time>().is_ok() => {
            Err(error.hint(format!("`--wait={word}` waits for that long")))
        }
        other => other.map(drop),
    })
}

/// A flag that is there, and says something about one extractor.
fn for_one_only(arguments: &RunArgs) -> Option<&'static str> {
    let flags = &arguments.flags;
    let said = [
        (flags.name.is_some(), "`--name`"),
        (!flags.params.is_empty(), "`--param`"),
        (flags.only.is_some(), "`--only`"),
        (!flags.allow_http.is_empty(), "`--allow-http`"),
        (!flags.allow_source.is_empty(), "`--allow-source`"),
        (!flags.mapped.is_empty(), "`--map`"),
        (flags.record.is_some(), "`--record`"),
        (flags.replay.is_some(), "`--replay`"),
        (flags.dry_run, "`--dry-run`"),
        (flags.budget != Settings::default(), "a budget or a limit"),
        (arguments.timings, "`--timings`"),
    ];
    said.into_iter().find_map(|(said, flag)| said.then_some(flag))
}

/// The flags that hold for each.
fn again(flags: &Flags, verbose: u8) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut path = |flag: &str, value: Option<&Path>| {
        if let Some(value) = value.filter(|value| !value.as_os_str().is_empty()) {
            all.extend([flag.into(), value.into()]);
        }
    };
    path("--landing", flags.landing.as_deref());
    path("--config", flags.config.as_deref());
    if let Some(window) = &flags.backfill {
        all.extend(["--backfill".into(), window.to_string().into()]);
    }
    if flags.fresh {
        all.push("--fresh".into());
    }
    match &flags.wait {
        Some(Some(time)) => all.push(format!("--wait={}ms", time.0.as_millis()).into()),
        Some(None) => all.push("--wait".into()),
        None => {}
    }
    all.extend((0..verbose).map(|_| "-v".into()));
    all
}

/// Have this process end with the one that started it, as by SIGTERM.
pub(super) fn end_with(parent: i32) -> Result<(), Error> {
    let failed = |reason: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("cannot start: {reason}"));
    engine::end_with_parent(Signal::TERM).map_err(|error| failed(&error))?;
    // It may have ended before that.
    match getppid().map(Pid::as_raw_nonzero) {
        Some(now) if now.get() == parent => Ok(()),
        _ => Err(failed(&"the program that runs several extractors has ended")),
    }
}

/// A report for the process that runs several extractors.
pub(super) fn told(report: &Report) -> Result<Value, Error> {
    let mut json = Vec::new();
    let failed = |error: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("cannot report: {error}"));
    report.write_json(&mut json).map_err(|error| failed(&error))?;
    let mut value: Value = serde_json::from_slice(&json).map_err(|error| failed(&error))?;
    if let Some(object) = value.as_object_mut() {
        // They are not kept for this.
        object.remove("files");
        object.insert("summary".into(), report.text().lines().next().unwrap_or_default().into());
    }
    Ok(value)
}
