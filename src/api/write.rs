//! Which stored responses a write may have made wrong, design §3.5.
//!
//! Doubt widens: a path that only a forgiving reader takes for a ticket's touches every ticket.
//! The API answers under paths with and without a version; a write under either touches both.

use crate::api::answer::Meaning;
use crate::api::answer::Standing;
use crate::api::answer::standing;
use crate::api::route::Kind;
use crate::api::route::Resource;
use crate::api::route::Route;
use crate::api::route::route;
use crate::api::route::ticket_templates;
use crate::fields::path::is_plain;
use crate::fields::path::tidied;
use http::Method;
use http::StatusCode;
use serde::Deserialize;

/// What a request may change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Touched {
    /// Nothing that is stored.
    Nothing,
    /// One ticket, for every credential.
    Ticket(String),
    /// The tickets whose ids stand in the request's body, for every credential: [`listed_ids`].
    Listed,
    /// Any ticket, for every credential.
    EveryTicket,
    /// Any ticket, as seen by the credential of the request.
    EveryTicketOfCredential,
    /// What the credential of the request is good for.
    Credential,
    /// One thing of an opaque resource, for every credential.
    Thing {
        /// The resource's name.
        resource: Box<str>,
        /// Which thing.
        id: Box<str>,
    },
}

/// The tickets that a body lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListedIds {
    /// Exactly these.
    These(Vec<String>),
    /// Who knows which: every ticket.
    Unreadable,
}

/// What a write leaves behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aftermath {
    /// It was refused: nothing changed, nothing is marked.
    Refused,
    /// It took effect, or its answer does not rule that out: what it touched is marked.
    Applied,
    /// Nobody knows, and it may take effect later still: what it touched is marked, and not stored
    /// for a while. So too when no answer was heard.
    Unknown,
}

/// Says what a request may change, from its method and its path without the query.
///
/// Of an opaque resource exactly the thing that the path names (RFC 9111 section 4.4): nothing more
/// is known of its API. Where a write touches tickets too, these are what is said here; the thing
/// is the caller's to add.
pub fn touched(resources: &[Resource], method: &Method, path: &str) -> Touched {
    // Named one by one: `Method::is_safe` knows more methods than the upstream may.
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE) {
        return Touched::Nothing;
    }
    match of_tickets(resources, method, path) {
        Touched::Nothing => opaque_thing(resources, path).unwrap_or(Touched::Nothing),
        touched => touched,
    }
}

fn of_tickets(resources: &[Resource], method: &Method, path: &str) -> Touched {
    let tidied = tidied(path);
    let forgiving = below_tickets(resources, &tidied, str::eq_ignore_ascii_case);
    if !is_plain(path) {
        // Encoded octets, parameters and dot segments lead readers to different places, the
        // collection and `threads` among them; some drop empty segments and no more.
        let filled = filled(path);
        let written = below_tickets(resources, &filled, str::eq_ignore_ascii_case);
        if forgiving.is_some() || written.is_some() {
            return Touched::EveryTicket;
        }
    }
    if let Some(touched) = beside_tickets(&tidied.to_ascii_lowercase()) {
        return touched;
    }
    let exact = below_tickets(resources, path, str::eq).filter(|_| path == tidied);
    if let Some(below) = exact {
        return in_tickets(method, below);
    }
    // What follows the collection keeps its case: `Threads` is a ticket to a reader that only
    // drops an empty segment.
    forgiving.map_or(Touched::Nothing, |below| in_tickets(method, below).whichever_ticket())
}

/// The path without empty segments.
fn filled(path: &str) -> String {
    let mut filled = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        filled.extend(["/", segment]);
    }
    filled
}

fn opaque_thing(resources: &[Resource], path: &str) -> Option<Touched> {
    let Route::Resource { index, id } = route(resources, path) else { return None };
    let resource = resources.get(index).filter(|resource| resource.kind == Kind::Opaque)?;
    Some(Touched::Thing { resource: resource.name.clone(), id: id.into() })
}

