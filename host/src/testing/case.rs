//! `case.toml`, and where cases are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rules::budget::Settings;
use rules::domain::Window;
use rules::name::check_name;
use serde::Deserialize as _;

/// Largest `case.toml`, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most cases.
const MAX_CASES: usize = 10_000;

/// Why a case is none.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is nothing to run.
    #[error("there is no case in {0}")]
    None(PathBuf),
    /// There is no such case.
    #[error("there is no case {0}: it has no file exchanges.har")]
    Missing(PathBuf),
    /// Its file cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// Its file is too large, or there are too many.
    #[error("{0} has more than {1}")]
    TooMuch(PathBuf, &'static str),
    /// Its file is not as it should be.
    #[error("{path}: {reason}")]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// How an extractor is run in a case. What is missing is what the manifest and the recording say.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spec {
    /// The extractor's name.
    pub name: Option<String>,
    /// Parameters.
    pub param: BTreeMap<String, String>,
    /// The days of a backfill.
    pub backfill: Option<String>,
    /// The cursor that an earlier run left.
    pub cursor: Option<String>,
    /// When the run starts.
    pub started_at: Option<String>,
    /// Secrets that are there; their values are made up.
    pub secrets: Vec<String>,
    /// Origins that are granted.
    pub http: Option<Vec<String>>,
    /// Sources that are granted.
    pub sources: Option<Vec<String>>,
    /// What the run may use.
    pub budget: toml::Table,
}

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its directory's name.
    pub name: String,
    /// Where it is.
    pub directory: PathBuf,
    /// How it is run.
    pub spec: Spec,
}

impl Case {
    /// Whether its run is expected to fail.
    pub fn expects_a_failure(&self) -> bool {
        self.directory.join("expected/error").is_file()
    }

    /// Read one.
    pub fn read(directory: &Path) -> Result<Self, CaseError> {
        if !directory.join("exchanges.har").is_file() {
            return Err(CaseError::Missing(directory.to_owned()));
        }
        let path = directory.join("case.toml");
        let spec = match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_FILE => return Err(CaseError::TooMuch(path, "1 MiB")),
            // All of it may be as it is without a word.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Spec::default(),
            _ => {
                let text = fs::read_to_string(&path).map_err(|error| CaseError::Unreadable(path.clone(), error))?;
                let invalid = |reason: String| CaseError::Invalid { path: path.clone(), reason };
                let spec: Spec =
                    toml::from_str(&text).map_err(|error| invalid(error.to_string().trim().replace('\n', " ")))?;
                check(&spec).map_err(invalid)?;
                spec
            }
        };
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, directory: directory.to_owned(), spec })
    }
}

fn check(spec: &Spec) -> Result<(), String> {
    if let Some(name) = &spec.name {
        check_name(name).map_err(|error| error.to_string())?;
    }
    if let Some(window) = &spec.backfill {
        window.parse::<Window>()?;
    }
    if spec.started_at.as_ref().is_some_and(|text| clock::Moment::parse(text).is_none()) {
        return Err("`started-at` is no moment such as 2025-01-31T08:00:00Z".into());
    }
    Settings::deserialize(spec.budget.clone()).map(drop).map_err(|error| format!("`budget`: {}", error.message()))
}

/// The cases that are named, or all in a directory, in the order of their names.
pub fn find(directory: &Path, named: &[String]) -> Result<Vec<Case>, CaseError> {
    if !named.is_empty() {
        let place = |name: &String| match directory.join(name) {
            below if below.is_dir() => below,
            _ => PathBuf::from(name),
        };
        return named.iter().map(|name| Case::read(&place(name))).collect();
    }
    let unreadable = |error| CaseError::Unreadable(directory.to_owned(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            found.push(path);
        }
        if found.len() > MAX_CASES {
            return Err(CaseError::TooMuch(directory.to_owned(), "10,000 cases"));
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(CaseError::None(directory.to_owned()));
    }
    found.iter().map(|path| Case::read(path)).collect()
}
