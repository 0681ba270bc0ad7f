//! The leases of all credentials (design §3.4). Every hit asks here once, for one reading lock and
//! one look-up.
//!
//! The table is bounded, and a lease that is forgotten costs its credential a probe and no more:
//! what must not be forgotten is that forwards begun before a credential's end prove nothing. So
//! what is known of a credential that is *not* here is the newest end among those forgotten.

use crate::base::time::Timestamp;
use crate::policy::key::Tag;
use crate::policy::lease::Authority;
use crate::policy::lease::Lease;
use crate::policy::lease::Terms;
use crate::policy::order::Turn;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;
use std::time::Duration;

/// What is known of each credential. Two whose tags collide share a lease, but never a stored
/// response.
#[derive(Default)]
pub struct Leases {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    leases: HashMap<Tag, Lease, BuildHasherDefault<TagHash>>,
    /// What is known of every credential that has no lease here.
    unknown: Lease,
}

impl Leases {
    /// How far `credential` may be believed in at `now`.
    pub fn authority(&self, credential: Tag, terms: Terms, now: Timestamp) -> Authority {
        if terms.lease.is_zero() {
            return Authority::Holds;
        }
        self.read().of(credential).authority(terms, now)
    }

    /// How much of its lease `credential` has left; `None` if it has none, or needs none.
    pub fn left(&self, credential: Tag, terms: Terms, now: Timestamp) -> Option<Duration> {
        self.read().of(credential).left(terms, now)
    }

    /// Takes note that a forward has brought a proof of `credential`. `turn` and `asked_at`: when
    /// it began, before it was sent.
    ///
    /// What would be over by `now`, or is not asked for, is not noted.
    pub fn prove(
        &self,
        credential: Tag,
        turn: Turn,
        asked_at: Timestamp,
        terms: Terms,
        now: Timestamp,
    ) {
        if terms.lease.is_zero() {
            return;
        }
        let mut table = self.write();
        let lease = table.of(credential).proved(turn, asked_at);
        if lease.authority(terms, now) != Authority::Ended {
            table.put(credential, lease);
        }
    }

    /// Takes note that the upstream has called `credential` dead. What was begun at `turn` or
    /// before proves nothing any more: a turn drawn when this was heard covers all under way.
    ///
    /// It is noted of unknown credentials too, and where no proof is asked for: a proof may be
    /// under way, and the settings may change before it is there.
    pub fn end(&self, credential: Tag, turn: Turn) {
        let mut table = self.write();
        let lease = table.of(credential).ended(turn);
        table.put(credential, lease);
    }

    /// Nobody is believed in any more: what was begun at `turn` or before proves nothing.
    pub fn end_all(&self, turn: Turn) {
        let mut table = self.write();
        table.leases.clear();
        table.unknown = Lease::default().ended(turn);
    }

    /// Claims the probe of `credential` in the background: whether the caller is the one to send
    /// it, because it is due and nobody else was told to.
    pub fn claim_probe(&self, credential: Tag, terms: Terms, now: Timestamp) -> bool {
        // Every hit comes here while a probe is under way, and need not exclude the others.
        if self.read().of(credential).probe_claimed(terms, now).is_none() {
            return false;
        }
        let mut table = self.write();
        let claimed = table.of(credential).probe_claimed(terms, now);
        if let Some(lease) = claimed {
            table.put(credential, lease);
        }
        claimed.is_some()
    }

    /// How many credentials something is remembered of.
    pub fn len(&self) -> usize {
        self.read().leases.len()
    }

