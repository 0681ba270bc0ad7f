//! Collapsed forwarding (RFC 9211 section 2.6): one request upstream for many that ask the same.
//!
//! A forward is a task of its own. Whoever leaves, the first asker included, cancels only its own
//! waiting. A forward that ends without an outcome, by a panic, is off the list all the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::watch;

/// The forwards under way that may be joined, by what they ask.
pub struct Forwards<K, V> {
    open: Arc<Open<K, V>>,
}

/// The outcome of a forward, and whether this asker merely waited for another's.
pub struct Joined<V> {
    /// `None` when the forward ended without one: it panicked.
    pub outcome: Option<V>,
    /// Another asker had begun it.
    pub collapsed: bool,
}

/// Those who wait for a forward, as the forward sees them.
pub struct Waiters<K: Eq + Hash, V> {
    announce: Arc<watch::Sender<Option<V>>>,
    /// Its place on the list; `None` for a forward that nobody may join.
    place: Option<Place<K, V>>,
}

/// Takes the forward off the list when dropped, however its task ends.
struct Place<K: Eq + Hash, V> {
    open: Arc<Open<K, V>>,
    /// `None` once it is off the list.
    key: Option<K>,
}

struct Open<K, V> {
    forwards: Mutex<HashMap<K, Arc<watch::Sender<Option<V>>>>>,
}

impl<K, V> Default for Forwards<K, V> {
    fn default() -> Self {
        Self { open: Arc::new(Open { forwards: Mutex::default() }) }
    }
}

impl<K, V> Forwards<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Waits for the forward of `key`, beginning it if none is under way.
    pub async fn join<F>(&self, key: K, forward: impl FnOnce(Waiters<K, V>) -> F) -> Joined<V>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (outcome, collapsed) = self.board(key, forward);
        Joined { outcome: landed(outcome).await, collapsed }
    }

    /// Waits for a forward that nobody else may join.
    pub async fn alone<F>(&self, forward: impl FnOnce(Waiters<K, V>) -> F) -> Joined<V>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (announce, outcome) = watch::channel(None);
        tokio::spawn(forward(Waiters { announce: Arc::new(announce), place: None }));
        Joined { outcome: landed(outcome).await, collapsed: false }
    }

    /// How many forwards may be joined.
    pub fn under_way(&self) -> usize {
        self.open.lock().len()
    }

    fn board<F>(
        &self,
        key: K,
        forward: impl FnOnce(Waiters<K, V>) -> F,
    ) -> (watch::Receiver<Option<V>>, bool)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut forwards = self.open.lock();
        if let Some(under_way) = forwards.get(&key) {
            return (under_way.subscribe(), true);
        }
        let (announce, outcome) = watch::channel(None);
        let announce = Arc::new(announce);
        forwards.insert(key.clone(), Arc::clone(&announce));
        // A forward that ends at once takes the lock to leave the list.
        drop(forwards);
        let place = Some(Place { open: Arc::clone(&self.open), key: Some(key) });
        tokio::spawn(forward(Waiters { announce, place }));
        (outcome, false)
    }
}

async fn landed<V: Clone>(mut outcome: watch::Receiver<Option<V>>) -> Option<V> {
    outcome.wait_for(Option::is_some).await.ok().and_then(|value| value.clone())
}

impl<K: Eq + Hash, V> Waiters<K, V> {
    /// Tells everyone the outcome.
    pub fn announce(self, outcome: V) {
        // The forward leaves the list after this, when `self` ends. Whoever boards in between
        // is told at once; whoever boards later finds in the store what was stored before.
        self.announce.send_replace(Some(outcome));
    }

    /// Returns when nobody waits any more and nobody can begin to.
    pub async fn all_left(&mut self) {
        loop {
            self.announce.closed().await;
            let Some(Place { open, key }) = &mut self.place else { return };
            // Nobody boards while the list is locked, but someone may have since `closed`.
            let mut forwards = open.lock();
            if self.announce.receiver_count() == 0 {
                if let Some(key) = key.take() {
                    forwards.remove(&key);
                }
                return;
            }
        }
    }
}

