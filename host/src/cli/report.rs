//! `host report`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind};
use crate::view::View;
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
    let view = View::open(&landing)?;
    let all = health::of(view.as_ref(), &configuration, None)?;
    let state = view.as_ref().map_or(Ok(None), View::state)?;
    let html = page::html(&landing.whole(), &all, state.as_ref(), Moment::now())
        .map_err(|error| Error::new(Kind::Failed, error))?;
    files::replace(&arguments.html, html.as_bytes())
        .map_err(|error| files::unwritten("cannot write the report into", &arguments.html, &error))?;
    Ok(ExitCode::SUCCESS)
}
