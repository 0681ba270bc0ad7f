//! A row of the table: something hostile, and the plain thing it is measured by.

use crate::house::Answer;
use crate::plain;
use crate::script::Lines;
use crate::trial::Sent;
use crate::trial::Side;

/// Something hostile.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) sent: Sent,
    pub(crate) beside: Beside,
    /// What it may cost where that is more than others may, and why.
    pub(crate) known: Option<(f64, &'static str)>,
}

/// What plain thing of the same size it is measured by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Beside {
    /// A hit.
    Hit,
    /// A GET that passes through, long of path.
    Passage,
    /// A body that passes through.
    Body,
    /// A ticket that is fetched.
    Miss,
}

impl Row {
    /// A head, measured by a hit.
    pub(crate) fn head(name: &'static str, head: impl AsRef<str>, expects: &'static str) -> Self {
        Self::request(name, Lines::new(head.as_ref().to_owned()), expects, Beside::Hit)
    }

    /// A path, measured by one that passes through.
    pub(crate) fn path(name: &'static str, head: impl AsRef<str>, expects: &'static str) -> Self {
        Self::request(name, Lines::new(head.as_ref().to_owned()), expects, Beside::Passage)
    }

    /// A request, measured by what is like it.
    pub(crate) fn request(
        name: &'static str,
        request: Lines,
        expects: &'static str,
        beside: Beside,
    ) -> Self {
        let sent = Sent { request, answer: plain::answer(0), by: Side::Client, expects };
        Self { name, sent, beside, known: None }
    }

    /// An answer, measured by a good one.
    pub(crate) fn answer(name: &'static str, lines: Lines, expects: &'static str) -> Self {
        let answer = Answer { lines, after: 0 };
        let sent = Sent { request: plain::fresh(), answer, by: Side::Upstream, expects };
        Self { name, sent, beside: Beside::Miss, known: None }
    }

    /// The plain thing, of so many octets or as few as it takes; the shortest, where it is sent in
    /// pieces.
    pub(crate) fn plain(&self, octets: usize) -> Sent {
        let piece = match self.sent.by {
            Side::Client => self.sent.request.piece,
            Side::Upstream => self.sent.answer.lines.piece,
        };
        // Whoever looked through all again with every piece would pay more for each octet the more
        // there are: only the shortest shows it.
        let octets = if piece == usize::MAX { octets } else { 0 };
        let mut sent = match self.beside {
            Beside::Hit => plain::hit(octets.min(LONGEST_HEAD)),
            Beside::Passage => plain::passage(octets),
            Beside::Body => plain::body(octets),
            Beside::Miss => plain::miss(octets),
        };
        match self.beside {
            Beside::Hit | Beside::Passage | Beside::Body => {
                sent.request.piece = piece;
            }
            Beside::Miss => sent.answer.lines.piece = piece,
        }
        sent
    }

    /// It may cost so much, and this is why.
    pub(crate) fn known(self, most: f64, why: &'static str) -> Self {
        Self { known: Some((most, why)), ..self }
    }
}

/// A map of fields takes about 100 octets for each, and a field can be sent in five. hyper takes a
/// hundred at most, so all this is 25 KB for a connection.
pub(crate) const MAP: &str = "the map of fields, at most 100";

/// Each is looked for among the fields.
pub(crate) const NAMES: &str = "two octets a name";

/// hyper hands each chunk from one task to another.
pub(crate) const CHUNKS: &str = "hyper, chunk by chunk";

/// Within `listen.max_header_bytes`.
pub(crate) const LONGEST_HEAD: usize = 31 * 1024;

/// As often as it fits.
pub(crate) fn filled(part: &str, length: usize) -> String {
    part.repeat(length / part.len().max(1))
}
