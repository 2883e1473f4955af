//! Values that the extractor set and that no checkpoint has kept yet, on top of what the state has.

use std::collections::BTreeMap;

use rules::budget::Held;

/// Values that wait for the next checkpoint.
#[derive(Default)]
pub(super) struct Values {
    pending: BTreeMap<String, Option<String>>,
    /// What they take.
    held: Vec<Held>,
}

impl Values {
    /// Set one; `None` forgets it.
    pub(super) fn set(&mut self, key: String, value: Option<String>, held: Held) {
        self.pending.insert(key, value);
        self.held.push(held);
    }

    /// What was set last, where anything was.
    pub(super) fn get(&self, key: &str) -> Option<&Option<String>> {
        self.pending.get(key)
    }

    /// What waits.
    pub(super) fn pending(&self) -> &BTreeMap<String, Option<String>> {
        &self.pending
    }

    /// The first keys of both, where `kept` are enough of those that the state has: as many as there may be, and one more
    /// for each that waits.
    pub(super) fn merge(&self, kept: Vec<String>, prefix: &str, after: &str, most: usize) -> Vec<String> {
        let mut keys: Vec<String> = kept.into_iter().filter(|key| !self.pending.contains_key(key)).collect();
        let set = self
            .pending
            .iter()
            .filter(|(key, value)| value.is_some() && key.starts_with(prefix) && key.as_str() > after);
        keys.extend(set.map(|(key, _)| key.clone()));
        keys.sort_unstable();
        keys.truncate(most);
        keys
    }
}

#[cfg(test)]
mod tests {
    use rules::budget::{Budgets, Settings};

    use super::*;

    #[test]
    fn what_waits_comes_before_what_is_kept() {
        let budgets = Budgets::new(Settings::default().amounts());
        let mut values = Values::default();
        for (key, value) in [("a/2", Some("new")), ("a/3", None), ("a/9", Some("new")), ("b/1", Some("new"))] {
            let held = budgets.hold(1).expect("room");
            values.set(key.to_owned(), value.map(str::to_owned), held);
        }
        let kept = || ["a/1", "a/3", "a/5"].map(str::to_owned).to_vec();
        assert_eq!(values.merge(kept(), "a/", "", 10), ["a/1", "a/2", "a/5", "a/9"]);
        assert_eq!(values.merge(kept(), "a/", "", 2), ["a/1", "a/2"]);
        assert_eq!(values.merge(vec!["a/5".into()], "a/", "a/3", 10), ["a/5", "a/9"]);
        assert_eq!(values.get("a/3"), Some(&None));
        assert_eq!(values.get("a/1"), None);
    }
}
