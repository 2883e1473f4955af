//! `host verify`.

use std::process::ExitCode;

use super::zone::ZoneArgs;
use crate::console::{Console, Verbosity};
use crate::error::{Error, Kind};
use crate::{report, verify};

/// Compare the landing directory with the state; exit code 1 where they differ
///
/// A run that is going on may show as files that are not recorded yet. Nothing is changed.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Read every byte of every file, too
    #[arg(long)]
    read_data: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &VerifyArgs) -> Result<ExitCode, Error> {
    let console = Console::new(Verbosity::from(0));
    let landing = arguments.zone.landing()?;
    let verified = verify::verify(&landing, arguments.read_data, &console);
    console.finish();
    let mut verified = verified?;
    let code = match verified.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(Kind::Failed.exit_code()),
    };
    match arguments.json {
        true => super::print_with(|output| report::write_verification_json(&mut verified, output))?,
        false => super::print_with(|output| report::write_verification(&mut verified, output))?,
    }
    Ok(code)
}
