//! Events as lines of JSON on standard output, for the program that runs several extractors at once.

use std::io::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::{Event, Reader};
use rules::domain::Level;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Something was said.
    Log {
        /// How much it matters.
        level: Level,
        /// What.
        message: String,
    },
    /// So much is done.
    Progress {
        /// In a unit of the extractor's.
        done: u64,
        /// How much there is to be done, where that is known.
        total: Option<u64>,
    },
    /// The run is over: its report, without what became of each content.
    Ended(serde_json::Value),
}

impl Told {
    /// Write it. Where nobody reads it any more, nobody has to be told.
    pub fn write(&self) {
        let mut output = io::stdout().lock();
        if let Ok(line) = serde_json::to_string(self) {
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
    }
}

/// Writes events for the program that started this one: of the log, what matters so much.
#[derive(Debug)]
pub struct Wire(pub Level);

impl Reader for Wire {
    fn read(&self, event: Event<'_>) {
        match event {
            Event::Log { level, message } if level >= self.0 => {
                Told::Log { level, message: message.to_owned() }.write()
            }
            Event::Untold(message) => Told::Log { level: Level::Warn, message: message.to_owned() }.write(),
            Event::Progress { done, total } => Told::Progress { done, total }.write(),
            Event::Log { .. } | Event::Landed(_) => {}
        }
    }
}
