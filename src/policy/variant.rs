//! Which of several stored responses under one key: RFC 9111 section 4.1.
//!
//! What `Vary` nominates is compared as it is sent upstream. A field that is never sent, or is the
//! same in every request under one key, cannot tell two requests apart and is left out.

use crate::api::route::Kind;
use crate::fields::hop_by_hop;
use crate::fields::vary::Vary;
use http::HeaderName;
use http::header::ACCEPT_LANGUAGE;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use http::header::EXPECT;
use http::header::HOST;
use http::header::ORIGIN;
use http::header::USER_AGENT;
use http::header::VIA;

/// The request fields that go on with a read of a ticket. All others stay here: they are not in
/// the key, so they must not be able to change the answer (threats.md K3).
pub const SENT_ON: [HeaderName; 8] = [
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CONTENT_TYPE,
    ORIGIN,
    USER_AGENT,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// The request fields that are part of every key of a ticket (design §3.2).
pub const IN_KEY: [HeaderName; 2] = [ORIGIN, ACCEPT_LANGUAGE];

/// Which request fields may make another answer of the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Nominated {
    /// Those that are named; most often none.
    Fields(Vec<HeaderName>),
    /// Any, and what is no field at all: no other request matches.
    Everything,
}

/// What is left of a `Vary` once what cannot differ under one key is left out.
pub fn nominated(kind: Kind, vary: Vary) -> Nominated {
    match vary {
        Vary::Nothing => Nominated::Fields(Vec::new()),
        Vary::Everything => Nominated::Everything,
        Vary::Fields(mut names) => {
            names.retain(|name| may_differ(kind, name));
            Nominated::Fields(names)
        }
    }
}

fn may_differ(kind: Kind, name: &HeaderName) -> bool {
    match kind {
        // `Accept` and `Accept-Encoding` are ours.
        Kind::Ticket => SENT_ON.contains(name) && !IN_KEY.contains(name) && *name != AUTHORIZATION,
        Kind::Opaque => {
            // The whole credential is in the key; the others are this hop's own.
            ![AUTHORIZATION, HOST, EXPECT, VIA].contains(name) && !hop_by_hop::is_one(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_differ_is_left_out() {
        let rows: &[(&[&'static str], &[&'static str], &[&'static str])] = &[
            // named, left for a ticket, left for an opaque resource
            (&[], &[], &[]),
            (&["origin", "accept-language"], &[], &["origin", "accept-language"]),
            (&["accept-encoding", "accept"], &[], &["accept-encoding", "accept"]),
            (&["authorization", "host", "via", "expect"], &[], &[]),
            (&["connection", "te", "upgrade"], &[], &[]),
            (
                &["user-agent", "x-request-id"],
                &["user-agent", "x-request-id"],
                &["user-agent", "x-request-id"],
            ),
            (&["cookie", "x-any"], &[], &["cookie", "x-any"]),
        ];
        let list = |names: &[&'static str]| {
            names.iter().copied().map(HeaderName::from_static).collect::<Vec<_>>()
        };
        for (named, ticket, opaque) in rows {
            for (kind, left) in [(Kind::Ticket, ticket), (Kind::Opaque, opaque)] {
                let found = nominated(kind, Vary::Fields(list(named)));
                assert_eq!(found, Nominated::Fields(list(left)), "{kind:?} {named:?}");
            }
        }
        for kind in [Kind::Ticket, Kind::Opaque] {
            assert_eq!(nominated(kind, Vary::Everything), Nominated::Everything);
            assert_eq!(nominated(kind, Vary::Nothing), Nominated::Fields(Vec::new()));
        }
    }
}
