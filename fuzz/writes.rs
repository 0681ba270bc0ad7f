//! Writes: `api::write` beside a plain reading of `METHOD PATH`, and of the body of a bulk write.
//!
//! An input is a method and a path on one line, and a body.

use crate::json::Node;
use crate::resources::RESOURCES;
use crate::resources::is_id;
use crate::runner::Target;
use http::Method;
use verifik_gateway::api::route::Route;
use verifik_gateway::api::route::route;
use verifik_gateway::api::write::ListedIds;
use verifik_gateway::api::write::Touched;
use verifik_gateway::api::write::listed_ids;
use verifik_gateway::api::write::touched;
use verifik_gateway::fields::path::is_plain;

pub const TARGET: Target = Target { name: "writes", words: WORDS, check };

const WORDS: &[&str] = &[
    "PUT ",
    "POST ",
    "DELETE ",
    "PATCH ",
    "GET ",
    "LOCK ",
    "/v2",
    "/support-tickets",
    "/x",
    "/bulk",
    "/insert",
    "/threads",
    "/seen",
    "//",
    "/..",
    "/.",
    "%78",
    "%2f",
    ";a",
    "\\",
    "/V2/Support-Tickets/",
    "/attachments",
    "/auth/renew-and-revoke",
    "/client-settings",
    "/projects/7/flow",
    "\n",
    "{\"ids\":[\"x\"]}",
    "\"ids\"",
    "[",
    "]",
    "\"y\"",
    ",",
    "{",
    "}",
    "\"i\\u0064s\"",
    "null",
    "/v9",
    "/",
];

fn check(input: &[u8]) -> String {
    let (line, body) =
        input.split_at(input.iter().position(|o| *o == b'\n').unwrap_or(input.len()));
    let ids = listed(body.get(1..).unwrap_or_default());
    let line = str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
    let Some((method, path)) = line.filter(|(_, path)| path.starts_with('/')) else {
        return format!("no line, {ids}");
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return format!("no method, {ids}");
    };
    let told = touched(&*RESOURCES, &method, path);
    let read = route(&*RESOURCES, path);
    if ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method.as_str()) {
        assert_eq!(told, Touched::Nothing);
    } else if !matches!(read, Route::Ambiguous(_)) {
        covers(&method, path, &told);
    }
    format!("{:?} {:?} {ids}", std::mem::discriminant(&told), std::mem::discriminant(&read))
}

/// What the path names to anybody is touched, or more: as it is written, or without empty segments,
/// the collection in any case of letters.
fn covers(method: &Method, path: &str, told: &Touched) {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let written = named(&segments, str::eq);
    let plain = written.is_some_and(|rest| !rest.contains(&"") && is_plain(path));
    if let Some(expected) = written.filter(|_| plain).and_then(|rest| meant(method, rest)) {
        assert_eq!(*told, expected, "written plainly");
    }
    let filled: Vec<&str> = segments.iter().copied().filter(|name| !name.is_empty()).collect();
    for segments in [&segments, &filled] {
        let below = named(segments, str::eq_ignore_ascii_case);
        if let Some(expected) = below.and_then(|rest| meant(method, rest)) {
            let covered = *told == expected || *told == Touched::EveryTicket;
            assert!(covered || expected == Touched::Nothing, "{expected:?} not in {told:?}");
        }
    }
}

/// What a write touches at these segments below the collection: design §3.5. Nothing is known of
/// what is no id.
fn meant(method: &Method, below: &[&str]) -> Option<Touched> {
    let folded = below.first()?.to_ascii_lowercase();
    let place = ["bulk", "insert", "threads"].contains(&folded.as_str());
    Some(match below {
        ["threads", ..] => Touched::EveryTicketOfCredential,
        ["bulk"] if method == Method::POST => Touched::Listed,
        // A new ticket, with a slash at the end too.
        ["insert", rest @ ..] if method == Method::POST && rest.concat().is_empty() => {
            Touched::Nothing
        }
        _ if place => Touched::EveryTicket,
        [id, ..] if is_id(id, true) => Touched::Ticket((*id).to_owned()),
        _ => return None,
    })
}

/// The segments that follow the collection of tickets, if any do.
fn named<'s, 'p>(
    segments: &'s [&'p str],
    is_same: fn(&str, &str) -> bool,
) -> Option<&'s [&'p str]> {
    let (first, rest) = segments.split_first()?;
    let number = first.get(1..).filter(|_| is_same(&first[..1], "v")).unwrap_or_default();
    let versioned = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    let (collection, rest) = if versioned { rest.split_first()? } else { (first, rest) };
    (is_same(collection, "support-tickets") && !rest.is_empty()).then_some(rest)
}

/// Whether a body lists ids is the same to a reader that builds a whole tree.
fn listed(body: &[u8]) -> usize {
    if body.iter().filter(|octet| b"[{".contains(octet)).count() > 200 {
        return 6; // Perhaps deeper than the plain reader goes.
    }
    let tree = Node::read(body).filter(|tree| matches!(tree, Node::Object(_)));
    let lists = tree.as_ref().map(|tree| tree.all("ids"));
    match (listed_ids(body), lists.as_deref()) {
        (ListedIds::These(ids), Some([Node::List(values)])) => {
            let written: Option<Vec<&str>> = values.iter().map(Node::text).collect();
            assert_eq!(
                written.as_deref(),
                Some(&ids.iter().map(String::as_str).collect::<Vec<_>>()[..])
            );
            assert!(ids.len() <= 1_000 && ids.iter().all(|id| is_id(id, true)));
            ids.len().min(3)
        }
        (ListedIds::These(ids), lists) => panic!("{ids:?} from {lists:?}"),
        (ListedIds::Unreadable, Some([Node::List(values)])) => {
            let plain = values.iter().all(|value| value.text().is_some_and(|id| is_id(id, true)));
            assert!(!plain || values.len() > 1_000, "nothing speaks against {values:?}");
            4
        }
        (ListedIds::Unreadable, _) => 5,
    }
}
