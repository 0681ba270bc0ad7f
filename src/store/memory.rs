//! The store in memory. moka bounds it and finds things in it; it decides nothing.

use crate::base::time::Timestamp;
use crate::policy::key::Key;
use crate::policy::key::Tag;
use crate::policy::key::Variant;
use crate::policy::order::Turn;
use crate::policy::storable::NotKept;
use crate::store::marks::Aftermath;
use crate::store::marks::Marks;
use crate::store::marks::Scope;
use crate::store::response::StoredResponse;
use crate::store::shelf::Shelf;
use http::HeaderName;
use moka::notification::RemovalCause;
use moka::ops::compute::CompResult;
use moka::ops::compute::Op;
use moka::sync::Cache;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Stored responses within a budget of bytes, and the marks over them.
pub struct Store {
    shelves: Cache<Key, Shelf, KeyHashing>,
    marks: Marks,
    /// How many keys were given up for want of room.
    evicted: Arc<AtomicU64>,
}

/// How old what is stored is: how many responses have been there for up to so long, and no less than
/// the one before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ages {
    /// How many there are in each span of [`AGE_BOUNDS`], and of what is older.
    pub spans: [u64; AGE_BOUNDS.len() + 1],
}

/// Up to how long each of [`Ages`]' spans reaches.
pub const AGE_BOUNDS: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
];

/// How many stored responses are looked at to tell how old they are: to look at all of them would
/// take long where there are many.
const LOOKED_AT: usize = 10_000;

/// What is found under a key.
pub struct Found {
    /// The stored response that matches the request, whether or not it may be reused.
    pub stored: Option<Arc<StoredResponse>>,
    /// A turn after which no mark over the key was set; the newest such mark, or one later.
    pub mark: Turn,
    /// What the newest response under the key varies on, if none under it matches the request.
    pub others: Option<Box<[HeaderName]>>,
}

impl Store {
    /// An empty store.
    ///
    /// `memory`: the budget in bytes, overheads included. `retention`: the longest that a response
    /// is of use. `longest_forward`: how long after being asked for an answer may still come.
    pub fn new(memory: u64, retention: Duration, longest_forward: Duration) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&evicted);
        let shelves = Cache::builder()
            .max_capacity(memory)
            .weigher(|_, shelf: &Shelf| weight(shelf))
            .time_to_live(retention.clamp(Duration::from_secs(1), LONGEST_RETENTION))
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(KeyHashing);
        let horizon = retention.saturating_add(longest_forward);
        Self { shelves, marks: Marks::new(horizon), evicted }
    }

    /// Responses may be of use for longer from now on: marks are kept for them. (That much memory is
    /// not: what is stored is given up when it was of no use by the settings of the start.)
    pub fn reach(&self, retention: Duration, longest_forward: Duration) {
        self.marks.reach(retention.saturating_add(longest_forward));
    }

    /// What is stored under `key` for a request that `matches`, and whether a mark covers it.
    ///
    /// `tags`, of the credential and the ticket, are only worked out if a mark may cover it.
    pub fn look_up(
        &self,
        key: &Key,
        matches: impl Fn(&Variant) -> bool,
        tags: impl FnOnce() -> (Tag, Tag),
        now: Timestamp,
    ) -> Found {
        let there = self.shelves.get(key);
        let stored = there.as_ref().and_then(|shelf| shelf.select(matches));
        let stored = stored.filter(|stored| stored.key == *key);
        let newest = self.marks.newest();
        let mark = match stored {
            // No mark is newer, so none covers it: the common hit does not touch the table.
            Some(response) if !response.asked.is_covered_by(newest) => newest,
            Some(_) => {
                let (credential, ticket) = tags();
                self.marks.over(credential, ticket, now).mark
            }
            None => newest,
        };
        let others = match (stored, &there) {
            (None, Some(others)) => others.all().first(),
            _ => None,
        };
        let others = others.and_then(|other| other.variant.as_ref().map(|v| v.names.clone()));
        Found { stored: stored.cloned(), mark, others }
    }

    /// The newest mark over the key of `credential` and `ticket`.
    pub fn mark_over(&self, credential: Tag, ticket: Tag, now: Timestamp) -> Turn {
        self.marks.over(credential, ticket, now).mark
    }

    /// The turn of a forward that is sent now.
    pub fn begin(&self) -> Turn {
        self.marks.begin()
    }

    /// Stores a response, unless a mark over it was set since it was asked for. `asked_at`: the
    /// time at that moment; a write that might still land then may have landed since.
    pub fn keep(
        &self,
        response: Arc<StoredResponse>,
        credential: Tag,
        ticket: Tag,
        asked_at: Timestamp,
    ) -> Result<(), NotKept> {
        // A mark set between this look and the insertion is found by the next look-up.
        let standing = self.marks.over(credential, ticket, asked_at);
        if response.asked.is_covered_by(standing.mark) {
            return Err(NotKept::Invalidated);
        }
        if standing.unsettled {
            return Err(NotKept::Unsettled);
        }
        let room = self.shelves.policy().max_capacity();
        let alone = weight(&Shelf::One(Arc::clone(&response)));
        if room.is_some_and(|room| u64::from(alone) > room) {
            return Err(NotKept::NoRoom);
        }
        let entry = self.shelves.entry(response.key);
        let kept = entry.and_compute_with(|there| match there {
            None => Op::Put(Shelf::One(response)),
            Some(there) => there.value().with(response).map_or(Op::Nop, Op::Put),
        });
        match kept {
            CompResult::Unchanged(_) => Err(NotKept::Overtaken),
            _ => Ok(()),
        }
    }

    /// Takes out what stands under `key` and was asked for before the forward of `turn`.
    pub fn drop_earlier(&self, key: &Key, turn: Turn) {
        self.shelves.entry(*key).and_compute_with(|there| {
            let Some(there) = there else { return Op::Nop };
            there.value().since(turn).map_or(Op::Remove, Op::Put)
        });
    }

    /// Forbids the reuse of what the scopes cover and was asked for before now.
    pub fn invalidate(&self, scopes: &[Scope], aftermath: Aftermath, now: Timestamp) {
        self.marks.set(scopes, aftermath, now);
    }

    /// Forbids the reuse of everything asked for before now, and gives its memory back.
    pub fn clear(&self, now: Timestamp) {
        self.marks.set(&[Scope::Everything], Aftermath::Settled, now);
        self.shelves.invalidate_all();
    }

    /// Forbids the reuse of what `scope` covers and was asked for before the forward of `turn`.
    pub fn invalidate_before(&self, turn: Turn, scope: Scope, now: Timestamp) {
        self.marks.set_before(turn, scope, now);
    }

    /// Does the housekeeping that moka otherwise leaves to the next callers, and gives back the
    /// memory of what has expired. Called from a ticker.
    pub fn tidy(&self) {
        self.shelves.run_pending_tasks();
    }

    /// How many keys were given up for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// How many marks are kept, and how many were ever set of each kind of scope.
    pub fn marks(&self) -> (usize, Vec<(&'static str, u64)>) {
        self.marks.counts()
    }

    /// How old what is stored is, of the first ten thousand that come to hand.
    pub fn ages(&self, now: Timestamp) -> Ages {
        let mut ages = Ages::default();
        for (_, shelf) in self.shelves.iter().take(LOOKED_AT) {
            let Some(stored) = shelf.all().first() else { continue };
            let age = now.since(stored.facts.received_at);
            let place = AGE_BOUNDS.iter().position(|bound| age <= *bound);
            if let Some(span) = ages.spans.get_mut(place.unwrap_or(AGE_BOUNDS.len())) {
                *span += 1;
            }
        }
        ages
    }

    /// Under how many keys something is stored, and the bytes it is accounted for with.
    pub fn size(&self) -> (u64, u64) {
        self.tidy();
        (self.shelves.entry_count(), self.shelves.weighted_size())
    }
}

