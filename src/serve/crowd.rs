//! The open connections, and the end of some where another one needs the room.

use crate::base::time::Timestamp;
use crate::policy::shed;
use crate::policy::shed::Guest;
use crate::policy::shed::Peer;
use crate::serve::exchanges::Exchanges;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::task::AbortHandle;

/// The open connections.
#[derive(Clone, Default)]
pub struct Crowd(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    entered: u64,
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    peer: Peer,
    opened: Timestamp,
    exchanges: Exchanges,
    /// What serves it, once that is known.
    task: Option<AbortHandle>,
}

/// A connection's part of the crowd; it is left when this is dropped.
pub struct Part {
    crowd: Crowd,
    number: u64,
}

/// The crowd in numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Connections that were ever opened.
    pub entered: u64,
    /// Those that are open.
    pub open: usize,
    /// Those of them whose client waits for us, or has not taken all of what it asked for.
    pub under_way: usize,
}

/// One in so many leaves at a time: to find out who costs a look at all.
const LEAVE_TOGETHER: usize = 64;

impl Crowd {
    /// A connection is opened.
    pub fn enter(&self, peer: Peer, exchanges: Exchanges, now: Timestamp) -> Part {
        let mut open = self.lock();
        let number = open.entered;
        open.entered += 1;
        open.connections.insert(number, Connection { peer, opened: now, exchanges, task: None });
        Part { crowd: self.clone(), number }
    }

    /// The connection with this number is served by `task`; it may have ended already.
    pub fn is_served(&self, number: u64, task: AbortHandle) {
        if let Some(connection) = self.lock().connections.get_mut(&number) {
            connection.task = Some(task);
        }
    }

    /// Ends some of those connections that are waited for, if there are any. How many.
    pub fn make_room(&self, now: Timestamp) -> usize {
        let open = self.lock();
        let connections: Vec<&Connection> = open.connections.values().collect();
        let guests: Vec<Guest> = connections.iter().map(|connection| connection.guest()).collect();
        let most = guests.len().div_ceil(LEAVE_TOGETHER);
        let leaving = shed::leaving(&guests, most, now).into_iter();
        leaving.filter(|place| connections.get(*place).is_some_and(|one| one.ends())).count()
    }

    /// Counts them.
    pub fn census(&self) -> Census {
        let open = self.lock();
        let waiting = |one: &&Connection| one.exchanges.waits_since().is_none();
        let under_way = open.connections.values().filter(waiting).count();
        Census { entered: open.entered, open: open.connections.len(), under_way }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn guest(&self) -> Guest {
        let waits_since = self.exchanges.waits_since().map(|since| self.opened.after(since));
        // What is not known to be served cannot be ended either.
        let waits_since = waits_since.filter(|_| self.task.is_some());
        Guest { peer: self.peer, waits_since, has_asked: self.exchanges.begun() > 0 }
    }

    /// Whether it ends: not if a request has come since it was chosen.
    fn ends(&self) -> bool {
        let ends = self.exchanges.show_out();
        if let Some(task) = self.task.as_ref().filter(|_| ends) {
            task.abort();
        }
        ends
    }
}

impl Part {
    /// Which connection it is.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.crowd.lock().connections.remove(&self.number);
    }
}
