//! May an answer to a read be stored? RFC 9111 section 3, design §3.4, threats.md K4.
//!
//! Departures: a ticket's not-found is stored for a while whatever its status, since its text proves
//! it. All others are on the stricter side: of a ticket only what is proved to be it or a not-found
//! is stored, whatever the upstream allows, and `no-store` wins over `must-understand`; `Set-Cookie`
//! forbids storing (section 7.3 does not) unless an opaque resource's settings allow it; a body
//! that ends where its connection does is never taken for complete (RFC 9112 section 8 would).

use crate::api::answer::Meaning;
use crate::api::answer::Oddity;
use crate::fields::cache_control::Named;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::framing::Framing;
use crate::policy::freshness;
use crate::policy::privacy::Privacy;
use crate::policy::variant::Nominated;
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_RANGE;
use http::header::EXPIRES;
use http::header::SET_COOKIE;

/// Why an answer is not stored: the `detail` of `Cache-Status`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotKept {
    /// The client asked for nothing to be stored.
    RequestNoStore,
    /// The upstream did.
    NoStore,
    /// The upstream wants every use validated, and gives nothing to validate it by.
    NoCache,
    /// The upstream wants it kept for one client alone, and we do not know which that is.
    Private,
    /// The upstream says nothing that would let it be reused.
    NoFreshness,
    /// Its status is not understood well enough, or is of a kind that is never stored.
    NotUnderstood,
    /// It would be stale on arrival.
    ZeroLifetime,
    /// It sets a cookie.
    SetCookie,
    /// It depends on more than request fields.
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
    /// There is no room for it in memory.
    NoRoom,
    /// It answers a HEAD, and has no body that could be stored.
    Head,
}

impl NotKept {
    /// The word for `Cache-Status` and the access line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::NoCache => "no-cache",
            Self::Private => "private",
            Self::NoFreshness => "no-freshness",
            Self::NotUnderstood => "not-understood",
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
            Self::NoRoom => "no-room",
            Self::Head => "head",
        }
    }
}

/// An answer that may be stored.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What it means for the ticket asked for; `None` for an opaque resource.
    pub meaning: Option<Meaning>,
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: &'a HeaderMap,
    /// What its `Cache-Control` says.
    pub said: &'a ResponseDirectives,
    /// What its `Vary` says.
    pub nominated: &'a Nominated,
    /// How it said where its body ends.
    pub framing: Framing,
    /// Whether only its asker may have it.
    pub privacy: Privacy,
    /// Whether its cookies may be stored.
    pub cookies: bool,
}

/// Decides from the answer to a GET alone. Its lifetime, the credential's end and the marks over
/// its key are for `admit` to add.
pub fn storable(answer: &Candidate<'_>, asked: &RequestDirectives) -> Result<(), NotKept> {
    match answer.meaning {
        None => as_any_cache(answer)?,
        Some(Meaning::Ticket(_) | Meaning::NotFound(_)) => as_ticket(answer)?,
        Some(Meaning::CredentialDead) => return Err(NotKept::CredentialDead),
        Some(Meaning::Outage) => return Err(NotKept::Outage),
        Some(Meaning::Limited) => return Err(NotKept::Limited),
        Some(Meaning::Other(oddity)) => return Err(NotKept::Other(oddity)),
    }
    let shared = answer.privacy == Privacy::Shared;
    let complete = matches!(answer.framing, Framing::Announced | Framing::None);
    let hindrances = [
        // Section 5.2.1.5.
        (asked.no_store, NotKept::RequestNoStore),
        (shared && answer.said.private == Named::Whole, NotKept::Private),
        (answer.fields.contains_key(SET_COOKIE) && !answer.cookies, NotKept::SetCookie),
        // Section 4.1: it would never match.
        (*answer.nominated == Nominated::Everything, NotKept::Vary),
        // Section 3.3: an incomplete response must not be used as a complete one.
        (!complete, NotKept::UntilClose),
    ];
    first(&hindrances)
}

