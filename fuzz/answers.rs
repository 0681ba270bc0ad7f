//! Answers: `api::answer` beside a reader that builds a whole tree and looks everything up in it.
//!
//! An input is a status and an id on one line, a `Content-Type` on the next, and the body.

use crate::directives::fields;
use crate::json::Node;
use crate::runner::Target;
use http::HeaderMap;
use http::StatusCode;
use verifik_gateway::api::answer::Evidence;
use verifik_gateway::api::answer::Meaning;
use verifik_gateway::api::answer::TicketState;
use verifik_gateway::api::answer::meaning;
use verifik_gateway::fields::media_type::is_json;

pub const TARGET: Target = Target { name: "answers", words: WORDS, check };

const WORDS: &[&str] = &[
    "\"data\":",
    "\"_id\":",
    "\"id\":",
    "\"x\"",
    "\"success\":true,",
    "\"error\":null,",
    "\"error\":{",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"status\":\"open\"",
    "\"closed\"",
    "\"message\":",
    "\"code\":",
    "\"NotFound\"",
    "\"SUPPORT_TICKET_NOT_FOUND\"",
    "\"404:x\"",
    "\"token_expired\"",
    "\"Endpoint_out_of_service\"",
    "null",
    "true",
    "1e999",
    "\\u005f",
    "\\ud800",
    "\"d\\u0061ta\":",
    "200 x\n",
    "404 x\n",
    "403 x\n",
    "application/json\n",
    "\"",
    "\\",
    "\u{feff}",
    "[[[[[[[[",
    "\"404\"",
    "-0",
    "{}",
    "_not_found",
    "not_found",
];

/// What a body may nest: the gateway's limit.
const DEEPEST: usize = 64;

fn check(input: &[u8]) -> String {
    let Some((status, id, told, body)) = answer(input) else { return "no answer".to_owned() };
    let read = meaning(status, &told, body, id);
    let tree = Node::read(body).filter(|tree| tree.depth() <= DEEPEST && !tree.is_odd());
    let tree = tree.filter(|tree| matches!(tree, Node::Object(_)));
    let expected = tree.as_ref().filter(|_| is_json(&told) && status == StatusCode::OK);
    let expected = expected.and_then(|tree| ticket(tree, id));
    match read {
        Meaning::Ticket(state) => assert_eq!(expected, Some(state)),
        _ => assert_eq!(expected, None, "a ticket read as {read:?}"),
    }
    let proof = tree.as_ref().is_some_and(says_not_found);
    assert!(read != Meaning::NotFound(Evidence::Documented) || proof && is_json(&told));
    match (read, status.as_u16()) {
        (Meaning::NotFound(Evidence::Bare), status) => assert_eq!(status, 404),
        (Meaning::NotFound(_), status) => assert!([200, 400, 404].contains(&status)),
        (Meaning::CredentialDead, status) => assert!([401, 403].contains(&status)),
        (Meaning::Limited, status) => assert_eq!(status, 429),
        (Meaning::Outage, status) => assert!(status >= 500 || status == 408 || status == 409),
        _ => assert!(!matches!(status.as_u16(), 401 | 408 | 429 | 500..)),
    }
    written_otherwise(status, id, &told, body, tree.as_ref(), read);
    format!("{read:?} {}", tree.map_or(0, |tree| tree.depth().min(6)))
}

/// White space and the way of writing a text mean nothing.
fn written_otherwise(
    status: StatusCode,
    id: &str,
    told: &HeaderMap,
    body: &[u8],
    tree: Option<&Node>,
    read: Meaning,
) {
    let spaced = [b" \n", body, b"\r\n\t "].concat();
    assert_eq!(meaning(status, told, &spaced, id), read, "with white space around");
    if let Some(tree) = tree {
        let compact = tree.written();
        assert_eq!(meaning(status, told, compact.as_bytes(), id), read, "as {compact}");
    }
}

/// The state of the ticket in an answer, design §3.3.
fn ticket(tree: &Node, id: &str) -> Option<TicketState> {
    const MEANT: [&str; 8] = ["_id", "id", "status", "success", "message", "code", "data", "error"];
    let data = *tree.all("data").first()?;
    let parts = [Some(tree), Some(data), tree.all("error").first().copied()];
    let twice = |part: &Node| MEANT.iter().any(|name| part.all(name).len() > 1);
    let fine =
        |values: &[&Node], allowed: &[Node]| values.iter().all(|value| allowed.contains(value));
    let ids = [data.all("_id"), data.all("id")].concat();
    let refused = parts.into_iter().flatten().any(twice)
        || !fine(&tree.all("success"), &[Node::Bool(true)])
        || !fine(&tree.all("error"), &[Node::Null, Node::Bool(false)])
        || ids.is_empty()
        || ids.iter().any(|found| found.text() != Some(id))
        || says_not_found(tree);
    if refused {
        return None;
    }
    Some(match data.all("status").first().and_then(|status| status.text()) {
        Some("open" | "pending" | "in_progress" | "progress") => TicketState::Open,
        Some("resolved" | "closed" | "cancelled") => TicketState::Settled,
        _ => TicketState::Unknown,
    })
}

/// Whether a documented constant stands in one of the six places.
fn says_not_found(tree: &Node) -> bool {
    let parts = [vec![tree], tree.all("error"), tree.all("data")].concat();
    parts.iter().any(|part| {
        let words = [part.all("message"), part.all("code")].concat();
        part.all("code").iter().any(|code| code.text() == Some("404"))
            || words.iter().filter_map(|word| word.text()).any(is_constant)
    })
}

fn is_constant(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    let ends = |end: &str| word == end || word.ends_with(&format!("_{end}"));
    let reason = word.starts_with("404:") && word.len() > 4;
    plain && (word == "NotFound" || ends("NOT_FOUND") || ends("not_found") || reason)
}

fn answer(input: &[u8]) -> Option<(StatusCode, &str, HeaderMap, &[u8])> {
    let mut parts = input.splitn(3, |octet| *octet == b'\n');
    let (status, id) = str::from_utf8(parts.next()?).ok()?.split_once(' ')?;
    let told = fields("content-type", parts.next()?)?;
    Some((StatusCode::from_bytes(status.as_bytes()).ok()?, id, told, parts.next()?))
}
