//! From how a run ended to what is said of it: the exit code's kind, the message, the hint. Pure.

use std::collections::BTreeSet;

use super::Ended;
use crate::component::Stop;
use crate::domain::Grant;
use crate::error::Kind;
use crate::report::Failure;
use crate::text;

/// Most missing grants that are named.
const MAX_NAMED: usize = 10;

/// What an extractor would like to have, and how it is granted.
#[derive(Debug)]
pub(super) struct Wishes {
    /// What its manifest asks for and is not granted.
    pub(super) asked: BTreeSet<Grant>,
    /// The command that grants it.
    pub(super) allow: String,
}

/// What to say of a run; nothing where it succeeded. `broken` is the first failure of the zone or the state, `missing`
/// what was refused for lack of a grant.
pub(super) fn verdict(
    ended: Ended,
    broken: Option<String>,
    missing: &BTreeSet<Grant>,
    wishes: &Wishes,
) -> Option<Failure> {
    let stopped = match ended {
        Ended::Signal(caught) => return Some(Failure::new(caught.kind(), caught.to_string())),
        Ended::Stopped(stopped) => stopped,
    };
    let kind = match &stopped {
        Err(Stop::Trapped { .. } | Stop::Spent(_)) => Kind::Stopped,
        _ => Kind::Failed,
    };
    let message = match (broken, stopped) {
        (Some(broken), _) => return Some(Failure::new(Kind::Failed, broken)),
        (None, Ok(())) => return None,
        (None, Err(Stop::Trapped { reason, frames })) if !frames.is_empty() => {
            format!("the extractor {reason}, in {}", frames.join(" < "))
        }
        (None, Err(stop)) => stop.to_string(),
    };
    // Where one grant is missing, those that the manifest asks for are named as well: one round instead of several.
    let more = if missing.is_empty() { &BTreeSet::new() } else { &wishes.asked };
    let missing: BTreeSet<&Grant> = missing.iter().chain(more).take(MAX_NAMED).collect();
    let hint = grant_hint(&missing, &wishes.allow);
    // A limit or a trap is what it is, whatever was refused before.
    let kind = if kind == Kind::Failed && hint.is_some() { Kind::NotGranted } else { kind };
    Some(Failure { kind, message, hint })
}

/// What the operator would say to grant what is missing.
fn grant_hint(missing: &BTreeSet<&Grant>, allow: &str) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let (mut command, mut flags) = (allow.to_owned(), Vec::new());
    for grant in missing {
        match grant {
            Grant::Origin(origin) => {
                let origin = text::shell(origin);
                command.push_str(&format!(" --http {origin}"));
                flags.push(format!("--allow-http {origin}"));
            }
            Grant::Source(source) => {
                command.push_str(&format!(" --source {source}"));
                flags.push(format!("--allow-source {source}"));
            }
            Grant::Secret(secret) => {
                command.push_str(&format!(" --secret {}", text::shell(&format!("{secret}=env:VARIABLE"))))
            }
        }
    }
    match flags.is_empty() {
        true => Some(format!("to allow it, run `{command}`")),
        false => Some(format!("to allow it, run `{command}`; for one run, add `{}`", flags.join(" "))),
    }
}
