//! Who asks, for what, and which version of it is known.

use crate::tally::Tally;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Credentials that ask.
pub const CREDENTIALS: u64 = 100;
/// Tickets there are. Few, so that credentials meet.
pub const TICKETS: u64 = 100;
/// A credential that nobody has: what is only for it is for nobody.
pub const NOBODY: u64 = 999;
/// What every canary begins with.
pub const MARK: &str = "canary_";

/// What clients and upstream share. A ticket is of one version at a time, whoever asks.
pub struct World {
    versions: Vec<AtomicU64>,
    /// The newest version of each ticket that an answer to a write has told of.
    floors: Vec<AtomicU64>,
    pub tally: Tally,
}

impl World {
    pub fn new(responses: u64) -> Self {
        let all = || (0..TICKETS).map(|_| AtomicU64::new(1)).collect();
        Self { versions: all(), floors: all(), tally: Tally::new(responses) }
    }

    /// The version of a ticket as the upstream has it.
    pub fn version(&self, ticket: u64) -> u64 {
        self.versions[at(ticket)].load(Ordering::SeqCst)
    }

    /// A write has come: the version after it.
    pub fn written(&self, ticket: u64) -> u64 {
        self.versions[at(ticket)].fetch_add(1, Ordering::SeqCst) + 1
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

/// What stands in everything that is for one credential: its number, the ticket's, the version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Canary {
    pub credential: u64,
    pub ticket: u64,
    pub version: u64,
}

impl Canary {
    /// As it stands in fields and bodies. All are of one length.
    pub fn text(self) -> String {
        let Self { credential, ticket, version } = self;
        format!("{MARK}{credential:03}_{ticket:03}_{version:07}")
    }

    /// Reads the first canary in a text.
    pub fn find(text: &str) -> Option<Self> {
        let rest = &text[text.find(MARK)? + MARK.len()..];
        let mut numbers = rest.get(..15)?.split('_').map(|number| number.parse().ok());
        Some(Self {
            credential: numbers.next()??,
            ticket: numbers.next()??,
            version: numbers.next()??,
        })
    }

    /// The ticket's body: of the same bytes whenever it is the same.
    pub fn body(self) -> String {
        let (id, text) = (id(self.ticket), self.text());
        // One is longer than a pipe's and a socket's usual portion.
        let times = if self.ticket == TICKETS - 1 { 2_000 } else { 1 + self.ticket * 7 % 40 };
        let filler = format!("{text} ").repeat(usize::try_from(times).unwrap());
        format!(r#"{{"success":true,"data":{{"_id":"{id}","status":"open","filler":"{filler}"}}}}"#)
    }
}

/// The value of `Authorization`.
pub fn authorization(credential: u64) -> String {
    format!("Bearer tok_{credential:03}")
}

/// A ticket's id.
pub fn id(ticket: u64) -> String {
    format!("t{ticket:03}")
}

/// The ticket with this id.
pub fn ticket(id: &str) -> Option<u64> {
    id.strip_prefix('t')?.parse().ok().filter(|ticket| *ticket < TICKETS)
}
