//! What is asked for, by whom, and what the answer must be: for as many credentials and bodies as
//! long as a row wants them.

use crate::support::work;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const SAMPLE: &str = include_str!("../../src/app/stand_in_sample.json");
const SAMPLE_ID: &str = "support_ticket_123456789";
/// The text of a ticket that is made longer.
const LONG_TEXT: &str = "\"description\": \"";
const TOKEN_BYTES: usize = 220;

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A read.
    Read,
    /// A read that has it asked for anew.
    Refresh,
    /// A write, which passes through and leaves a mark over its ticket.
    Write,
}

/// Which ticket is asked for, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    /// The ticket's number; its id follows from it.
    pub(crate) ticket: u64,
    /// The credential's number.
    pub(crate) credential: u64,
}

/// The credentials that ask, and the ticket's JSON around its id.
#[derive(Debug)]
pub(crate) struct Work {
    tokens: Vec<String>,
    before_id: String,
    after_id: String,
}

impl Work {
    /// For so many credentials, and bodies of so many octets, but no shorter than the sample.
    pub(crate) fn new(credentials: u64, body: usize) -> Self {
        let (before_id, after_id) = SAMPLE.split_once(SAMPLE_ID).unwrap_or_default();
        let filler = "x".repeat(body.saturating_sub(SAMPLE.len()));
        let longer = [LONG_TEXT, &filler].concat();
        Self {
            tokens: (0..credentials).map(token).collect(),
            before_id: before_id.to_owned(),
            after_id: after_id.replacen(LONG_TEXT, &longer, 1),
        }
    }

    /// The body of the ticket with this id.
    pub(crate) fn body(&self, id: &str) -> String {
        [&self.before_id, id, &self.after_id].concat()
    }

    /// Whether `bytes` are exactly the body of this ticket.
    pub(crate) fn is_body(&self, bytes: &[u8], ticket: u64) -> bool {
        bytes
            .strip_prefix(self.before_id.as_bytes())
            .and_then(|rest| rest.strip_prefix(work::id(ticket).as_bytes()))
            .is_some_and(|rest| rest == self.after_id.as_bytes())
    }

    /// The request's bytes.
    pub(crate) fn request(&self, question: Question) -> String {
        let token = usize::try_from(question.credential).ok().and_then(|n| self.tokens.get(n));
        let (method, more) = match question.kind {
            Kind::Read => ("GET ", ""),
            Kind::Refresh => ("GET ", "Cache-Control: no-cache\r\n"),
            Kind::Write => ("PUT ", "Content-Length: 0\r\n"),
        };
        [
            method,
            work::PATH,
            &work::id(question.ticket),
            " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ",
            token.map_or("", String::as_str),
            "\r\nAccept: application/json\r\nUser-Agent: bench\r\n",
            more,
            "\r\n",
        ]
        .concat()
    }
}

/// A token of the API's kind: a JWT whose expiry stands in `expiresAt`, in milliseconds.
pub(crate) fn token(number: u64) -> String {
    let client = format!("507f1f77bcf86cd7{number:08}");
    let claims = format!(r#"{{"clientId":"{client}","expiresAt":4102444800000}}"#);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = [header, URL_SAFE_NO_PAD.encode(claims)].join(".");
    let signature = "k7Qz-".repeat(TOKEN_BYTES);
    [signed, signature].join(".").chars().take(TOKEN_BYTES).collect()
}
