//! `host test`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::config::{Configuration, is_reference};
use crate::error::{Error, Kind};
use crate::testing::{self, CaseError, Extractor, Making, TestError, Verdict};
use crate::{files, shipping};
use engine::Package;
use rules::text;

/// Run an extractor on recorded answers, and compare what lands with what should
///
/// A case is a directory below `cases/`: `case.toml`, `exchanges.har` and `expected/`.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The extractor, a WebAssembly component [default: the only one in this directory], and cases [default: all]
    #[arg(value_name = "COMPONENT.wasm|CASE")]
    named: Vec<String>,
    /// Where the cases are
    #[arg(long, value_name = "DIR", default_value = "cases")]
    cases: PathBuf,
    /// Have what comes out be what is expected from now on
    #[arg(long)]
    bless: bool,
    /// Make a new case of this name from a live run, with the flags below; of a run that fails, one that expects that
    #[arg(long, value_name = "NAME", conflicts_with_all = ["bless", "junit"])]
    record: Option<String>,
    /// Set a parameter of the live run
    #[arg(long = "param", value_name = "KEY=VALUE", requires = "record", value_parser = crate::config::key_value)]
    params: Vec<(String, String)>,
    /// Let the live run send requests to this origin
    #[arg(long, value_name = "ORIGIN", requires = "record")]
    allow_http: Vec<String>,
    /// Let the live run append to this source
    #[arg(long, value_name = "SOURCE", requires = "record")]
    allow_source: Vec<String>,
    /// Have another origin answer in the place of one in the live run, such as
    /// `https://prices.example=http://127.0.0.1:8080`
    #[arg(long = "map", value_name = "FROM=TO", requires = "record")]
    mapped: Vec<String>,
    /// Extract the days of a window in the live run
    #[arg(long, value_name = "START..END", requires = "record")]
    backfill: Option<String>,
    /// The extractor's identity in the live run
    #[arg(long, value_name = "NAME", requires = "record")]
    name: Option<String>,
    /// The configuration file of the live run
    #[arg(long, value_name = "FILE", requires = "record")]
    config: Option<PathBuf>,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
    /// Write the result as JUnit's XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn execute(arguments: &TestArgs) -> Result<ExitCode, Error> {
    let (components, named): (Vec<String>, Vec<String>) =
        arguments.named.iter().cloned().partition(|name| name.ends_with(".wasm") || is_reference(Path::new(name)));
    let mut path = match &components[..] {
        [] => only_component()?,
        [path] => PathBuf::from(path),
        _ => return Err(Error::usage("there are two components").hint("run the cases of one extractor at a time")),
    };
    let package = match shipping::reference(&path) {
        Some(reference) => {
            let shipped = shipping::read(&Configuration::read(arguments.config.as_deref())?, &reference?)?;
            path = shipped.path;
            shipped.package
        }
        None => Package::read(&path).map_err(|error| super::unusable("test", &path, &error))?,
    };
    let extractor = Extractor { path: &path, manifest: &package.manifest };
    if let Some(name) = &arguments.record {
        return record(&extractor, name, arguments);
    }
    let cases = testing::find(&arguments.cases, &named).map_err(|error| usage(&error.into()))?;
    let verdicts = testing::run(&extractor, &cases, arguments.bless);
    if let Some(path) = &arguments.junit {
        files::replace(path, testing::junit(&verdicts).as_bytes())
            .map_err(|error| files::unwritten("cannot write", path, &error))?;
    }
    super::print(&if arguments.json { in_json(&verdicts) } else { in_text(&verdicts) })?;
    Ok(if verdicts.iter().all(Verdict::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn record(extractor: &Extractor<'_>, name: &str, arguments: &TestArgs) -> Result<ExitCode, Error> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(
            Error::usage(format!("`{}` is no name of a case", text::quoted(name))).hint("a case is one directory")
        );
    }
    let value = |(key, value): &(String, String)| Ok((key.clone(), crate::config::value_of(key, value)?));
    let making = Making {
        config: arguments.config.clone(),
        name: arguments.name.clone(),
        params: arguments.params.iter().map(value).collect::<Result<_, Error>>()?,
        allow_http: arguments.allow_http.clone(),
        allow_source: arguments.allow_source.clone(),
        mapped: arguments.mapped.clone(),
        backfill: arguments.backfill.clone(),
    };
    let directory = arguments.cases.join(name);
    let case = testing::make(extractor, &directory, &making).map_err(|error| match error {
        TestError::Exists(_) => usage(&error).hint("give the new case another name, or remove that one"),
        _ => Error::new(Kind::Failed, error),
    })?;
    super::print(&match arguments.json {
        true => format!("{}\n", json!([{ "case": name, "outcome": "recorded" }])),
        false => format!("recorded {}: look through it, and add it to the repository\n", directory.display()),
    })?;
    if case.expects_a_failure() {
        let shown = directory.display();
        let _ = writeln!(
            std::io::stderr(),
            "warning: the run failed, and the case expects it to fail so: see {shown}/expected/error\n\
             hint: if it is not meant to, remove {shown} and record the case again"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn usage(error: &TestError) -> Error {
    let wrong = Error::usage(error);
    match error {
        TestError::Case(CaseError::None(_) | CaseError::Missing(_) | CaseError::Unreadable(..)) => {
            wrong.hint("`host test COMPONENT.wasm --record NAME` makes a case from a live run")
        }
        _ => wrong,
    }
}

/// The component of this directory, where there is one.
#[expect(clippy::disallowed_methods, reason = "the author's own directory, not the landing zone")]
fn only_component() -> Result<PathBuf, Error> {
    let entries = std::fs::read_dir(Path::new(".")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).take(2).collect();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)),
        (None, _) => Err(Error::usage("there is no component in this directory").hint("name one: `host test x.wasm`")),
        (Some(_), false) => {
            Err(Error::usage("there are several components in this directory").hint("name one: `host test x.wasm`"))
        }
    }
}

fn in_text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        text.push_str(&format!("{:7}  {}\n", verdict.word(), verdict.case));
        if let Some(reason) = &verdict.broken {
            text.push_str(&format!("{reason}\n"));
        }
        if !verdict.blessed {
            verdict.differences.iter().for_each(|(_, diff)| text.push_str(diff));
        }
    }
    let bad = verdicts.iter().filter(|verdict| !verdict.is_good()).count();
    text + &match bad {
        0 => format!("{}, all as expected\n", text::counted(verdicts.len() as u64, "case")),
        _ => format!("{}, {bad} not as expected\n", text::counted(verdicts.len() as u64, "case")),
    }
}

fn in_json(verdicts: &[Verdict]) -> String {
    let one = |verdict: &Verdict| {
        let differences = verdict.differences.iter().map(|(path, diff)| json!({ "path": path, "diff": diff }));
        json!({
            "case": verdict.case,
            "outcome": verdict.word(),
            "differences": differences.collect::<Vec<_>>(),
            "reason": verdict.broken,
            "milliseconds": u64::try_from(verdict.took.as_millis()).unwrap_or(u64::MAX),
        })
    };
    format!("{}\n", json!(verdicts.iter().map(one).collect::<Vec<_>>()))
}
