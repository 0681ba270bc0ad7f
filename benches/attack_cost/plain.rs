//! What is good and plain: the yardsticks, and the other side of what is not.

use crate::house::Answer;
use crate::script::Lines;
use crate::trial::FRESH;
use crate::trial::Sent;
use crate::trial::Side;
use crate::trial::cut;
use std::fmt::Write;

/// Begins a request for the stored ticket.
pub(crate) const TICKET: &str = "GET /v2/support-tickets/t1 HTTP/1.1\r\nHost: gateway\r\n\
                                 Connection: close\r\nAuthorization: Bearer plain\r\n";

/// Nothing at all.
pub(crate) fn silence() -> Sent {
    Sent { request: cut(""), answer: answer(0), by: Side::Client, expects: "|" }
}

/// A hit of so many octets, or as few as it takes: padded with fields, as ordinary as there are many.
pub(crate) fn hit(octets: usize) -> Sent {
    let mut request = TICKET.to_owned();
    let room = octets.saturating_sub(request.len() + 2);
    let fields = room.div_ceil(LONGEST_FIELD);
    for field in 0..fields {
        let end = room * (field + 1) / fields;
        let length = (end - room * field / fields).saturating_sub("x-pad-00: \r\n".len());
        // To a string it cannot fail.
        let _ = write!(request, "x-pad-{field:02}: {}\r\n", "p".repeat(length));
    }
    request.push_str("\r\n");
    Sent {
        request: Lines::new(request),
        answer: answer(0),
        by: Side::Client,
        expects: "200|; hit;",
    }
}

/// About what a browser's cookies come to: 32 KiB are about sixty of them.
const LONGEST_FIELD: usize = 512;

/// A GET of so many octets that passes through: they are its path's.
pub(crate) fn passage(octets: usize) -> Sent {
    let request = |path: &str| {
        format!(
            "GET /v2/lookups/{path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\
             Authorization: Bearer plain\r\n\r\n"
        )
    };
    let path = "p".repeat(octets.saturating_sub(request("").len()));
    Sent {
        request: Lines::new(request(&path)),
        answer: answer(0),
        by: Side::Client,
        expects: "200|; fwd=bypass",
    }
}

/// A body of so many octets that passes through.
pub(crate) fn body(octets: usize) -> Sent {
    let head = |length: usize| {
        format!(
            "POST /v2/lookups HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\
             Authorization: Bearer plain\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let length = octets.saturating_sub(head(octets).len()).max(1);
    let request = head(length) + &"b".repeat(length);
    Sent {
        request: Lines::new(request),
        answer: answer(length),
        by: Side::Client,
        expects: "200|; fwd=bypass",
    }
}

/// A ticket of so many octets, head included, that is not stored yet.
pub(crate) fn miss(octets: usize) -> Sent {
    let answer = Answer { lines: Lines::new(ticket(octets)), after: 0 };
    Sent { request: fresh(), answer, by: Side::Upstream, expects: "200|; fwd=uri-miss" }
}

/// Asks for a ticket that is not stored.
pub(crate) fn fresh() -> Lines {
    let request = TICKET.replacen("t1 ", &format!("t1?n={FRESH} "), 1) + "\r\n";
    Lines::new(request)
}

/// What the upstream says where it is the client whose octets count.
pub(crate) fn answer(after: usize) -> Answer {
    Answer { lines: Lines::new(ticket(0)), after }
}

/// An answer with the ticket `t1`.
fn ticket(octets: usize) -> String {
    let around = head("", 0).len() + BEFORE.len() + AFTER.len();
    let text = "lorem ipsum ".repeat(octets.saturating_sub(around) / 12);
    let length = BEFORE.len() + text.len() + AFTER.len();
    [&head("", length), BEFORE, &text, AFTER].concat()
}

const BEFORE: &str = r#"{"data":{"_id":"t1","status":"open","description":""#;
const AFTER: &str = r#""}}"#;

/// The head of an answer in JSON, over a connection of its own.
pub(crate) fn head(fields: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n{fields}\
         Content-Length: {length}\r\n\r\n"
    )
}
