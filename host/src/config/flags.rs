//! The flags that say how to run an extractor. Their doc comments are their help.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;

use crate::domain::Window;

/// How to run an extractor.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// The extractor's identity: in the state table, the lock, and its own source directory [default: the component's
    /// own name, else its file's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The landing directory [default: data/landing]
    #[arg(long, value_name = "DIR", env = "LANDING_DIR", hide_env_values = true)]
    pub landing: Option<PathBuf>,
    /// The configuration file [default: host.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Set a parameter of the extractor
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
    /// Wait for another run of this extractor to end, for that long or without end, instead of exiting with 75
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true)]
    pub wait: Option<Option<Time>>,
    /// The longest that the run may take [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub timeout: Option<Time>,
    /// The longest that the extractor may compute, the network work for it included [default: 10m]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub max_cpu: Option<Time>,
    /// The most memory that the extractor may hold [default: 256MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_memory: Option<Size>,
    /// The largest body, on the wire and decoded [default: 4GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_body: Option<Size>,
    /// The most bytes of the extractor's log [default: 1MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_log: Option<Size>,
    /// The most lines of the extractor's log [default: 10000]
    #[arg(long, value_name = "LINES", help_heading = "Limits")]
    pub max_log_lines: Option<u64>,
    /// The longest wait for a server's next bytes [default: 5m]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub idle_timeout: Option<Time>,
    /// How often a request that failed temporarily is sent again [default: 3]
    #[arg(long, value_name = "TIMES", help_heading = "Limits")]
    pub retries: Option<u32>,
}

/// A positive length of time, written `90s`, `15m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("`{text}` is no duration such as 90s, 15m or 1h");
        let duration: SignedDuration = text.parse().map_err(|_| shape())?;
        match Duration::try_from(duration) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            _ => Err(shape()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A number of bytes, written `64KiB`, `1GB`, or plainly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<ByteSize>() {
            Ok(size) if size.as_u64() > 0 => Ok(Self(size.as_u64())),
            _ => Err(format!("`{text}` is no size such as 64KiB, 1GB or 1000")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a parameter is written KEY=VALUE".into()),
    }
}

#[cfg(test)]
impl Flags {
    pub(super) fn parse_for_tests(arguments: &[&str]) -> Result<Self, clap::Error> {
        use clap::{Args as _, FromArgMatches as _};
        let command = Flags::augment_args(clap::Command::new("host").no_binary_name(true));
        Flags::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_positive_and_have_units() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3600), ("1h 30m", 5400), ("1h30m", 5400)] {
            assert_eq!(text.parse(), Ok(Time(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "5", "0s", "-5s", "soon", "1h ago"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_positive() {
        for (text, bytes) in [("64KiB", 65_536), ("1GB", 1_000_000_000), ("1000", 1000), ("1.5 MiB", 1_572_864)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "0", "-1", "lots", "5 parsecs"] {
            let error = text.parse::<Size>().expect_err(text);
            assert!(error.contains("is no size such as"), "{error}");
        }
    }
}
