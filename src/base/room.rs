//! How many bytes may be held at one time, whoever holds them and whatever for.
//!
//! What is taken travels with the bytes it was taken for, and is given back with the last of those
//! who share them: however many read one body, and wherever it stands, it is counted once.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Room for so many bytes.
#[derive(Debug)]
pub struct Room {
    limit: usize,
    used: AtomicUsize,
}

/// Some of the room; given back when dropped.
#[derive(Debug)]
pub struct Taken {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// Room for `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Takes nothing of it yet, for what will grow.
    pub fn begin(self: &Arc<Self>) -> Taken {
        Taken { room: Arc::clone(self), bytes: 0 }
    }

    /// Takes room for so many bytes, if there is as much.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Taken> {
        let mut taken = self.begin();
        taken.grow(bytes).then_some(taken)
    }

    /// How many bytes are taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Taken {
    /// Takes more. False, and nothing is taken, if there is not as much.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.room.limit);
        let grown = self.room.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        if grown.is_ok() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        grown.is_ok()
    }

    /// Takes as much as makes it so many bytes in all. False, and nothing is taken, if there is not
    /// as much.
    #[must_use]
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// The octets, which hold what was taken for as long as anybody holds them.
    pub fn hold(self, octets: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { octets, _taken: self })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Octets and the room for them.
struct Held<T> {
    octets: T,
    _taken: Taken,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.octets.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_shared_is_counted_once_and_until_the_last_has_read_it() {
        let room = Room::new(10);
        let body = room.take(6).unwrap().hold(*b"sextet");
        let (slow, part) = (body.clone(), body.slice(1..3));
        assert!(room.take(5).is_none(), "there is no room for as much");
        drop((body, slow));
        assert_eq!((room.used(), &part[..]), (6, &b"ex"[..]));
        drop(part);
        assert_eq!(room.used(), 0);
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let room = Room::new(10);
        let mut taken = room.begin();
        for (more, fits, used) in [(4, true, 4), (7, false, 4), (6, true, 10), (1, false, 10)] {
            assert_eq!((taken.grow(more), room.used()), (fits, used), "{more} more");
        }
        assert!(!taken.grow(usize::MAX), "nor what could not be counted");
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_and_nothing_once_all_is_given_back(
            steps in proptest::collection::vec((0_usize..40, any::<bool>()), 0..60),
        ) {
            let (room, mut held) = (Room::new(100), Vec::new());
            for (bytes, back) in steps {
                if back {
                    held.pop();
                } else {
                    held.extend(room.take(bytes));
                }
                let sum: usize = held.iter().map(|taken: &Taken| taken.bytes).sum();
                prop_assert_eq!(sum, room.used());
                prop_assert!(sum <= 100);
            }
            held.clear();
            prop_assert_eq!(room.used(), 0);
        }
    }
}
