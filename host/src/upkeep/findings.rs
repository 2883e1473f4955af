//! Findings, as many as there are, in their order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HELD;
use rules::findings::{Finding, Kind};
use zone::{DATABASE, DiskError, Root, Sorted, Sorter};

/// Takes findings in any order, from any thread.
pub struct Found<'a>(Mutex<Sorter<'a>>);

impl<'a> Found<'a> {
    /// None yet.
    pub fn new(root: &'a Root) -> Self {
        Self(Mutex::new(Sorter::new(root, HELD)))
    }

    /// Take one.
    pub fn push(&self, finding: &Finding) -> Result<(), DiskError> {
        self.sorter().push(&finding.to_record())
    }

    /// Take one, if it is one.
    pub fn extend(&self, finding: Option<Finding>) -> Result<(), DiskError> {
        finding.map_or(Ok(()), |finding| self.push(&finding))
    }

    /// Take one about the database.
    pub fn database(&self, kind: Kind, detail: impl Into<String>) -> Result<(), DiskError> {
        self.push(&Finding::new(kind, DATABASE, detail))
    }

    /// All of them in order.
    pub fn sorted(self) -> Result<Findings, DiskError> {
        let sorter = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Findings { is_empty: sorter.is_empty(), sorted: sorter.sorted()?, last: Vec::new() })
    }

    fn sorter(&self) -> MutexGuard<'_, Sorter<'a>> {
        // It is whole after every call, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Findings in the order of kinds, then of paths, each once.
pub struct Findings {
    is_empty: bool,
    sorted: Sorted,
    last: Vec<u8>,
}

impl Findings {
    /// Whether there was none from the start.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn step(&mut self) -> Result<Option<Finding>, DiskError> {
        for record in &mut self.sorted {
            let record = record?;
            if record == self.last {
                continue;
            }
            let finding = Finding::from_record(&record);
            self.last = record;
            if finding.is_some() {
                return Ok(finding);
            }
        }
        Ok(None)
    }
}

impl Iterator for Findings {
    type Item = Result<Finding, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
