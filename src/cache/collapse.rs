//! Collapsed forwarding (RFC 9211 section 2.6): one request upstream for many that ask the same.
//!
//! A forward is a task of its own. Whoever leaves, the first asker included, cancels only its own
//! waiting. A forward that ends without an outcome, by a panic, is off the list all the same.

use crate::base::time::Timestamp;
use crate::policy::lane::Ticket;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// The forwards under way that may be joined, by what they ask.
pub struct Forwards<K, V> {
    open: Arc<Open<K, V>>,
}

/// Someone who waits for a forward.
pub struct Waiter<V> {
    stage: watch::Receiver<Stage<V>>,
    /// Another asker had begun it.
    pub collapsed: bool,
}

/// How far a forward has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stage<V> {
    /// It is on its way upstream, or about to be: perhaps after a pause, for another try.
    UnderWay,
    /// It waits in line.
    Queued {
        /// Where.
        ticket: Ticket,
        /// What it has come back with so far and when, for who will not wait for better: who had come
        /// by then.
        so_far: Option<(V, Timestamp)>,
    },
    /// It has an outcome.
    Landed(V),
}

/// Which forwards under way an asker may join.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Boarding {
    /// Any.
    Any,
    /// One that is not sent yet: its answer will have been asked for after the asker came.
    Unsent,
}

/// Those who wait for a forward, as the forward sees them.
pub struct Waiters<K: Eq + Hash, V> {
    flight: Arc<Flight<V>>,
    /// Its place on the list; `None` for a forward that nobody may join.
    place: Option<Place<K, V>>,
    /// Waits as long as the forward lasts, if it is to be done for nobody in particular.
    anybody: Option<watch::Receiver<Stage<V>>>,
}

/// One forward under way.
struct Flight<V> {
    announce: watch::Sender<Stage<V>>,
    sent: AtomicBool,
}

/// Takes the forward off the list when dropped, however its task ends.
struct Place<K: Eq + Hash, V> {
    open: Arc<Open<K, V>>,
    flight: Arc<Flight<V>>,
    key: K,
}

