//! How much of everything: said by flags, in `host.toml`, and by a manifest that knows what it will need.
//!
//! Pure. In all three places an amount has the same name and the same form.

use std::num::NonZeroU32;

use super::{Budget, Rate, Size, Time};

/// Most redirects that any request follows.
pub const MAX_REDIRECTS: u32 = 5;

/// In milliseconds.
const MINUTE: u64 = 60_000;
const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Budgets of a run, and limits of each of its requests. Their doc comments are their help.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The longest that the run may take [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = "Budgets of the run")]
    pub timeout: Option<Time>,
    /// The longest that the extractor may compute, the network work for it included [default: 10m]
    #[arg(long, value_name = "DURATION", help_heading = "Budgets of the run")]
    pub max_cpu: Option<Time>,
    /// The most memory that the extractor may hold [default: 256MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Budgets of the run")]
    pub max_memory: Option<Size>,
    /// The most core instances of the extractor [default: 100]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_instances: Option<u32>,
    /// The most tables of the extractor [default: 100]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_tables: Option<u32>,
    /// The most handles that the extractor may hold at once [default: 10000]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_handles: Option<u32>,
    /// The most requests, every redirect and repetition counted [default: 100000]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_requests: Option<u32>,
    /// The most bytes that come over the wire, heads included [default: 16GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Budgets of the run")]
    pub max_received: Option<Size>,
    /// The most bytes of new files, before compression [default: 16GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Budgets of the run")]
    pub max_landed: Option<Size>,
    /// The most new files [default: 100000]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_files: Option<u32>,
    /// The most bytes of the extractor's log [default: 1MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Budgets of the run")]
    pub max_log: Option<Size>,
    /// The most lines of the extractor's log [default: 10000]
    #[arg(long, value_name = "COUNT", help_heading = "Budgets of the run")]
    pub max_log_lines: Option<u32>,
    /// The largest body, on the wire and decoded [default: 4GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits of each request")]
    pub max_body: Option<Size>,
    /// The longest wait for a server's next bytes [default: 5m]
    #[arg(long, value_name = "DURATION", help_heading = "Limits of each request")]
    pub idle_timeout: Option<Time>,
    /// The least bytes per second that a body has to arrive with, on average, once it was waited for as long as the idle
    /// timeout [default: 64]
    #[arg(long, value_name = "SIZE", help_heading = "Limits of each request")]
    pub min_speed: Option<Size>,
    /// How often a request that failed temporarily is sent again [default: 3]
    #[arg(long, value_name = "COUNT", help_heading = "Limits of each request")]
    pub retries: Option<u32>,
    /// The most redirects that a request follows, 5 or less [default: 5]
    #[arg(long, value_name = "COUNT", help_heading = "Limits of each request",
          value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_REDIRECTS)))]
    #[serde(deserialize_with = "redirects")]
    pub max_redirects: Option<u32>,
    /// The most requests to one origin at once [default: 16]
    #[arg(long, value_name = "COUNT", help_heading = "Limits of each request")]
    pub max_concurrency: Option<NonZeroU32>,
    /// The most requests to one origin in a time, such as 10/s [default: any number]
    #[arg(long, value_name = "RATE", help_heading = "Limits of each request")]
    pub max_rate: Option<Rate>,
}

impl Settings {
    /// These, and where nothing is said, the others.
    pub fn or(self, others: Self) -> Self {
        macro_rules! first {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.or(others.$field)),* } };
        }
        first!(
            timeout,
            max_cpu,
            max_memory,
            max_instances,
            max_tables,
            max_handles,
            max_requests,
            max_received,
            max_landed,
            max_files,
            max_log,
            max_log_lines,
            max_body,
            idle_timeout,
            min_speed,
            retries,
            max_redirects,
            max_concurrency,
            max_rate,
        )
    }

    /// How much of a budget is said here.
    pub fn said(&self, budget: Budget) -> Option<u64> {
        let time = |time: Option<Time>| {
            // A limit of less than a millisecond is one of a millisecond, not none.
            time.map(|time| u64::try_from(time.0.as_millis()).unwrap_or(u64::MAX).max(1))
        };
        let size = |size: Option<Size>| size.map(|size| size.0);
        let count = |count: Option<u32>| count.map(u64::from);
        match budget {
            Budget::Time => time(self.timeout),
            Budget::Cpu => time(self.max_cpu),
            Budget::Memory => size(self.max_memory),
            Budget::Instances => count(self.max_instances),
            Budget::Tables => count(self.max_tables),
            Budget::Handles => count(self.max_handles),
            Budget::Requests => count(self.max_requests),
            Budget::Received => size(self.max_received),
            Budget::Landed => size(self.max_landed),
            Budget::Files => count(self.max_files),
            Budget::LogBytes => size(self.max_log),
            Budget::LogLines => count(self.max_log_lines),
        }
    }

    /// What a run gets of every budget, in the order of [`Budget::ALL`].
    pub fn amounts(&self) -> [u64; Budget::ALL.len()] {
        Budget::ALL.map(|budget| self.said(budget).unwrap_or(default(budget)))
    }

    /// The name of a limit of requests that is said here, if one is.
    pub fn request_limit(&self) -> Option<&'static str> {
        let said = [
            (self.max_body.is_some(), "max-body"),
            (self.idle_timeout.is_some(), "idle-timeout"),
            (self.min_speed.is_some(), "min-speed"),
            (self.retries.is_some(), "retries"),
            (self.max_redirects.is_some(), "max-redirects"),
            (self.max_concurrency.is_some(), "max-concurrency"),
            (self.max_rate.is_some(), "max-rate"),
        ];
        said.into_iter().find_map(|(said, name)| said.then_some(name))
    }

    /// The largest body, in bytes.
    pub fn body(&self) -> u64 {
        self.max_body.map_or(4 * GIB, |size| size.0)
    }
}

/// What a run gets of a budget of which nobody says anything.
fn default(budget: Budget) -> u64 {
    match budget {
        Budget::Time => 60 * MINUTE,
        Budget::Cpu => 10 * MINUTE,
        Budget::Memory => 256 * MIB,
        Budget::Instances | Budget::Tables => 100,
        Budget::Handles | Budget::LogLines => 10_000,
        Budget::Requests | Budget::Files => 100_000,
        Budget::Received | Budget::Landed => 16 * GIB,
        Budget::LogBytes => MIB,
    }
}

fn redirects<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match <u32 as serde::Deserialize>::deserialize(deserializer)? {
        count if count <= MAX_REDIRECTS => Ok(Some(count)),
        count => Err(serde::de::Error::custom(format!("{count} redirects are more than {MAX_REDIRECTS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_first_counts() {
        let said = |text: &str| toml::from_str::<Settings>(text).expect(text);
        let both = said("timeout = \"1s\"").or(said("timeout = \"2s\"\nmax-files = 3"));
        assert_eq!(both, said("timeout = \"1s\"\nmax-files = 3"));
        let amounts = both.amounts();
        assert_eq!(amounts[Budget::Time as usize], 1000);
        assert_eq!(amounts[Budget::Files as usize], 3);
        assert_eq!(amounts[Budget::Memory as usize], 256 << 20);
        assert_eq!(said("max-memory = 65536"), said("max-memory = \"64KiB\""));
        for wrong in [
            "max-fils = 3",
            "timeout = 3",
            "max-memory = []",
            "max-redirects = 6",
            "max-concurrency = 0",
            "max-rate = \"often\"",
        ] {
            assert!(toml::from_str::<Settings>(wrong).is_err(), "{wrong}");
        }
    }
}
