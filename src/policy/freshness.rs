//! Age and freshness: RFC 9111 section 4.2.
//!
//! Departure: where the upstream gives no lifetime, ours applies (section 4.2.2 leaves it to the
//! cache) and the upstream's `Date` is not believed; a clock that is wrong by a minute would
//! otherwise make every ticket stale on arrival.

use crate::api::answer::Meaning;
use crate::api::answer::TicketState;
use crate::base::time::Moment;
use crate::base::time::Timestamp;
use crate::base::time::WallTime;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::date;
use crate::fields::date::Dated;
use http::HeaderMap;
use http::header::DATE;
use http::header::EXPIRES;
use std::time::Duration;

/// How long answers stay fresh where the upstream does not say (design §3.4). Zero is never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Tickets still worked on, and those whose status says nothing to us.
    pub open: Duration,
    /// Tickets that are done with.
    pub settled: Duration,
    /// Not-found answers; also the longest that an upstream's own lifetime makes them live.
    pub not_found: Duration,
    /// The longest that an upstream's own lifetime is believed.
    pub max: Duration,
}

/// The facts about a stored response's time on which its reuse rests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// When it arrived whole.
    pub received_at: Timestamp,
    /// Section 4.2.3: `corrected_initial_age`.
    pub initial_age: Duration,
    /// Section 4.2.1.
    pub lifetime: Duration,
    /// When the credential it was fetched with ends, as far as the credential says.
    pub authority_ends: Option<Timestamp>,
}

impl Facts {
    /// Section 4.2.3.
    pub fn current_age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }

    /// Section 4.2: equality is stale.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.current_age(now) < self.lifetime
    }

    /// Whether the credential's own word allows the response to be used at `now`.
    pub fn is_authorised(&self, now: Timestamp) -> bool {
        self.authority_ends.is_none_or(|end| now < end)
    }
}

/// When an answer was asked for and when it was there, on both clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Journey {
    /// When the request was sent.
    pub asked_at: Timestamp,
    /// When the whole answer had arrived.
    pub received: Moment,
}

/// Works out the facts of an answer that could be stored. `jitter` is drawn from 0 to 1 and
/// shortens lifetimes of our own by up to a tenth, so that a batch does not expire together.
pub fn facts(
    meaning: Meaning,
    fields: &HeaderMap,
    journey: Journey,
    credential_ends: Option<WallTime>,
    lifetimes: &Lifetimes,
    jitter: f64,
) -> Facts {
    let explicit = explicit_lifetime(fields, journey.received.wall);
    Facts {
        received_at: journey.received.now,
        initial_age: initial_age(fields, journey, explicit.is_some()),
        lifetime: lifetime(meaning, explicit, lifetimes, jitter),
        authority_ends: credential_ends
            .map(|end| journey.received.now.after(end.since(journey.received.wall))),
    }
}

/// Section 4.2.1 with a credential, so as a private cache: `s-maxage` is not for us.
fn explicit_lifetime(fields: &HeaderMap, received: WallTime) -> Option<Duration> {
    if let Some(max_age) = ResponseDirectives::read(fields).max_age {
        return Some(max_age);
    }
    match Dated::read(fields, &EXPIRES) {
        Dated::Absent => None,
        // Section 5.3: an invalid date means the time is past.
        Dated::Invalid => Some(Duration::ZERO),
        Dated::At(expires) => match Dated::read(fields, &DATE) {
            Dated::At(date) => Some(expires.since(date)),
            Dated::Absent | Dated::Invalid => Some(expires.since(received)),
        },
    }
}

/// Section 4.2.3: `corrected_initial_age`.
fn initial_age(fields: &HeaderMap, journey: Journey, explicit: bool) -> Duration {
    let apparent = match Dated::read(fields, &DATE) {
        Dated::At(date) if explicit => journey.received.wall.since(date),
        _ => Duration::ZERO,
    };
    let delay = journey.received.now.since(journey.asked_at);
    let corrected = date::age(fields).unwrap_or_default().saturating_add(delay);
    apparent.max(corrected)
}

fn lifetime(
    meaning: Meaning,
    explicit: Option<Duration>,
    lifetimes: &Lifetimes,
    jitter: f64,
) -> Duration {
    let own = match meaning {
        Meaning::Ticket(TicketState::Settled) => lifetimes.settled,
        Meaning::Ticket(_) => lifetimes.open,
        Meaning::NotFound(_) => {
            return explicit.map_or_else(
                || shortened(lifetimes.not_found, jitter),
                |given| given.min(lifetimes.not_found),
            );
        }
        _ => Duration::ZERO,
    };
    explicit.map_or_else(|| shortened(own, jitter), |given| given.min(lifetimes.max))
}