/// moka refuses more than a thousand years.
const LONGEST_RETENTION: Duration = Duration::from_hours(100 * 365 * 24);

fn weight(shelf: &Shelf) -> u32 {
    let sizes = shelf.all().iter().map(|stored| stored.weight());
    u32::try_from(sizes.fold(0, usize::saturating_add)).unwrap_or(u32::MAX)
}

/// A key is a keyed hash already: its first bytes are its hash. Hashing it again would cost a hit
/// more than the look-up does, and a client that could aim at a bucket could forge the key.
#[derive(Clone, Copy, Default)]
struct KeyHashing;

#[derive(Default)]
struct FirstBytes(u64);

impl BuildHasher for KeyHashing {
    type Hasher = FirstBytes;

    fn build_hasher(&self) -> FirstBytes {
        FirstBytes::default()
    }
}

impl Hasher for FirstBytes {
    fn write(&mut self, octets: &[u8]) {
        if let Some(first) = octets.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length that is hashed before a byte array says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::room::Room;
    use crate::base::secret::Secret;
    use crate::policy::freshness::Facts;
    use crate::policy::freshness::Source;
    use crate::policy::freshness::Staleness;
    use crate::policy::key::KeySecret;
    use crate::store::response::Label;
    use http::HeaderMap;
    use http::StatusCode;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn what_stands_under_anothers_key_is_not_found() {
        let secret = KeySecret::new(Secret::new([1; 32]));
        let (ann, ben) = (secret.credential(b"ann"), secret.credential(b"ben"));
        let key = |who| secret.key(who, 1, "ticket", "/t/1", None, &HeaderMap::new());
        let facts = Facts {
            asked_at: NOW,
            received_at: NOW,
            initial_age: Duration::ZERO,
            lifetime: LONG,
            authority_ends: None,
            stale: Staleness::Forbidden,
            always_validate: false,
            negative: false,
            source: Source::Open,
        };
        let label = Label {
            key: key(&ann),
            asked: Turn::new(1),
            facts,
            status: StatusCode::OK,
            own_tag: false,
            variant: None,
        };
        let response =
            StoredResponse::new(label, &HeaderMap::new(), b"{}", &Room::new(1_000)).unwrap();
        let store = Store::new(1 << 20, LONG, LONG);
        store.shelves.insert(key(&ben), Shelf::One(Arc::new(response)));
        let found = store.look_up(&key(&ben), |_| true, || (ben.tag(), secret.ticket("1")), NOW);
        assert!(found.stored.is_none());
    }
}
