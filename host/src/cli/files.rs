//! `host files`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use jiff::civil::Date;

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::report;
use rules::domain::parse_day;
use rules::text;
use state::Wanted;

/// Show the files of the landing directory, as they are recorded
#[derive(Debug, clap::Args)]
pub(super) struct FilesArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Of this source only
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Only those that hold what their resource is now
    #[arg(long)]
    current: bool,
    /// Those that were erased, when and why, instead of those that are there
    #[arg(long, conflicts_with = "current")]
    erased: bool,
    /// Only those that this run landed
    #[arg(long, value_name = "RUN", value_parser = number)]
    run: Option<i64>,
    /// Only those that landed after this run; with `--current`, that became current after it
    #[arg(long, value_name = "RUN", value_parser = number)]
    since: Option<i64>,
    /// Only those that came from this URL
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Only those whose SHA-256 begins with this, in hexadecimal
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    digest: Option<String>,
    /// Only those that landed on this day (UTC) or later
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    from: Option<Date>,
    /// Only those that landed before this day
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    until: Option<Date>,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

/// The number of a run.
pub(super) fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of a run; `host runs` lists them"))
}

/// The beginning of a digest.
pub(super) fn digest(text: &str) -> Result<String, String> {
    match text.len() {
        1..=64 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(text.to_ascii_lowercase()),
        _ => Err("a digest has up to 64 hexadecimal digits".into()),
    }
}

pub(super) fn execute(arguments: &FilesArgs) -> Result<ExitCode, Error> {
    let state = arguments.zone.state()?;
    let day = |day: &Option<Date>| day.map(|day| day.to_string());
    let wanted = Wanted {
        source: arguments.source.clone(),
        current: arguments.current,
        erased: arguments.erased,
        run: arguments.run,
        since: arguments.since,
        url: arguments.url.clone(),
        digest: arguments.digest.clone(),
        from: day(&arguments.from),
        until: day(&arguments.until),
    };
    match arguments.json {
        true => super::print_with(|output| report::write_files_json(&state, &wanted, output)),
        false => super::print_with(|output| report::write_files(&state, &wanted, output)),
    }?;
    // An empty list is an answer to a program; somebody who looks may have misspelt it.
    if let Some(source) = arguments.source.as_deref().filter(|_| !arguments.json)
        && !state.has_met(source)?
    {
        let shown = text::quoted(source);
        let _ = writeln!(io::stderr(), "warning: no extractor has met a source `{shown}`; `host files` shows all");
    }
    Ok(ExitCode::SUCCESS)
}