/// What a proved answer about a ticket must not have.
fn as_ticket(answer: &Candidate<'_>) -> Result<(), NotKept> {
    first(&[
        (answer.said.no_store, NotKept::NoStore),
        (is_coded(answer.fields), NotKept::Coded),
        // It means nothing under 200 (RFC 9110 section 14.4); who sends it may mean a part.
        (answer.fields.contains_key(CONTENT_RANGE), NotKept::Partial),
        (answer.framing == Framing::None, NotKept::UntilClose),
    ])
}

/// Section 3, for what we know nothing else about.
fn as_any_cache(answer: &Candidate<'_>) -> Result<(), NotKept> {
    let Candidate { status, fields, said, privacy, .. } = *answer;
    let understood = is_understood(status);
    let shared = privacy == Privacy::Shared;
    let may_be_fresh = said.max_age.is_some()
        || fields.contains_key(EXPIRES)
        || said.public
        || (shared && said.s_maxage.is_some())
        || (!shared && said.private != Named::Absent)
        || freshness::is_heuristically_cacheable(status);
    first(&[
        (status == StatusCode::PARTIAL_CONTENT, NotKept::Partial),
        (status.is_informational() || speaks_of_a_condition(status), NotKept::NotUnderstood),
        // Section 5.2.2.3: it stands in for `no-store` where the status is understood.
        (said.must_understand && !understood, NotKept::NotUnderstood),
        (said.no_store && !said.must_understand, NotKept::NoStore),
        (!may_be_fresh, NotKept::NoFreshness),
    ])
}

/// RFC 9110 sections 15.4.5, 15.5.13 and 15.5.17: what a client's own condition or range came to is
/// no answer to a request without them, whatever lifetime the upstream gives it.
fn speaks_of_a_condition(status: StatusCode) -> bool {
    matches!(status.as_u16(), 304 | 412 | 416)
}

/// The final statuses of RFC 9110 section 15 whose caching we implement.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

