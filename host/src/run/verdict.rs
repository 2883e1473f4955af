//! From how a run ended to what is said of it: the exit code's kind, the message, the hint. Pure.

use std::collections::BTreeSet;

use super::Ended;
use super::storing::EndState;
use crate::error::Kind;
use crate::report::Failure;
use engine::Stop;
use rules::domain::{Fault, Grant};
use rules::policy::OriginGrant;
use rules::text;
use state::StateError;

/// Most missing grants that are named.
const MAX_NAMED: usize = 10;

/// What it takes to say how something is granted.
#[derive(Debug)]
pub(super) struct GrantAdvice {
    /// What its manifest asks for and is not granted.
    pub(super) asked: BTreeSet<Grant>,
    /// The command that grants it.
    pub(super) allow: String,
    /// Its name.
    pub(super) extractor: String,
}

impl GrantAdvice {
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

/// What to say of a run; nothing where it succeeded.
pub(super) fn verdict(ended: Ended, end: &EndState, advice: &GrantAdvice) -> Option<Failure> {
    let fault = end.fault.as_ref();
    let stopped = match ended {
        Ended::Signal(caught) => {
            let before = fault.map(|fault| format!("; before that: {fault}")).unwrap_or_default();
            let hints = fault.and_then(fault_hint).into_iter().collect();
            return Some(Failure { kind: caught.kind(), message: format!("{caught}{before}"), hints });
        }
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
    let message = match (fault, stopped) {
        (Some(fault), _) => {
            let hints = fault_hint(fault).into_iter().chain(grant_hint(&end.missing, advice)).collect();
            return Some(Failure { kind: Kind::Failed, message: fault.to_string(), hints });
        }
        (None, Ok(())) => return None,
        (None, Err(Stop::Trapped { reason, frames })) if !frames.is_empty() => {
            format!("the extractor {reason}, in {}", frames.join(" < "))
        }
        (None, Err(stop)) => stop.to_string(),
    };
    let spent = stopped_by.map(|spent| {
        let name = spent.budget.name();
        format!("`--{name}`, or `{name}` under [extractor.{}.budget] in host.toml, allows more", advice.extractor)
    });
    let granting = grant_hint(&end.missing, advice);
    // A limit or a trap is what it is, whatever was refused before; and where something else failed as well, granting
    // what is missing would not be enough.
    let only_grants = kind == Kind::Failed && granting.is_some() && !end.failed_otherwise;
    let kind = if only_grants { Kind::NotGranted } else { kind };
    Some(Failure { kind, message, hints: granting.into_iter().chain(spent).collect() })
}

/// What to do about a failure of the zone or the state.
fn fault_hint(fault: &Fault) -> Option<String> {
    match fault.find::<StateError>()? {
        StateError::Corrupt(_) => {
            Some("`host repair` sets the database aside and builds another from what has landed".to_owned())
        }
        StateError::Busy => Some("see who holds the database open, for example with `fuser`".to_owned()),
        _ => None,
    }
}

/// What the operator would say to grant what is missing. What the manifest lists needs no word of its own.
fn grant_hint(missing: &BTreeSet<Grant>, advice: &GrantAdvice) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let (mut command, mut flags, mut secret) = (advice.allow.clone(), Vec::new(), None);
    for grant in missing.iter().take(MAX_NAMED) {
        let listed = advice.lists(grant);
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
            advice.extractor
        ),
        None => format!("to allow it, run `{command}`; for one run, add `{}`", flags.join(" ")),
    })
}
