//! What follows from an answer to a read: three consequences that do not know one another.
//!
//! Departure: not only a 5xx counts as no answer (RFC 9111 section 4.3.3); what is stored may stand
//! in for a 429 as well, and about a ticket for a 408 and the 409s by which the API says that it is
//! out of order.
//!
//! Departure: the design sets the mark that a dead credential leaves just before the forward that
//! learnt of it, and so that of a 403 or 410. It is set *now*: nothing of that forward is to be
//! stored, and an answer that another forward begun in between has brought must not outlive the
//! refusal.

use crate::api::answer::Evidence;
use crate::api::answer::Meaning;
use crate::api::answer::Oddity;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::framing::Framing;
use crate::fields::validation;
use crate::policy::freshness::Facts;
use crate::policy::freshness::Staleness;
use crate::policy::privacy::Privacy;
use crate::policy::storable;
use crate::policy::storable::Candidate;
use crate::policy::storable::NotKept;
use http::StatusCode;

/// What follows from an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What those who asked are told.
    pub deliver: Deliver,
    /// Whether it is stored; the store has the last word, for a mark may come in between.
    pub keep: Keep,
    /// What may no longer be reused.
    pub invalidate: Invalidate,
    /// What it says about its credential.
    pub credential: Proof,
}

/// What those who asked are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deliver {
    /// The answer, unchanged.
    Answer,
    /// The answer, unless what is stored may stand in for it: the upstream is out of order.
    AnswerOrStandIn,
    /// That it failed: it may have been cut, and what there is of it is no whole document.
    Failure,
}

/// Whether an answer is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Yes.
    Store,
    /// No, and why.
    Nothing(NotKept),
}

/// What an answer to a read says about what is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Invalidate {
    /// Nothing.
    Nothing,
    /// Nothing of this credential may be reused.
    Credential,
    /// What this credential has of this ticket may not.
    OwnTicket,
    /// What it has of it and asked for earlier than the answer may not: the answer itself may.
    EarlierOfOwnTicket,
    /// What stands under the answer's own key and was asked for earlier may not.
    EarlierOfKey,
}

/// What an answer says about its credential (design §3.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proof {
    /// It is good.
    Alive,
    /// It is not.
    Dead,
    /// Nothing.
    None,
}

/// Decides. `stand_in`: whether something is stored that may be given out in the place of a failure;
/// a failure then does not replace it (RFC 9111 section 4.3.3).
pub fn admit(
    answer: &Candidate<'_>,
    asked: &RequestDirectives,
    facts: &Facts,
    stand_in: impl FnOnce() -> bool,
) -> Verdict {
    let failing = is_failing(answer.meaning, answer.status);
    let dead = is_dead(answer);
    Verdict {
        deliver: deliver(answer, failing),
        keep: match of_use(answer, asked, facts) {
            _ if dead => Keep::Nothing(NotKept::CredentialDead),
            Ok(()) if failing && stand_in() => Keep::Nothing(NotKept::Outage),
            Ok(()) => Keep::Store,
            Err(why) => Keep::Nothing(why),
        },
        invalidate: if dead { Invalidate::Credential } else { invalidate(answer) },
        credential: match answer.meaning {
            _ if dead => Proof::Dead,
            Some(Meaning::Ticket(_) | Meaning::NotFound(Evidence::Documented)) => Proof::Alive,
            _ => Proof::None,
        },
    }
}

/// RFC 9112 section 8: an answer that ends where the connection does is whole only if its text
/// says so, and a truncated one must not look whole to the client.
fn deliver(answer: &Candidate<'_>, failing: bool) -> Deliver {
    let broken_off =
        matches!(answer.meaning, Some(Meaning::Other(Oddity::Malformed | Oddity::Empty)));
    match answer.framing {
        Framing::UntilClose if broken_off => Deliver::Failure,
        _ if failing => Deliver::AnswerOrStandIn,
        _ => Deliver::Answer,
    }
}

/// Design §3.3: what a stored response may stand in for.
fn is_failing(meaning: Option<Meaning>, status: StatusCode) -> bool {
    match meaning {
        Some(meaning) => matches!(meaning, Meaning::Outage | Meaning::Limited),
        // RFC 9110 section 15: what is beyond 599 is to be understood as a 5xx.
        None => status.as_u16() >= 500 || status == StatusCode::TOO_MANY_REQUESTS,
    }
}

/// Whether the answer calls its credential dead. Without one a 401 only asks for one.
fn is_dead(answer: &Candidate<'_>) -> bool {
    match answer.meaning {
        Some(meaning) => meaning == Meaning::CredentialDead,
        None => answer.privacy == Privacy::Private && answer.status == StatusCode::UNAUTHORIZED,
    }
}

