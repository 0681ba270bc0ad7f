//! Who asks, for what, and what is answered.

use crate::tally::Tally;
use crate::versions::Versions;

/// Credentials that ask.
pub const CREDENTIALS: u64 = 100;
/// Tickets there are. Few, so that credentials meet.
pub const TICKETS: u64 = 100;
/// A credential that nobody has: what is only for it is for nobody.
pub const NOBODY: u64 = 999;
/// What every canary begins with.
pub const MARK: &str = "canary_";

/// What clients and upstream share.
pub struct World {
    pub versions: Versions,
    pub tally: Tally,
}

impl World {
    pub fn new(responses: u64) -> Self {
        Self { versions: Versions::new(TICKETS), tally: Tally::new(responses) }
    }
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
