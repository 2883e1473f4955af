//! What is shown of a batch while it goes on: a line for each extractor that ends, their logs, and bars on a terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use indicatif::{MultiProgress, ProgressBar};
use serde_json::json;

use super::{Batch, Outcome};
use crate::console::{self, LogFormat, Verbosity};
use crate::events::Told;
use clock::Moment;
use rules::domain::Level;
use rules::text;

/// What is on the screen.
pub(super) struct Display {
    told: bool,
    format: LogFormat,
    coloured: bool,
    bars: Option<MultiProgress>,
    /// Of those that are going on.
    running: BTreeMap<String, ProgressBar>,
}

impl Display {
    pub(super) fn new(batch: &Batch) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bars = terminal && batch.verbosity > Verbosity::Quiet && batch.log_format == LogFormat::Text;
        Self {
            told: batch.told,
            format: batch.log_format,
            coloured: terminal && console::wants_colour(),
            bars: bars.then(MultiProgress::new),
            running: BTreeMap::new(),
        }
    }

    pub(super) fn started(&mut self, name: &str) {
        if let Some(bars) = &self.bars {
            let bar = bars.add(console::bar());
            bar.set_message(text::quoted(name));
            self.running.insert(name.to_owned(), bar);
        }
    }

    pub(super) fn told(&mut self, name: &str, told: Told) {
        match told {
            Told::Log { level, message } => self.log(name, level, &message),
            Told::Progress { done, total } => {
                if let Some(bar) = self.running.get(name) {
                    console::show_progress(bar, done, total, None);
                }
            }
            Told::Ended(_) => {}
        }
    }

    pub(super) fn ended(&mut self, outcome: &Outcome) {
        if let Some(bar) = self.running.remove(&outcome.extractor) {
            bar.finish_and_clear();
        }
        if self.told {
            let line = outcome.text();
            // A reader that went away is no failure of the extractors.
            self.apart(|| drop(writeln!(std::io::stdout(), "{line}")));
        }
        let name = &outcome.extractor;
        for line in outcome.said.lines() {
            if let Some(error) = line.strip_prefix("error: ") {
                self.log(name, Level::Error, error);
            } else if let Some(warning) = line.strip_prefix("warning: ") {
                self.log(name, Level::Warn, warning);
            } else if self.format == LogFormat::Text {
                self.line(&console::named(name, line, self.coloured));
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(bars) = self.bars.take() {
            // What cannot be taken away stays.
            let _ = bars.clear();
        }
    }

    fn log(&self, name: &str, level: Level, message: &str) {
        let line = match self.format {
            LogFormat::Json => {
                let time = Moment::now().iso8601();
                json!({ "time": time, "level": console::word(level), "extractor": name, "message": message })
                    .to_string()
            }
            LogFormat::Text => console::named_line(Some(name), level, message, self.coloured),
        };
        self.line(&line);
    }

    fn line(&self, line: &str) {
        // Nobody is left to tell that standard error is closed.
        self.apart(|| drop(writeln!(std::io::stderr(), "{line}")));
    }

    /// Write while no bar is in the way.
    fn apart(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}
