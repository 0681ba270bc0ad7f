//! The breaker and the retry budget of the upstream, shared by all forwards of resources.

use crate::base::time::Timestamp;
use crate::policy::breaker::Breaker;
use crate::policy::breaker::Change;
use crate::policy::breaker::Health;
use crate::policy::breaker::Leave;
use crate::policy::breaker::Pass;
use crate::policy::breaker::Position;
use crate::policy::breaker::Terms;
use crate::policy::key::Tag;
use crate::policy::retry::Allowance;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The two.
#[derive(Default)]
pub struct Fuse {
    breaker: Mutex<Breaker>,
    allowance: Mutex<Allowance>,
    /// Wakes those who stand in line when there is nothing to wait for any more.
    opened: Notify,
}

/// Leave to send one request. Dropped without an outcome, it makes room for another trial.
pub struct Crossing {
    fuse: Arc<Fuse>,
    pass: Option<Pass>,
}

/// The upstream is being left alone.
pub struct Open {
    /// When it is worth asking again.
    pub retry_in: Duration,
    /// Leave to send the request all the same, for whose answer nobody waits.
    pub scout: Option<Crossing>,
}

impl Fuse {
    /// Asks for leave to send a request.
    pub fn cross(self: &Arc<Self>, now: Timestamp) -> Result<Crossing, Open> {
        let leave = self.breaker().ask(now);
        let crossing = |pass| Crossing { fuse: Arc::clone(self), pass: Some(pass) };
        match leave {
            Leave::Go(pass) => Ok(crossing(pass)),
            Leave::Refused { retry_in, scout } => {
                Err(Open { retry_in, scout: scout.map(crossing) })
            }
        }
    }

    /// Whether leave would be refused.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.breaker().is_open(now).is_some()
    }

    /// What the breaker does at `now`.
    pub fn position(&self, now: Timestamp) -> Position {
        self.breaker().position(now)
    }

    /// Another upstream is asked: what is known of the one before says nothing.
    pub fn start_anew(&self) {
        self.breaker().start_anew();
    }

    /// Returns when the breaker opens. It is to be asked for before it is known not to be open.
    pub fn opened(&self) -> Notified<'_> {
        self.opened.notified()
    }

    /// The retry budget, to decide with.
    pub fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crossing {
    /// What the outcome says about the upstream, and what follows for all. `thing`: what was asked
    /// for; `fraction`: chance, from 0 to 1.
    pub fn heard(
        mut self,
        health: Health,
        thing: Tag,
        terms: Terms,
        fraction: f64,
        now: Timestamp,
    ) -> Option<Change> {
        let pass = self.pass.take()?;
        let change = self.fuse.breaker().heard(pass, health, thing, terms, fraction, now);
        if matches!(change, Some(Change::Opened { .. })) {
            self.fuse.opened.notify_waiters();
        }
        change
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.fuse.breaker().lost(pass);
        }
    }
}
