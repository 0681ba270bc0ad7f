//! Keys that are not collapsed for a while (design §3.4), since their answers were their first
//! asker's only: too long to be kept whole, or not to be shared. Nobody then waits in vain for an
//! answer that he cannot have.

use crate::base::time::Timestamp;
use crate::policy::key::Key;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// The keys, each until when it is remembered.
#[derive(Default)]
pub struct Apart {
    until: Mutex<HashMap<Key, Timestamp>>,
}

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_mins(1);

/// How many are. One that is not costs its askers a wait, nothing more.
const AT_MOST: usize = 1_024;

impl Apart {
    /// The answer of `key` is its asker's only.
    pub fn remember(&self, key: Key, now: Timestamp) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= AT_MOST {
            until.retain(|_, end| now < *end);
        }
        if until.len() < AT_MOST {
            until.insert(key, now.after(REMEMBERED));
        }
    }

    /// Whether the answer of `key` was its asker's only, a short while ago.
    pub fn holds(&self, key: &Key, now: Timestamp) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(key).is_some_and(|end| now < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::policy::key::KeySecret;
    use http::HeaderMap;

    #[test]
    fn a_key_is_remembered_for_a_minute_and_only_so_many_are() {
        let secret = KeySecret::new(Secret::new([1; 32]));
        let credential = secret.credential(b"t");
        let key = |n: usize| {
            secret.key(&credential, 1, "ticket", &format!("/t/{n}"), None, &HeaderMap::new())
        };
        let (apart, now) = (Apart::default(), Timestamp::from_secs(100));
        for n in 0..=AT_MOST {
            apart.remember(key(n), now);
        }
        assert!(apart.holds(&key(0), now) && !apart.holds(&key(AT_MOST), now));
        let later = now.after(REMEMBERED);
        assert!(!apart.holds(&key(0), later));
        apart.remember(key(AT_MOST), later);
        assert!(apart.holds(&key(AT_MOST), later));
    }
}
