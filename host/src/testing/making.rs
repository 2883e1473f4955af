//! A new case, from a live run.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use super::running::program;
use super::{Case, Extractor, TestError, compare};

/// What the live run is told.
#[derive(Debug, Clone, Default)]
pub struct Making {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The extractor's name.
    pub name: Option<String>,
    /// Parameters, each with its value itself.
    pub params: Vec<(String, String)>,
    /// Origins that are granted beside those of the configuration.
    pub allow_http: Vec<String>,
    /// Sources that are.
    pub allow_source: Vec<String>,
    /// Origins that others answer for, `FROM=TO`.
    pub mapped: Vec<String>,
    /// The days of a backfill.
    pub backfill: Option<String>,
}

/// Run the extractor against its sources, and have a case be what came of it.
pub fn make(extractor: &Extractor<'_>, directory: &Path, making: &Making) -> Result<Case, TestError> {
    if directory.exists() {
        return Err(TestError::Exists(directory.to_owned()));
    }
    let case = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let scratch = tempfile::Builder::new().prefix("host-test-").tempdir().map_err(TestError::Start)?;
    let har = scratch.path().join("exchanges.har");
    let mut command = program()?;
    command.arg(extractor.path).arg("--json").arg("--landing").arg(scratch.path().join("landing"));
    command.arg("--record").arg(&har).stdout(Stdio::null());
    for (flag, value) in [("--name", &making.name), ("--backfill", &making.backfill)] {
        command.args(value.as_ref().map(|value| format!("{flag}={value}")));
    }
    if let Some(config) = &making.config {
        command.arg("--config").arg(config);
    }
    // What it says is the value itself, whatever it begins with.
    let mark = |value: &str| if value.starts_with('@') { "@" } else { "" };
    command.args(making.params.iter().map(|(key, value)| format!("--param={key}={}{value}", mark(value))));
    command.args(making.allow_http.iter().map(|origin| format!("--allow-http={origin}")));
    command.args(making.allow_source.iter().map(|source| format!("--allow-source={source}")));
    command.args(making.mapped.iter().map(|mapping| format!("--map={mapping}")));
    let status = command.status().map_err(TestError::Start)?;
    if !har.is_file() {
        return Err(TestError::NotRun { case, reason: format!("the live run ended with {status}") });
    }
    let recorded = fs::read(&har).map_err(|error| TestError::File("read", har.clone(), error))?;
    let write = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, content).map_err(|error| TestError::File("write", path.clone(), error))
    };
    fs::create_dir_all(directory).map_err(|error| TestError::File("make", directory.to_owned(), error))?;
    write("case.toml", spec(extractor, making, &String::from_utf8_lossy(&recorded)).as_bytes())?;
    write("exchanges.har", &recorded)?;
    let case = Case::read(directory)?;
    compare(extractor, &case, true)?;
    Ok(case)
}

/// The `case.toml` of a live run.
fn spec(extractor: &Extractor<'_>, making: &Making, har: &str) -> String {
    let mut text = String::new();
    for (key, value) in [("name", &making.name), ("backfill", &making.backfill)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} = {}", json!(value));
        }
    }
    let names = extractor.manifest.secrets.keys();
    let sent: Vec<&String> = names.filter(|name| har.contains(&format!("[secret {name}]"))).collect();
    if !sent.is_empty() {
        let _ = writeln!(text, "secrets = {}", json!(sent));
    }
    if !making.allow_source.is_empty() {
        let _ = writeln!(text, "sources = {}", json!(making.allow_source));
    }
    if !making.params.is_empty() {
        let _ = writeln!(text, "\n[param]");
    }
    for (key, value) in &making.params {
        let _ = writeln!(text, "{} = {}", json!(key), json!(value));
    }
    text
}