/// Whether an answer may be stored, and would ever be of use.
fn of_use(answer: &Candidate<'_>, asked: &RequestDirectives, facts: &Facts) -> Result<(), NotKept> {
    storable::storable(answer, asked)?;
    let now = facts.received_at;
    if !facts.is_authorised(now) {
        return Err(NotKept::CredentialEnded);
    }
    if facts.is_fresh(now) && !facts.always_validate {
        return Ok(());
    }
    let stale_use = facts.stale != Staleness::Forbidden
        && (answer.said.stale_while_revalidate.is_some() || answer.said.stale_if_error.is_some());
    let validators = || !validation::conditions(answer.fields, false).is_empty();
    match facts.always_validate {
        _ if !facts.negative && (stale_use || validators()) => Ok(()),
        true => Err(NotKept::NoCache),
        false => Err(NotKept::ZeroLifetime),
    }
}

/// Design §3.5. A not-found under 200 or 400 says as much as one under 404.
fn invalidate(answer: &Candidate<'_>) -> Invalidate {
    let withdrawn =
        matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE);
    match answer.meaning {
        Some(Meaning::NotFound(_)) => Invalidate::EarlierOfOwnTicket,
        Some(_) if withdrawn => Invalidate::OwnTicket,
        // Nobody's 404 to a query of his own is to take from everyone what other queries brought.
        None if withdrawn => Invalidate::EarlierOfKey,
        _ => Invalidate::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::TicketState;
    use crate::base::time::Timestamp;
    use crate::fields::cache_control::ResponseDirectives;
    use crate::policy::freshness::Source;
    use crate::policy::variant::Nominated;
    use http::HeaderMap;
    use http::HeaderName;
    use http::HeaderValue;
    use std::time::Duration;

    const ARRIVED: Timestamp = Timestamp::from_secs(100);
    const FRESH: Facts = Facts {
        asked_at: ARRIVED,
        received_at: ARRIVED,
        initial_age: Duration::from_secs(1),
        lifetime: Duration::from_secs(15),
        authority_ends: None,
        stale: Staleness::Allowed {
            while_revalidate: Duration::from_secs(30),
            if_error: Duration::from_mins(10),
            at_most: Duration::from_hours(1),
        },
        always_validate: false,
        negative: false,
        source: Source::Open,
    };
    const STALE: Facts = Facts { lifetime: Duration::from_secs(1), ..FRESH };
    const TICKET: Meaning = Meaning::Ticket(TicketState::Open);
    const NOT_FOUND: Meaning = Meaning::NotFound(Evidence::Documented);
    const ODD: Meaning = Meaning::Other(Oddity::Status);

    /// The verdict on an answer with one field.
    fn verdict(
        meaning: Option<Meaning>,
        status: u16,
        (name, value): (&'static str, &'static str),
        facts: &Facts,
        stand_in: bool,
    ) -> Verdict {
        let mut fields = HeaderMap::new();
        fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        let candidate = Candidate {
            meaning,
            status: StatusCode::from_u16(status).unwrap(),
            fields: &fields,
            said: &ResponseDirectives::read(&fields),
            nominated: &Nominated::Fields(Vec::new()),
            framing: Framing::Announced,
            privacy: Privacy::Private,
            cookies: false,
        };
        admit(&candidate, &RequestDirectives::default(), facts, || stand_in)
    }

    #[test]
    fn what_follows_from_an_answer_about_a_ticket() {
        use Deliver::Answer;
        use Deliver::AnswerOrStandIn;
        use Keep::Nothing;
        use Keep::Store;
        let ended = Facts { authority_ends: Some(ARRIVED), ..FRESH };
        let nothing = Invalidate::Nothing;
        let dead = Nothing(NotKept::CredentialDead);
        let other = Nothing(NotKept::Other(Oddity::Status));
        let gone = Invalidate::EarlierOfOwnTicket;
        let own = Invalidate::OwnTicket;
        let all = Invalidate::Credential;
        let rows = [
            (TICKET, 200, FRESH, Answer, Store, nothing, Proof::Alive),
            (TICKET, 200, STALE, Answer, Nothing(NotKept::ZeroLifetime), nothing, Proof::Alive),
            (TICKET, 200, ended, Answer, Nothing(NotKept::CredentialEnded), nothing, Proof::Alive),
            (NOT_FOUND, 404, FRESH, Answer, Store, gone, Proof::Alive),
            (NOT_FOUND, 400, FRESH, Answer, Store, gone, Proof::Alive),
            (NOT_FOUND, 200, STALE, Answer, Nothing(NotKept::ZeroLifetime), gone, Proof::Alive),
            (Meaning::NotFound(Evidence::Bare), 404, FRESH, Answer, Store, gone, Proof::None),
            (Meaning::CredentialDead, 401, FRESH, Answer, dead, all, Proof::Dead),
            (Meaning::CredentialDead, 403, FRESH, Answer, dead, all, Proof::Dead),
            (ODD, 403, FRESH, Answer, other, own, Proof::None),
            (ODD, 404, FRESH, Answer, other, own, Proof::None),
            (ODD, 410, FRESH, Answer, other, own, Proof::None),
            (ODD, 200, FRESH, Answer, other, nothing, Proof::None),
            (
                Meaning::Outage,
                409,
                FRESH,
                AnswerOrStandIn,
                Nothing(NotKept::Outage),
                nothing,
                Proof::None,
            ),
            (
                Meaning::Limited,
                429,
                FRESH,
                AnswerOrStandIn,
                Nothing(NotKept::Limited),
                nothing,
                Proof::None,
            ),
        ];
        for (meaning, status, facts, deliver, keep, invalidate, credential) in rows {
            let found = verdict(Some(meaning), status, ("x", "y"), &facts, true);
            let expected = Verdict { deliver, keep, invalidate, credential };
            assert_eq!(found, expected, "{meaning:?} {status}");
        }
    }

    #[test]
    fn what_follows_from_an_answer_of_an_opaque_resource() {
        use Deliver::Answer;
        use Deliver::AnswerOrStandIn;
        use Keep::Nothing;
        use Keep::Store;
        let rows = [
            // status, whether something may stand in
            (200, true, Answer, Store, Invalidate::Nothing, Proof::None),
            (404, false, Answer, Store, Invalidate::EarlierOfKey, Proof::None),
            (
                401,
                false,
                Answer,
                Nothing(NotKept::CredentialDead),
                Invalidate::Credential,
                Proof::Dead,
            ),
            (503, false, AnswerOrStandIn, Store, Invalidate::Nothing, Proof::None),
            (
                503,
                true,
                AnswerOrStandIn,
                Nothing(NotKept::Outage),
                Invalidate::Nothing,
                Proof::None,
            ),
        ];
        for (status, stand_in, deliver, keep, invalidate, credential) in rows {
            let found = verdict(None, status, ("cache-control", "max-age=9"), &FRESH, stand_in);
            let expected = Verdict { deliver, keep, invalidate, credential };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn what_is_not_fresh_is_stored_only_if_it_will_be_of_use() {
        let validate = Facts { always_validate: true, stale: Staleness::Forbidden, ..FRESH };
        let forbidden = Facts { stale: Staleness::Forbidden, ..STALE };
        let negative = Facts { negative: true, ..STALE };
        let plain = ("x", "y");
        let tag = ("etag", "\"a\"");
        let window = ("cache-control", "stale-while-revalidate=5");
        let rows = [
            (STALE, plain, Keep::Nothing(NotKept::ZeroLifetime)),
            (STALE, tag, Keep::Store),
            (STALE, window, Keep::Store),
            (forbidden, tag, Keep::Store),
            (forbidden, window, Keep::Nothing(NotKept::ZeroLifetime)),
            (negative, tag, Keep::Nothing(NotKept::ZeroLifetime)),
            (validate, plain, Keep::Nothing(NotKept::NoCache)),
            (validate, tag, Keep::Store),
            (validate, ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"), Keep::Store),
            (validate, ("etag", "odd"), Keep::Nothing(NotKept::NoCache)),
        ];
        for (facts, field, expected) in rows {
            let found = verdict(Some(TICKET), 200, field, &facts, false).keep;
            assert_eq!(found, expected, "{facts:?} {field:?}");
        }
    }

    #[test]
    fn an_answer_that_may_have_been_cut_is_delivered_only_if_its_text_is_whole() {
        let fields = HeaderMap::new();
        let rows = [
            (Some(Meaning::Other(Oddity::Malformed)), Framing::UntilClose, Deliver::Failure),
            (Some(Meaning::Other(Oddity::Empty)), Framing::UntilClose, Deliver::Failure),
            (Some(Meaning::Other(Oddity::NotJson)), Framing::UntilClose, Deliver::Answer),
            (Some(TICKET), Framing::UntilClose, Deliver::Answer),
            (None, Framing::UntilClose, Deliver::Answer),
            (Some(Meaning::Other(Oddity::Malformed)), Framing::Announced, Deliver::Answer),
        ];
        for (meaning, framing, expected) in rows {
            let answer = Candidate {
                meaning,
                status: StatusCode::OK,
                fields: &fields,
                said: &ResponseDirectives::default(),
                nominated: &Nominated::Fields(Vec::new()),
                framing,
                privacy: Privacy::Private,
                cookies: false,
            };
            let found = admit(&answer, &RequestDirectives::default(), &FRESH, || false);
            assert_eq!(found.deliver, expected, "{meaning:?} {framing:?}");
            assert!(framing == Framing::Announced || found.keep != Keep::Store);
        }
    }
}
