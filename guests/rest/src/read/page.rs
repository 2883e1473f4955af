//! One page: its answers, and the records in them.

use std::rc::Rc;

use expressions::Value;
use expressions::json::Copied;

use super::answer::Answer;
use super::track::{Point, Track};

/// One page.
#[derive(Default)]
pub(crate) struct Page {
    /// What it came as: one answer, or one for each part of the properties that were asked for.
    pub(crate) answers: Vec<Answer>,
    pub(crate) records: Vec<Value>,
    /// The records as text, in the place of values.
    pub(crate) copied: Option<Copied>,
    /// Whether there was something where its records are to be; nothing where its answers hold nothing at all.
    pub(crate) at_path: Option<bool>,
}

impl Page {
    /// How many records it has.
    pub(crate) fn count(&self) -> usize {
        self.copied.as_ref().map_or(self.records.len(), |copied| copied.count)
    }

    /// Note whether an answer had something where its records are to be.
    pub(crate) fn found(&mut self, at_path: Option<bool>) {
        self.at_path = match (self.at_path, at_path) {
            (Some(one), Some(other)) => Some(one || other),
            (one, other) => one.or(other),
        };
    }

    /// The records' points.
    pub(crate) fn points<'a>(&'a self, track: &'a Track<'_>) -> impl Iterator<Item = Option<Point>> + 'a {
        let copied = self.copied.iter().flat_map(|copied| &copied.members).map(|member| track.parse(member));
        copied.chain(self.records.iter().map(|record| track.point(record)))
    }

    /// The last record.
    pub(crate) fn last(&self) -> Value {
        let copied = self.copied.as_ref().map(|copied| &copied.last);
        copied.or_else(|| self.records.last()).cloned().unwrap_or(Value::None)
    }
}

/// What comes after a page.
pub(crate) enum Next {
    Page(Page),
    /// The pages are to be read from the first one on.
    Reset,
    /// The slice is to be read in halves: what the server said.
    Split(String),
    End,
}

/// That records are copied.
#[derive(Clone)]
pub(crate) struct Copying {
    /// Where they are.
    pub(crate) path: Vec<Rc<str>>,
    /// The member that says how far the stream has come.
    pub(crate) member: Option<Rc<str>>,
}
