//! What somebody is told: facts, and no secret, since all of them come from the report and the state.

use std::ffi::OsString;

use serde_json::{Map, Value, json};

use crate::config::Event;
use crate::error::Error;
use crate::health::Health;
use crate::landing::Landing;
use crate::report::Report;
use rules::text;
use state::{State, StateError, Wanted};

/// Most new files that are named.
const MAX_FILES: usize = 10_000;

/// What happened.
pub(super) struct Facts {
    extractor: String,
    run_id: i64,
    /// What is said of it in one sentence, but for the event.
    sentence: String,
    facts: Map<String, Value>,
    files: Vec<String>,
    /// How many more there are than are named.
    more_files: u64,
}

/// The same about one event.
pub(super) struct Message {
    pub(super) extractor: String,
    pub(super) run_id: i64,
    facts: Map<String, Value>,
}

/// What a run did.
pub(super) fn of_run(state: &State, landing: &Landing, report: &Report) -> Result<Facts, StateError> {
    let mut files = Vec::new();
    let mut count = 0_u64;
    if report.counters.files_written > 0 {
        state.listed(&Wanted { run: Some(report.run_id), ..Wanted::default() }, |file| {
            count += 1;
            if files.len() < MAX_FILES {
                files.push(file.path);
            }
            Ok::<_, StateError>(())
        })?;
    }
    let failure = report.failure.as_ref();
    let object = json!({
        "extractor": report.extractor,
        "run_id": report.run_id,
        "status": if failure.is_some() { "failed" } else { "success" },
        "exit_code": failure.map_or(0, |failure| failure.kind.exit_code()),
        "error": failure.map(|failure| &failure.message),
        "files_written": report.counters.files_written,
        "files_skipped": report.counters.files_skipped,
        "bytes_written": report.counters.bytes_written,
        "cursor": report.cursor,
        "landing": landing.whole(),
    });
    let summary = report.text();
    let sentence = match failure {
        Some(failure) => format!("run {} failed: {}", report.run_id, text::line(&failure.message)),
        None => text::line(summary.lines().next().unwrap_or_default()),
    };
    Ok(Facts {
        extractor: report.extractor.clone(),
        run_id: report.run_id,
        sentence,
        facts: object.as_object().cloned().unwrap_or_default(),
        more_files: count - files.len() as u64,
        files,
    })
}

/// That a run did not begin.
pub(super) fn of_refusal(landing: &Landing, extractor: &str, error: &Error) -> Facts {
    let object = json!({
        "extractor": extractor,
        "status": "not-started",
        "exit_code": error.kind.exit_code(),
        "error": error.message(),
        "landing": landing.whole(),
    });
    of_no_run(extractor, format!("it did not start: {}", text::line(error.message())), object)
}

/// That a run is missing.
pub(super) fn of_staleness(landing: &Landing, health: &Health) -> Facts {
    let reason = health.reason.clone().unwrap_or_default();
    let object = json!({
        "extractor": health.extractor,
        "status": "stale",
        "error": reason,
        "last_success": health.last_success,
        "landing": landing.whole(),
    });
    of_no_run(&health.extractor, reason, object)
}

/// What is told where there is no run to tell of.
fn of_no_run(extractor: &str, sentence: String, facts: Value) -> Facts {
    let facts = facts.as_object().cloned().unwrap_or_default();
    Facts { extractor: extractor.to_owned(), run_id: 0, sentence, facts, files: Vec::new(), more_files: 0 }
}

impl Facts {
    /// What is told of one event.
    pub(super) fn about(&self, event: Event) -> Message {
        let mut facts = self.facts.clone();
        facts.insert("event".into(), event.word().into());
        // What chats show.
        facts.insert("text".into(), format!("{} {}: {}", self.extractor, event.word(), self.sentence).into());
        if event == Event::Landed {
            facts.insert("files".into(), self.files.clone().into());
            facts.insert("more_files".into(), self.more_files.into());
        }
        Message { extractor: self.extractor.clone(), run_id: self.run_id, facts }
    }
}

impl Message {
    pub(super) fn json(&self) -> String {
        Value::Object(self.facts.clone()).to_string()
    }

    /// The same but for the files as variables of an environment: `HOST_EVENT` and so on.
    pub(super) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.facts.iter().filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null => String::new(),
                _ => return None,
            };
            // No variable may hold what ends one.
            Some((format!("HOST_{}", name.to_ascii_uppercase()).into(), value.replace('\0', "").into()))
        })
    }
}
