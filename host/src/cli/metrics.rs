//! `host metrics`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::view::View;
use crate::{health, metrics};

/// Print how the extractors are as Prometheus reads it
#[derive(Debug, clap::Args)]
pub(super) struct MetricsArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Write them into this file instead, for the textfile collector of node_exporter; it is replaced as a whole
    #[arg(long, value_name = "FILE.prom")]
    textfile: Option<PathBuf>,
}

pub(super) fn execute(arguments: &MetricsArgs) -> Result<ExitCode, Error> {
    let configuration = arguments.zone.configuration()?;
    let landing = configuration.landing(arguments.zone.landing.as_deref())?;
    match &arguments.textfile {
        Some(path) => metrics::write(&landing, &configuration, path)?,
        None => super::print(&metrics::text(&health::of(View::open(&landing)?.as_ref(), &configuration, None)?))?,
    }
    Ok(ExitCode::SUCCESS)
}
