//! A new credential on every call: then nothing ever hits, and nobody understands why.
//!
//! It looks like many users at once, and the difference is what they ask for. Users have things of
//! their own, while a job that logs in anew for every call reads the same things again and again.

use crate::policy::key::Tag;
use std::collections::HashMap;
use std::mem;

/// Watches the forwards of resources for it.
#[derive(Debug, Default)]
pub struct Churn {
    /// It is said once.
    said: bool,
    credentials: Recent,
    things: Recent,
    /// Came with a credential that is not among the recent ones.
    new: Lately,
    /// Asked for what another credential asked for before.
    known: Lately,
    /// Came after something was answered from memory.
    hits: Lately,
}

/// Of the last [`Lately::FORWARDS`], how many must have come with a new credential.
const MANY_NEW: u32 = 90;

/// And how many must have asked for what another had asked for.
const MANY_KNOWN: u32 = Lately::FORWARDS / 2;

/// And how many may have come after a hit: where there are more, much is answered from memory.
const FEW_HITS: u32 = 10;

impl Churn {
    /// Notes a forward of a resource's `thing` with `credential`; `hit`: something was answered from
    /// memory since the last one. True once, when it is clear that credentials do not last.
    pub fn note(&mut self, credential: Tag, thing: Tag, hit: bool) -> bool {
        if self.said {
            return false;
        }
        let is_new = self.credentials.remember(credential, thing).is_none();
        let before = self.things.remember(thing, credential);
        self.new.note(is_new);
        self.known.note(before.is_some_and(|other| other != credential));
        self.hits.note(hit);
        let useful = self.hits.count() > FEW_HITS;
        if useful || self.new.count() < MANY_NEW || self.known.count() < MANY_KNOWN {
            return false;
        }
        *self = Self { said: true, ..Self::default() };
        true
    }
}

/// What was seen lately, and with what: the last [`Recent::LEAST`] at least, twice as many at most.
///
/// Two generations, of which the older goes as a whole, cost less than an order of all.
#[derive(Debug, Default)]
struct Recent {
    young: HashMap<Tag, Tag>,
    old: HashMap<Tag, Tag>,
}

impl Recent {
    const LEAST: usize = 1_024;

    /// Remembers `tag` with its latest `companion`, and tells the one before.
    fn remember(&mut self, tag: Tag, companion: Tag) -> Option<Tag> {
        if self.young.len() >= Self::LEAST {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(tag, companion).or_else(|| self.old.get(&tag).copied())
    }
}

/// Yes or no for each of the last forwards, the latest in the lowest bit.
#[derive(Debug, Default)]
struct Lately(u128);

impl Lately {
    const FORWARDS: u32 = 100;

    const fn note(&mut self, yes: bool) {
        let last = u128::MAX >> (u128::BITS - Self::FORWARDS);
        self.0 = ((self.0 << 1) | yes as u128) & last;
    }

    const fn count(&self) -> u32 {
        self.0.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::policy::key::KeySecret;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn tag(number: usize) -> Tag {
        KeySecret::new(Secret::new([1; 32])).ticket(&number.to_string())
    }

    /// After how many of a thousand forwards it is said.
    fn said(forward: impl Fn(usize) -> (usize, usize)) -> Vec<usize> {
        let mut churn = Churn::default();
        let noted = |number: &usize| {
            let (credential, thing) = forward(*number);
            churn.note(tag(credential), tag(thing), false)
        };
        (1..=1_000).filter(noted).collect()
    }

    #[test]
    fn only_new_credentials_for_old_things_are_churn() {
        let rows: [(&str, fn(usize) -> (usize, usize), &[usize]); 13] = [
            ("a new credential for one ticket", |n| (n, 0), &[90]),
            ("a new credential for one of ten", |n| (n, n % 10), &[90]),
            ("for one of fifty", |n| (n, n % 50), &[100]),
            ("for one of two hundred", |n| (n, n % 200), &[250]),
            ("every second of them on a ticket of its own", |n| (n, n * (n % 2)), &[102]),
            ("two in three on a ticket of its own", |n| (n, n * (n % 3).min(1)), &[]),
            ("every tenth call with an old one", |n| (n * (n % 10).min(1), 0), &[98]),
            ("every eighth call with an old one", |n| (n * (n % 8).min(1), 0), &[]),
            (
                "two in five of them, and a user with a ticket",
                |n| match n % 10 {
                    0 => (0, 0),
                    2 | 4 | 6 | 8 => (n, 2),
                    _ => (n, n),
                },
                &[],
            ),
            ("a credential for two calls", |n| (n / 2, 0), &[]),
            ("users who read their own tickets", |n| (n, n), &[]),
            ("one user with many tickets", |n| (0, n), &[]),
            ("one user with one ticket", |_| (0, 0), &[]),
        ];
        for (what, forward, expected) in rows {
            assert_eq!(said(forward), expected, "{what}");
        }
    }

    #[test]
    fn a_restart_with_many_users_is_no_churn() {
        // A thousand users, each with a ticket of their own and one of five that all look at.
        let forward = |n: usize| if n.is_multiple_of(3) { (n, n % 5) } else { (n, n) };
        assert!(said(forward).is_empty());
    }

    #[test]
    fn where_something_is_answered_from_memory_there_is_no_churn() {
        let mut churn = Churn::default();
        for number in 0..1_000 {
            assert!(!churn.note(tag(number), tag(0), number % 8 == 0), "{number}");
        }
        let said = (0..1_000).filter(|number| churn.note(tag(2_000 + number), tag(0), false));
        assert_eq!(said.count(), 1, "once nothing is any more");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut churn = Churn::default();
        for number in 0..10_000 {
            assert!(!churn.note(tag(number), tag(number), false));
            for recent in [&churn.credentials, &churn.things] {
                assert!(recent.young.len() <= Recent::LEAST, "{number}");
                assert!(recent.old.len() <= Recent::LEAST, "{number}");
            }
        }
        let back = Recent::LEAST;
        assert!(churn.credentials.remember(tag(10_000 - back), tag(0)).is_some());
        assert!(churn.credentials.remember(tag(0), tag(0)).is_none());
    }

    proptest! {
        #[test]
        fn it_is_said_once_at_most(forwards in vec((0_usize..400, 0_usize..20), 0..600)) {
            let mut churn = Churn::default();
            let times = forwards.into_iter().filter(|(credential, thing)| {
                churn.note(tag(*credential), tag(*thing), false)
            });
            prop_assert!(times.count() <= 1);
        }

        #[test]
        fn credentials_that_come_back_are_no_churn(
            forwards in vec((0_usize..80, 0_usize..20), 0..600),
        ) {
            let mut churn = Churn::default();
            for (credential, thing) in forwards {
                prop_assert!(!churn.note(tag(credential), tag(thing), false));
            }
        }
    }
}
