//! Bad answers, and what is owed to who asked.

use crate::support::upstream::Say;

/// A kind of bad answer to a GET of the ticket `t1`.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: String,
    pub say: Say,
    pub owed: Owed,
    /// Whether its connection may carry another request.
    pub keeps: bool,
}

/// What is owed to who asked.
#[derive(Clone, Debug)]
pub enum Owed {
    /// A word of our own with this code.
    Failure(&'static str),
    /// The answer as it came, not stored, with our word why.
    Delivered(u16, Vec<u8>, &'static str, Then),
    /// The answer as it comes; it ends where it should, or is seen to break off.
    Streamed(Vec<u8>, Ended),
}

/// What becomes of a stale response that is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// It stays, and the answer is delivered.
    Stays,
    /// It stands in for the answer.
    StandsIn,
    /// It must not come back.
    Goes,
}

/// How a streamed answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    Whole,
    BrokenOff,
}

pub const MALFORMED: &str = "GATEWAY_UPSTREAM_MALFORMED";
pub const TRUNCATED: &str = "GATEWAY_UPSTREAM_TRUNCATED";
pub const RESET: &str = "GATEWAY_UPSTREAM_RESET";

/// The ticket, and its length.
pub const TICKET: &str = r#"{"data":{"_id":"t1","status":"open"}}"#;
pub const LENGTH: &str = "content-length: 37\r\n";

/// The longest body that is read whole where bad answers are tried. hyper writes the beginning of a
/// longer one before it asks for the rest, so that a reply that breaks off has begun.
pub const WHOLE: usize = 512 * 1024;

/// An answer on the wire: the status line after the version, fields beside the type, what follows.
pub fn wire(status: &str, fields: &str, rest: &str) -> Vec<u8> {
    const JSON: &str = "content-type: application/json\r\n";
    format!("HTTP/1.1 {status}\r\n{JSON}{fields}\r\n{rest}").into_bytes()
}

impl Kind {
    /// What is no answer at all: refused, and its connection with it.
    pub fn refused(name: &str, say: Say, code: &'static str) -> Self {
        Self { name: name.to_owned(), say, owed: Owed::Failure(code), keeps: false }
    }

    /// The octets of what is no HTTP, or HTTP in two ways. The upstream keeps the connection open.
    pub fn malformed(name: &str, octets: impl Into<Vec<u8>>) -> Self {
        Self::refused(name, Say::Raw(octets.into()), MALFORMED)
    }

    /// The octets of what ends too early.
    pub fn truncated(name: &str, octets: impl Into<Vec<u8>>) -> Self {
        Self::refused(name, Say::RawThenClose(octets.into()), TRUNCATED)
    }

    /// An answer that is what it says, and nothing to store.
    pub fn delivered(name: &str, say: Say, why: &'static str, then: Then) -> Self {
        let Say::Answer(status, _, body) = &say else { unreachable!("framed by length") };
        let owed = Owed::Delivered(*status, body.clone(), why, then);
        Self { name: name.to_owned(), say, owed, keeps: true }
    }

    /// The same in octets, with what the client is to get of them.
    pub fn written(name: &str, say: Say, got: (u16, &str), why: &'static str, keeps: bool) -> Self {
        let owed = Owed::Delivered(got.0, got.1.into(), why, Then::Stays);
        Self { name: name.to_owned(), say, owed, keeps }
    }

    /// The ticket in an answer that ends where the connection does: as new as any, and not stored.
    pub fn cut_perhaps(name: &str, octets: impl Into<Vec<u8>>, body: &str) -> Self {
        let owed = Owed::Delivered(200, body.into(), "close-delimited", Then::Goes);
        let say = Say::RawThenClose(octets.into());
        Self { name: name.to_owned(), say, owed, keeps: false }
    }

    /// An answer too long to store.
    pub fn streamed(name: &str, say: Say, body: &str, ended: Ended) -> Self {
        let owed = Owed::Streamed(body.into(), ended);
        Self { name: name.to_owned(), say, owed, keeps: ended == Ended::Whole }
    }

    /// How many requests go upstream when so many ask at once.
    pub fn most_requests(&self, asking: usize) -> usize {
        match self.owed {
            Owed::Streamed(..) | Owed::Delivered(_, _, "vary", _) => asking,
            // As often as its turn comes within `limit.max_wait`.
            Owed::Delivered(_, _, "limited", _) => 4,
            // One try, and one more.
            _ => 2,
        }
    }
}
