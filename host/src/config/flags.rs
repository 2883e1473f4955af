//! The flags that say how to run an extractor. Their doc comments are their help.

use std::path::PathBuf;

use clock::Moment;
use rules::budget::{Settings, Time};
use rules::domain::{Part, Scope, Window};
use rules::policy::Mapping;

/// How to run an extractor.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The extractor's identity: in the state table, the lock, and its own source directory [default: the component's
    /// own name, else its file's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The landing directory, or a place in an object store such as s3://BUCKET/PREFIX [default: what the configuration
    /// says, else data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    pub landing: Option<PathBuf>,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Set a parameter of the extractor; @FILE reads the value from a file, @- from standard input
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    pub params: Vec<(String, String)>,
    /// Let the extractor send requests to this origin, such as `https://example.org`
    #[arg(long, value_name = "ORIGIN")]
    pub allow_http: Vec<String>,
    /// Let the extractor append to this source beside its own
    #[arg(long, value_name = "SOURCE")]
    pub allow_source: Vec<String>,
    /// Extract the days of a window, the end not included, such as 2025-01-01..2026-01-01
    #[arg(long, value_name = "START..END")]
    pub backfill: Option<Window>,
    /// Set a parameter, and extract only that part: the run has a cursor and a lock of its own, so that parts are extracted
    /// side by side
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub only: Option<(String, String)>,
    /// Ask and read everything, whatever is known of it; but go on from the cursor (`host cursor clear` begins anew)
    #[arg(long)]
    pub fresh: bool,
    /// Wait for another run of this extractor to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    pub wait: Option<Option<Time>>,
    /// For this run, have another origin answer in the place of one, such as
    /// `https://prices.example=http://127.0.0.1:8080`; for tests, into a landing directory of their own
    #[arg(long = "map", value_name = "FROM=TO")]
    pub mapped: Vec<Mapping>,
    /// Keep every request and answer of the run in this file, as HAR 1.2
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Take all answers from this HAR and none from the network, at the time at which it was recorded; for tests, into
    /// a landing directory of their own
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Do everything but write: show what would land, with its first lines
    #[arg(long)]
    pub dry_run: bool,
    /// When the run starts, in the place of when the recording did.
    #[arg(long, value_name = "TIME", requires = "replay", hide = true, value_parser = moment)]
    pub started_at: Option<Moment>,
    /// The cursor that an earlier run is taken to have left.
    #[arg(long, value_name = "TEXT", requires = "replay", hide = true)]
    pub cursor: Option<String>,
    /// Whether the landing directory was named by the environment, and not for this very run.
    #[arg(skip)]
    pub landing_from_environment: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment would become the help of the first of its flags")]
    pub budget: Settings,
}

impl Flags {
    /// Whether a parameter is given by one of them.
    pub fn gives(&self, name: &str) -> bool {
        let only = self.only.as_ref().map(|(key, _)| key);
        self.params.iter().map(|(key, _)| key).chain(only).any(|key| key == name)
    }

    /// What the run is for.
    pub(super) fn scope(&self) -> Scope {
        Scope { window: self.backfill, part: self.only.as_ref().map(|(name, value)| Part::new(name, value)) }
    }
}

pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a parameter is written KEY=VALUE".into()),
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| "a moment is written 2025-01-31T08:00:00Z".into())
}

#[cfg(test)]
impl Flags {
    pub(super) fn parse_for_tests(arguments: &[&str]) -> Result<Self, clap::Error> {
        use clap::{Args as _, FromArgMatches as _};
        let command = Flags::augment_args(clap::Command::new("host").no_binary_name(true));
        Flags::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}
