//! `host models`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::zone::{ZoneArgs, state_of};
use crate::error::Error;
use crate::models::{self, Models, Tool};

/// Write SQL that reads what has landed: views for DuckDB, or models of a dbt or SQLMesh project
///
/// For each source, `raw_SOURCE` has all rows of all files, and `current_SOURCE` those of the files that hold what their
/// resource is now. Files of csv, tsv, json and ndjson are read; columns are not guessed, and hold text or JSON.
#[derive(Debug, clap::Args)]
pub(super) struct ModelsArgs {
    /// What is to read
    #[arg(value_enum)]
    tool: Tool,
    /// The sources [default: all]
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Write files into this directory, and replace only those that this command wrote; dbt and SQLMesh need it
    #[arg(long, value_name = "DIR", required_if_eq_any([("tool", "dbt"), ("tool", "sqlmesh")]))]
    into: Option<PathBuf>,
    #[command(flatten)]
    zone: ZoneArgs,
}

pub(super) fn execute(arguments: &ModelsArgs) -> Result<ExitCode, Error> {
    let landing = arguments.zone.landing()?;
    let state = state_of(&landing)?;
    let models = Models::of(&state, &landing, &arguments.sources, arguments.tool)?;
    for (source, word) in &models.unread {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: DuckDB has no reader for {word}, which {source} has files of");
    }
    let texts = models.texts(arguments.tool);
    match &arguments.into {
        Some(directory) => {
            let written = models::write(directory, &texts)?;
            super::print(&written.iter().map(|path| format!("{path}\n")).collect::<String>())?;
        }
        None => super::print(&texts.iter().map(|text| text.text.as_str()).collect::<String>())?,
    }
    Ok(ExitCode::SUCCESS)
}
