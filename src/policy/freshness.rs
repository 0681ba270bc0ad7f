//! Age and freshness: RFC 9111 section 4.2, and how long past its freshness a response is of use:
//! RFC 5861.
//!
//! Departures:
//! - Where the upstream gives a ticket no lifetime, ours applies (section 4.2.2 leaves it to the
//!   cache) and the upstream's `Date` is not believed; a clock that is wrong by a minute would
//!   otherwise make every ticket stale on arrival.
//! - An upstream's own lifetimes and stale windows are believed up to `lifetimes.max`.
//! - Settings of zero switch a stale window off, whatever the upstream allows.

use crate::api::answer::Meaning;
use crate::api::answer::TicketState;
use crate::base::time::Moment;
use crate::base::time::Timestamp;
use crate::base::time::WallTime;
use crate::fields::cache_control::Named;
use crate::fields::cache_control::ResponseDirectives;
use crate::fields::date;
use crate::fields::date::Dated;
use crate::policy::privacy::Privacy;
use http::HeaderMap;
use http::StatusCode;
use http::header::DATE;
use http::header::EXPIRES;
use http::header::LAST_MODIFIED;
use std::time::Duration;

/// How long answers stay fresh, and of use, where the upstream does not say (design §3.4). Zero
/// is never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Tickets still worked on, and those whose status says nothing to us.
    pub open: Duration,
    /// Tickets that are done with.
    pub settled: Duration,
    /// Not-found answers; also the longest that an upstream's own lifetime makes them live.
    pub not_found: Duration,
    /// The longest that an upstream's own word is believed.
    pub max: Duration,
    /// How long past its freshness a ticket may be reused while it is validated.
    pub while_revalidate: Duration,
    /// How long past its freshness a response may stand in for a failure.
    pub if_error: Duration,
}

impl Lifetimes {
    /// The longest that any response is of use, from when it was generated.
    pub fn retention(&self) -> Duration {
        self.max.saturating_add(self.longest_stale())
    }

    /// The longest that any response is of use once it is stale.
    pub fn longest_stale(&self) -> Duration {
        self.max.max(self.while_revalidate).max(self.if_error)
    }
}

/// The facts about a stored response on which its reuse rests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it arrived whole.
    pub received_at: Timestamp,
    /// Section 4.2.3: `corrected_initial_age`.
    pub initial_age: Duration,
    /// Section 4.2.1.
    pub lifetime: Duration,
    /// When the credential it was fetched with ends, as far as the credential says.
    pub authority_ends: Option<Timestamp>,
    /// What may be done with it once it is stale.
    pub stale: Staleness,
    /// Section 5.2.2.4: every use is to be validated first.
    pub always_validate: bool,
    /// It says that there is no such ticket.
    pub negative: bool,
    /// Whose word `lifetime` is.
    pub source: Source,
}

/// Whose word a freshness lifetime is: section 4.2.1. Even the upstream's is believed up to a limit
/// only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The upstream's: `s-maxage`.
    SMaxAge,
    /// The upstream's: `max-age`.
    MaxAge,
    /// The upstream's: `Expires`.
    Expires,
    /// A tenth of what has passed since it was last modified (section 4.2.2).
    Heuristic,
    /// Ours: `lifetimes.open`.
    Open,
    /// Ours: `lifetimes.settled`.
    Settled,
    /// Ours: `lifetimes.not_found`.
    NotFound,
    /// Nobody's: it has none.
    Nobody,
}

impl Source {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SMaxAge => "s-maxage",
            Self::MaxAge => "max-age",
            Self::Expires => "expires",
            Self::Heuristic => "heuristic",
            Self::Open => "open",
            Self::Settled => "settled",
            Self::NotFound => "not-found",
            Self::Nobody => "none",
        }
    }
}

/// What may be done with a response once it is stale: section 4.2.4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Staleness {
    /// It must not be used: `must-revalidate` and its like, and every not-found.
    Forbidden,
    /// It may, for so long past its freshness.
    Allowed {
        /// While it is being validated (RFC 5861 section 3).
        while_revalidate: Duration,
        /// In the place of a failure (RFC 5861 section 4).
        if_error: Duration,
        /// For a client that says `max-stale`.
        at_most: Duration,
    },
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

    /// How far past its freshness it is; zero while it is fresh.
    pub fn staleness(&self, now: Timestamp) -> Duration {
        self.current_age(now).saturating_sub(self.lifetime)
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

/// An answer whose time is to be told.
#[derive(Clone, Copy, Debug)]
pub struct Timed<'a> {
    /// What it means, if it is one about a ticket; `None` for an opaque resource.
    pub meaning: Option<Meaning>,
    /// Its status.
    pub status: StatusCode,
    /// Its end-to-end fields.
    pub fields: &'a HeaderMap,
    /// When it was asked for and there.
    pub journey: Journey,
    /// Whether only its asker may have it.
    pub privacy: Privacy,
}

