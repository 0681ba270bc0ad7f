//! What can go wrong with an answer of the upstream.

use crate::world::Canary;
use crate::world::NOBODY;
use fastrand::Rng;

/// A way in which an answer goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The connection is reset, nothing said.
    Reset,
    /// The body ends before its announced length.
    Truncated,
    /// As `Truncated`, and no length was announced.
    Cut,
    /// Not HTTP.
    Malformed,
    /// A failure, or a request to slow down.
    Status(u16),
    /// The right answer, late.
    Slow,
    /// After the answer another, unasked for, that is for nobody.
    Two,
    /// Two framings at once; by one of them another answer is hidden in the body.
    Framed,
    /// The credential is refused this once.
    Dead,
    /// A page of somebody between.
    Html,
    /// Another ticket than the one asked for.
    WrongTicket,
}

const ALL: [Fault; 13] = [
    Fault::Reset,
    Fault::Truncated,
    Fault::Cut,
    Fault::Malformed,
    Fault::Status(500),
    Fault::Status(503),
    Fault::Status(429),
    Fault::Slow,
    Fault::Two,
    Fault::Framed,
    Fault::Dead,
    Fault::Html,
    Fault::WrongTicket,
];

/// What stands in every whole answer that went wrong: it may be delivered, but never stored.
pub const FAULT: &str = "fault";
/// The same as a field, for where no body comes.
const MARKED: &str = "x-fault: 1\r\n";

impl Fault {
    pub fn any(chance: &mut Rng) -> Self {
        ALL[chance.usize(..ALL.len())]
    }

    /// What is sent for `canary` where the right answer would be `right`; the connection is closed
    /// after it, unless it is late only.
    pub fn bytes(self, canary: Canary, right: &str) -> Vec<u8> {
        let said = format!(r#"{{"{FAULT}":"{self:?}","canary":"{}"}}"#, canary.text());
        let nobodys = Canary { credential: NOBODY, ..canary };
        let cut = || right.as_bytes()[..right.len() - right.len() / 3].to_vec();
        match self {
            Self::Reset => Vec::new(),
            Self::Truncated => cut(),
            Self::Cut => String::from_utf8_lossy(&cut()).replace("content-length", "x-was").into(),
            Self::Malformed => format!("HTTP/1.1 2oo OK\r\nx: {}\r\n\r\n", canary.text()).into(),
            Self::Status(status) => message(status, "application/json", MARKED, &said).into(),
            Self::Slow => right.into(),
            Self::Two => [right, &whole(nobodys)].concat().into(),
            Self::Framed => {
                let hidden = format!("0\r\n\r\n{}", whole(nobodys));
                message(200, "application/json", "transfer-encoding: chunked\r\n", &hidden).into()
            }
            Self::Dead => message(401, "application/json", MARKED, &said).into(),
            Self::Html => message(200, "text/html", MARKED, &format!("<p>{said}</p>")).into(),
            Self::WrongTicket => {
                let wrong = format!(r#"{{"{FAULT}":1,"data":{{"_id":"other","a":{said}}}}}"#);
                message(200, "application/json", MARKED, &wrong).into()
            }
        }
    }
}

/// The right answer to a read of a ticket.
pub fn whole(canary: Canary) -> String {
    let text = canary.text();
    let maxage = if canary.ticket.is_multiple_of(10) { "cache-control: max-age=1\r\n" } else { "" };
    let fields = format!("etag: \"{text}\"\r\nx-canary: {text}\r\n{maxage}");
    message(200, "application/json", &fields, &canary.body())
}

/// A message with a body of an announced length.
pub fn message(status: u16, media_type: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {media_type}\r\n{fields}\
         content-length: {length}\r\n\r\n{body}"
    )
}
