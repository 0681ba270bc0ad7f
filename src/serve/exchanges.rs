//! The exchanges of one connection, as those see them who decide about it from outside: its
//! deadlines, and whoever needs room for another.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

/// The exchanges of one connection. While one is under way the client is not waited for: it waits
/// for us.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// How many have begun, from [`BEGUN`] on; below it how many are under way, and [`SHOWN_OUT`].
    state: AtomicU64,
    /// How many had begun when all was written that they asked for.
    answered: AtomicU64,
    /// When that was, in nanoseconds since the connection was opened.
    waits_since: AtomicU64,
    /// Whether the next reply is the connection's last.
    last: AtomicBool,
    /// Whether a part of an answer was handed on that may not be written yet,
    unwritten: AtomicBool,
    /// and who has the next.
    next_part: Mutex<Option<Waker>>,
}

const BEGUN: u64 = 1 << 32;
/// The connection is about to be closed: what begins now is not answered.
const SHOWN_OUT: u64 = 1 << 31;
const UNDER_WAY: u64 = SHOWN_OUT - 1;

/// An exchange under way; over when dropped.
#[derive(Debug)]
pub struct UnderWay(Exchanges);

impl Exchanges {
    /// An exchange begins. `None`: it must not, for the connection is being closed to make room.
    pub fn begin(&self) -> Option<UnderWay> {
        let before = self.0.state.fetch_add(BEGUN + 1, Ordering::AcqRel);
        (before & SHOWN_OUT == 0).then(|| UnderWay(self.clone()))
    }

    /// How many have begun.
    pub fn begun(&self) -> u64 {
        self.0.state.load(Ordering::Acquire) / BEGUN
    }

    /// Whether one is under way.
    pub fn under_way(&self) -> bool {
        self.0.state.load(Ordering::Acquire) & UNDER_WAY != 0
    }

    /// The gateway is to end: the next reply is the last.
    pub fn end_with_the_next(&self) {
        self.0.last.store(true, Ordering::Relaxed);
    }

    /// Whether the next reply is the last.
    pub fn is_last(&self) -> bool {
        self.0.last.load(Ordering::Relaxed)
    }

    /// All that was to be written is: if nothing is under way the next request is waited for, from
    /// so long after the opening on.
    pub fn all_is_written(&self, at: Duration) {
        if self.0.unwritten.load(Ordering::Relaxed) {
            self.0.unwritten.store(false, Ordering::Release);
            if let Some(waker) = self.part().take() {
                waker.wake();
            }
        }
        let (begun, under_way) = (self.begun(), self.under_way());
        if !under_way && self.0.answered.load(Ordering::Relaxed) != begun {
            let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
            self.0.waits_since.store(at, Ordering::Relaxed);
            self.0.answered.store(begun, Ordering::Release);
        }
    }

    /// Ready once all parts that were handed on are written.
    pub fn poll_written(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.0.unwritten.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        *self.part() = Some(cx.waker().clone());
        // One task serves the connection, so nothing is written between these two looks.
        Poll::Pending
    }

    /// A part of an answer is handed on.
    pub fn hands_on(&self) {
        self.0.unwritten.store(true, Ordering::Release);
    }

    fn part(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.next_part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long after the opening the next request, or the first, began to be waited for. `None`
    /// while something is under way, or not yet written.
    pub fn waits_since(&self) -> Option<Duration> {
        let state = self.0.state.load(Ordering::Acquire);
        let waits = self.waits(state);
        waits.then(|| Duration::from_nanos(self.0.waits_since.load(Ordering::Relaxed)))
    }

    /// Closes the connection to what comes. `false`, and nothing is changed, if it is not waited for.
    pub fn show_out(&self) -> bool {
        let shown = |state| self.waits(state).then_some(state | SHOWN_OUT);
        self.0.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, shown).is_ok()
    }

    fn waits(&self, state: u64) -> bool {
        state & UNDER_WAY == 0 && self.0.answered.load(Ordering::Acquire) == state / BEGUN
    }
}

impl UnderWay {
    /// All exchanges of its connection.
    pub const fn exchanges(&self) -> &Exchanges {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.state.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(5);

    #[test]
    fn a_client_is_waited_for_from_when_all_is_written() {
        let exchanges = Exchanges::default();
        assert_eq!(exchanges.waits_since(), Some(Duration::ZERO), "for its first request");
        let first = exchanges.begin().unwrap();
        assert_eq!((exchanges.begun(), exchanges.under_way()), (1, true));
        exchanges.all_is_written(LATER);
        assert_eq!(exchanges.waits_since(), None, "one is under way");
        drop(first);
        assert_eq!(exchanges.waits_since(), None, "its end may not be written yet");
        exchanges.all_is_written(LATER);
        exchanges.all_is_written(LATER + LATER);
        assert_eq!(exchanges.waits_since(), Some(LATER));
        let _second = exchanges.begin();
        assert_eq!((exchanges.begun(), exchanges.waits_since()), (2, None));
    }

    #[test]
    fn only_who_is_waited_for_is_shown_out_and_begins_nothing_after_that() {
        let exchanges = Exchanges::default();
        let first = exchanges.begin();
        assert!(!exchanges.show_out());
        drop(first);
        assert!(!exchanges.show_out());
        assert!(exchanges.begin().is_some());
        exchanges.all_is_written(LATER);
        assert!(exchanges.show_out());
        assert!(exchanges.begin().is_none());
    }
}