/// Bytes that a list of ids may have; a longer body need not be kept to be read.
pub const LONGEST_LISTING: usize = 64 << 10;

/// Reads the body of a bulk write: `{"ids":["…"]}`, of at most [`LONGEST_LISTING`] and 1000 ids.
///
/// What could be read in two ways, and what no stored ticket is called, makes it unreadable: the
/// upstream might still understand it.
pub fn listed_ids(body: &[u8]) -> ListedIds {
    // serde would read an array for the object too.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    // In the members that are passed over serde would let any octets be.
    let text = std::str::from_utf8(body).ok();
    let Some(text) = text.filter(|text| text.len() <= LONGEST_LISTING && is_object) else {
        return ListedIds::Unreadable;
    };
    match serde_json::from_str(text) {
        Ok(Listing { ids }) if ids.len() <= 1000 && ids.iter().all(|id| Kind::Ticket.is_id(id)) => {
            ListedIds::These(ids)
        }
        _ => ListedIds::Unreadable,
    }
}

/// What a write that was answered 409 leaves behind: it is the API's word for a request that it
/// does not accept, and for an outage.
pub fn aftermath_of_conflict(told: Meaning) -> Aftermath {
    match told {
        Meaning::Outage => Aftermath::Unknown,
        _ => Aftermath::Refused,
    }
}

/// What a write to an opaque resource leaves behind: RFC 9111 section 4.4 has it that an error
/// changes nothing.
pub fn aftermath_of_opaque(status: StatusCode) -> Aftermath {
    if status.as_u16() < 400 { Aftermath::Applied } else { Aftermath::Refused }
}

/// Says from the status of its answer what a write to a ticket leaves behind.
pub fn aftermath(status: StatusCode) -> Aftermath {
    match standing(status) {
        Standing::Outage => Aftermath::Unknown,
        // A redirection may follow the deed, and a 409 may be an outage half way through it.
        Standing::Fine | Standing::Unclear => Aftermath::Applied,
        Standing::CredentialDead | Standing::Withdrawn | Standing::Limited | Standing::Refused => {
            Aftermath::Refused
        }
    }
}

/// A member standing twice is an error to serde; others may stand beside it.
#[derive(Deserialize)]
struct Listing {
    ids: Vec<String>,
}

impl Touched {
    /// The same, when the path says less clearly which ticket.
    fn whichever_ticket(self) -> Self {
        match self {
            Self::Ticket(_) | Self::Listed => Self::EveryTicket,
            touched => touched,
        }
    }
}

/// Paths outside the tickets, in lower case, whose writes show in them all the same.
fn beside_tickets(path: &str) -> Option<Touched> {
    let under = |place| strip_place(unversioned(path, str::eq), place, str::eq).is_some();
    if under("/attachments") {
        // Which ticket has the attachment stands nowhere in the request.
        Some(Touched::EveryTicketOfCredential)
    } else if under("/auth/renew-and-revoke") || under("/client-settings") {
        // One ends every earlier token, the other switches between sandbox and live data.
        Some(Touched::Credential)
    } else {
        None
    }
}

/// What follows the tickets' collection in a path.
fn below_tickets<'p>(
    resources: &[Resource],
    path: &'p str,
    is_same: fn(&str, &str) -> bool,
) -> Option<&'p str> {
    ticket_templates(resources).find_map(|template| {
        let collection = unversioned(template.before(), is_same).trim_end_matches('/');
        strip_place(unversioned(path, is_same), collection, is_same)
    })
}