fn first(hindrances: &[(bool, NotKept)]) -> Result<(), NotKept> {
    hindrances.iter().find(|(there, _)| *there).map_or(Ok(()), |(_, why)| Err(*why))
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
    use crate::api::route::Kind;
    use crate::fields::vary::Vary;
    use crate::policy::variant::nominated;
    use http::HeaderName;
    use http::HeaderValue;

    type Lines = &'static [(&'static str, &'static str)];

    fn judged(
        meaning: Option<Meaning>,
        status: u16,
        lines: Lines,
        privacy: Privacy,
        asked: &RequestDirectives,
        framing: Framing,
    ) -> Result<(), NotKept> {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let kind = if meaning.is_some() { Kind::Ticket } else { Kind::Opaque };
        let candidate = Candidate {
            meaning,
            status: StatusCode::from_u16(status).unwrap(),
            fields: &fields,
            said: &ResponseDirectives::read(&fields),
            nominated: &nominated(kind, Vary::read(&fields)),
            framing,
            privacy,
            cookies: false,
        };
        storable(&candidate, asked)
    }

    #[test]
    fn what_of_a_ticket_may_be_stored() {
        const TICKET: Meaning = Meaning::Ticket(TicketState::Open);
        let plain = RequestDirectives::default();
        let no_store = RequestDirectives { no_store: true, ..plain };
        let no_cache = RequestDirectives { no_cache: true, ..plain };
        let rows: &[(Meaning, RequestDirectives, Lines, Result<(), NotKept>)] = &[
            (TICKET, plain, &[], Ok(())),
            (TICKET, no_cache, &[], Ok(())),
            (Meaning::NotFound(Evidence::Bare), plain, &[], Ok(())),
            (TICKET, plain, &[("cache-control", "private, max-age=5")], Ok(())),
            (TICKET, plain, &[("cache-control", "max-age=5, no-cache")], Ok(())),
            (TICKET, plain, &[("content-encoding", "Identity")], Ok(())),
            (TICKET, plain, &[("vary", "origin, user-agent, cookie")], Ok(())),
            (TICKET, plain, &[("vary", "")], Ok(())),
            (TICKET, no_store, &[], Err(NotKept::RequestNoStore)),
            (TICKET, plain, &[("cache-control", "no-store")], Err(NotKept::NoStore)),
            (
                TICKET,
                plain,
                &[("cache-control", "must-understand, no-store")],
                Err(NotKept::NoStore),
            ),
            (TICKET, plain, &[("set-cookie", "a=b")], Err(NotKept::SetCookie)),
            (TICKET, plain, &[("vary", "origin, *")], Err(NotKept::Vary)),
            (TICKET, plain, &[("content-encoding", "gzip")], Err(NotKept::Coded)),
            (TICKET, plain, &[("content-range", "bytes 0-1/2")], Err(NotKept::Partial)),
            (Meaning::CredentialDead, plain, &[], Err(NotKept::CredentialDead)),
            (Meaning::Outage, plain, &[], Err(NotKept::Outage)),
            (Meaning::Limited, plain, &[], Err(NotKept::Limited)),
        ];
        for (meaning, asked, lines, expected) in rows {
            let found =
                judged(Some(*meaning), 200, lines, Privacy::Private, asked, Framing::Announced);
            assert_eq!(found, *expected, "{meaning:?} {asked:?} {lines:?}");
        }
        for framing in [Framing::UntilClose, Framing::Ambiguous, Framing::None] {
            let found = judged(Some(TICKET), 200, &[], Privacy::Private, &plain, framing);
            assert_eq!(found, Err(NotKept::UntilClose), "{framing:?}");
        }
    }

    #[test]
    fn what_of_an_opaque_resource_may_be_stored() {
        use Privacy::Private;
        use Privacy::Shared;
        const AGED: Lines = &[("cache-control", "max-age=5")];
        let rows: &[(u16, Lines, Privacy, Result<(), NotKept>)] = &[
            (200, AGED, Shared, Ok(())),
            (599, AGED, Shared, Ok(())),
            (299, AGED, Shared, Ok(())),
            (503, AGED, Shared, Ok(())),
            (302, &[("expires", "0")], Shared, Ok(())),
            (404, &[], Shared, Ok(())),
            (403, &[], Shared, Err(NotKept::NoFreshness)),
            (403, &[("cache-control", "public")], Shared, Ok(())),
            (403, &[("cache-control", "s-maxage=5")], Shared, Ok(())),
            (403, &[("cache-control", "s-maxage=5")], Private, Err(NotKept::NoFreshness)),
            (403, &[("cache-control", "private")], Private, Ok(())),
            (200, &[("cache-control", "private, max-age=5")], Private, Ok(())),
            (200, &[("cache-control", "private, max-age=5")], Shared, Err(NotKept::Private)),
            (200, &[("cache-control", "private=\"x\", max-age=5")], Shared, Ok(())),
            (200, &[("cache-control", "no-store")], Private, Err(NotKept::NoStore)),
            (200, &[("cache-control", "no-store, must-understand")], Shared, Ok(())),
            (
                599,
                &[("cache-control", "max-age=5, must-understand")],
                Shared,
                Err(NotKept::NotUnderstood),
            ),
            (206, AGED, Shared, Err(NotKept::Partial)),
            (304, AGED, Shared, Err(NotKept::NotUnderstood)),
            (412, AGED, Shared, Err(NotKept::NotUnderstood)),
            (416, AGED, Shared, Err(NotKept::NotUnderstood)),
            (200, &[("content-range", "bytes 0-1/2")], Shared, Ok(())),
            (200, &[("content-encoding", "br")], Shared, Ok(())),
            (200, &[("set-cookie", "a=b")], Shared, Err(NotKept::SetCookie)),
            (200, &[("vary", "cookie")], Shared, Ok(())),
            (200, &[("vary", "cookie"), ("vary", ", *")], Shared, Err(NotKept::Vary)),
        ];
        let plain = RequestDirectives::default();
        for (status, lines, privacy, expected) in rows {
            let found = judged(None, *status, lines, *privacy, &plain, Framing::Announced);
            assert_eq!(found, *expected, "{status} {lines:?} {privacy:?}");
        }
        assert_eq!(judged(None, 204, AGED, Shared, &plain, Framing::None), Ok(()));
        let cut = judged(None, 200, AGED, Shared, &plain, Framing::UntilClose);
        assert_eq!(cut, Err(NotKept::UntilClose));
    }
}
