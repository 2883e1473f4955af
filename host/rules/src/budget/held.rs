//! What is taken for a while, and given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Budget, Budgets, Spent};

/// Bytes of content that may land, counted until it is known whether they do.
#[derive(Debug)]
pub struct Reserved {
    budgets: Arc<Budgets>,
    bytes: u64,
}

impl Reserved {
    pub(super) fn new(budgets: Arc<Budgets>) -> Self {
        Self { budgets, bytes: 0 }
    }

    /// Reserve so many bytes more; where there is not as much left, the run ends.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Spent> {
        let bytes = bytes as u64;
        self.budgets.try_add(Budget::Landed, bytes).map_err(|spent| self.budgets.end_with(spent))?;
        self.bytes += bytes;
        Ok(())
    }

    /// They land.
    pub fn keep(mut self) {
        self.budgets.used[Budget::Landed as usize].most.fetch_add(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budgets.used[Budget::Landed as usize].now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes of memory that are counted as long as this lives.
#[derive(Debug)]
pub struct Held {
    budgets: Arc<Budgets>,
    bytes: u64,
}

impl Held {
    /// Bytes that were taken already.
    pub(super) fn new(budgets: Arc<Budgets>, bytes: u64) -> Self {
        Self { budgets, bytes }
    }

    /// Count so many bytes more.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Spent> {
        self.budgets.take(Budget::Memory, bytes as u64)?;
        self.bytes += bytes as u64;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budgets.used[Budget::Memory as usize].now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
