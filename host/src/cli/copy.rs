//! `host copy`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Configuration;
use crate::console::{Console, Verbosity};
use crate::copy::{self, Copied};
use crate::error::{Error, Kind};
use crate::report;
use rules::budget::Time;
use rules::text;

/// Copy a landing zone with its state to another place: a directory, or a place in an object store
///
/// Each file is compared by its digest, and none is put in the place of another. What is there already is left so, so that
/// the same command goes on where one was stopped. The state is copied once all files are there.
#[derive(Debug, clap::Args)]
pub(super) struct CopyArgs {
    /// The landing zone
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where it is copied to
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// The configuration file, which says how stores are reached [default: the first of host.toml,
    /// ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Wait for runs and repairs to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<Time>>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &CopyArgs) -> Result<ExitCode, Error> {
    let configuration = Configuration::read(arguments.config.as_deref())?;
    let place = |path: &Path| match path.as_os_str().is_empty() {
        true => Err(Error::usage("an empty name is no landing zone").hint("name a directory, or s3://BUCKET/PREFIX")),
        false => configuration.landing(Some(path)),
    };
    let (from, to) = (place(&arguments.from)?, place(&arguments.to)?);
    if from.whole() == to.whole() {
        return Err(Error::usage(format!("{from} is to be copied onto itself")).hint("name two places"));
    }
    let wait = super::zone::patience(arguments.wait);
    let console = Console::new(Verbosity::from(0));
    let copied = copy::copy(&from, &to, wait, &console);
    console.finish();
    let copied = copied?;
    match arguments.json {
        true => super::print(&(report::json(&copied) + "\n"))?,
        false => super::print(&shown(&copied))?,
    }
    if copied.failures > 0 {
        let message =
            format!("{} could not be copied, so that the state was not", text::counted(copied.failures, "file"));
        return Err(Error::new(Kind::Failed, message).hint("mend that, and say the same again: it goes on from there"));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(copied: &Copied) -> String {
    let Copied { files, bytes, there, foreign, states, failed, failures } = copied;
    let mut lines = vec![format!(
        "{} copied ({}), {there} there already, {} copied",
        text::counted(*files, "file"),
        bytesize::ByteSize(*bytes),
        text::counted(*states, "state")
    )];
    if *foreign > 0 {
        lines.push(format!("{} that no host named stay where they are", text::counted(*foreign, "file")));
    }
    lines.extend(failed.iter().map(|line| format!("  {line}")));
    if let more @ 1.. = failures - failed.len() as u64 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n") + "\n"
}
