//! What a registry refuses or gets wrong, said in one sentence. Answers are never quoted as a whole.

use outbound::Cut;
use rules::domain::Digest;
use rules::text;

use crate::layout::LayoutError;
use crate::signature::Unsigned;

/// Why a component could not be pushed, pulled or used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry was not even asked.
    #[error("{0}")]
    Settings(String),
    /// There was no answer, or not all of it.
    #[error("{0}")]
    Network(#[from] Cut),
    /// It wants to know who asks, and nobody says so.
    #[error("{registry} wants credentials for {repository}, and there are none{}", behind(.silent.as_deref()))]
    Anonymous {
        /// Which one.
        registry: String,
        /// For what.
        repository: String,
        /// Which file or helper gave nothing.
        silent: Option<String>,
    },
    /// It does not take who asks.
    #[error("{registry} does not accept the credentials for {repository} (status {status}{})", coded(.code))]
    Unauthorized {
        /// Which one.
        registry: String,
        /// For what.
        repository: String,
        /// What it answered.
        status: u16,
        /// Its own word for it.
        code: Option<String>,
    },
    /// It has no such thing.
    #[error("{registry} has no {what}{}", coded(.code))]
    Missing {
        /// Which one.
        registry: String,
        /// What it was asked for.
        what: String,
        /// Its own word for it.
        code: Option<String>,
    },
    /// It answered with something else.
    #[error("{registry} answered with status {status}{} when asked for {what}", coded(.code))]
    Status {
        /// Which one.
        registry: String,
        /// What it answered.
        status: u16,
        /// What it was asked for.
        what: String,
        /// Its own word for it.
        code: Option<String>,
    },
    /// What it answered cannot be understood, or may not be followed.
    #[error("{0} {1}")]
    Answer(String, String),
    /// It says more than it should.
    #[error("{registry} sends more than the {} of {what}", text::counted(*.most, "byte"))]
    TooMuch {
        /// Which one.
        registry: String,
        /// Of what.
        what: String,
        /// How many there should be.
        most: u64,
    },
    /// It said less than it should.
    #[error("{registry} sent {got} of the {} of {what}", text::counted(*.of, "byte"))]
    TooLittle {
        /// Which one.
        registry: String,
        /// Of what.
        what: String,
        /// How many came.
        got: u64,
        /// How many there should be.
        of: u64,
    },
    /// What came is something else than what was asked for.
    #[error("{registry} sent something else than {what}: its digest is sha256:{got}")]
    Digest {
        /// Which one.
        registry: String,
        /// What was asked for.
        what: String,
        /// What came.
        got: Digest,
    },
    /// It is slower than anything useful.
    #[error("{registry} took longer than {seconds} s for {what}")]
    Slow {
        /// Which one.
        registry: String,
        /// For what.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It is no component.
    #[error("{0}: {1}")]
    Layout(String, LayoutError),
    /// It is not signed as it should be.
    #[error("{0} is not used: {1}")]
    Unsigned(String, Unsigned),
    /// The cache cannot be used.
    #[error("cannot {action} {path}: {reason}")]
    Cache {
        /// What was to be done.
        action: &'static str,
        /// Where.
        path: String,
        /// Why not.
        reason: String,
    },
}

fn behind(silent: Option<&str>) -> String {
    silent.map(|silent| format!(" ({})", text::line(silent))).unwrap_or_default()
}

fn coded(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(", {code}")).unwrap_or_default()
}

impl RegistryError {
    /// Whether the same may well succeed the next time.
    pub fn is_temporary(&self) -> bool {
        match self {
            // What was waited for long enough is not waited for again.
            Self::Network(Cut::Silent(..)) => false,
            Self::Network(Cut::NoTunnel(_, reason)) => reason.is_transient(),
            Self::Network(_) | Self::TooLittle { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }
}