    /// Whether nothing is remembered of any credential.
    pub fn is_empty(&self) -> bool {
        self.read().leases.is_empty()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn of(&self, credential: Tag) -> Lease {
        self.leases.get(&credential).copied().unwrap_or(self.unknown)
    }

    fn put(&mut self, credential: Tag, lease: Lease) {
        if self.leases.len() >= AT_MOST && !self.leases.contains_key(&credential) {
            self.forget_half();
        }
        self.leases.insert(credential, lease);
    }

    /// Forgets the half that is worth least, at once, so that the table is looked through once
    /// for as many leases as that, not once for every lease. The ended go first, so a client that
    /// makes up credentials displaces nobody who is believed in.
    fn forget_half(&mut self) {
        let half = self.leases.len() / 2;
        if half == 0 {
            return;
        }
        let mut worthless: Vec<(Tag, Lease)> = self.leases.drain().collect();
        worthless.select_nth_unstable_by_key(half, |(_, lease)| *lease);
        self.leases.extend(worthless.drain(half..));
        // Without a proof, the greater lease is the one that ended later.
        let ends = worthless.iter().map(|(_, lease)| lease.forgotten());
        self.unknown = ends.fold(self.unknown, Lease::max);
    }
}

/// As many as have room in a table of 2^17 places: about 4 MiB.
const AT_MOST: usize = (1 << 17) / 8 * 7;

/// A tag is a keyed hash already: it is taken as it is.
#[derive(Default)]
struct TagHash(u64);

impl Hasher for TagHash {
    fn write(&mut self, octets: &[u8]) {
        if let Some(first) = octets.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::policy::key::KeySecret;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::thread;
    use std::time::Duration;

    const SENT: Timestamp = Timestamp::from_secs(1_000);
    const TERMS: Terms = Terms { lease: Duration::from_mins(1), grace: Duration::from_mins(10) };
    const NO_LEASE: Terms = Terms { lease: Duration::ZERO, ..TERMS };

    fn tag(number: usize) -> Tag {
        let secret = KeySecret::new(Secret::new([1; 32]));
        secret.credential(&number.to_le_bytes()).tag()
    }

    fn prove(leases: &Leases, credential: Tag, turn: u64) -> Authority {
        leases.prove(credential, Turn::new(turn), SENT, TERMS, SENT);
        leases.authority(credential, TERMS, SENT)
    }

    #[test]
    fn a_credential_is_believed_in_from_its_own_proof_to_its_own_end() {
        let (leases, ann, ben) = (Leases::default(), tag(1), tag(2));
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Unproved);
        leases.end(ann, Turn::new(1));
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Ended);
        assert_eq!(leases.authority(ben, TERMS, SENT), Authority::Unproved, "another's end");
        assert_eq!(prove(&leases, ann, 1), Authority::Ended, "an end before any proof");
        assert_eq!(prove(&leases, ann, 2), Authority::Holds);
        assert_eq!(prove(&leases, ben, 1), Authority::Holds);
        leases.end(ann, Turn::new(3));
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Ended);
        assert_eq!(leases.authority(ben, TERMS, SENT), Authority::Holds);
        assert_eq!(prove(&leases, ann, 3), Authority::Ended, "begun before");
        assert_eq!(prove(&leases, ann, 4), Authority::Holds);
        assert_eq!(leases.len(), 2);
    }

    #[test]
    fn a_proof_that_is_over_or_not_asked_for_is_not_noted() {
        let (leases, ann) = (Leases::default(), tag(1));
        let over = SENT.after(TERMS.lease).after(TERMS.grace);
        leases.prove(ann, Turn::new(1), SENT, TERMS, over);
        leases.prove(ann, Turn::new(1), SENT, NO_LEASE, SENT);
        assert!(leases.is_empty());
        leases.end(ann, Turn::new(2));
        assert_eq!(leases.authority(ann, NO_LEASE, SENT), Authority::Holds);
        assert!(!leases.claim_probe(ann, NO_LEASE, SENT));
        assert_eq!(prove(&leases, ann, 1), Authority::Ended, "with a lease, from now on");
    }

    #[test]
    fn one_of_many_hits_sends_the_probe() {
        let (leases, ann) = (Leases::default(), tag(1));
        let due = SENT.after(Duration::from_secs(40));
        assert!(!leases.claim_probe(ann, TERMS, due), "unknown");
        prove(&leases, ann, 1);
        assert!(!leases.claim_probe(ann, TERMS, SENT), "not due");
        let claimed = thread::scope(|scope| {
            let hits = [(); 8].map(|()| scope.spawn(|| leases.claim_probe(ann, TERMS, due)));
            hits.map(|hit| hit.join().unwrap()).into_iter().filter(|won| *won).count()
        });
        assert_eq!(claimed, 1);
    }

    #[test]
    fn credentials_made_up_displace_none_that_is_believed_in() {
        let (leases, ann) = (Leases::default(), tag(0));
        assert_eq!(prove(&leases, ann, 1), Authority::Holds);
        for number in 1..=2 * AT_MOST {
            leases.end(tag(number), Turn::new(2));
            assert!(leases.len() <= AT_MOST);
        }
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Holds);
    }

    #[test]
    fn of_too_many_leases_those_sent_last_are_kept() {
        let leases = Leases::default();
        let sent = |number: usize| SENT.after(Duration::from_nanos(number as u64));
        for number in 0..=AT_MOST {
            leases.prove(tag(number), Turn::new(1), sent(number), TERMS, SENT);
        }
        assert_eq!(leases.len(), AT_MOST / 2 + 1);
        let kept = |number| leases.authority(tag(number), TERMS, SENT) == Authority::Holds;
        assert!(!kept(AT_MOST / 2 - 1) && kept(AT_MOST / 2) && kept(AT_MOST));
    }

    #[test]
    fn an_end_outlives_its_lease() {
        let (leases, ann, ben) = (Leases::default(), tag(1), tag(2));
        leases.end(ann, Turn::new(5));
        prove(&leases, ann, 6);
        leases.prove(ben, Turn::new(1), SENT.after(Duration::from_nanos(1)), TERMS, SENT);
        leases.write().forget_half();
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Ended, "forgotten");
        assert_eq!(prove(&leases, ann, 5), Authority::Ended, "begun before its end");
        assert_eq!(prove(&leases, ann, 6), Authority::Holds);
        assert_eq!(leases.authority(ben, TERMS, SENT), Authority::Holds, "still here");
        let stranger = leases.authority(tag(3), TERMS, SENT);
        assert_eq!(stranger, Authority::Ended, "it may be one of those forgotten");
    }

    #[test]
    fn where_only_proofs_are_forgotten_nothing_speaks_against_anybody() {
        let (leases, ann, ben) = (Leases::default(), tag(1), tag(2));
        prove(&leases, ann, 1);
        leases.prove(ben, Turn::new(1), SENT.after(Duration::from_nanos(1)), TERMS, SENT);
        leases.write().forget_half();
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Unproved);
        assert_eq!(leases.authority(ben, TERMS, SENT), Authority::Holds);
    }

    #[test]
    fn a_thread_that_dies_with_the_lock_takes_no_lease_with_it() {
        let (leases, ann) = (Leases::default(), tag(1));
        prove(&leases, ann, 1);
        let died = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _held = leases.write();
                    panic!("on purpose");
                })
                .join()
        });
        assert!(died.is_err());
        assert_eq!(leases.authority(ann, TERMS, SENT), Authority::Holds);
    }

    proptest! {
        #[test]
        fn whatever_is_forgotten_none_is_believed_in_who_would_not_have_been(
            events in vec((0_usize..4, 0_usize..4, 1_u64..30), 0..40),
        ) {
            let leases = Leases::default();
            let mut believed = [false; 4];
            let mut ended = [0; 4];
            for (what, who, turn) in events {
                match what {
                    0 => leases.write().forget_half(),
                    1 => {
                        leases.end(tag(who), Turn::new(turn));
                        believed[who] = false;
                        ended[who] = turn.max(ended[who]);
                    }
                    _ => {
                        prove(&leases, tag(who), turn);
                        believed[who] |= turn > ended[who];
                    }
                }
                for (number, believed) in believed.iter().enumerate() {
                    let authority = leases.authority(tag(number), TERMS, SENT);
                    prop_assert!(*believed || authority != Authority::Holds, "{number}");
                    let known_dead = !*believed && ended[number] > 0;
                    prop_assert!(!known_dead || authority == Authority::Ended, "{number}");
                }
            }
        }
    }
}
