//! From how a run ended to what is said of it: the exit code's kind, the message, the hint. Pure.

use std::collections::BTreeSet;

use super::Ended;
use crate::component::Stop;
use crate::domain::Grant;
use crate::error::Kind;
use crate::report::Failure;

/// Most missing grants that are named.
const MAX_NAMED: usize = 10;

/// What to say of a run; nothing where it succeeded. `broken` is the first failure of the zone or the state, `missing`
/// what was refused for lack of a grant, `asked` what the manifest asks for and is not granted.
pub(super) fn verdict(
    ended: Ended,
    broken: Option<String>,
    missing: &BTreeSet<Grant>,
    asked: &BTreeSet<Grant>,
    extractor: &str,
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
    let more = if missing.is_empty() { &BTreeSet::new() } else { asked };
    let missing: BTreeSet<&Grant> = missing.iter().chain(more).take(MAX_NAMED).collect();
    let hint = grant_hint(&missing, extractor);
    // A limit or a trap is what it is, whatever was refused before.
    let kind = if kind == Kind::Failed && hint.is_some() { Kind::NotGranted } else { kind };
    Some(Failure { kind, message, hint })
}

/// What the operator would say to grant what is missing.
fn grant_hint(missing: &BTreeSet<&Grant>, extractor: &str) -> Option<String> {
    let (mut flags, mut origins, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for grant in missing {
        match grant {
            Grant::Origin(origin) => {
                flags.push(format!("--allow-http {origin}"));
                origins.push(format!("\"{origin}\""));
            }
            Grant::Source(source) => {
                flags.push(format!("--allow-source {source}"));
                sources.push(format!("\"{source}\""));
            }
            Grant::Secret(_) => {}
        }
    }
    if flags.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    if !origins.is_empty() {
        lines.push(format!("`http = [{}]`", origins.join(", ")));
    }
    if !sources.is_empty() {
        lines.push(format!("`sources = [{}]`", sources.join(", ")));
    }
    let lines = lines.join(" and ");
    Some(format!("to allow it, add `{}`, or put {lines} under [extractor.{extractor}] in host.toml", flags.join(" ")))
}
