//! Contents that this run landed and another run at the same time: each is whole, and there twice. Pure.

use std::collections::BTreeMap;

use state::Doubled;

/// How many there are, and one of each source.
#[derive(Debug, Clone, Default)]
pub(super) struct DoubledContents(BTreeMap<String, (u64, Doubled)>);

impl DoubledContents {
    /// Count more of them.
    pub(super) fn add(&mut self, doubled: Vec<Doubled>) {
        for one in doubled {
            self.0.entry(one.source.clone()).or_insert((0, one)).0 += 1;
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    /// One line for each source.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.values().map(|(count, Doubled { source, path, other })| match count {
            1 => format!("{path} holds the same as {other}, which another run landed at the same time"),
            _ => format!(
                "{count} files in {source} hold the same as others that another run landed at the same time, such as \
                 {path} and {other}"
            ),
        })
    }
}
