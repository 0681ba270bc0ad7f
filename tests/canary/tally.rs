//! What has been done so far.

use crate::figures::Figures;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Counts, and how far they are to go.
#[derive(Default)]
pub struct Tally {
    wanted: u64,
    /// Replies read by clients, the lines of batches among them.
    pub responses: AtomicU64,
    /// Of these, from the store.
    pub hits: AtomicU64,
    /// Of these, failures and what else was not the thing asked for.
    pub odd: AtomicU64,
    /// Connections dropped by their clients with something under way.
    pub cancels: AtomicU64,
    /// Answers that went wrong at the upstream.
    pub faults: AtomicU64,
    /// Writes that were answered.
    pub writes: AtomicU64,
    /// Purges that operators have asked for.
    pub purges: AtomicU64,
    /// Connections that clients have opened.
    pub connections: AtomicU64,
    /// Requests the upstream has heard.
    pub heard: AtomicU64,
}

impl Tally {
    pub fn new(wanted: u64) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub fn read(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    pub fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is something left to do.
    pub fn goes_on(&self) -> bool {
        Self::read(&self.responses) < self.wanted || self.lacks_cancels() || self.lacks_faults()
    }

    /// One client in ten leaves.
    pub fn lacks_cancels(&self) -> bool {
        let due = Self::read(&self.responses).min(self.wanted);
        Self::read(&self.cancels) * 10 < due
    }

    /// One answer in a hundred goes wrong.
    pub fn lacks_faults(&self) -> bool {
        let due = Self::read(&self.responses).min(self.wanted);
        Self::read(&self.faults) * 100 < due
    }

    /// One purge for two hundred responses.
    pub fn lacks_purges(&self) -> bool {
        let due = Self::read(&self.responses).min(self.wanted);
        Self::read(&self.purges) * 200 < due
    }

    /// Asserts that operators are told what clients and the upstream have counted themselves. Whether a
    /// request of a client that has left was one is chance; it was not answered.
    pub fn agrees_with(&self, figures: &Figures) {
        let [responses, hits, heard] = [&self.responses, &self.hits, &self.heard].map(Self::read);
        assert_eq!(
            figures.count("connections_total"),
            Self::read(&self.connections),
            "{figures:?}"
        );
        assert!(figures.sum("invalidations_total") >= Self::read(&self.purges), "{figures:?}");
        assert!(figures.count("requests_total") >= responses, "{self}: {figures:?}");
        let stored = figures.count("request_outcomes_total{outcome=\"stored\"}");
        assert!(stored >= hits, "{self}: {figures:?}");
        assert!(figures.count("upstream_requests_total") >= heard, "{self}: {figures:?}");
    }

    /// Asserts that as much was done as was meant to be.
    pub fn is_enough(&self, wanted: u64) {
        let counts = [&self.responses, &self.cancels, &self.faults, &self.writes, &self.hits];
        let [responses, cancels, faults, writes, hits] = counts.map(Self::read);
        let purges = Self::read(&self.purges);
        assert!(responses >= wanted, "{self}");
        assert!(cancels >= wanted / 10, "{self}");
        assert!(faults >= wanted / 100, "{self}");
        assert!(writes >= wanted / 1_000, "{self}");
        assert!(purges >= wanted / 1_000, "{self}");
        assert!(hits >= wanted / 10, "hardly anything came from the store: {self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} responses ({} stored, {} odd), {} cancels, {} faults, {} writes, \
             {} purges, upstream {}",
            Self::read(&self.responses),
            Self::read(&self.hits),
            Self::read(&self.odd),
            Self::read(&self.cancels),
            Self::read(&self.faults),
            Self::read(&self.writes),
            Self::read(&self.purges),
            Self::read(&self.heard),
        )
    }
}
