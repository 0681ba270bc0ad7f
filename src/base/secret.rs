//! A value that cannot be printed by accident, and is wiped when it is let go.

use std::io;
use std::io::Read;
use zeroize::Zeroize;

/// Holds a secret. It has no `Debug` and no `Display`, so a type that contains one cannot derive
/// them either: what must not reach a log cannot be formatted. Its bytes lie in one place, where they
/// are overwritten when it is dropped; it is moved without leaving a copy, and cannot be cloned.
///
/// What others make of the bytes is theirs: hyper's buffers, in which every request's fields lie,
/// and the state of a hash under way are not wiped. Against those helps that the process writes no
/// core dump.
///
/// ```compile_fail,E0277
/// use verifik_gateway::base::secret::Secret;
/// println!("{:?}", Secret::new([0_u8; 32]));
/// ```
pub struct Secret<T: Zeroize>(Box<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in. An array that came here by value leaves a copy where it was: fill it by
    /// [`Self::expose_mut`] instead.
    pub fn new(value: T) -> Self {
        Self(Box::new(value))
    }

    /// The value, for the one line that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, to be filled in.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl Secret<Vec<u8>> {
    /// All there is to read; `None` if that is more than `longest` octets. It stays in one place from
    /// the beginning: a buffer that grows leaves copies behind.
    pub fn read(source: impl Read, longest: usize) -> io::Result<Option<Self>> {
        let mut text = Self::new(Vec::with_capacity(longest.saturating_add(READ_AT_ONCE)));
        let one_more = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
        let length = source.take(one_more).read_to_end(text.expose_mut())?;
        Ok((length <= longest).then_some(text))
    }
}

/// With less room than some of this left, `read_to_end` tries with a buffer of its own.
const READ_AT_ONCE: usize = 8 * 1024;

impl AsRef<[u8]> for Secret<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_secret_that_is_read_stays_where_it_was_begun_and_within_its_bound() {
        for (length, expected) in [(0, Some(0)), (100, Some(100)), (101, None)] {
            let read = Secret::read(&vec![b'x'; length][..], 100).unwrap();
            let room = read.as_ref().map(|text| text.expose().capacity());
            assert_eq!(read.map(|text| text.expose().len()), expected, "{length}");
            assert!(room.is_none_or(|room| room == 100 + READ_AT_ONCE), "{room:?}");
        }
    }

    struct Watched(Arc<AtomicBool>);

    impl Zeroize for Watched {
        fn zeroize(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_secret_is_wiped_when_it_is_dropped_and_not_when_it_is_moved() {
        let wiped = Arc::new(AtomicBool::new(false));
        let moved = Box::new(Secret::new(Watched(Arc::clone(&wiped))));
        assert!(!wiped.load(Ordering::Relaxed));
        drop(moved);
        assert!(wiped.load(Ordering::Relaxed));
    }
}
