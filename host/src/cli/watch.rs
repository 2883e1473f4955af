//! `host watch`.

use std::io::Write as _;
use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::view::View;
use crate::{health, metrics, notify};

/// Tell of extractors that are stale, and renew the metrics; for a timer
///
/// Standard output stays empty; `host status` says how all is. What is told, and to whom, stands under [notify.NAME] in
/// the configuration. If somebody cannot be told, a warning says so; exit code 1 then, and where it cannot do its work.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    zone: ZoneArgs,
}

pub(super) fn execute(arguments: &WatchArgs) -> Result<ExitCode, Error> {
    let configuration = arguments.zone.configuration()?;
    let landing = configuration.landing(arguments.zone.landing.as_deref())?;
    let view = View::open(&landing)?;
    let all = health::of(view.as_ref(), &configuration, None)?;
    let untold = match view.is_some() {
        true => notify::of_staleness(&landing, &all, |name| configuration.notifications(name))?,
        false => Vec::new(),
    };
    if let Some(path) = configuration.textfile() {
        metrics::write(&landing, &configuration, &path)?;
    }
    for sentence in &untold {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: {sentence}");
    }
    Ok(if untold.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
