//! What the operators' port works with.

use crate::admin::token::Token;
use crate::base::time::Timestamp;
use crate::cache::state::Cache;
use crate::observe::history::History;
use crate::observe::history::Reading;
use crate::observe::logging::DroppedLines;
use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::watch;

/// The gateway, as operators see it. What a reload changes is put in place here.
pub struct Desk {
    /// What answers, and what it has counted.
    pub cache: Arc<Cache>,
    /// Whether it is to be sent requests.
    pub ready: watch::Receiver<bool>,
    /// When it began.
    pub began: Timestamp,
    /// The last minutes.
    pub history: History,
    /// What the settings are.
    pub in_force: ArcSwap<InForce>,
    /// What who comes has to know, unless the port is for whoever is on this machine.
    pub token: ArcSwapOption<Token>,
    /// How many lines the log has lost; `None` where there is no log.
    pub losses: Option<DroppedLines>,
    /// What has come of reloads.
    pub reloads: Reloads,
}

/// What of the settings is shown.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// All of them.
    pub settings: Vec<Setting>,
    /// `cache.memory`, in bytes.
    pub memory: u64,
    /// `upstream.max_in_flight`.
    pub places: usize,
    /// How many connections may be open.
    pub connections: usize,
}

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// As it would be written in a file.
    pub value: String,
    /// Where it comes from.
    pub from: String,
}

/// What has come of reloads.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<Told>);

/// The same, at a moment.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How many were put in force.
    pub applied: u64,
    /// How many were refused.
    pub refused: u64,
    /// When the last one was, whether it was put in force, and what was said of it.
    pub last: Option<(Timestamp, bool, String)>,
}

impl Reloads {
    /// Settings were read again, and put in force or refused.
    pub fn note(&self, applied: bool, words: String, now: Timestamp) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = if applied { &mut told.applied } else { &mut told.refused };
        *count = count.saturating_add(1);
        told.last = Some((now, applied, words));
    }

    /// What has come of them.
    pub fn told(&self) -> Told {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Desk {
    /// Whether the gateway is to be sent requests.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// All that was counted until now.
    pub fn reading(&self) -> Reading {
        let metrics = &self.cache.metrics;
        Reading {
            totals: self.cache.accounts.totals(),
            failures: metrics.failures.all().iter().map(|(_, count)| count).sum(),
            took: metrics.took().all(),
            forward: metrics.forward.counted(),
        }
    }
}
