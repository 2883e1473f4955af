//! Tokens between runs: what is kept of each right, where, and whose turn it is to change it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::TokenFile;
use super::order::{Failed, Got};
use super::stored::Room;
use fetch::Authorities;
use objects::ObjectsError;

/// What is kept. It has no `Debug`, so that it cannot be shown by mistake.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The newest token.
    #[serde(flatten)]
    pub got: Option<Got>,
    /// What the next one is got with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Whether that was sent, and nothing is known of an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
}

/// Where the tokens of one right are.
#[derive(Clone, Serialize, Deserialize)]
pub enum Keep {
    /// In a file of this machine.
    File(PathBuf),
    /// In an object of a store.
    Object(Room),
}

impl Keep {
    /// Get ready to use it.
    pub(super) fn open(&self, authorities: &Authorities) -> Result<Box<dyn Keeper>, KeepError> {
        Ok(match self {
            Self::File(path) => Box::new(TokenFile(path.clone())),
            Self::Object(room) => Box::new(room.open(authorities)?),
        })
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(room) => f.write_str(&room.shown()),
        }
    }
}

/// Keeps the tokens of one right.
pub(super) trait Keeper {
    /// What is kept, whoever is changing it; `None` where nothing is.
    fn look(&self) -> Result<Option<Kept>, KeepError>;

    /// Wait for the turn to change it, unless what somebody else keeps meanwhile is enough.
    fn turn(&self, enough: &dyn Fn(&Kept) -> Option<Got>) -> Result<Turn<'_>, KeepError>;
}

/// What came of waiting.
pub(super) enum Turn<'a> {
    /// There is nothing to change.
    Enough(Got),
    /// Nobody else changes it before this ends.
    Ours(Box<dyn Held + 'a>),
}

/// A turn. Where it is dropped, the next one comes once nobody can be at it any more.
pub(super) trait Held {
    /// What is kept.
    fn kept(&self) -> &Kept;

    /// Keep that instead, durably; the turn goes on.
    fn note(&mut self, kept: Kept) -> Result<(), KeepError>;

    /// Keep that instead, if anything, and end the turn.
    fn end(self: Box<Self>, kept: Option<Kept>) -> Result<(), KeepError>;
}

/// Why a token is not kept, or what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error("cannot keep it in {place}: {error}")]
    Io { place: String, error: io::Error },
    #[error("what is kept in {0} is damaged; remove it to begin anew")]
    Damaged(String),
    #[error("it is kept in {0}, where somebody else has been at it for too long")]
    Busy(String),
    #[error("this took too long, and another machine has begun to get it in its place")]
    Lost,
    #[error("the tokens in {0} are sealed with another key than `token-key` under [store] in host.toml gives")]
    OtherKey(String),
    #[error("{0} does not keep conditions on writes, so that one machine could replace a token that another one got")]
    Careless(String),
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

impl From<KeepError> for Failed {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Io { .. } | KeepError::Busy(_) | KeepError::Lost => Self::Other(error.to_string()),
            KeepError::Objects(ref objects) if !objects.is_of_settings() => Self::Other(error.to_string()),
            // Somebody has to do something first.
            error => Self::Refused(error.to_string()),
        }
    }
}
