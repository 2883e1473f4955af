//! One case, run by another process of this program, in a zone that is removed afterwards.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::expected::{self, Tree};
use super::{Case, CaseError, TestError};
use crate::config::{Asks, written};
use engine::Manifest;
use fetch::{MAX_HAR, Replay};

/// The extractor that the cases are of.
#[derive(Debug, Clone, Copy)]
pub struct Extractor<'a> {
    /// Its file.
    pub path: &'a Path,
    /// What it says of itself.
    pub manifest: &'a Manifest,
}

impl Extractor<'_> {
    /// Its name in this case.
    fn name(&self, case: &Case) -> String {
        let stem = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        case.spec.name.clone().or_else(|| self.manifest.name.clone()).unwrap_or_else(stem)
    }
}

/// This program.
pub(super) fn program() -> Result<Command, TestError> {
    let mut command = engine::this_program().map_err(TestError::Start)?;
    command.arg("run").stdin(std::process::Stdio::null());
    Ok(command)
}

/// Run a case; all that came out.
pub(super) fn run(extractor: &Extractor<'_>, case: &Case) -> Result<Tree, TestError> {
    let directory = tempfile::Builder::new().prefix("host-test-").tempdir().map_err(TestError::Start)?;
    let (landing, config) = (directory.path().join("landing"), directory.path().join("host.toml"));
    let written = fs::write(&config, configuration(extractor, case)?);
    written.map_err(|error| TestError::File("write", config.clone(), error))?;
    let name = extractor.name(case);
    let mut command = program()?;
    command.arg(extractor.path).arg("--json").args(["--name", &name]).arg("--config").arg(&config);
    command.arg("--landing").arg(&landing).arg("--replay").arg(case.directory.join("exchanges.har"));
    let flags =
        [("--backfill", &case.spec.backfill), ("--cursor", &case.spec.cursor), ("--started-at", &case.spec.started_at)];
    for (flag, value) in flags {
        // In one word, since a value may begin with a dash.
        command.args(value.as_ref().map(|value| OsString::from(format!("{flag}={value}"))));
    }
    let output = command.output().map_err(TestError::Start)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("warning: ")).collect();
        let reason = lines.join("; ");
        return Err(TestError::NotRun { case: case.name.clone(), reason });
    };
    let mut tree = expected::landed(&landing, &case.name)?;
    add_words(&mut tree, &report, &said);
    Ok(tree)
}

/// Add what a run leaves beside files: its cursor, its error, and the warnings and errors of its log in the order of the alphabet, since what goes
/// on side by side may warn in any.
fn add_words(tree: &mut Tree, report: &Value, said: &str) {
    for key in ["cursor", "error"] {
        if let Some(text) = report[key].as_str() {
            tree.insert(key.to_owned(), format!("{text}\n").into_bytes());
        }
    }
    let notes: Vec<&str> = report["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // The last one is why the run failed, and stands in a file of its own.
    let last = said
        .lines()
        .collect::<Vec<_>>()
        .iter()
        .rposition(|line| report["error"].is_string() && line.starts_with("error: "));
    let lines = said.lines().enumerate().filter(|(at, _)| Some(*at) != last).map(|(_, line)| line);
    let logged = lines.filter(|line| line.starts_with("warning: ") || line.starts_with("error: "));
    let is_note = |line: &&str| notes.iter().any(|note| line.strip_prefix("warning: ") == Some(*note));
    let mut warnings: Vec<&str> = logged.filter(|line| !is_note(line)).collect();
    warnings.sort_unstable();
    if !warnings.is_empty() {
        tree.insert("warnings".to_owned(), (warnings.join("\n") + "\n").into_bytes());
    }
}

/// The `host.toml` of a case: what it says, and else what the manifest asks for.
fn configuration(extractor: &Extractor<'_>, case: &Case) -> Result<String, TestError> {
    let name = extractor.name(case);
    let invalid = |reason: String| CaseError::Invalid { path: case.directory.clone(), reason };
    let asks = Asks::of(extractor.manifest, &name).map_err(invalid)?;
    let http = match &case.spec.http {
        Some(http) => http.iter().cloned().collect(),
        None => {
            let listed: BTreeSet<String> = asks.http.iter().map(ToString::to_string).collect();
            // Of any origin that it may ask, those that it did.
            if asks.any_http { listed.union(&origins(&case.directory)?).cloned().collect() } else { listed }
        }
    };
    let sources: Vec<String> = match &case.spec.sources {
        Some(sources) => sources.clone(),
        None => asks.sources.iter().cloned().collect(),
    };
    let mut text = format!("[extractor.{}]\nhttp = {}\nsources = {}\n", json!(name), json!(http), json!(sources));
    let _ = writeln!(text, "[extractor.{}.param]", json!(name));
    for (key, value) in &case.spec.param {
        let _ = writeln!(text, "{} = {}", json!(key), json!(value));
    }
    let _ = writeln!(text, "[extractor.{}.budget]", json!(name));
    for (key, value) in &case.spec.budget {
        let _ = writeln!(text, "{} = {}", json!(key), value_of(value));
    }
    for secret in &case.spec.secrets {
        let asked = asks.secrets.get(secret);
        let origins: Vec<String> = match asked.filter(|asked| !asked.origins.is_empty()) {
            Some(asked) => asked.origins.iter().map(ToString::to_string).collect(),
            None => http.iter().filter(|origin| confidential(origin)).cloned().collect(),
        };
        let place = asked.map(|asked| asked.place.clone()).unwrap_or_default();
        let _ = writeln!(text, "[extractor.{}.secret.{}]", json!(name), json!(secret));
        let from = "{ env = \"NONE\" }";
        let _ = match place.parts() {
            None => writeln!(text, "from = {from}"),
            Some(parts) => parts.required.iter().try_for_each(|part| writeln!(text, "parts.{} = {from}", json!(part))),
        };
        let _ = writeln!(text, "as = {}\norigins = {}", written(&place), json!(origins));
    }
    Ok(text)
}

fn confidential(origin: &str) -> bool {
    origin.parse::<rules::policy::OriginGrant>().is_ok_and(|origin| origin.is_confidential())
}

/// A value of a budget: the texts of JSON are texts of TOML as well.
fn value_of(value: &toml::Value) -> String {
    match value {
        toml::Value::Integer(number) => number.to_string(),
        other => json!(other.as_str().unwrap_or_default()).to_string(),
    }
}

/// The origins that a recording has answers of. What is wrong with it is told by the run.
fn origins(directory: &Path) -> Result<BTreeSet<String>, TestError> {
    let path: PathBuf = directory.join("exchanges.har");
    let failed = |error| TestError::File("read", path.clone(), error);
    if fs::metadata(&path).map_err(failed)?.len() > MAX_HAR {
        return Ok(BTreeSet::new());
    }
    let bytes = fs::read(&path).map_err(failed)?;
    Ok(Replay::parse(&bytes).map(|replay| replay.origins()).unwrap_or_default())
}
