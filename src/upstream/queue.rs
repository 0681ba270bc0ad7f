//! The queue in front of the upstream: [`policy::line`](crate::policy::line) decides who goes, this
//! wakes them.
//!
//! Who may go at once does, without waiting or being noted. While somebody waits a task sleeps until
//! the next may go; it ends with the last who waits.

use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::policy::budget::Hearing;
use crate::policy::class::Class;
use crate::policy::key::Tag;
use crate::policy::lane::Ticket;
use crate::policy::line::Line;
use crate::policy::line::Outlook;
use crate::policy::line::Place as Taken;
use crate::policy::line::Terms;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread::panicking;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio::time::timeout;

/// The queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes the task that wakes the others.
    changed: Notify,
    clock: Clock,
}

struct State {
    line: Line,
    called: HashMap<Ticket, oneshot::Sender<Place>>,
    /// Whether the task that wakes the others is there.
    attended: bool,
}

/// What becomes of someone who asks for a place.
pub enum Asked {
    /// It has one.
    Has(Place),
    /// It stands in line for one.
    Waits(Waiting),
    /// Too many wait already.
    Full,
}

/// A place among those under way; given back when dropped.
pub struct Place {
    shared: Arc<Shared>,
    taken: Taken,
    hearing: Option<Hearing>,
    /// How many requests more than one were sent on its account, the upstream having closed the
    /// connection under the first.
    resent: AtomicU32,
}

/// Someone who stands in line; no longer when dropped.
pub struct Waiting {
    shared: Arc<Shared>,
    ticket: Ticket,
    call: oneshot::Receiver<Place>,
}

impl Queue {
    /// In which nobody waits.
    pub fn new(terms: Terms, clock: Clock) -> Self {
        let line = Line::new(terms, clock.now());
        let state = State { line, called: HashMap::new(), attended: false };
        Self {
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), clock }),
        }
    }

    /// Asks for a place: for the first time, or again with the ticket that one had.
    pub fn ask(&self, credential: Tag, class: Class, earlier: Option<Ticket>) -> Asked {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        if earlier.is_none()
            && let Some(taken) = state.line.pass(credential, class, now)
        {
            return Asked::Has(self.shared.place(taken));
        }
        let ticket = earlier.unwrap_or_else(|| state.line.ticket());
        if !state.line.enter(ticket, credential, class, earlier.is_some(), now) {
            return Asked::Full;
        }
        let (calls, mut call) = oneshot::channel();
        state.called.insert(ticket, calls);
        let uncalled = self.shared.call(&mut state, now);
        self.shared.attend(&mut state);
        drop((state, uncalled));
        match call.try_recv() {
            Ok(place) => Asked::Has(place),
            Err(_) => Asked::Waits(Waiting { shared: Arc::clone(&self.shared), ticket, call }),
        }
    }

    /// How long the holder of a ticket will wait; `None` if it does not wait (any more).
    pub fn outlook(&self, ticket: Ticket, class: Class) -> Option<Outlook> {
        self.shared.lock().line.outlook(ticket, class, self.shared.clock.now())
    }

    /// The holder of a ticket counts as of `class` from now on, if that is more urgent.
    pub fn raise(&self, ticket: Ticket, class: Class) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.line.raise(ticket, class, now);
        let uncalled = self.shared.call(&mut state, now);
        self.shared.attend(&mut state);
        drop((state, uncalled));
    }

    /// What a credential is paced at, in requests a second.
    pub fn rate(&self, credential: Tag) -> Option<f64> {
        self.shared.lock().line.rate(credential)
    }

    /// How many credentials are paced, and the slowest of their rates in requests a second.
    pub fn paced(&self) -> (usize, Option<f64>) {
        self.shared.lock().line.paced()
    }

    /// Goes by other terms from now on; who may go by them does.
    pub fn go_by(&self, terms: Terms) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.line.go_by(terms, now);
        let uncalled = self.shared.call(&mut state, now);
        self.shared.attend(&mut state);
        drop((state, uncalled));
    }

    /// How many wait, and how many are under way.
    pub fn load(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.line.waiting(), state.line.under_way())
    }
}

