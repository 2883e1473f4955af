//! `host repair`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::landing_directory;
use crate::console::{Console, Verbosity};
use crate::error::Error;
use crate::{repair, report};

/// Make the state fit the landing directory again, after either was lost or damaged
///
/// A damaged database is set aside and rebuilt from the files. No file that could be data is removed or changed.
#[derive(Debug, clap::Args)]
pub(super) struct RepairArgs {
    /// The landing directory [default: data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    landing: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &RepairArgs) -> Result<ExitCode, Error> {
    let console = Console::new(Verbosity::from(0));
    let repaired = repair::repair(&landing_directory(arguments.landing.as_deref()), &console);
    console.finish();
    let repaired = repaired?;
    let text = match arguments.json {
        true => report::json(&repaired),
        false => report::repair_text(&repaired),
    };
    super::print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
