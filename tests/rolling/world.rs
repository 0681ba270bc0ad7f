//! Who asks, for what, and which version of it is known.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Credentials that ask.
pub const CREDENTIALS: u64 = 9;
/// Tickets there are. Few, so that credentials meet.
pub const TICKETS: u64 = 60;

/// What clients and upstream share. A ticket is of one version at a time, whoever asks.
pub struct World {
    versions: Vec<AtomicU64>,
    /// The newest version of each ticket that an answer to a write has told of.
    floors: Vec<AtomicU64>,
}

impl World {
    pub fn new() -> Self {
        let all = || (0..TICKETS).map(|_| AtomicU64::new(1)).collect();
        Self { versions: all(), floors: all() }
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

/// What stands in every answer: for whom it is, of which ticket, and as of when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    pub credential: u64,
    pub ticket: u64,
    pub version: u64,
}

/// What every stamp begins with.
const MARK: &str = "stamp_";

impl Stamp {
    pub fn text(self) -> String {
        let Self { credential, ticket, version } = self;
        format!("{MARK}{credential:03}_{ticket:03}_{version:07}")
    }

    /// Every stamp in a text, in order.
    pub fn all(text: &str) -> Vec<Self> {
        let stamp = |(place, _): (usize, &str)| {
            let mut numbers = text[place + MARK.len()..].get(..15)?.split('_');
            let mut number = || numbers.next()?.parse().ok();
            Some(Self { credential: number()?, ticket: number()?, version: number()? })
        };
        text.match_indices(MARK).map(|found| stamp(found).expect("a whole stamp")).collect()
    }

    /// The ticket's body: of the same bytes whenever it is the same.
    pub fn body(self) -> String {
        let text = self.text();
        let times = if self.ticket == TICKETS - 1 { 2_000 } else { 1 + self.ticket * 7 % 40 };
        let filler = format!("{text} ").repeat(usize::try_from(times).unwrap());
        let id = id(self.ticket);
        format!(r#"{{"success":true,"data":{{"_id":"{id}","status":"open","filler":"{filler}"}}}}"#)
    }
}

/// A ticket's id.
pub fn id(ticket: u64) -> String {
    format!("t{ticket:03}")
}

/// The id of a ticket that is not there.
pub fn absent(ticket: u64) -> String {
    format!("n{ticket:03}")
}
