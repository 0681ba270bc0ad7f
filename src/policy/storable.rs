//! May an answer to a read of a ticket be stored? RFC 9111 section 3, design §3.4, threats.md K4.
//!
//! Departures, all on the stricter side: only what is proved to be the ticket or a not-found is
//! stored, whatever the upstream allows; `Set-Cookie` forbids storing (RFC 9111 section 7.3 does
//! not); nor is stored what would need validation before its first reuse, or carries `Vary`.

use crate::api::answer::Meaning;
use crate::api::answer::Oddity;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::framing::Framing;
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_RANGE;
use http::header::SET_COOKIE;
use http::header::VARY;

/// Why an answer is not stored: the `detail` of `Cache-Status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotKept {
    /// The client asked for nothing to be stored.
    RequestNoStore,
    /// The upstream did.
    NoStore,
    /// The upstream wants every use validated.
    NoCache,
    /// It would be stale on arrival.
    ZeroLifetime,
    /// It sets a cookie.
    SetCookie,
    /// It depends on request fields.
    Vary,
    /// Its body has a content coding nobody asked for.
    Coded,
    /// It is only a part.
    Partial,
    /// Its body ends where the connection does, so it may have been cut.
    UntilClose,
    /// Its body is longer than `cache.max_stored_body`.
    TooLong,
    /// The credential is not accepted, or no longer.
    CredentialDead,
    /// The credential says of itself that it has ended.
    CredentialEnded,
    /// The upstream is out of order.
    Outage,
    /// The upstream asks for patience.
    Limited,
    /// It is neither the ticket nor a not-found.
    Other(Oddity),
    /// A write, a dead credential or a purge came between asking and storing.
    Invalidated,
    /// A write whose outcome was not known when it was asked for might still change the ticket.
    Unsettled,
    /// An answer asked for later came sooner, and is stored.
    Overtaken,
}

impl NotKept {
    /// The word for `Cache-Status` and the access line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::NoCache => "no-cache",
            Self::ZeroLifetime => "zero-lifetime",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::Coded => "content-coding",
            Self::Partial => "partial",
            Self::UntilClose => "close-delimited",
            Self::TooLong => "too-long",
            Self::CredentialDead => "credential-dead",
            Self::CredentialEnded => "credential-ended",
            Self::Outage => "outage",
            Self::Limited => "limited",
            Self::Other(oddity) => oddity.as_str(),
            Self::Invalidated => "invalidated",
            Self::Unsettled => "unsettled",
            Self::Overtaken => "overtaken",
        }
    }
}

/// An answer that may be stored.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What it means for the ticket asked for.
    pub meaning: Meaning,
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: &'a HeaderMap,
    /// How it said where its body ends.
    pub framing: Framing,
}

/// Decides from the answer alone. Its lifetime, the credential's end and the marks over its key
/// are for `admit` to add.
pub fn storable(answer: Candidate<'_>, asked: RequestDirectives) -> Result<(), NotKept> {
    let Candidate { meaning, fields, framing, .. } = answer;
    match meaning {
        Meaning::Ticket(_) | Meaning::NotFound(_) => {}
        Meaning::CredentialDead => return Err(NotKept::CredentialDead),
        Meaning::Outage => return Err(NotKept::Outage),
        Meaning::Limited => return Err(NotKept::Limited),
        Meaning::Other(oddity) => return Err(NotKept::Other(oddity)),
    }
    let said = ResponseDirectives::read(fields);
    // Section 5.2.1.5 and 5.2.2.5: either side's word is enough.
    let hindrances = [
        (asked.no_store, NotKept::RequestNoStore),
        (said.no_store, NotKept::NoStore),
        (said.no_cache, NotKept::NoCache),
        (fields.contains_key(SET_COOKIE), NotKept::SetCookie),
        (fields.contains_key(VARY), NotKept::Vary),
        (is_coded(fields), NotKept::Coded),
        (fields.contains_key(CONTENT_RANGE), NotKept::Partial),
        // Section 3.3: an incomplete response must not be used as a complete one.
        (framing != Framing::Announced, NotKept::UntilClose),
    ];
    hindrances.into_iter().find(|(there, _)| *there).map_or(Ok(()), |(_, why)| Err(why))
}

fn is_coded(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(CONTENT_ENCODING);
    codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::Evidence;
    use crate::api::answer::TicketState;
    use http::HeaderName;
    use http::HeaderValue;

    #[test]
    fn what_may_be_stored() {
        const TICKET: Meaning = Meaning::Ticket(TicketState::Open);
        let plain = RequestDirectives::default();
        let no_store = RequestDirectives { no_store: true, ..plain };
        let no_cache = RequestDirectives { no_cache: true, ..plain };
        let rows: &[(Meaning, RequestDirectives, (&str, &str), Result<(), NotKept>)] = &[
            (TICKET, plain, ("x", "y"), Ok(())),
            (TICKET, no_cache, ("x", "y"), Ok(())),
            (Meaning::NotFound(Evidence::Bare), plain, ("x", "y"), Ok(())),
            (TICKET, plain, ("cache-control", "private, max-age=5"), Ok(())),
            (TICKET, plain, ("content-encoding", "Identity"), Ok(())),
            (TICKET, no_store, ("x", "y"), Err(NotKept::RequestNoStore)),
            (TICKET, plain, ("cache-control", "no-store"), Err(NotKept::NoStore)),
            (TICKET, plain, ("cache-control", "max-age=5, no-cache"), Err(NotKept::NoCache)),
            (TICKET, plain, ("set-cookie", "a=b"), Err(NotKept::SetCookie)),
            (TICKET, plain, ("vary", "origin"), Err(NotKept::Vary)),
            (TICKET, plain, ("vary", ""), Err(NotKept::Vary)),
            (TICKET, plain, ("content-encoding", "gzip"), Err(NotKept::Coded)),
            (TICKET, plain, ("content-range", "bytes 0-1/2"), Err(NotKept::Partial)),
            (Meaning::CredentialDead, plain, ("x", "y"), Err(NotKept::CredentialDead)),
            (Meaning::Outage, plain, ("x", "y"), Err(NotKept::Outage)),
            (Meaning::Limited, plain, ("x", "y"), Err(NotKept::Limited)),
        ];
        for (meaning, asked, (name, value), expected) in rows {
            let mut fields = HeaderMap::new();
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            let found = storable(candidate(*meaning, &fields, Framing::Announced), *asked);
            assert_eq!(found, *expected, "{meaning:?} {asked:?} {name}: {value}");
        }
        for framing in [Framing::UntilClose, Framing::Ambiguous, Framing::None] {
            let found = storable(candidate(TICKET, &HeaderMap::new(), framing), plain);
            assert_eq!(found, Err(NotKept::UntilClose), "{framing:?}");
        }
    }

    fn candidate(meaning: Meaning, fields: &HeaderMap, framing: Framing) -> Candidate<'_> {
        Candidate { meaning, status: StatusCode::OK, fields, framing }
    }
}
