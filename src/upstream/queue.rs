//! Places among the forwards under way: `upstream.max_in_flight` of them.

use crate::upstream::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The places. Those who wait are served in the order in which they came.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl Places {
    /// `places` at once, and at most `max_waiting` who wait for one.
    pub fn new(places: usize, max_waiting: usize) -> Self {
        let free = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { free, waiting: AtomicUsize::new(0), max_waiting }
    }

    /// Takes a place, which is free again when the permit is dropped. [`Failure::Full`] if none
    /// comes free within `patience`, or too many wait already.
    pub async fn take(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(self).ok_or(Failure::Full)?;
        match timeout(patience, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Failure::Full),
        }
    }
}

/// One who waits; no longer when dropped.
struct Waiting<'a>(&'a Places);

impl<'a> Waiting<'a> {
    fn begin(places: &'a Places) -> Option<Self> {
        let before = places.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Self(places);
        (before < places.max_waiting).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "measures the paused clock")]
    async fn a_wait_for_a_place_ends_at_its_deadline() {
        let places = Places::new(1, 1);
        let taken = places.take(PATIENCE).await.unwrap();
        let began = Instant::now();
        assert_eq!(places.take(PATIENCE).await.unwrap_err(), Failure::Full);
        assert_eq!(began.elapsed(), PATIENCE);
        drop(taken);
        assert!(places.take(PATIENCE).await.is_ok());
        assert_eq!(places.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_and_whoever_leaves_it_frees_a_place_in_it() {
        let places = Arc::new(Places::new(1, 1));
        let taken = places.take(PATIENCE).await.unwrap();
        let waiter = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(PATIENCE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(places.take(PATIENCE).await.unwrap_err(), Failure::Full, "at once");
        waiter.abort();
        let _ = waiter.await;
        assert_eq!(places.waiting.load(Ordering::Relaxed), 0);
        drop(taken);
        assert!(places.take(PATIENCE).await.is_ok());
    }
}