impl Waiting {
    /// Its place in line.
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Waits for its turn. `None` if there will be none: a defect of ours.
    pub async fn called(&mut self) -> Option<Place> {
        (&mut self.call).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.called.remove(&self.ticket);
        state.line.leave(self.ticket, now);
        self.shared.attend(&mut state);
        // Who has been called and will not go gives its place back when `call` is dropped.
    }
}

impl Place {
    /// Who has it: with this, who is sent again keeps its place in line.
    pub const fn ticket(&self) -> Ticket {
        self.taken.ticket
    }

    /// What the answer says about the budget; the last word counts.
    pub const fn hear(&mut self, hearing: Hearing) {
        self.hearing = Some(hearing);
    }

    /// A request is sent again on its account, the connection having been closed under the first.
    pub fn resend(&self) {
        self.resent.fetch_add(1, Ordering::Relaxed);
        self.charge();
    }

    /// How many requests were sent again so.
    pub fn resent(&self) -> u32 {
        self.resent.load(Ordering::Relaxed)
    }

    /// One more is sent on its account.
    pub fn charge(&self) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.line.charge(self.taken.credential, now);
        self.shared.attend(&mut state);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        state.line.give_back(self.taken, self.hearing.as_ref(), now);
        let uncalled = self.shared.call(&mut state, now);
        self.shared.attend(&mut state);
        drop((state, uncalled));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(self: &Arc<Self>, taken: Taken) -> Place {
        Place { shared: Arc::clone(self), taken, hearing: None, resent: AtomicU32::new(0) }
    }

    /// Calls everyone who may go now. Returns the places of those who were not there to hear it,
    /// to be dropped once the lock is free: there should be none.
    fn call(self: &Arc<Self>, state: &mut State, now: Timestamp) -> Vec<Place> {
        let mut uncalled = Vec::new();
        if state.line.waiting() == 0 {
            return uncalled;
        }
        while let Some(taken) = state.line.next(now) {
            let place = self.place(taken);
            match state.called.remove(&taken.ticket) {
                Some(calls) => uncalled.extend(calls.send(place).err()),
                None => uncalled.push(place),
            }
        }
        uncalled
    }

    /// Sees to it that those who wait are called in time, after something has changed.
    fn attend(self: &Arc<Self>, state: &mut State) {
        if state.attended {
            self.changed.notify_one();
        } else if state.line.waiting() > 0 {
            state.attended = true;
            tokio::spawn(Arc::clone(self).call_in_time());
        }
    }

    /// Calls those who wait when it is time, until nobody waits.
    async fn call_in_time(self: Arc<Self>) {
        let post = Post(self);
        let shared = &post.0;
        loop {
            let now = shared.clock.now();
            let (wake_at, uncalled) = {
                let mut state = shared.lock();
                let uncalled = shared.call(&mut state, now);
                if state.line.waiting() == 0 {
                    state.attended = false;
                    return;
                }
                (state.line.wake_at(now), uncalled)
            };
            drop(uncalled);
            let changed = shared.changed.notified();
            match wake_at {
                // The time is up, or something has changed: both are looked at anew.
                Some(at) => drop(timeout(at.since(now), changed).await),
                None => changed.await,
            }
        }
    }
}

/// That of the task that wakes the others. If it panics another one takes it, for who stands in line
/// may have nobody else to wake him; after a while, should that panic too.
struct Post(Arc<Shared>);

impl Drop for Post {
    fn drop(&mut self) {
        if panicking() {
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                sleep(BEFORE_THE_NEXT).await;
                shared.call_in_time().await;
            });
        }
    }
}

const BEFORE_THE_NEXT: Duration = Duration::from_millis(100);
