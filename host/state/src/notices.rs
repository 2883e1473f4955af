//! Who was told of what, last.

use rusqlite::{TransactionBehavior, params};

use super::journal::Durability;
use super::rows::text;
use super::{State, StateError, schema};

/// The last time that somebody was told of something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Notice {
    /// About whom.
    pub extractor: String,
    /// What happened.
    pub event: String,
    /// The name of the notification.
    pub target: String,
    /// When, in ISO 8601.
    pub told_at: String,
    /// The run, or 0.
    pub run_id: i64,
    /// Why it did not work, if it did not.
    pub error: Option<String>,
}

impl State {
    /// The last notices, of one extractor or of all.
    pub fn notices(&self, extractor: Option<&str>) -> Result<Vec<Notice>, StateError> {
        if !schema::has_table(&self.connection, "notices")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT extractor, event, target, told_at, run_id, error FROM notices
                    WHERE ?1 IS NULL OR extractor = ?1 ORDER BY extractor, event, target";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([extractor], |row| {
            let said = |at| text(row, at).map(Option::unwrap_or_default);
            Ok(Notice {
                extractor: said(0)?,
                event: said(1)?,
                target: said(2)?,
                told_at: said(3)?,
                run_id: super::rows::number(row, 4)?.unwrap_or_default(),
                error: text(row, 5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Record notices in the place of earlier ones of the same kind, and forget those of events that are over.
    pub fn note(&mut self, notices: &[Notice], over: &[(&str, &str)]) -> Result<(), StateError> {
        self.journal.set(&self.connection, Durability::Ordered)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (extractor, event) in over {
            transaction.execute("DELETE FROM notices WHERE extractor = ?1 AND event = ?2", [extractor, event])?;
        }
        for Notice { extractor, event, target, told_at, run_id, error } in notices {
            let sql = "INSERT OR REPLACE INTO notices (extractor, event, target, told_at, run_id, error)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            transaction.execute(sql, params![extractor, event, target, told_at, run_id, error])?;
        }
        transaction.commit()?;
        self.journal.settle(&self.connection)
    }
}
