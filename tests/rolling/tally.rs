//! What has been done so far.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Counts.
#[derive(Default)]
pub struct Tally {
    over: AtomicBool,
    /// Requests that were answered as they had to be; a batch is one.
    pub answered: AtomicU64,
    pub hits: AtomicU64,
    pub absent: AtomicU64,
    pub writes: AtomicU64,
    pub passed: AtomicU64,
    pub batches: AtomicU64,
    /// Connections that were made.
    pub connections: AtomicU64,
    /// Kept connections that were seen to be closed before anything was written on them.
    pub found_closed: AtomicU64,
    /// Replies that said that they were their connection's last.
    pub told_last: AtomicU64,
    /// Requests the upstream has heard.
    pub heard: AtomicU64,
}

impl Tally {
    pub fn read(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    pub fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing more is to be asked.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = Self::read;
        write!(
            f,
            "{} answered ({} hits, {} not found, {} writes, {} passed through, {} batches), \
             {} connections ({} found closed, {} told last), upstream {}",
            read(&self.answered),
            read(&self.hits),
            read(&self.absent),
            read(&self.writes),
            read(&self.passed),
            read(&self.batches),
            read(&self.connections),
            read(&self.found_closed),
            read(&self.told_last),
            read(&self.heard),
        )
    }
}
