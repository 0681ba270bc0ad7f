//! One case: octets, what they are owed, and the good requests around them.

use crate::model;
use crate::model::Judged;

/// Where the good requests go: a ticket that is stored before all else, and that nothing touches.
pub const GOOD: &str = "/v2/support-tickets/good";

/// Whose they are.
pub const CREDENTIAL: &str = "Bearer hostile";

/// What stands for the canary in a template.
const CANARY: &[u8] = b"@canary@";

/// A field that goes on with every request that is forwarded, and names the case.
pub const CANARY_FIELD: &str = "x-request-id: @canary@\r\n";

/// What is meant by a path, said by whoever wrote it down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A ticket.
    Ticket,
    /// Something that some reader takes for a ticket.
    Ambiguous,
    /// Anything else of the upstream's.
    Elsewhere,
    /// The gateway's own page that says it is alive.
    Live,
    /// Nothing, where the gateway's own pages are.
    NoPage,
}

/// A hostile request, with good ones around it.
pub struct Case {
    /// Which generator made it, and of what.
    pub name: String,
    /// The request without its canary: what makes it another than all others.
    pub template: Vec<u8>,
    /// The request.
    pub raw: Vec<u8>,
    /// How many good ones go before it on the same connection.
    pub before: usize,
    /// It is written in small pieces, and not at once.
    pub in_pieces: bool,
    /// What it is owed.
    pub judged: Judged,
    /// What names it.
    pub canary: String,
}

/// A case in the making.
pub struct Draft {
    pub name: String,
    pub template: Vec<u8>,
    pub place: Place,
    pub before: usize,
    pub in_pieces: bool,
}

impl Draft {
    /// Octets meant for a place.
    pub fn new(name: impl Into<String>, template: impl Into<Vec<u8>>, place: Place) -> Self {
        Self { name: name.into(), template: template.into(), place, before: 0, in_pieces: false }
    }

    /// The case, as the `number`th.
    pub fn numbered(self, number: usize) -> Case {
        let canary = format!("canary-{number}.");
        let raw = replaced(&self.template, canary.as_bytes());
        let judged = model::judge(&raw, self.place);
        let Self { name, mut template, before, in_pieces, .. } = self;
        // How it is sent makes it another case, too.
        let how = if in_pieces { b"in pieces, ".to_vec() } else { b"good, ".repeat(before) };
        template.splice(0..0, how);
        Case { name, template, raw, before, in_pieces, judged, canary }
    }
}

impl Case {
    /// Everything that is written.
    pub fn octets(&self) -> Vec<u8> {
        let good = |last: bool| {
            let close = if last { "connection: close\r\n" } else { "" };
            let head =
                format!("GET {GOOD} HTTP/1.1\r\nhost: gateway\r\nauthorization: {CREDENTIAL}");
            format!("{head}\r\nx-request-id: behind-{}\r\n{close}\r\n", self.canary)
        };
        [good(false).repeat(self.before).as_bytes(), &self.raw, good(true).as_bytes()].concat()
    }

    /// What it is, for people.
    pub fn shown(&self) -> String {
        format!("{} [{}]", self.name, self.raw.escape_ascii())
    }
}

fn replaced(template: &[u8], canary: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.windows(CANARY.len()).position(|window| window == CANARY) {
        raw.extend_from_slice(&rest[..at]);
        raw.extend_from_slice(canary);
        rest = &rest[at + CANARY.len()..];
    }
    [raw.as_slice(), rest].concat()
}
