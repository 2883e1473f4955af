//! `host erase`.

use std::process::ExitCode;

use serde_json::json;

use super::allow::{said_yes, somebody_is_there};
use super::zone::ZoneArgs;
use crate::erase::{Erased, Eraser, Target, find};
use crate::error::{Error, Kind};
use crate::landing::Landing;
use crate::view::View;
use rules::budget::Time;
use rules::text;

/// Longest reason, in bytes.
const MAX_REASON: usize = 1000;

/// Take the bytes of landed files away for good, and keep what they were and why
///
/// The same content does not land again in that source. Copies, backups and snapshots are not reached: `host erase` removes
/// the file of the landing zone, and names the files of it that hold the same content.
#[derive(Debug, clap::Args)]
pub(super) struct EraseArgs {
    /// Files, by their paths below the landing zone
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "lift")]
    reason: Option<String>,
    /// Let the content of files that were erased land again; it does not bring it back
    #[arg(long, conflicts_with = "reason")]
    lift: bool,
    /// Erase without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    zone: ZoneArgs,
    /// Wait for runs to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    wait: Option<Option<Time>>,
    /// Print a JSON object for each file instead of text
    #[arg(long)]
    json: bool,
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a reason has to be said".into()),
        text if text.len() > MAX_REASON => Err(format!("a reason has at most {MAX_REASON} bytes")),
        text => Ok(text.to_owned()),
    }
}

pub(super) fn execute(arguments: &EraseArgs) -> Result<ExitCode, Error> {
    let landing = arguments.zone.landing()?;
    let mut paths: Vec<String> = Vec::new();
    for path in arguments.paths.iter().map(|word| super::cat::below(&landing, word)) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if !arguments.lift && !arguments.yes {
        ask(arguments, &landing, &paths)?;
    }
    let wait = super::zone::patience(arguments.wait);
    let mut eraser = Eraser::open(&landing, wait)?;
    // All of them, before the first is touched.
    let found: Result<Vec<Target>, Error> = paths.iter().map(|path| eraser.find(path, arguments.lift)).collect();
    let done = found.and_then(|found| {
        paths.iter().zip(found).try_for_each(|(path, target)| settle(arguments, &mut eraser, path, target))
    });
    done.and(eraser.close())?;
    Ok(ExitCode::SUCCESS)
}

/// Have somebody say yes, who has seen that all of it is there.
fn ask(arguments: &EraseArgs, landing: &Landing, paths: &[String]) -> Result<(), Error> {
    let (zone, state) = (View::of(landing)?.zone(), arguments.zone.state()?);
    paths.iter().try_for_each(|path| find((landing, &zone), &state, path, false).map(drop))?;
    if !somebody_is_there() {
        return Err(Error::usage("there is no terminal to ask at, and nothing was erased")
            .hint("`--yes` erases without asking"));
    }
    let lines: String = paths.iter().map(|path| text::line(path) + "\n").collect();
    let files = text::counted(paths.len() as u64, "file");
    match said_yes(&format!("{lines}Erase {files} for good? [y/N] "))? {
        true => Ok(()),
        false => Err(Error::new(Kind::Failed, "nothing was erased")),
    }
}

/// Do what was asked for with one file, and say so.
fn settle(arguments: &EraseArgs, eraser: &mut Eraser, path: &str, target: Target) -> Result<(), Error> {
    let Some(reason) = &arguments.reason else {
        eraser.lift(target)?;
        return super::print(&match arguments.json {
            true => format!("{}\n", json!({ "path": path, "lifted": true })),
            false => format!("the content of {} may land again\n", text::line(path)),
        });
    };
    let erased = eraser.erase(target, reason)?;
    super::print(&if arguments.json { as_json(path, &erased) } else { as_text(path, &erased) })
}

fn as_json(path: &str, erased: &Erased) -> String {
    let Erased { row, removed, other_names, elsewhere, elsewhere_count } = erased;
    let object = json!({
        "path": path, "sha256": row.sha256, "reason": row.reason, "erased_at": row.erased_at, "removed": removed,
        "other_names": other_names, "elsewhere": elsewhere, "elsewhere_count": elsewhere_count,
    });
    format!("{object}\n")
}

fn as_text(path: &str, erased: &Erased) -> String {
    let Erased { row, removed, other_names, elsewhere, elsewhere_count } = erased;
    let mut said = vec![match removed {
        true => format!("{path} is erased"),
        false => format!("{path} is not there any more; its erasure is of {}: {}", row.erased_at, row.reason),
    }];
    if *other_names > 0 {
        let names = text::counted(*other_names, "other name");
        said.push(format!("  {names} of the file, wherever that is, still held its bytes when it was removed"));
    }
    said.extend(elsewhere.iter().map(|path| format!("  the same content is still in {path}")));
    let unlisted = elsewhere_count - elsewhere.len() as u64;
    if unlisted > 0 {
        said.push(format!("  and in {} more", text::counted(unlisted, "file")));
    }
    said.iter().map(|line| text::line(line) + "\n").collect()
}
