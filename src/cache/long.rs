//! Keys whose answer was too long to be shared (design §3.4): for a while they are not collapsed,
//! so that nobody waits for a forward whose answer only its first asker can have.

use crate::base::time::Timestamp;
use crate::policy::key::Key;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// The keys, each until when it is remembered.
#[derive(Default)]
pub struct LongAnswers {
    until: Mutex<HashMap<Key, Timestamp>>,
}

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_mins(1);

/// How many are. One that is not costs its askers a wait, nothing more.
const AT_MOST: usize = 1_024;

impl LongAnswers {
    /// The answer of `key` is too long.
    pub fn remember(&self, key: Key, now: Timestamp) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= AT_MOST {
            until.retain(|_, end| now < *end);
        }
        if until.len() < AT_MOST {
            until.insert(key, now.after(REMEMBERED));
        }
    }

    /// Whether the answer of `key` was too long a short while ago.
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
            secret.key(&credential, "ticket", &format!("/t/{n}"), None, &HeaderMap::new())
        };
        let (long, now) = (LongAnswers::default(), Timestamp::from_secs(100));
        for n in 0..=AT_MOST {
            long.remember(key(n), now);
        }
        assert!(long.holds(&key(0), now) && !long.holds(&key(AT_MOST), now));
        let later = now.after(REMEMBERED);
        assert!(!long.holds(&key(0), later));
        long.remember(key(AT_MOST), later);
        assert!(long.holds(&key(AT_MOST), later));
    }
}
