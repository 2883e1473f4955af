//! From how a run ended to what is said of it: the exit code's kind, the message, the hint. Pure.

use std::collections::BTreeSet;

use super::Ended;
use crate::component::Stop;
use crate::domain::Grant;
use crate::error::Kind;
use crate::fetch::OriginGrant;
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
    /// Its name.
    pub(super) extractor: String,
}

impl Wishes {
    /// Whether the manifest lists this, so that the command grants it by itself.
    fn lists(&self, grant: &Grant) -> bool {
        let Grant::Origin(origin) = grant else { return self.asked.contains(grant) };
        let Ok(origin) = origin.parse::<OriginGrant>() else { return false };
        let asked = self.asked.iter().filter_map(|asked| match asked {
            Grant::Origin(asked) => asked.parse::<OriginGrant>().ok(),
            _ => None,
        });
        asked.into_iter().any(|asked| asked.includes(&origin))
    }
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
    let stopped_by = match &stopped {
        Err(Stop::Spent(spent)) => Some(*spent),
        _ => None,
    };
    let message = match (broken, stopped) {
        (Some(broken), _) => return Some(Failure::new(Kind::Failed, broken)),
        (None, Ok(())) => return None,
        (None, Err(Stop::Trapped { reason, frames })) if !frames.is_empty() => {
            format!("the extractor {reason}, in {}", frames.join(" < "))
        }
        (None, Err(stop)) => stop.to_string(),
    };
    let spent = stopped_by.map(|spent| {
        let name = spent.budget.name();
        format!("`--{name}`, or `{name}` under [extractor.{}.budget] in host.toml, allows more", wishes.extractor)
    });
    let hint = grant_hint(missing, wishes);
    // A limit or a trap is what it is, whatever was refused before.
    let kind = if kind == Kind::Failed && hint.is_some() { Kind::NotGranted } else { kind };
    Some(Failure { kind, message, hint: hint.or(spent) })
}

/// What the operator would say to grant what is missing. What the manifest lists needs no word of its own.
fn grant_hint(missing: &BTreeSet<Grant>, wishes: &Wishes) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let (mut command, mut flags, mut secret) = (wishes.allow.clone(), Vec::new(), None);
    for grant in missing.iter().take(MAX_NAMED) {
        let listed = wishes.lists(grant);
        match grant {
            Grant::Origin(origin) => {
                let origin = text::shell(origin);
                if !listed {
                    command.push_str(&format!(" --http {origin}"));
                }
                flags.push(format!("--allow-http {origin}"));
            }
            Grant::Source(source) => {
                if !listed {
                    command.push_str(&format!(" --source {source}"));
                }
                flags.push(format!("--allow-source {source}"));
            }
            Grant::Secret(name) => {
                command.push_str(&format!(" --secret {}=WHERE", text::shell(name)));
                secret.get_or_insert(name);
            }
        }
    }
    Some(match secret {
        Some(name) => format!(
            "to allow it, run `{command}`; `origins` under [extractor.{}.secret.{name}] in host.toml says where it may go",
            wishes.extractor
        ),
        None => format!("to allow it, run `{command}`; for one run, add `{}`", flags.join(" ")),
    })
}
