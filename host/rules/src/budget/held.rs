//! What is taken for a while, and given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Budget, Budgets, Spent};

/// What may be used, counted until it is known whether it is: bytes of content, files.
#[derive(Debug)]
pub struct Reserved {
    budgets: Arc<Budgets>,
    budget: Budget,
    amount: u64,
}

impl Reserved {
    pub(super) fn new(budgets: Arc<Budgets>, budget: Budget) -> Self {
        Self { budgets, budget, amount: 0 }
    }

    /// Have so much reserved in all; where there is not as much left, the run ends.
    pub fn grow_to(&mut self, amount: u64) -> Result<(), Spent> {
        let more = amount.saturating_sub(self.amount);
        self.budgets.try_add(self.budget, more).map_err(|spent| self.budgets.end_with(spent))?;
        self.amount += more;
        Ok(())
    }

    /// It is used.
    pub fn keep(mut self) {
        self.budgets.used[self.budget as usize].most.fetch_add(self.amount, Ordering::Relaxed);
        self.amount = 0;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budgets.used[self.budget as usize].now.fetch_sub(self.amount, Ordering::Relaxed);
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
