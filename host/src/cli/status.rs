//! `host status`.

use std::process::ExitCode;

use serde_json::json;

use super::zone::ZoneArgs;
use crate::error::{Error, Kind};
use crate::view::View;
use crate::{health, report};
use clock::Moment;
use rules::budget::Age;

/// Show how each extractor is; exit code 1 where one is failing or stale
///
/// It is failing if its last run failed, and stale if its last success is longer ago than `stale-after` allows, or if it was
/// due twice and did not start. Backfills do not count.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// How long ago the last success of each may be, such as 26h [default: what the configuration says]
    #[arg(long, value_name = "DURATION")]
    stale_after: Option<Age>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(arguments: &StatusArgs) -> Result<ExitCode, Error> {
    let configuration = arguments.zone.configuration()?;
    let landing = arguments.zone.expected(&configuration)?;
    let view = View::open(&landing)?;
    let all = health::of(view.as_ref(), &configuration, arguments.stale_after.map(|age| age.0))?;
    let mut notices = match view.as_ref().map_or(Ok(None), View::state)? {
        Some(state) => state.notices(None).map_err(|error| Error::new(Kind::Failed, error))?,
        None => Vec::new(),
    };
    // Who is configured no more is told no more, so nothing would ever mend it.
    notices.retain(|notice| configuration.has_notifier(&notice.target));
    let bad = all.iter().any(|health| health.condition.is_bad());
    if arguments.json {
        let object = json!({ "healthy": !bad, "extractors": all, "notices": notices });
        super::print(&format!("{object}\n"))?;
    } else if all.is_empty() {
        super::print(&format!("nothing has run in {} yet, and nothing is configured\n", landing))?;
    } else {
        super::print(&report::status(&all, &notices, Moment::now()))?;
    }
    Ok(if bad { ExitCode::from(Kind::Failed.exit_code()) } else { ExitCode::SUCCESS })
}