fn shortened(span: Duration, jitter: f64) -> Duration {
    span.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::Evidence;
    use http::HeaderName;
    use http::HeaderValue;
    use proptest::prelude::*;

    const NOON: Moment =
        Moment { now: Timestamp::from_secs(1_000), wall: WallTime::from_secs(784_111_777) };
    const JOURNEY: Journey = Journey { asked_at: Timestamp::from_secs(998), received: NOON };
    const LIFETIMES: Lifetimes = Lifetimes {
        open: Duration::from_secs(15),
        settled: Duration::from_mins(10),
        not_found: Duration::from_secs(10),
        max: Duration::from_hours(1),
    };
    const OPEN: Meaning = Meaning::Ticket(TicketState::Open);
    const SETTLED: Meaning = Meaning::Ticket(TicketState::Settled);
    const NOT_FOUND: Meaning = Meaning::NotFound(Evidence::Documented);

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn lifetimes_and_ages_on_arrival() {
        const DATED: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:27 GMT"); // 10 s before
        const IN_A_MINUTE: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
        // meaning, fields, lifetime, initial age (the two seconds of the way included)
        let rows: &[(Meaning, &[(&str, &str)], u64, u64)] = &[
            (OPEN, &[], 15, 2),
            (Meaning::Ticket(TicketState::Unknown), &[], 15, 2),
            (SETTLED, &[], 600, 2),
            (NOT_FOUND, &[], 10, 2),
            (OPEN, &[("cache-control", "max-age=60")], 60, 2),
            (OPEN, &[("cache-control", "max-age=0")], 0, 2),
            (OPEN, &[("cache-control", "s-maxage=60")], 15, 2),
            (OPEN, &[("cache-control", "max-age=999999")], 3_600, 2),
            (NOT_FOUND, &[("cache-control", "max-age=60")], 10, 2),
            (NOT_FOUND, &[("cache-control", "max-age=3")], 3, 2),
            (OPEN, &[("age", "100")], 15, 102),
            (OPEN, &[("age", "old")], 15, 2),
            (OPEN, &[DATED], 15, 2),
            (OPEN, &[DATED, ("cache-control", "max-age=60")], 60, 10),
            (OPEN, &[DATED, ("cache-control", "max-age=60"), ("age", "30")], 60, 32),
            (OPEN, &[IN_A_MINUTE], 60, 2),
            (OPEN, &[IN_A_MINUTE, DATED], 70, 10),
            (OPEN, &[IN_A_MINUTE, ("cache-control", "max-age=5")], 5, 2),
            (OPEN, &[("expires", "0")], 0, 2),
            (OPEN, &[("expires", "Sun, 06 Nov 1994 08:00:00 GMT")], 0, 2),
            (SETTLED, &[("expires", "-1")], 0, 2),
        ];
        for (meaning, lines, lifetime, age) in rows {
            let found = facts(*meaning, &fields(lines), JOURNEY, None, &LIFETIMES, 0.0);
            let expected = (Duration::from_secs(*lifetime), Duration::from_secs(*age));
            assert_eq!((found.lifetime, found.initial_age), expected, "{meaning:?} {lines:?}");
        }
    }

    #[test]
    fn only_our_own_lifetimes_are_shortened_and_by_a_tenth_at_most() {
        let given = fields(&[("cache-control", "max-age=60")]);
        let of = |fields: &HeaderMap, jitter| {
            facts(SETTLED, fields, JOURNEY, None, &LIFETIMES, jitter).lifetime.as_secs()
        };
        assert_eq!((of(&HeaderMap::new(), 1.0), of(&HeaderMap::new(), 0.5)), (540, 570));
        assert_eq!(of(&given, 1.0), 60);
    }

    #[test]
    fn a_credential_that_says_when_it_ends_bounds_the_response() {
        let ends = |secs: u64| Some(WallTime::from_secs(784_111_777 + secs));
        let found = facts(SETTLED, &HeaderMap::new(), JOURNEY, ends(30), &LIFETIMES, 0.0);
        assert!(found.is_authorised(Timestamp::from_secs(1_029)));
        assert!(!found.is_authorised(Timestamp::from_secs(1_030)));
        let ended = facts(SETTLED, &HeaderMap::new(), JOURNEY, ends(0), &LIFETIMES, 0.0);
        assert!(!ended.is_authorised(NOON.now));
    }

    proptest! {
        #[test]
        fn age_never_falls_and_once_stale_always_stale(
            age in 0_u64..u64::MAX, lifetime in 0_u64..10_000, early in 0_u64..20_000, later in 0_u64..20_000,
        ) {
            let facts = Facts {
                received_at: Timestamp::from_secs(500),
                initial_age: Duration::from_secs(age),
                lifetime: Duration::from_secs(lifetime),
                authority_ends: None,
            };
            let early = Timestamp::from_secs(early);
            let later = early.after(Duration::from_secs(later));
            prop_assert!(facts.current_age(later) >= facts.current_age(early));
            prop_assert!(facts.is_fresh(early) || !facts.is_fresh(later));
        }
    }
}
