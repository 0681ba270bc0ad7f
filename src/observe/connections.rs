//! How many connections were opened, and are.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// The connections of one port.
#[derive(Debug, Default)]
pub struct Connections {
    opened: AtomicU64,
    closed: AtomicU64,
}

impl Connections {
    /// One is opened.
    pub fn open(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// One is closed.
    pub fn close(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were ever opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// How many are open.
    pub fn are_open(&self) -> u64 {
        // In this order, lest one that is closed meanwhile be counted as closed but not as opened.
        let closed = self.closed.load(Ordering::Acquire);
        self.opened.load(Ordering::Acquire).saturating_sub(closed)
    }
}
