//! How often each of a few kinds of things has happened.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Counts by kind. A kind is made of words that enums have, so there are few; those that happen with
/// every hit have counters of their own.
#[derive(Debug)]
pub struct Counts<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Ord> Counts<K> {
    /// It has happened once more.
    pub fn add(&self, kind: K) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// Each kind that has happened, and how often.
    pub fn all(&self) -> Vec<(K, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(kind, count)| (*kind, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_count() {
        let counts = Counts::default();
        for kind in ["b", "a", "b"] {
            counts.add(kind);
        }
        assert_eq!(counts.all(), [("a", 1), ("b", 2)]);
    }
}