struct Open<K, V> {
    forwards: Mutex<HashMap<K, Arc<Flight<V>>>>,
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
    /// Joins the forward of `key`, beginning it if none is under way that may be joined.
    pub fn join<F>(
        &self,
        key: K,
        boarding: Boarding,
        forward: impl FnOnce(Waiters<K, V>) -> F,
    ) -> Waiter<V>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut forwards = self.open.lock();
        let under_way = forwards.get(&key).filter(|flight| flight.may_be_joined(boarding));
        if let Some(under_way) = under_way {
            return Waiter { stage: under_way.announce.subscribe(), collapsed: true };
        }
        let (flight, stage) = Flight::begin();
        // Whoever comes next joins this one rather than an earlier one.
        forwards.insert(key.clone(), Arc::clone(&flight));
        // A forward that ends at once takes the lock to leave the list.
        drop(forwards);
        self.depart(key, flight, None, forward);
        Waiter { stage, collapsed: false }
    }

    /// Begins a forward that nobody else may join.
    pub fn alone<F>(&self, forward: impl FnOnce(Waiters<K, V>) -> F) -> Waiter<V>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (flight, stage) = Flight::begin();
        tokio::spawn(forward(Waiters { flight, place: None, anybody: None }));
        Waiter { stage, collapsed: false }
    }

    /// Begins a forward that nobody waits for yet, unless one of `key` is under way.
    pub fn begin<F>(&self, key: K, forward: impl FnOnce(Waiters<K, V>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut forwards = self.open.lock();
        if !forwards.contains_key(&key) {
            let (flight, stage) = Flight::begin();
            forwards.insert(key.clone(), Arc::clone(&flight));
            drop(forwards);
            self.depart(key, flight, Some(stage), forward);
        }
    }

    /// How many forwards may be joined.
    pub fn under_way(&self) -> usize {
        self.open.lock().len()
    }

    fn depart<F>(
        &self,
        key: K,
        flight: Arc<Flight<V>>,
        anybody: Option<watch::Receiver<Stage<V>>>,
        forward: impl FnOnce(Waiters<K, V>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = Place { open: Arc::clone(&self.open), flight: Arc::clone(&flight), key };
        tokio::spawn(forward(Waiters { flight, place: Some(place), anybody }));
    }
}

impl<V: Clone> Waiter<V> {
    /// How far the forward has come.
    pub fn stage(&mut self) -> Stage<V> {
        self.stage.borrow_and_update().clone()
    }

    /// Waits until it has come further; false if it has ended without an outcome: it panicked.
    pub async fn changed(&mut self) -> bool {
        self.stage.changed().await.is_ok()
    }
}

impl<V> Flight<V> {
    fn begin() -> (Arc<Self>, watch::Receiver<Stage<V>>) {
        let (announce, stage) = watch::channel(Stage::UnderWay);
        (Arc::new(Self { announce, sent: AtomicBool::new(false) }), stage)
    }

    fn may_be_joined(&self, boarding: Boarding) -> bool {
        boarding == Boarding::Any || !self.sent.load(Ordering::Acquire)
    }
}

impl<K: Eq + Hash, V> Waiters<K, V> {
    /// The forward is sent now: who comes from here on and wants an answer asked for later joins
    /// it no more.
    pub fn sent(&self) {
        // Under the lock, so that nobody is between looking and joining.
        let _list = self.place.as_ref().map(|place| place.open.lock());
        self.flight.sent.store(true, Ordering::Release);
    }

    /// Tells everyone that it waits in line.
    pub fn queued(&self, ticket: Ticket, so_far: Option<(V, Timestamp)>) {
        self.flight.announce.send_replace(Stage::Queued { ticket, so_far });
    }

    /// Tells everyone that it waits no longer. Whoever comes was never told that it did.
    pub fn called(&self) {
        self.flight.announce.send_if_modified(|stage| {
            let queued = matches!(stage, Stage::Queued { .. });
            *stage = Stage::UnderWay;
            queued
        });
    }

    /// Whether somebody waits besides the one for whom it was begun, be it nobody in particular.
    pub fn are_several(&self) -> bool {
        self.flight.announce.receiver_count() > 1
    }

    /// From here on it is not done for nobody in particular any more: it ends with those who wait.
    pub fn for_somebody_only(&mut self) {
        self.anybody = None;
    }

    /// Tells everyone the outcome.
    pub fn announce(self, outcome: V) {
        // The forward leaves the list after this, when `self` ends. Whoever boards in between
        // is told at once; whoever boards later finds in the store what was stored before.
        self.flight.announce.send_replace(Stage::Landed(outcome));
    }

    /// Returns when nobody waits any more and nobody can begin to.
    pub async fn all_left(&self) {
        loop {
            self.flight.announce.closed().await;
            let Some(place) = &self.place else { return };
            // Nobody boards while the list is locked, but someone may have since `closed`.
            let mut forwards = place.open.lock();
            if self.flight.announce.receiver_count() == 0 {
                place.leave(&mut forwards);
                return;
            }
        }
    }
}

impl<K: Eq + Hash, V> Place<K, V> {
    /// Takes the forward off the list, unless a later one has its place.
    fn leave(&self, forwards: &mut HashMap<K, Arc<Flight<V>>>) {
        if forwards.get(&self.key).is_some_and(|there| Arc::ptr_eq(there, &self.flight)) {
            forwards.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, V> Drop for Place<K, V> {
    fn drop(&mut self) {
        self.leave(&mut self.open.lock());
    }
}

impl<K, V> Open<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Flight<V>>>> {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    const A_WHILE: Duration = Duration::from_secs(1);

    /// Whether the outcome was another's forward, and the outcome.
    async fn landed<V: Clone>(mut waiter: Waiter<V>) -> (Option<V>, bool) {
        loop {
            if let Stage::Landed(outcome) = waiter.stage() {
                return (Some(outcome), waiter.collapsed);
            }
            if !waiter.changed().await {
                return (None, waiter.collapsed);
            }
        }
    }

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
                tokio::spawn(async move {
                    landed(forwards.join("7", Boarding::Any, |w| slow(begun, w))).await
                })
            })
            .collect();
        let mut collapsed = 0;
        for asker in askers {
            let (outcome, waited_only) = asker.await.unwrap();
            assert_eq!(outcome, Some(42));
            collapsed += usize::from(waited_only);
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
            async move { landed(forwards.join("7", Boarding::Any, |w| slow(begun, w))).await }
        });
        yield_now().await;
        first.abort();
        let second = landed(forwards.join("7", Boarding::Any, |w| slow(Arc::clone(&begun), w)));
        assert_eq!(second.await, (Some(42), true));
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_forward_alone_is_joined_by_nobody() {
        let forwards = Arc::new(Forwards::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let alone = tokio::spawn({
            let (forwards, begun) = (Arc::clone(&forwards), Arc::clone(&begun));
            async move { landed(forwards.alone(|w| slow(begun, w))).await.0 }
        });
        yield_now().await;
        let joined = forwards.join("7", Boarding::Any, |w| slow(Arc::clone(&begun), w));
        assert!(!landed(joined).await.1);
        assert_eq!((alone.await.unwrap(), begun.load(Ordering::Relaxed)), (Some(42), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_reaches_the_askers_as_no_outcome_and_the_key_is_free_again() {
        let forwards = Forwards::<_, u8>::default();
        let joined = forwards.join("7", Boarding::Any, |_waiters| async { panic!("deliberate") });
        assert_eq!(landed(joined).await.0, None);
        yield_now().await;
        assert_eq!(forwards.under_way(), 0);
        let again = forwards.join("7", Boarding::Any, |w| slow(Arc::default(), w));
        assert_eq!(landed(again).await, (Some(42), false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forward_learns_that_everyone_has_left() {
        let forwards = Arc::new(Forwards::<_, u8>::default());
        let ended = Arc::new(AtomicUsize::new(0));
        let asker = |forwards: &Arc<Forwards<&'static str, u8>>| {
            let (forwards, ended) = (Arc::clone(forwards), Arc::clone(&ended));
            tokio::spawn(async move {
                let forward = |waiters: Waiters<_, _>| async move {
                    waiters.all_left().await;
                    ended.fetch_add(1, Ordering::Relaxed);
                };
                landed(forwards.join("7", Boarding::Any, forward)).await.0
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

    #[tokio::test(start_paused = true)]
    async fn who_wants_an_answer_asked_for_later_joins_only_what_is_not_sent_yet() {
        /// Waits in line for a while, then is sent and takes a while.
        async fn queued(begun: Arc<AtomicUsize>, waiters: Waiters<&'static str, u8>) {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            sleep(A_WHILE).await;
            waiters.sent();
            sleep(A_WHILE).await;
            waiters.announce(u8::try_from(number).unwrap());
        }
        let forwards = Arc::new(Forwards::default());
        let begun = Arc::new(AtomicUsize::new(0));
        let asker = |boarding| {
            let (forwards, begun) = (Arc::clone(&forwards), Arc::clone(&begun));
            tokio::spawn(
                async move { landed(forwards.join("7", boarding, |w| queued(begun, w))).await },
            )
        };
        // when it comes, in half seconds; which forward it gets; whether it joined that
        let rows = [
            (0, Boarding::Any, 0, false),
            (1, Boarding::Unsent, 0, true),
            (3, Boarding::Unsent, 1, false),
            (3, Boarding::Unsent, 1, true),
            (3, Boarding::Any, 1, true),
            (6, Boarding::Unsent, 2, false),
        ];
        let mut askers = Vec::new();
        let mut half_seconds = 0;
        for (comes, boarding, ..) in rows {
            sleep((comes - half_seconds) * A_WHILE / 2).await;
            half_seconds = comes;
            askers.push(asker(boarding));
            yield_now().await;
        }
        for (asker, (comes, boarding, number, collapsed)) in askers.into_iter().zip(rows) {
            let found = asker.await.unwrap();
            assert_eq!(found, (Some(number), collapsed), "{comes} {boarding:?}");
        }
        yield_now().await;
        assert_eq!(forwards.under_way(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_forward_for_nobody_runs_to_its_end_and_is_begun_once() {
        let forwards = Arc::new(Forwards::<_, u8>::default());
        let begun = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let begun = Arc::clone(&begun);
            forwards.begin("7", |waiters: Waiters<_, _>| async move {
                tokio::select! {
                    () = waiters.all_left() => panic!("somebody waits: anybody"),
                    () = sleep(A_WHILE) => begun.fetch_add(1, Ordering::Relaxed),
                };
                waiters.announce(42);
            });
        }
        let joined = forwards.join("7", Boarding::Any, |w| slow(Arc::default(), w));
        assert_eq!(landed(joined).await, (Some(42), true));
        yield_now().await;
        assert_eq!((begun.load(Ordering::Relaxed), forwards.under_way()), (1, 0));
    }
}
