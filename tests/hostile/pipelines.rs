//! Requests hidden in the bodies of others, and good ones before the bad.

use crate::case::Draft;
use crate::case::Place;
use crate::corpus::head;

/// What must never be taken for a request.
const HIDDEN: &str = "DELETE /v2/smuggled HTTP/1.1\r\nhost: gateway\r\n\r\n";

/// Requests with a body that holds another: `{length}` and `{chunk}` are framed right.
const LINES: &[(&str, Place, &str)] = &[
    ("GET /v2/support-tickets/t1?c=@canary@", Place::Ticket, "authorization: Bearer hostile\r\n"),
    ("HEAD /v2/support-tickets/t1?c=@canary@", Place::Ticket, "authorization: Bearer hostile\r\n"),
    ("GET /v2/support-tickets/good", Place::Ticket, "authorization: Bearer hostile\r\n"),
    ("GET /_gateway/live?c=@canary@", Place::Live, ""),
    ("GET /_gateway/x?c=@canary@", Place::NoPage, ""),
    ("POST /_gateway/live?c=@canary@", Place::Live, ""),
    ("GET /v2/x?c=@canary@", Place::Elsewhere, ""),
    ("OPTIONS /v2/x?c=@canary@", Place::Elsewhere, ""),
    ("DELETE /v2/x?c=@canary@", Place::Elsewhere, ""),
    ("POST /v2/x?c=@canary@", Place::Elsewhere, "expect: 100-continue\r\n"),
    ("POST /v2/support-tickets/%74?c=@canary@", Place::Ambiguous, ""),
    ("TRACE /v2/x?c=@canary@", Place::Elsewhere, ""),
    ("CONNECT gateway:443", Place::Elsewhere, ""),
];

pub fn hidden() -> Vec<Draft> {
    let length = HIDDEN.len();
    let framed = [
        format!("content-length: {length}\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
        format!(
            "transfer-encoding: chunked\r\n\r\n{length:x};a={length}\r\n{HIDDEN}\r\n0\r\nx: y\r\n\r\n"
        ),
        format!(
            "content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"
        ),
        format!("transfer-encoding: gzip\r\ncontent-length: {length}\r\n\r\n{HIDDEN}"),
        format!("content-length: {length}\r\ncontent-length: 0\r\n\r\n{HIDDEN}"),
        "content-length: 0\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_owned(),
    ];
    let mut drafts = Vec::new();
    for (line, place, fields) in LINES {
        for framed in &framed {
            let head = head(&format!("{line} HTTP/1.1\r\n"), fields);
            let template = head.strip_suffix("\r\n").unwrap_or_default().to_owned() + framed;
            drafts.push(Draft::new(format!("hidden in {line}"), template, *place));
        }
    }
    drafts
}

/// Some of the others again, each with good requests before it, or in pieces.
pub fn again(others: &[Draft]) -> Vec<Draft> {
    let again = |every: usize, before: usize| {
        others.iter().step_by(every).map(move |draft| Draft {
            name: format!("{} ({before} before)", draft.name),
            template: draft.template.clone(),
            place: draft.place,
            before,
            in_pieces: before == 0,
        })
    };
    again(9, 1).chain(again(31, 3)).chain(again(17, 0)).collect()
}
