//! What happens in a run, told once, and read by whoever has to do with it: the console, the kept log, the run of several
//! that this one is a part of.

mod journal;
mod kept;
mod wire;

use std::sync::Arc;

use rules::domain::{Level, Receipt};
use rules::redact::Redactor;

pub(crate) use journal::Journal;
pub(crate) use kept::KeptLog;
pub(crate) use wire::{Told, Wire};

/// Something that happened. No secret is in it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Something was said.
    Log {
        /// How much it matters.
        level: Level,
        /// One line.
        message: &'a str,
    },
    /// Somebody was not told of the run. That is to be heard however little is listened to.
    Untold(&'a str),
    /// A content was found to be new or there already.
    Landed(&'a Receipt),
    /// So much is done.
    Progress {
        /// In a unit of the extractor's.
        done: u64,
        /// How much there is to be done, where that is known.
        total: Option<u64>,
    },
}

/// Reads events, in the order in which they happened.
pub trait Reader: Send + Sync {
    /// Read one. It must not wait for anybody.
    fn read(&self, event: Event<'_>);
}

/// Where a run tells what happens.
#[derive(Clone, Default)]
pub struct Events {
    redactor: Arc<Redactor>,
    readers: Vec<Arc<dyn Reader>>,
}

impl Events {
    /// Told to these readers, with secrets taken out of every line.
    pub fn new(redactor: &Arc<Redactor>, readers: Vec<Arc<dyn Reader>>) -> Self {
        Self { redactor: Arc::clone(redactor), readers }
    }

    /// The same, told to one more.
    pub(crate) fn also(mut self, reader: Arc<dyn Reader>) -> Self {
        self.readers.push(reader);
        self
    }

    /// Something was said.
    pub fn log(&self, level: Level, line: &str) {
        let message = self.redactor.line(line);
        self.tell(Event::Log { level, message: &message });
    }

    /// Somebody was not told of the run.
    pub fn untold(&self, line: &str) {
        self.tell(Event::Untold(&self.redactor.line(line)));
    }

    /// A content was found to be new or there already.
    pub fn landed(&self, receipt: &Receipt) {
        self.tell(Event::Landed(receipt));
    }

    /// So much is done.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.tell(Event::Progress { done, total });
    }

    fn tell(&self, event: Event<'_>) {
        self.readers.iter().for_each(|reader| reader.read(event));
    }
}
