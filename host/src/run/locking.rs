//! The locks of a run, and that data and tests never share a landing directory.

use std::fmt::Display;

use rules::domain::Scope;
use rules::text;
use zone::{DiskError, Holder, Lock, Root};

use crate::config::Plan;
use crate::error::{Error, Kind};
use crate::patience::{PAUSE, hint, patiently};

fn failed(error: DiskError) -> Error {
    Error::new(Kind::Failed, error).hint("the landing directory must be writable")
}

/// The zone's lock, shared with other runs, and the extractor's own.
pub(super) fn locks(root: &Root, plan: &Plan) -> Result<[Lock; 2], Error> {
    patiently(plan.wait, PAUSE, || {
        let landing = &plan.landing;
        let shared = if prepared(root, plan)? { root.lock_zone(false).map_err(failed)? } else { None };
        if shared.is_some() && !plan.trial.is_one() && root.is_for_tests().map_err(failed)? {
            return Err(for_tests(plan));
        }
        let own = root.lock_extractor(&plan.name, &plan.scope).map_err(failed)?;
        let hint = hint(plan.wait);
        let (message, hint) = match (shared, own) {
            (Some(shared), Ok(own)) => return Ok(Ok([shared, own])),
            (None, _) => (format!("{landing} is being repaired"), hint.to_owned()),
            (_, Err(holder)) => {
                let message = held("another run", &plan.name, &plan.scope, holder, &plan.landing);
                (message, format!("{hint}; `host runs` shows when it started"))
            }
        };
        Ok(Err(Error::new(Kind::Locked, message).hint(hint)))
    })
}

/// Who holds the lock of an extractor that is wanted for a scope.
pub(crate) fn held(who: &str, extractor: &str, wanted: &Scope, holder: Holder, landing: &dyn Display) -> String {
    let of = wanted.part.as_ref().map(|part| format!(" with {}", text::quoted(&part.to_string()))).unwrap_or_default();
    match (holder, wanted.window) {
        (Holder::Window(held), Some(wanted)) if held == wanted => {
            format!("{who} of {extractor}{of} for {held} holds the lock of that window in {landing}")
        }
        (Holder::Window(held), Some(wanted)) => {
            format!("{who} of {extractor}{of} for {held}, which overlaps {wanted}, holds its lock in {landing}")
        }
        (Holder::Newest, _) => format!("{who} of {extractor}{of} holds its lock in {landing}"),
        _ => format!("{who} of {extractor} holds its lock in {landing}"),
    }
}

/// Why an ordinary run does not start.
pub(super) fn for_tests(plan: &Plan) -> Error {
    let message = format!("{} is for tests, and this run is not one", &plan.landing);
    Error::usage(message).hint("name another directory with `--landing DIR`")
}

/// Have the landing directory be one for tests, where this run is one; whether that came about. Only one that nobody used
/// becomes one, and nobody else may be at work in it at that moment.
fn prepared(root: &Root, plan: &Plan) -> Result<bool, Error> {
    if !plan.trial.is_one() || root.is_for_tests().map_err(failed)? {
        return Ok(true);
    }
    let unused = root.is_unused().map_err(failed)?;
    let alone = root.lock_zone(true).map_err(failed)?;
    match (unused && root.is_unused().map_err(failed)?, alone) {
        (true, Some(_alone)) => root.mark_for_tests().map_err(failed).map(|()| true),
        (true, None) => Ok(false),
        (false, _) if root.is_for_tests().map_err(failed)? => Ok(true),
        (false, _) => {
            let message = format!("{} is in use for data, and this run is a test", &plan.landing);
            Err(Error::usage(message).hint("name a directory that is empty or for tests with `--landing DIR`"))
        }
    }
}