/// What a write to the tickets' collection, or `below` it, touches.
fn in_tickets(method: &Method, below: &str) -> Touched {
    let below = below.trim_start_matches('/');
    let (first, rest) = below.split_once('/').unwrap_or((below, ""));
    let places = ["bulk", "insert", "threads"];
    if places.iter().any(|place| first.eq_ignore_ascii_case(place)) && !places.contains(&first) {
        // Readers that ignore case take `Bulk` for `bulk`, others for a ticket of that name.
        return Touched::EveryTicket;
    }
    match (first, rest) {
        ("" | "insert", "") if *method == Method::POST => Touched::Nothing,
        ("bulk", "") if *method == Method::POST => Touched::Listed,
        // Threads are named by their own ids: which tickets own them stands nowhere.
        ("threads", _) => Touched::EveryTicketOfCredential,
        ("bulk" | "insert", _) => Touched::EveryTicket,
        _ if Kind::Ticket.is_id(first) => Touched::Ticket(first.to_owned()),
        _ => Touched::EveryTicket,
    }
}

/// What follows `place` in a path at or below it.
fn strip_place<'p>(path: &'p str, place: &str, is_same: fn(&str, &str) -> bool) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(place.len())?;
    (is_same(start, place) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

/// The path without a version in front: `/v2/a` and `/a` are `/a`.
fn unversioned(path: &str, is_same: fn(&str, &str) -> bool) -> &str {
    let Some((_, version)) = path.split_at_checked(2).filter(|(start, _)| is_same(start, "/v"))
    else {
        return path;
    };
    let rest = version.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < version.len() && rest.starts_with('/') { rest } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::route::CredentialRule;
    use crate::api::route::Template;
    use proptest::prelude::*;

    fn resource(kind: Kind, template: &str) -> Resource {
        Resource {
            name: "some".into(),
            templates: vec![Template::parse(template).unwrap()],
            kind,
            credential: CredentialRule::Required,
            store_set_cookie: false,
            retry: true,
        }
    }

    fn resources() -> [Resource; 2] {
        let tickets = resource(Kind::Ticket, "/v2/support-tickets/{id}");
        [resource(Kind::Opaque, "/v2/projects/{id}"), tickets]
    }

    fn touched_by(method: &str, path: &str) -> Touched {
        touched(&resources(), &method.parse().unwrap(), path)
    }

    #[test]
    fn a_write_touches_what_the_api_would_change() {
        let ticket = || Touched::Ticket("aB-1".to_owned());
        let project = || Touched::Thing { resource: "some".into(), id: "aB-1".into() };
        let rows = [
            ("PUT", "/v2/support-tickets/aB-1", ticket()),
            ("PUT", "/support-tickets/aB-1", ticket()),
            ("DELETE", "/v3/support-tickets/aB-1", ticket()),
            ("PATCH", "/v2/support-tickets/aB-1", ticket()),
            ("QUERY", "/v2/support-tickets/aB-1", ticket()),
            ("get", "/v2/support-tickets/aB-1", ticket()),
            ("POST", "/v2/support-tickets/aB-1", ticket()),
            ("POST", "/v2/support-tickets/aB-1/thread", ticket()),
            ("POST", "/support-tickets/aB-1/github-issue", ticket()),
            ("POST", "/v2/support-tickets", Touched::Nothing),
            ("POST", "/v2/support-tickets/", Touched::Nothing),
            ("POST", "/support-tickets/insert", Touched::Nothing),
            ("POST", "/v2/support-tickets/bulk", Touched::Listed),
            ("POST", "/support-tickets/bulk", Touched::Listed),
            ("DELETE", "/v2/support-tickets/bulk", Touched::EveryTicket),
            ("post", "/v2/support-tickets/bulk", Touched::EveryTicket),
            ("POST", "/v2/support-tickets/bulk/x", Touched::EveryTicket),
            ("DELETE", "/v2/support-tickets/insert", Touched::EveryTicket),
            ("DELETE", "/v2/support-tickets", Touched::EveryTicket),
            ("PUT", "/v2/support-tickets/threads/seen", Touched::EveryTicketOfCredential),
            ("DELETE", "/support-tickets/threads", Touched::EveryTicketOfCredential),
            ("POST", "/v2/attachments", Touched::EveryTicketOfCredential),
            ("DELETE", "/attachments/aB-1", Touched::EveryTicketOfCredential),
            ("POST", "/V2/Attachments/", Touched::EveryTicketOfCredential),
            ("POST", "/v2/auth/renew-and-revoke", Touched::Credential),
            ("PUT", "/auth/renew-and-revoke", Touched::Credential),
            ("POST", "/v2/auth//Renew-and-Revoke/", Touched::Credential),
            ("PUT", "/v2/client-settings/aB-1", Touched::Credential),
            ("PATCH", "/client-settings/aB-1", Touched::Credential),
            ("POST", "/v2/projects/aB-1", project()),
            ("QUERY", "/v2/projects/aB-1", project()),
            ("GET", "/v2/projects/aB-1", Touched::Nothing),
            ("POST", "/projects/aB-1", Touched::Nothing),
            ("POST", "/v2/projects/aB-1/x", Touched::Nothing),
            ("POST", "/v2/auth/session", Touched::Nothing),
            ("PUT", "/v2/attachments-of/x", Touched::Nothing),
            ("PUT", "/v2/support-ticketsx/aB-1", Touched::Nothing),
            ("PUT", "/vx/support-tickets/aB-1", Touched::Nothing),
            ("PUT", "/v/support-tickets/aB-1", Touched::Nothing),
            ("PUT", "", Touched::Nothing),
            ("PUT", "/é", Touched::Nothing),
        ];
        for (method, path, expected) in rows {
            assert_eq!(touched_by(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_write_under_another_spelling_touches_every_ticket() {
        let paths = r"
            /V2/support-tickets/x /v2/Support-Tickets/x /SUPPORT-TICKETS/x /v2/support-tickets/x/
            /v2/support-tickets//x /v2//support-tickets/x //support-tickets/x
            /v2/support-tickets/x//y /v2/support-tickets/%78 /v2/support%2Dtickets/x
            /v2/support-tickets%2Fx /v2/support-tickets/x;y /v2\support-tickets\x
            /v2/./support-tickets/x /v2/support-tickets/a.b /v2/support-tickets/%62ulk
            /v2/support-tickets/bulk/ /V2/support-tickets/bulk /v2/support-tickets/x%2Ejson
            /v2/support-tickets/a:b /v2/support-tickets/é
            /v2/support-tickets/Threads//x /v2/support-tickets/Insert/ /V2/support-tickets/Insert
            /v2/support-tickets/thr%45ads/seen /v9/support-tickets/x/%2e%2e/%2e%2e/attachments
            /support-tickets/x/../../auth/renew-and-revoke /v2/support-tickets//x/.. /v9//Support-tickets/x/../../a /v9/support-tickets/x/../../y";
        for path in paths.split_whitespace() {
            assert_eq!(touched_by("POST", path), Touched::EveryTicket, "{path}");
        }
    }

    #[test]
    fn a_safe_method_touches_nothing() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            for path in ["/v2/support-tickets/x", "/v2/attachments", "/auth/renew-and-revoke"] {
                assert_eq!(touched_by(method, path), Touched::Nothing, "{method} {path}");
            }
        }
    }

    #[test]
    fn a_list_of_ids_is_read_or_means_all() {
        let these = |ids: &[&str]| ListedIds::These(ids.iter().map(|&id| id.to_owned()).collect());
        let rows = [
            (
                r#"{"ids":["a","507f1f77bcf86cd799439011"]}"#,
                these(&["a", "507f1f77bcf86cd799439011"]),
            ),
            (r#" {"x":{"ids":1},"ids":["\u0061","a"],"y":[1e999]} "#, these(&["a", "a"])),
            (r#"{"ids":[]}"#, these(&[])),
            (r#"{"ids":["a"],"ids":["b"]}"#, ListedIds::Unreadable),
            (r#"{"ids":["a"],"\u0069ds":["b"]}"#, ListedIds::Unreadable),
            (r#"{"ids":["a",1]}"#, ListedIds::Unreadable),
            (r#"{"ids":["a",null]}"#, ListedIds::Unreadable),
            (r#"{"ids":[["a"]]}"#, ListedIds::Unreadable),
            (r#"{"ids":"a"}"#, ListedIds::Unreadable),
            (r#"{"ids":null}"#, ListedIds::Unreadable),
            (r#"{"ids":{"0":"a"}}"#, ListedIds::Unreadable),
            (r#"{"ids":[" a"]}"#, ListedIds::Unreadable),
            (r#"{"ids":[""]}"#, ListedIds::Unreadable),
            (r#"{"Ids":["a"]}"#, ListedIds::Unreadable),
            (r#"{"ids":["a"]}{}"#, ListedIds::Unreadable),
            (r#"{"ids":["a"]"#, ListedIds::Unreadable),
            (r#"[["a"]]"#, ListedIds::Unreadable),
            ("{}", ListedIds::Unreadable),
            ("", ListedIds::Unreadable),
            ("ids[]=a", ListedIds::Unreadable),
        ];
        for (body, expected) in rows {
            assert_eq!(listed_ids(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_long_list_means_all() {
        let listing = |ids: usize, filler: usize| {
            let ids = vec!["\"a\""; ids].join(",");
            listed_ids(format!("{{\"ids\":[{ids}]{}}}", " ".repeat(filler)).as_bytes())
        };
        assert_eq!(listing(1000, 0), ListedIds::These(vec!["a".to_owned(); 1000]));
        assert_eq!(listing(1001, 0), ListedIds::Unreadable);
        assert_eq!(listing(1, 65536 - 13), ListedIds::These(vec!["a".to_owned()]));
        assert_eq!(listing(1, 65536 - 12), ListedIds::Unreadable);
        let octets = b"{\"x\":{\"y\":\"\x8e\"},\"ids\":[\"a\"]}";
        assert_eq!(listed_ids(octets), ListedIds::Unreadable, "not UTF-8");
        assert_eq!(listed_ids("[".repeat(65536).as_bytes()), ListedIds::Unreadable);
        assert_eq!(listed_ids("{\"a\":".repeat(10000).as_bytes()), ListedIds::Unreadable);
    }

    #[test]
    fn only_a_refusal_rules_a_write_out() {
        let rows: [(Aftermath, &[u16]); 3] = [
            (Aftermath::Applied, &[200, 201, 204, 302, 304, 409]),
            (Aftermath::Refused, &[400, 401, 403, 404, 405, 410, 413, 422, 429]),
            (Aftermath::Unknown, &[408, 500, 502, 503, 504, 599, 999]),
        ];
        for (expected, statuses) in rows {
            for &status in statuses {
                let read = aftermath(StatusCode::from_u16(status).unwrap());
                assert_eq!(read, expected, "{status}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_path_and_any_body_can_be_asked_about(path: String, body: Vec<u8>, text: String) {
            touched_by("POST", &path);
            listed_ids(&body);
            listed_ids(format!("{{\"ids\":[{text:?}]}}").as_bytes());
        }

        #[test]
        fn no_spelling_of_a_ticket_escapes(
            start in "/(v2/|V2/|%76%32/|[.]/|/)?",
            name in "support-tickets|Support-Tickets|support%2dtickets",
            slash in "/|//|%2f|%252F|/[.]/|\\\\|;p/",
            id in "abc|ab%63|%2561bc",
            end in "(/|/thread|;p|//)?",
        ) {
            let touched = touched_by("PUT", &format!("{start}{name}{slash}{id}{end}"));
            let exact = Touched::Ticket("abc".to_owned());
            prop_assert!(touched == exact || touched == Touched::EveryTicket, "{touched:?}");
        }
    }
}
