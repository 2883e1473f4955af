//! `host report`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::zone::{ZoneArgs, state_if_there};
use crate::error::{Error, Kind};
use crate::{files, health, page};
use clock::Moment;

/// Write a page to look at: how each extractor is, and what happened in the last 30 days
///
/// The page needs nothing else, neither a network nor a script. A timer can renew it behind any web server: it is replaced
/// as a whole.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// The file to write
    #[arg(long, value_name = "FILE.html")]
    html: PathBuf,
    #[command(flatten)]
    zone: ZoneArgs,
}

pub(super) fn execute(arguments: &ReportArgs) -> Result<ExitCode, Error> {
    let configuration = arguments.zone.configuration()?;
    let landing = arguments.zone.expected(&configuration)?;
    let all = health::of(&landing, &configuration, None)?;
    let state = state_if_there(&landing)?;
    let shown = std::path::absolute(&landing).unwrap_or(landing);
    let html = page::html(&shown.display().to_string(), &all, state.as_ref(), Moment::now())
        .map_err(|error| Error::new(Kind::Failed, error))?;
    files::replace(&arguments.html, html.as_bytes()).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot write the report into {}: {error}", arguments.html.display()))
            .hint("its directory must be there, and writable")
    })?;
    Ok(ExitCode::SUCCESS)
}