/// Works out the facts of an answer that could be stored. `jitter` is drawn from 0 to 1 and
/// shortens lifetimes of our own by up to a tenth, so that a batch does not expire together.
pub fn facts(
    answer: &Timed<'_>,
    said: &ResponseDirectives,
    credential_ends: Option<WallTime>,
    lifetimes: &Lifetimes,
    jitter: f64,
) -> Facts {
    let Timed { meaning, fields, journey, .. } = *answer;
    let received = journey.received;
    let explicit = explicit_lifetime(answer, said);
    let (lifetime, source) = if let Some(meaning) = meaning {
        ticket_lifetime(meaning, explicit, lifetimes, jitter)
    } else {
        let guessed = || heuristic(answer, said).map(|guess| (guess, Source::Heuristic));
        let found = explicit.or_else(guessed).unwrap_or((Duration::ZERO, Source::Nobody));
        (found.0.min(lifetimes.max), found.1)
    };
    let negative = matches!(meaning, Some(Meaning::NotFound(_)));
    let dated = meaning.is_none() || explicit.is_some();
    Facts {
        asked_at: journey.asked_at,
        received_at: received.now,
        initial_age: initial_age(fields, journey, dated),
        lifetime,
        authority_ends: credential_ends.map(|end| received.now.after(end.since(received.wall))),
        stale: if negative {
            Staleness::Forbidden
        } else {
            staleness(answer, said, lifetime, lifetimes)
        },
        always_validate: said.no_cache == Named::Whole,
        negative,
        source,
    }
}

/// Section 4.2.1; `s-maxage` (section 5.2.2.10) is for shared caches alone.
fn explicit_lifetime(answer: &Timed<'_>, said: &ResponseDirectives) -> Option<(Duration, Source)> {
    let Timed { fields, journey, privacy, .. } = *answer;
    let shared = said.s_maxage.filter(|_| privacy == Privacy::Shared);
    let shared = shared.map(|given| (given, Source::SMaxAge));
    if let Some(given) = shared.or(said.max_age.map(|given| (given, Source::MaxAge))) {
        return Some(given);
    }
    let given = match Dated::read(fields, &EXPIRES) {
        Dated::Absent => return None,
        // Section 5.3: an invalid date means the time is past.
        Dated::Invalid => Duration::ZERO,
        Dated::At(expires) => match Dated::read(fields, &DATE) {
            Dated::At(date) => expires.since(date),
            Dated::Absent | Dated::Invalid => expires.since(journey.received.wall),
        },
    };
    Some((given, Source::Expires))
}

/// Section 4.2.2: a tenth of the time since it was last modified, where the status allows it or the
/// response calls itself `public`.
fn heuristic(answer: &Timed<'_>, said: &ResponseDirectives) -> Option<Duration> {
    if !is_heuristically_cacheable(answer.status) && !said.public {
        return None;
    }
    let Dated::At(modified) = Dated::read(answer.fields, &LAST_MODIFIED) else { return None };
    let date = match Dated::read(answer.fields, &DATE) {
        Dated::At(date) => date,
        Dated::Absent | Dated::Invalid => answer.journey.received.wall,
    };
    Some(date.since(modified) / 10)
}

/// RFC 9110 section 15.1, but for 206, of which nothing is stored.
pub fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Section 4.2.3: `corrected_initial_age`. `dated`: whether `Date` is believed.
fn initial_age(fields: &HeaderMap, journey: Journey, dated: bool) -> Duration {
    let apparent = match Dated::read(fields, &DATE) {
        Dated::At(date) if dated => journey.received.wall.since(date),
        _ => Duration::ZERO,
    };
    let delay = journey.received.now.since(journey.asked_at);
    let corrected = date::age(fields).unwrap_or_default().saturating_add(delay);
    apparent.max(corrected)
}

