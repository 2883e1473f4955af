//! How the extractors are, for Prometheus: its text format (version 0.0.4), for a file that node_exporter reads.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::Configuration;
use crate::error::Error;
use crate::files;
use crate::health::{self, Health};
use crate::landing::Landing;
use crate::view::View;
use clock::Moment;

/// One number of each extractor.
struct Gauge {
    name: &'static str,
    help: &'static str,
    value: fn(&Health) -> Option<f64>,
}

fn seconds(moment: Option<Moment>) -> Option<f64> {
    moment.map(|moment| moment.unix_seconds() as f64)
}

fn truth(value: bool) -> Option<f64> {
    Some(f64::from(u8::from(value)))
}

/// All of them. A name is never given another meaning.
const GAUGES: [Gauge; 13] = [
    Gauge {
        name: "host_extractor_healthy",
        help: "1 unless the extractor is failing or stale.",
        value: |health| truth(!health.condition.is_bad()),
    },
    Gauge {
        name: "host_extractor_failing",
        help: "1 if the last run failed.",
        value: |health| truth(health.condition == health::Condition::Failing),
    },
    Gauge {
        name: "host_extractor_stale",
        help: "1 if the last success is too long ago, or a start was missed.",
        value: |health| truth(health.reason.is_some()),
    },
    Gauge {
        name: "host_extractor_running",
        help: "1 while a run goes on.",
        value: |health| truth(health.running_since.is_some()),
    },
    Gauge {
        name: "host_extractor_last_run_timestamp_seconds",
        help: "When the last run that ended was started.",
        value: |health| seconds(health.last_run),
    },
    Gauge {
        name: "host_extractor_last_run_duration_seconds",
        help: "How long the last run that ended took.",
        value: |health| health.last_run_seconds.map(|seconds| seconds as f64),
    },
    Gauge {
        name: "host_extractor_last_success_timestamp_seconds",
        help: "When the last run that succeeded was started.",
        value: |health| seconds(health.last_success),
    },
    Gauge {
        name: "host_extractor_last_failure_timestamp_seconds",
        help: "When the last run that failed was started.",
        value: |health| seconds(health.last_failure.as_ref().map(|failed| failed.at)),
    },
    Gauge {
        name: "host_extractor_next_due_timestamp_seconds",
        help: "When the extractor is due next.",
        value: |health| seconds(health.next_due),
    },
    Gauge {
        name: "host_extractor_newest_content_timestamp_seconds",
        help: "When the last run was started that landed something new.",
        value: |health| seconds(health.newest_content),
    },
    Gauge {
        name: "host_extractor_streak",
        help: "How many of the last runs succeeded or, negative, failed.",
        value: |health| Some(health.streak as f64),
    },
    Gauge {
        name: "host_extractor_files_7d",
        help: "New files of the last seven days.",
        value: |health| Some(health.last_7_days.files as f64),
    },
    Gauge {
        name: "host_extractor_bytes_7d",
        help: "Compressed bytes of new files of the last seven days.",
        value: |health| Some(health.last_7_days.bytes as f64),
    },
];

/// All numbers of these extractors.
pub fn text(all: &[Health]) -> String {
    let mut text = String::new();
    for Gauge { name, help, value } in &GAUGES {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for health in all {
            if let Some(value) = value(health) {
                let _ = writeln!(text, "{name}{{extractor=\"{}\"}} {value}", label(&health.extractor));
            }
        }
    }
    text
}

/// A label's value: names in a database may be anybody's.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Write them into a file, which is replaced as a whole.
pub fn write(landing: &Landing, configuration: &Configuration, path: &Path) -> Result<(), Error> {
    // From before the state is looked at, so that none of several runs that end at once replaces what is newer. Numbers that
    // are too old for a moment are better than none.
    let _turn = files::turn(path).ok();
    let text = text(&health::of(View::open(landing)?.as_ref(), configuration, None)?);
    // Whoever reads it is another user, and the umask of a service often keeps others out.
    files::publish(path, text.as_bytes())
        .map_err(|error| files::unwritten("cannot write the metrics into", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_as_the_format_says() {
        assert_eq!(label("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }

    #[test]
    fn each_number_has_its_help_and_type_once() {
        let text = text(&[]);
        assert_eq!(text.lines().count(), 2 * GAUGES.len());
        for Gauge { name, .. } in GAUGES {
            assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1);
        }
    }
}
