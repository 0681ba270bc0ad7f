//! Which version of each ticket there is, and which the clients know of.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What clients and upstream share. A ticket is of one version at a time, whoever asks.
pub struct Versions {
    newest: Vec<AtomicU64>,
    /// The newest version of each ticket that an answer to a write has told of.
    floors: Vec<AtomicU64>,
}

impl Versions {
    pub fn new(tickets: u64) -> Self {
        let all = || (0..tickets).map(|_| AtomicU64::new(1)).collect();
        Self { newest: all(), floors: all() }
    }

    /// The version of a ticket as the upstream has it.
    pub fn version(&self, ticket: u64) -> u64 {
        self.newest[at(ticket)].load(Ordering::SeqCst)
    }

    /// A write has come: the version after it.
    pub fn written(&self, ticket: u64) -> u64 {
        self.newest[at(ticket)].fetch_add(1, Ordering::SeqCst) + 1
    }

    /// What a read that begins now has to be told at least.
    pub fn floor(&self, ticket: u64) -> u64 {
        self.floors[at(ticket)].load(Ordering::SeqCst)
    }

    /// A write was answered with this version.
    pub fn told(&self, ticket: u64, version: u64) {
        self.floors[at(ticket)].fetch_max(version, Ordering::SeqCst);
    }
}

fn at(ticket: u64) -> usize {
    usize::try_from(ticket).unwrap()
}