fn ticket_lifetime(
    meaning: Meaning,
    explicit: Option<(Duration, Source)>,
    lifetimes: &Lifetimes,
    jitter: f64,
) -> (Duration, Source) {
    let (own, source, most) = match meaning {
        Meaning::Ticket(TicketState::Settled) => {
            (lifetimes.settled, Source::Settled, lifetimes.max)
        }
        Meaning::Ticket(_) => (lifetimes.open, Source::Open, lifetimes.max),
        Meaning::NotFound(_) => (lifetimes.not_found, Source::NotFound, lifetimes.not_found),
        _ => (Duration::ZERO, Source::Nobody, lifetimes.max),
    };
    match explicit {
        Some((given, theirs)) => (given.min(most), theirs),
        None => (shortened(own, jitter), source),
    }
}

fn shortened(span: Duration, jitter: f64) -> Duration {
    span.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0))
}

/// Section 4.2.4. The windows are the upstream's where it gives them, else ours. Two things are reused
/// while they are validated only if the upstream says so: an opaque resource, for without a contract
/// about it only being disconnected excuses a stale answer; and what is never fresh, by whoever's word.
fn staleness(
    answer: &Timed<'_>,
    said: &ResponseDirectives,
    lifetime: Duration,
    lifetimes: &Lifetimes,
) -> Staleness {
    let shared = answer.privacy == Privacy::Shared;
    let forbidden = said.must_revalidate
        || said.no_cache == Named::Whole
        || (shared && (said.proxy_revalidate || said.s_maxage.is_some()));
    if forbidden {
        return Staleness::Forbidden;
    }
    let contract = answer.meaning.is_some() && !lifetime.is_zero();
    let ours = if contract { lifetimes.while_revalidate } else { Duration::ZERO };
    let window = |given: Option<Duration>, set: Duration, default: Duration| match given {
        Some(_) if set.is_zero() => Duration::ZERO,
        Some(given) => given.min(lifetimes.max),
        None => default,
    };
    Staleness::Allowed {
        while_revalidate: window(said.stale_while_revalidate, lifetimes.while_revalidate, ours),
        if_error: window(said.stale_if_error, lifetimes.if_error, lifetimes.if_error),
        at_most: lifetimes.longest_stale(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::answer::Evidence;
    use http::HeaderName;
    use http::HeaderValue;
    use proptest::option;
    use proptest::prelude::*;

    const NOON: Moment =
        Moment { now: Timestamp::from_secs(1_000), wall: WallTime::from_secs(784_111_777) };
    const JOURNEY: Journey = Journey { asked_at: Timestamp::from_secs(998), received: NOON };
    const LIFETIMES: Lifetimes = Lifetimes {
        open: Duration::from_secs(15),
        settled: Duration::from_mins(10),
        not_found: Duration::from_secs(10),
        max: Duration::from_hours(1),
        while_revalidate: Duration::from_secs(30),
        if_error: Duration::from_mins(10),
    };
    const OPEN: Meaning = Meaning::Ticket(TicketState::Open);
    const SETTLED: Meaning = Meaning::Ticket(TicketState::Settled);
    const NOT_FOUND: Meaning = Meaning::NotFound(Evidence::Documented);
    const TICKET: Option<Meaning> = Some(OPEN);
    const OPAQUE: Option<Meaning> = None;

    const DATED: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:27 GMT"); // 10 s before
    const IN_A_MINUTE: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
    const HOUR_OLD: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 07:49:37 GMT");
    const YEARS_OLD: (&str, &str) = ("last-modified", "Sun, 06 Nov 1983 08:49:37 GMT");

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    fn timed(meaning: Option<Meaning>, fields: &HeaderMap) -> Timed<'_> {
        let (status, privacy) = (StatusCode::OK, Privacy::Private);
        Timed { meaning, status, fields, journey: JOURNEY, privacy }
    }

    /// The facts without jitter, of a credential that does not say when it ends.
    fn told(timed: &Timed<'_>) -> Facts {
        facts(timed, &ResponseDirectives::read(timed.fields), None, &LIFETIMES, 0.0)
    }

    fn times(facts: &Facts) -> (u64, u64) {
        (facts.lifetime.as_secs(), facts.initial_age.as_secs())
    }

    #[test]
    fn lifetimes_and_ages_of_tickets_on_arrival() {
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
            (OPEN, &[YEARS_OLD], 15, 2),
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
            let found = told(&timed(Some(*meaning), &fields(lines)));
            assert_eq!(times(&found), (*lifetime, *age), "{meaning:?} {lines:?}");
            assert_eq!(found.negative, *meaning == NOT_FOUND, "{meaning:?}");
        }
    }

    #[test]
    fn lifetimes_and_ages_of_opaque_resources_are_the_upstreams() {
        use Privacy::Private;
        use Privacy::Shared;
        // privacy, fields, lifetime, initial age
        let rows: &[(Privacy, &[(&str, &str)], u64, u64)] = &[
            (Shared, &[], 0, 2),
            (Private, &[("cache-control", "max-age=60")], 60, 2),
            (Shared, &[("cache-control", "max-age=999999")], 3_600, 2),
            (Shared, &[("cache-control", "max-age=60, s-maxage=5")], 5, 2),
            (Private, &[("cache-control", "max-age=60, s-maxage=5")], 60, 2),
            (Shared, &[("cache-control", "max-age=5, s-maxage=60")], 60, 2),
            (Shared, &[("cache-control", "max-age=60, s-maxage=x")], 0, 2),
            (Shared, &[("cache-control", "s-maxage=5"), IN_A_MINUTE], 5, 2),
            (Private, &[("cache-control", "s-maxage=5"), IN_A_MINUTE], 60, 2),
            (Private, &[("cache-control", "s-maxage=5"), HOUR_OLD], 360, 2),
            (Private, &[("cache-control", "s-maxage=5")], 0, 2),
            (Shared, &[IN_A_MINUTE, DATED], 70, 10),
            (Shared, &[IN_A_MINUTE, ("date", "today")], 60, 2),
            (Shared, &[IN_A_MINUTE, IN_A_MINUTE], 0, 2),
            (Shared, &[HOUR_OLD], 360, 2),
            (Shared, &[HOUR_OLD, DATED], 359, 10),
            (Shared, &[HOUR_OLD, ("date", "today")], 360, 2),
            (Shared, &[HOUR_OLD, ("cache-control", "max-age=5")], 5, 2),
            (Shared, &[HOUR_OLD, ("expires", "0")], 0, 2),
            (Shared, &[YEARS_OLD], 3_600, 2),
            (Shared, &[("last-modified", "Sun, 06 Nov 1994 09:00:00 GMT")], 0, 2),
            (Shared, &[("last-modified", "yesterday")], 0, 2),
            (Shared, &[DATED], 0, 10),
            (Shared, &[DATED, ("age", "30")], 0, 32),
        ];
        for (privacy, lines, lifetime, age) in rows {
            let fields = fields(lines);
            let found = told(&Timed { privacy: *privacy, ..timed(OPAQUE, &fields) });
            assert_eq!(times(&found), (*lifetime, *age), "{privacy:?} {lines:?}");
        }
    }

    #[test]
    fn a_lifetime_is_guessed_where_the_status_allows_it_or_the_response_is_public() {
        let guessed = |lines: &[_]| {
            let fields = fields(lines);
            let guesses = |code: &u16| {
                let status = StatusCode::from_u16(*code).unwrap();
                !told(&Timed { status, ..timed(OPAQUE, &fields) }).lifetime.is_zero()
            };
            (200..600).filter(guesses).collect::<Vec<u16>>()
        };
        let allowed = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
        assert_eq!(guessed(&[HOUR_OLD]), allowed);
        assert_eq!(guessed(&[HOUR_OLD, ("cache-control", "public=x")]), allowed);
        assert_eq!(guessed(&[HOUR_OLD, ("cache-control", "public")]).len(), 400);
    }

    #[test]
    fn only_our_own_lifetimes_are_shortened_and_by_a_tenth_at_most() {
        let given = ("cache-control", "max-age=60");
        let rows: &[(Option<Meaning>, &[(&str, &str)], f64, u64)] = &[
            (Some(SETTLED), &[], 1.0, 540),
            (Some(SETTLED), &[], 0.5, 570),
            (Some(SETTLED), &[], 7.0, 540),
            (Some(SETTLED), &[given], 1.0, 60),
            (Some(NOT_FOUND), &[], 1.0, 9),
            (Some(NOT_FOUND), &[given], 1.0, 10),
            (OPAQUE, &[given], 1.0, 60),
            (OPAQUE, &[HOUR_OLD], 1.0, 360),
        ];
        for row @ (meaning, lines, jitter, lifetime) in rows {
            let fields = fields(lines);
            let said = ResponseDirectives::read(&fields);
            let found = facts(&timed(*meaning, &fields), &said, None, &LIFETIMES, *jitter);
            assert_eq!(found.lifetime.as_secs(), *lifetime, "{row:?}");
        }
    }

    #[test]
    fn a_credential_that_says_when_it_ends_bounds_the_response() {
        let ends = |secs: u64| {
            let ends = Some(WallTime::from_secs(784_111_777 + secs));
            let fields = HeaderMap::new();
            facts(&timed(TICKET, &fields), &ResponseDirectives::default(), ends, &LIFETIMES, 0.0)
        };
        assert!(ends(30).is_authorised(Timestamp::from_secs(1_029)));
        assert!(!ends(30).is_authorised(Timestamp::from_secs(1_030)));
        assert!(!ends(0).is_authorised(NOON.now));
    }

    /// The windows in seconds; `None` where it must not be used stale at all.
    fn windows(stale: Staleness) -> Option<(u64, u64, u64)> {
        let Staleness::Allowed { while_revalidate, if_error, at_most } = stale else { return None };
        Some((while_revalidate.as_secs(), if_error.as_secs(), at_most.as_secs()))
    }

    #[test]
    fn how_long_past_its_freshness_a_response_is_of_use() {
        use Privacy::Private;
        use Privacy::Shared;
        const WINDOWS: &str = "max-age=5, stale-while-revalidate=7, stale-if-error=8";
        const LONGER: &str = "max-age=5, stale-while-revalidate=9999, stale-if-error=9999";
        const NEITHER: &str = "max-age=5, stale-while-revalidate=0, stale-if-error=x";
        // meaning, privacy, `Cache-Control`, windows: while revalidate, if error, for `max-stale`
        let rows = [
            (TICKET, Private, "", Some((30, 600, 3_600))),
            (TICKET, Private, WINDOWS, Some((7, 8, 3_600))),
            (TICKET, Private, LONGER, Some((3_600, 3_600, 3_600))),
            (TICKET, Private, NEITHER, Some((0, 0, 3_600))),
            (TICKET, Private, "max-age=0", Some((0, 600, 3_600))),
            (TICKET, Private, "max-age=0, stale-while-revalidate=7", Some((7, 600, 3_600))),
            (TICKET, Private, "max-age=5, must-revalidate", None),
            (TICKET, Private, "must-revalidate, stale-if-error=8", None),
            (TICKET, Private, "no-cache", None),
            (TICKET, Private, "no-cache=\"age\"", Some((30, 600, 3_600))),
            (TICKET, Private, "max-age=5, proxy-revalidate", Some((30, 600, 3_600))),
            (TICKET, Private, "max-age=5, s-maxage=5", Some((30, 600, 3_600))),
            (OPAQUE, Private, "", Some((0, 600, 3_600))),
            (OPAQUE, Private, "max-age=5", Some((0, 600, 3_600))),
            (OPAQUE, Shared, WINDOWS, Some((7, 8, 3_600))),
            (OPAQUE, Shared, LONGER, Some((3_600, 3_600, 3_600))),
            (OPAQUE, Private, "max-age=5, proxy-revalidate", Some((0, 600, 3_600))),
            (OPAQUE, Private, "s-maxage=5", Some((0, 600, 3_600))),
            (OPAQUE, Shared, "max-age=5, proxy-revalidate", None),
            (OPAQUE, Shared, "s-maxage=5, stale-if-error=8", None),
            (OPAQUE, Shared, "max-age=5, must-revalidate", None),
            (OPAQUE, Shared, "no-cache", None),
            (Some(NOT_FOUND), Private, "", None),
            (Some(NOT_FOUND), Private, WINDOWS, None),
        ];
        for (meaning, privacy, said, expected) in rows {
            let fields = fields(&[("cache-control", said)]);
            let found = told(&Timed { privacy, ..timed(meaning, &fields) });
            assert_eq!(windows(found.stale), expected, "{meaning:?} {privacy:?} {said}");
        }
    }

    #[test]
    fn a_setting_of_zero_switches_a_stale_window_off() {
        let off = Duration::ZERO;
        let no_revalidate = Lifetimes { while_revalidate: off, ..LIFETIMES };
        let no_error = Lifetimes { if_error: off, ..LIFETIMES };
        let nothing = Lifetimes { max: off, while_revalidate: off, ..no_error };
        let rows = [
            (no_revalidate, "", (0, 600, 3_600)),
            (no_revalidate, "stale-while-revalidate=7", (0, 600, 3_600)),
            (no_error, "", (30, 0, 3_600)),
            (no_error, "stale-if-error=8", (30, 0, 3_600)),
            (nothing, "stale-while-revalidate=7, stale-if-error=8", (0, 0, 0)),
        ];
        for (lifetimes, said, expected) in rows {
            let fields = fields(&[("cache-control", said)]);
            let said = ResponseDirectives::read(&fields);
            let found = facts(&timed(TICKET, &fields), &said, None, &lifetimes, 0.0);
            assert_eq!(windows(found.stale), Some(expected), "{lifetimes:?} {said:?}");
        }
    }

    #[test]
    fn only_no_cache_without_field_names_has_every_use_validated() {
        let rows = [
            ("", false),
            ("max-age=0, must-revalidate", false),
            ("no-cache", true),
            ("max-age=60, no-cache", true),
            ("no-cache=\"set-cookie\"", false),
            ("no-cache=\"set-cookie\", no-cache", true),
            ("no-cache=\"\"", true),
        ];
        for (said, expected) in rows {
            let fields = fields(&[("cache-control", said)]);
            for meaning in [TICKET, OPAQUE] {
                assert_eq!(told(&timed(meaning, &fields)).always_validate, expected, "{said}");
            }
        }
    }

    /// Any span: short ones, and those at which arithmetic might overflow.
    fn spans() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0_u64..200).prop_map(Duration::from_secs),
            any::<u64>().prop_map(Duration::from_nanos),
            any::<u64>().prop_map(Duration::from_secs),
            Just(Duration::MAX),
        ]
    }

    fn moments() -> impl Strategy<Value = Timestamp> {
        spans().prop_map(|span| Timestamp::default().after(span))
    }

    fn walls() -> impl Strategy<Value = WallTime> {
        any::<u64>().prop_map(WallTime::from_millis)
    }

    fn meanings() -> impl Strategy<Value = Option<Meaning>> {
        proptest::sample::select(vec![TICKET, Some(SETTLED), Some(NOT_FOUND), OPAQUE])
    }

    fn directives() -> impl Strategy<Value = ResponseDirectives> {
        let given = || option::of(spans());
        (given(), given(), given(), given()).prop_map(
            |(max_age, s_maxage, stale_while_revalidate, stale_if_error)| ResponseDirectives {
                max_age,
                s_maxage,
                stale_while_revalidate,
                stale_if_error,
                ..ResponseDirectives::default()
            },
        )
    }

    fn journeys() -> impl Strategy<Value = Journey> {
        (moments(), moments(), walls())
            .prop_map(|(asked_at, now, wall)| Journey { asked_at, received: Moment { now, wall } })
    }

    proptest! {
        #[test]
        fn no_number_overflows_and_no_word_of_the_upstream_reaches_beyond_the_longest(
            meaning in meanings(), said in directives(), journey in journeys(), now in moments(),
            max in spans(), ends in option::of(walls()), age in any::<u64>(), jitter in 0.0..=1.0,
        ) {
            let mut fields = fields(&[DATED, IN_A_MINUTE, YEARS_OLD]);
            fields.insert("age", HeaderValue::from(age));
            // The settings see to it that no lifetime of our own is longer.
            let max = max.max(LIFETIMES.settled);
            let lifetimes = Lifetimes { max, ..LIFETIMES };
            let timed = Timed { journey, ..timed(meaning, &fields) };
            let found = facts(&timed, &said, ends, &lifetimes, jitter);
            prop_assert!(found.lifetime <= max);
            prop_assert!(found.current_age(now) >= found.initial_age);
            prop_assert!(found.is_fresh(now) == (found.current_age(now) < found.lifetime));
            prop_assert!(found.staleness(now) <= found.current_age(now));
            if let Staleness::Allowed { while_revalidate, if_error, at_most } = found.stale {
                prop_assert!(while_revalidate.max(if_error) <= at_most);
                prop_assert!(at_most <= lifetimes.retention());
            }
        }

        #[test]
        fn age_never_falls_and_once_stale_always_stale(
            initial_age in spans(), lifetime in spans(), received_at in moments(),
            authority_ends in option::of(moments()), early in moments(), later in spans(),
        ) {
            let known = told(&timed(TICKET, &HeaderMap::new()));
            let facts = Facts { received_at, initial_age, lifetime, authority_ends, ..known };
            let later = early.after(later);
            prop_assert!(facts.current_age(later) >= facts.current_age(early));
            prop_assert!(facts.staleness(later) >= facts.staleness(early));
            prop_assert!(facts.is_fresh(early) || !facts.is_fresh(later));
            prop_assert!(facts.is_authorised(early) || !facts.is_authorised(later));
        }
    }
}
