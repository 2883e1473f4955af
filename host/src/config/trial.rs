//! Runs for tests: what they change, and what they need for that. Only flags make one, never a manifest or a file.

use super::Flags;
use crate::error::Error;

/// What sets a run for tests apart from ordinary ones; empty where it is an ordinary one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// What is to be said of it, one sentence each.
    pub notes: Vec<String>,
}

impl Trial {
    /// What the flags say.
    pub(super) fn resolve(flags: &Flags) -> Result<Self, Error> {
        let notes: Vec<String> = flags.mapped.iter().map(|mapping| format!("for this run, {mapping}")).collect();
        let mut origins: Vec<_> = flags.mapped.iter().map(|mapping| mapping.from().to_string()).collect();
        origins.sort_unstable();
        if let Some(twice) = origins.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(
                Error::usage(format!("`--map` leads {} to two origins", twice[0])).hint("leave one of them out")
            );
        }
        let trial = Self { notes };
        if trial.is_one() && (flags.landing.is_none() || flags.standing_landing) {
            let message = "a run with `--map` needs a landing directory of its own";
            return Err(Error::usage(message).hint("name one that is empty or for tests with `--landing DIR`"));
        }
        Ok(trial)
    }

    /// Whether it is a run for tests.
    pub fn is_one(&self) -> bool {
        !self.notes.is_empty()
    }
}