impl<K: Eq + Hash, V> Drop for Place<K, V> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.open.lock().remove(&key);
        }
    }
}

impl<K, V> Open<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<watch::Sender<Option<V>>>>> {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::time::Duration;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    const A_WHILE: Duration = Duration::from_secs(1);

    /// A forward that takes a while and counts how often it was begun.
    async fn slow(begun: Arc<AtomicUsize>, waiters: Waiters<&'static str, u8>) {
        begun.fetch_add(1, Ordering::Relaxed);
        sleep(A_WHILE).await;
        waiters.announce(42);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_askers_share_one_forward() {
        let forwards = Arc::new(Forwards::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let askers: Vec<_> = (0..1_000)
            .map(|_| {
                let (forwards, begun) = (Arc::clone(&forwards), Arc::clone(&begun));
                tokio::spawn(async move { forwards.join("7", |w| slow(begun, w)).await })
            })
            .collect();
        let mut collapsed = 0;
        for asker in askers {
            let joined = asker.await.unwrap();
            assert_eq!(joined.outcome, Some(42));
            collapsed += usize::from(joined.collapsed);
        }
        assert_eq!((begun.load(Ordering::Relaxed), collapsed), (1, 999));
        yield_now().await;
        assert_eq!(forwards.under_way(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_asker_may_leave() {
        let forwards = Arc::new(Forwards::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let first = tokio::spawn({
            let (forwards, begun) = (Arc::clone(&forwards), Arc::clone(&begun));
            async move { forwards.join("7", |w| slow(begun, w)).await }
        });
        yield_now().await;
        first.abort();
        let second = forwards.join("7", |w| slow(Arc::clone(&begun), w)).await;
        assert_eq!((second.outcome, second.collapsed), (Some(42), true));
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_forward_alone_is_joined_by_nobody() {
        let forwards = Arc::new(Forwards::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let alone = tokio::spawn({
            let (forwards, begun) = (Arc::clone(&forwards), Arc::clone(&begun));
            async move { forwards.alone(|w| slow(begun, w)).await.outcome }
        });
        yield_now().await;
        let joined = forwards.join("7", |w| slow(Arc::clone(&begun), w)).await;
        assert!(!joined.collapsed);
        assert_eq!((alone.await.unwrap(), begun.load(Ordering::Relaxed)), (Some(42), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_reaches_the_askers_as_no_outcome_and_the_key_is_free_again() {
        let forwards = Forwards::<_, u8>::default();
        let joined = forwards.join("7", |_waiters| async { panic!("deliberate") }).await;
        assert_eq!(joined.outcome, None);
        yield_now().await;
        assert_eq!(forwards.under_way(), 0);
        let again = forwards.join("7", |w| slow(Arc::default(), w)).await;
        assert_eq!((again.outcome, again.collapsed), (Some(42), false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forward_learns_that_everyone_has_left() {
        let forwards = Arc::new(Forwards::<_, u8>::default());
        let ended = Arc::new(AtomicUsize::new(0));
        let asker = |forwards: &Arc<Forwards<&'static str, u8>>| {
            let (forwards, ended) = (Arc::clone(forwards), Arc::clone(&ended));
            tokio::spawn(async move {
                let forward = |mut waiters: Waiters<_, _>| async move {
                    waiters.all_left().await;
                    ended.fetch_add(1, Ordering::Relaxed);
                };
                forwards.join("7", forward).await.outcome
            })
        };
        let (first, second) = (asker(&forwards), asker(&forwards));
        sleep(A_WHILE).await;
        first.abort();
        sleep(A_WHILE).await;
        assert_eq!((ended.load(Ordering::Relaxed), forwards.under_way()), (0, 1));
        second.abort();
        sleep(A_WHILE).await;
        assert_eq!((ended.load(Ordering::Relaxed), forwards.under_way()), (1, 0));
    }
}
