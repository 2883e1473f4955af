//! `host quarantine`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::zone::ZoneArgs;
use crate::error::Error;
use crate::quarantine::{Quarantine, find};
use crate::view::View;
use crate::{preview, report};
use rules::budget::Time;
use state::QuarantinedRow;

/// Show what was not as expected, land it after all, or remove it
///
/// `[extractor.NAME.expect]` in host.toml says what is expected. What breaks it is kept in `.quarantine` below the landing
/// directory, outside every source.
#[derive(Debug, clap::Args)]
pub(super) struct QuarantineArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what is in quarantine, and what is wrong with it
    List(ListArgs),
    /// Show what is wrong with contents, where they came from, and their first lines
    Show(ShowArgs),
    /// Land contents under the names that they would have had
    Accept(SettleArgs),
    /// Remove contents for good
    Drop(SettleArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    zone: ZoneArgs,
    /// Print a JSON array instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Contents: their paths as listed, or the first digits of their SHA-256
    #[arg(required = true, value_name = "CONTENT")]
    contents: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Args)]
struct SettleArgs {
    #[command(flatten)]
    show: ShowArgs,
    /// Wait for runs to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<Time>>,
}

impl SettleArgs {
    /// Do something with each of the contents, and say what in JSON or in a sentence.
    fn each(
        &self,
        mut settle: impl FnMut(&mut Quarantine, &QuarantinedRow) -> Result<(Value, String), Error>,
    ) -> Result<(), Error> {
        let wait = super::zone::patience(self.wait);
        let ShowArgs { contents, list } = &self.show;
        let mut quarantine = Quarantine::open(&list.zone.landing()?, wait)?;
        let settled = quarantine.find(contents).and_then(|found| {
            found.iter().try_for_each(|row| {
                let (json, sentence) = settle(&mut quarantine, row)?;
                super::print(&if list.json { format!("{json}\n") } else { format!("{sentence}\n") })
            })
        });
        settled.and(quarantine.close())
    }
}

pub(super) fn execute(arguments: &QuarantineArgs) -> Result<ExitCode, Error> {
    match &arguments.command {
        Command::List(list) => {
            let state = list.zone.state()?;
            match list.json {
                true => super::print_with(|output| report::write_quarantine_json(&state, output)),
                false => super::print_with(|output| report::write_quarantine(&state, output)),
            }
        }
        Command::Show(show) => show_contents(show),
        Command::Accept(settle) => settle.each(|quarantine, row| {
            let landed = quarantine.accept(row)?;
            let json = json!({ "path": row.path, "landed": landed });
            Ok((json, format!("{} has landed as {landed}", row.path)))
        }),
        Command::Drop(settle) => settle.each(|quarantine, row| {
            quarantine.drop(row)?;
            Ok((json!({ "path": row.path, "dropped": true }), format!("{} is removed", row.path)))
        }),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn show_contents(ShowArgs { contents, list }: &ShowArgs) -> Result<(), Error> {
    let found = find(&*list.zone.state()?, contents)?;
    let zone = View::of(&list.zone.landing()?)?.zone();
    if list.json {
        return super::print(&(report::json(&found) + "\n"));
    }
    let shown = found.iter().map(|row| report::quarantined(row, &preview::lines(&zone, &row.path)));
    super::print(&shown.collect::<Vec<_>>().join("\n"))
}
