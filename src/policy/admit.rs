//! What follows from an answer to a read: three consequences that do not know one another.
//!
//! Departure: the design sets the mark that a dead credential leaves just before the forward that
//! learnt of it, and so that of a 403 or 410. It is set *now*: nothing of that forward is to be
//! stored, and an answer that another forward begun in between has brought must not outlive the
//! refusal.

use crate::api::answer::Meaning;
use crate::api::answer::Oddity;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::framing::Framing;
use crate::policy::freshness::Facts;
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
}

/// What those who asked are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deliver {
    /// The answer, unchanged.
    Answer,
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
}

/// Decides.
pub fn admit(answer: Candidate<'_>, asked: RequestDirectives, facts: &Facts) -> Verdict {
    Verdict {
        deliver: deliver(answer),
        keep: match storable::storable(answer, asked) {
            Err(why) => Keep::Nothing(why),
            Ok(()) if !facts.is_authorised(facts.received_at) => {
                Keep::Nothing(NotKept::CredentialEnded)
            }
            Ok(()) if !facts.is_fresh(facts.received_at) => Keep::Nothing(NotKept::ZeroLifetime),
            Ok(()) => Keep::Store,
        },
        invalidate: invalidate(answer.meaning, answer.status),
    }
}

/// RFC 9112 section 8: an answer that ends where the connection does is whole only if its text
/// says so, and a truncated one must not look whole to the client.
fn deliver(answer: Candidate<'_>) -> Deliver {
    let broken_off = matches!(answer.meaning, Meaning::Other(Oddity::Malformed | Oddity::Empty));
    match answer.framing {
        Framing::UntilClose if broken_off => Deliver::Failure,
        _ => Deliver::Answer,
    }
}

/// Design §3.5. A not-found under 200 or 400 says as much as one under 404.
fn invalidate(meaning: Meaning, status: StatusCode) -> Invalidate {
    match meaning {
        Meaning::CredentialDead => Invalidate::Credential,
        Meaning::NotFound(_) => Invalidate::EarlierOfOwnTicket,
        _ => match status {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Invalidate::OwnTicket
            }
            _ => Invalidate::Nothing,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::Evidence;
    use crate::api::answer::TicketState;
    use crate::base::time::Timestamp;
    use http::HeaderMap;
    use std::time::Duration;

    #[test]
    fn what_follows_from_an_answer() {
        const ARRIVED: Timestamp = Timestamp::from_secs(100);
        let fresh = Facts {
            received_at: ARRIVED,
            initial_age: Duration::from_secs(1),
            lifetime: Duration::from_secs(15),
            authority_ends: None,
        };
        let stale = Facts { lifetime: Duration::from_secs(1), ..fresh };
        let ended = Facts { authority_ends: Some(ARRIVED), ..fresh };
        let ticket = Meaning::Ticket(TicketState::Open);
        let not_found = Meaning::NotFound(Evidence::Documented);
        let odd = Meaning::Other(Oddity::Status);
        let nothing = Keep::Nothing;
        let rows = [
            (ticket, 200, fresh, Keep::Store, Invalidate::Nothing),
            (ticket, 200, stale, nothing(NotKept::ZeroLifetime), Invalidate::Nothing),
            (ticket, 200, ended, nothing(NotKept::CredentialEnded), Invalidate::Nothing),
            (not_found, 404, fresh, Keep::Store, Invalidate::EarlierOfOwnTicket),
            (not_found, 400, fresh, Keep::Store, Invalidate::EarlierOfOwnTicket),
            (not_found, 200, stale, nothing(NotKept::ZeroLifetime), Invalidate::EarlierOfOwnTicket),
            (
                Meaning::CredentialDead,
                401,
                fresh,
                nothing(NotKept::CredentialDead),
                Invalidate::Credential,
            ),
            (
                Meaning::CredentialDead,
                403,
                fresh,
                nothing(NotKept::CredentialDead),
                Invalidate::Credential,
            ),
            (odd, 403, fresh, nothing(NotKept::Other(Oddity::Status)), Invalidate::OwnTicket),
            (odd, 404, fresh, nothing(NotKept::Other(Oddity::Status)), Invalidate::OwnTicket),
            (odd, 410, fresh, nothing(NotKept::Other(Oddity::Status)), Invalidate::OwnTicket),
            (odd, 200, fresh, nothing(NotKept::Other(Oddity::Status)), Invalidate::Nothing),
            (Meaning::Outage, 503, fresh, nothing(NotKept::Outage), Invalidate::Nothing),
            (Meaning::Limited, 429, fresh, nothing(NotKept::Limited), Invalidate::Nothing),
        ];
        let fields = HeaderMap::new();
        for (meaning, status, facts, keep, invalidate) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            let framing = Framing::Announced;
            let answer = Candidate { meaning, status, fields: &fields, framing };
            let found = admit(answer, RequestDirectives::default(), &facts);
            assert_eq!(
                found,
                Verdict { deliver: Deliver::Answer, keep, invalidate },
                "{meaning:?} {status}"
            );
        }
    }

    #[test]
    fn an_answer_that_may_have_been_cut_is_delivered_only_if_its_text_is_whole() {
        let facts = Facts {
            received_at: Timestamp::from_secs(100),
            initial_age: Duration::ZERO,
            lifetime: Duration::from_secs(15),
            authority_ends: None,
        };
        let fields = HeaderMap::new();
        let rows = [
            (Meaning::Other(Oddity::Malformed), Framing::UntilClose, Deliver::Failure),
            (Meaning::Other(Oddity::Empty), Framing::UntilClose, Deliver::Failure),
            (Meaning::Other(Oddity::NotJson), Framing::UntilClose, Deliver::Answer),
            (Meaning::Ticket(TicketState::Open), Framing::UntilClose, Deliver::Answer),
            (Meaning::Other(Oddity::Malformed), Framing::Announced, Deliver::Answer),
        ];
        for (meaning, framing, expected) in rows {
            let answer = Candidate { meaning, status: StatusCode::OK, fields: &fields, framing };
            let found = admit(answer, RequestDirectives::default(), &facts);
            assert_eq!(found.deliver, expected, "{meaning:?} {framing:?}");
            assert!(framing == Framing::Announced || found.keep != Keep::Store);
        }
    }
}
