//! May a stored response answer this request? RFC 9111 section 4, RFC 5861, and the lease (design
//! §3.4).
//!
//! Departures: a request with `no-store` is never answered from the store (section 5.2.1.5 would
//! allow it), since who asks that nothing be kept asks for something new; `max-age=0` always asks
//! the upstream, also within the second in which a response was stored.

use crate::base::time::Timestamp;
use crate::fields::cache_control::RequestDirectives;
use crate::fields::cache_status::ForwardReason;
use crate::policy::freshness::Facts;
use crate::policy::freshness::Staleness;
use crate::policy::lease::Authority;
use crate::policy::order::Turn;
use std::time::Duration;

/// What to do about a request, before anything is sent upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Answer from the store, and do something besides.
    Reuse(Besides),
    /// It would be answered from the store, if only its credential were known to be good: find that
    /// out first.
    Prove,
    /// Ask the upstream; share the answer with whoever asks the same meanwhile.
    Forward(ForwardReason),
    /// Ask the upstream; a forward that was sent before this request came will not do.
    ForwardAnew(ForwardReason),
    /// Ask the upstream for this request alone: nothing of it is to be kept.
    ForwardAlone(ForwardReason),
    /// The client wants nothing asked (section 5.2.1.7), and nothing stored will do.
    Refuse,
}

impl Plan {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reuse(_) => "reuse",
            Self::Prove => "prove",
            Self::Forward(_) => "forward",
            Self::ForwardAnew(_) => "forward-anew",
            Self::ForwardAlone(_) => "forward-alone",
            Self::Refuse => "refuse",
        }
    }
}

impl Besides {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Validate => "validate",
            Self::Prove => "prove",
        }
    }
}

/// What a reuse starts in the background.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Besides {
    /// Nothing.
    Nothing,
    /// A validation, since what is given out is stale (RFC 5861 section 3).
    Validate,
    /// A validation, since the credential's lease runs out (design §3.4).
    Prove,
}

/// A stored response, as a decision about its reuse sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Its age and what follows from it.
    pub facts: &'a Facts,
    /// When it was asked for, in the order of forwards and marks.
    pub asked: Turn,
    /// The newest mark over its key.
    pub mark: Turn,
    /// How far its credential is believed in.
    pub authority: Authority,
}

/// Decides. `missing` is why there would be nothing to reuse: nothing under the key, or nothing
/// that matches this request.
pub fn plan(
    asked: &RequestDirectives,
    stored: Option<Sight<'_>>,
    missing: ForwardReason,
    now: Timestamp,
) -> Plan {
    let forward = |reason| match asked.max_age {
        Some(Duration::ZERO) => Plan::ForwardAnew(reason),
        _ => Plan::Forward(reason),
    };
    let plan = match stored.filter(Sight::is_there) {
        _ if asked.no_store => Plan::ForwardAlone(ForwardReason::Request),
        _ if asked.no_cache => Plan::ForwardAnew(ForwardReason::Request),
        None => forward(missing),
        Some(stored) => of_stored(asked, stored, now).unwrap_or_else(forward),
    };
    match plan {
        // The background is upstream too.
        Plan::Reuse(_) if asked.only_if_cached => Plan::Reuse(Besides::Nothing),
        Plan::Reuse(_) => plan,
        _ if asked.only_if_cached => Plan::Refuse,
        _ => plan,
    }
}

fn of_stored(
    asked: &RequestDirectives,
    stored: Sight<'_>,
    now: Timestamp,
) -> Result<Plan, ForwardReason> {
    let facts = stored.facts;
    if !facts.is_authorised(now) || facts.always_validate {
        return Err(ForwardReason::Stale);
    }
    let besides = match facts.is_fresh(now) {
        true if is_fresh_enough(asked, facts, now) => Besides::Nothing,
        true => return Err(ForwardReason::Request),
        false => stale_use(asked, facts, now).ok_or(ForwardReason::Stale)?,
    };
    Ok(match (stored.authority, besides) {
        (Authority::Holds, _) | (Authority::Due, Besides::Validate) => Plan::Reuse(besides),
        (Authority::Due, _) => Plan::Reuse(Besides::Prove),
        (Authority::Grace | Authority::Ended | Authority::Unproved, _) => Plan::Prove,
    })
}

/// Sections 5.2.1.1 and 5.2.1.3.
fn is_fresh_enough(asked: &RequestDirectives, facts: &Facts, now: Timestamp) -> bool {
    let age = facts.current_age(now);
    is_young_enough(asked, age)
        && asked.min_fresh.is_none_or(|left| facts.lifetime.saturating_sub(age) >= left)
}

/// Section 5.2.1.1; what is no second old is too old for `max-age=0`.
fn is_young_enough(asked: &RequestDirectives, age: Duration) -> bool {
    asked.max_age.is_none_or(|limit| age <= limit && !limit.is_zero())
}

/// Section 4.2.4: whether a stale response may be given out, and what is done besides. A client
/// that says how fresh it wants it, and not how stale it may be, is not given one.
fn stale_use(asked: &RequestDirectives, facts: &Facts, now: Timestamp) -> Option<Besides> {
    let Staleness::Allowed { while_revalidate, at_most, .. } = facts.stale else { return None };
    let staleness = facts.staleness(now);
    if !accepts_stale(asked, facts, now) {
        return None;
    }
    if staleness < while_revalidate {
        return Some(Besides::Validate);
    }
    // Section 5.2.1.2: only the client's own word reaches further.
    (asked.max_stale.is_some() && staleness <= at_most).then_some(Besides::Nothing)
}

/// Whether the client's word leaves room for a stale response.
fn accepts_stale(asked: &RequestDirectives, facts: &Facts, now: Timestamp) -> bool {
    let young = is_young_enough(asked, facts.current_age(now));
    match asked.max_stale {
        Some(limit) => young && asked.min_fresh.is_none() && facts.staleness(now) <= limit,
        None => asked.max_age.is_none() && asked.min_fresh.is_none(),
    }
}

/// Why a stored response may stand in for a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StandIn {
    /// It is stale, and so short a time that it may (RFC 5861 section 4).
    StaleIfError,
    /// It is fresh; its credential's lease has lapsed and could not be renewed.
    Lease,
    /// It is fresh: another forward has brought it since the request came.
    StoredSince,
}

impl StandIn {
    /// The word for `Cache-Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaleIfError => "stale-if-error",
            Self::Lease => "lease",
            Self::StoredSince => "stored-since",
        }
    }
}

/// Whether a stored response may stand in for a failure of the upstream. Not for a client that
/// asked for an answer from there, nor for one that wants it fresher than it is.
pub fn stand_in(asked: &RequestDirectives, stored: Sight<'_>, now: Timestamp) -> Option<StandIn> {
    let facts = stored.facts;
    let lapsed = matches!(stored.authority, Authority::Ended | Authority::Unproved);
    let believed = !lapsed && facts.is_authorised(now);
    if !stored.is_there() || !believed || facts.always_validate || asked.no_cache || asked.no_store
    {
        return None;
    }
    if facts.is_fresh(now) {
        let why = match stored.authority {
            Authority::Holds | Authority::Due => StandIn::StoredSince,
            Authority::Grace | Authority::Ended | Authority::Unproved => StandIn::Lease,
        };
        return is_fresh_enough(asked, facts, now).then_some(why);
    }
    let Staleness::Allowed { if_error, at_most, .. } = facts.stale else { return None };
    let staleness = facts.staleness(now);
    let near = staleness < if_error || (asked.max_stale.is_some() && staleness <= at_most);
    (near && accepts_stale(asked, facts, now)).then_some(StandIn::StaleIfError)
}

impl Sight<'_> {
    /// A response asked for before the mark may show the state from before it: it is not there.
    fn is_there(&self) -> bool {
        !self.asked.is_covered_by(self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::freshness::Source;
    use http::HeaderMap;
    use http::HeaderValue;
    use http::header::CACHE_CONTROL;
    use proptest::option;
    use proptest::prelude::*;

    const STORED: Timestamp = Timestamp::from_secs(1_000);
    const ASKED: Turn = Turn::new(5);
    const EARLIER: Turn = Turn::new(4);
    const WINDOWS: Staleness = Staleness::Allowed {
        while_revalidate: Duration::from_secs(30),
        if_error: Duration::from_mins(10),
        at_most: Duration::from_hours(1),
    };
    /// Fresh for a minute, then of use for half a minute more, or for ten minutes in an outage.
    const FACTS: Facts = Facts {
        asked_at: STORED,
        received_at: STORED,
        initial_age: Duration::ZERO,
        lifetime: Duration::from_mins(1),
        authority_ends: None,
        stale: WINDOWS,
        always_validate: false,
        negative: false,
        source: Source::Open,
    };
    const UNPROVED: [Authority; 3] = [Authority::Grace, Authority::Ended, Authority::Unproved];

    const HIT: Plan = Plan::Reuse(Besides::Nothing);
    const STALE_HIT: Plan = Plan::Reuse(Besides::Validate);
    const STALE: Plan = Plan::Forward(ForwardReason::Stale);
    const REQUEST: Plan = Plan::Forward(ForwardReason::Request);
    const MISS: Plan = Plan::Forward(ForwardReason::VaryMiss);
    const ANEW: Plan = Plan::ForwardAnew(ForwardReason::Request);
    const ALONE: Plan = Plan::ForwardAlone(ForwardReason::Request);
    const REFUSE: Plan = Plan::Refuse;

    fn after(secs: u64) -> Timestamp {
        STORED.after(Duration::from_secs(secs))
    }

    fn ends(secs: u64) -> Facts {
        Facts { authority_ends: Some(after(secs)), ..FACTS }
    }

    fn asking(directives: &'static str) -> RequestDirectives {
        let line = HeaderValue::from_static(directives);
        RequestDirectives::read(&HeaderMap::from_iter([(CACHE_CONTROL, line)]))
    }

    fn sight(facts: &Facts, authority: Authority) -> Sight<'_> {
        Sight { facts, asked: ASKED, mark: EARLIER, authority }
    }

    fn planned(asked: &'static str, stored: Sight<'_>, secs: u64) -> Plan {
        plan(&asking(asked), Some(stored), ForwardReason::VaryMiss, after(secs))
    }

    #[test]
    fn age_and_authority_decide_where_the_client_says_nothing() {
        const PROBED: Plan = Plan::Reuse(Besides::Prove);
        // age, what to do while the credential holds, is due, is not believed in
        let rows = [
            (0, HIT, PROBED, Plan::Prove),
            (59, HIT, PROBED, Plan::Prove),
            (60, STALE_HIT, STALE_HIT, Plan::Prove),
            (89, STALE_HIT, STALE_HIT, Plan::Prove),
            (90, STALE, STALE, STALE),
            (u64::MAX, STALE, STALE, STALE),
        ];
        for (secs, holds, due, lapsed) in rows {
            let found = |authority| planned("", sight(&FACTS, authority), secs);
            assert_eq!(found(Authority::Holds), holds, "{secs}");
            assert_eq!(found(Authority::Due), due, "{secs}");
            assert_eq!(UNPROVED.map(found), [lapsed; 3], "{secs}");
        }
    }

    #[test]
    fn what_the_client_says_is_heeded() {
        const MISS_ANEW: Plan = Plan::ForwardAnew(ForwardReason::VaryMiss);
        const STALE_ANEW: Plan = Plan::ForwardAnew(ForwardReason::Stale);
        // directives; what to do with nothing stored, at an age of 10 s (fresh), 70 s (stale, but
        // not too stale to be reused while it is validated), 1000 s
        let rows = [
            ("", [MISS, HIT, STALE_HIT, STALE]),
            ("no-store", [ALONE, ALONE, ALONE, ALONE]),
            ("no-store, no-cache, max-age=0", [ALONE, ALONE, ALONE, ALONE]),
            ("no-cache", [ANEW, ANEW, ANEW, ANEW]),
            ("no-cache, max-stale", [ANEW, ANEW, ANEW, ANEW]),
            ("max-age=0", [MISS_ANEW, ANEW, STALE_ANEW, STALE_ANEW]),
            ("max-age=0, max-stale", [MISS_ANEW, ANEW, STALE_ANEW, STALE_ANEW]),
            ("max-age=9", [MISS, REQUEST, STALE, STALE]),
            ("max-age=10", [MISS, HIT, STALE, STALE]),
            ("max-age=5000", [MISS, HIT, STALE, STALE]),
            ("max-age=69, max-stale", [MISS, HIT, STALE, STALE]),
            ("max-age=70, max-stale", [MISS, HIT, STALE_HIT, STALE]),
            ("max-age=1000, max-stale", [MISS, HIT, STALE_HIT, HIT]),
            ("min-fresh=0", [MISS, HIT, STALE, STALE]),
            ("min-fresh=50", [MISS, HIT, STALE, STALE]),
            ("min-fresh=51", [MISS, REQUEST, STALE, STALE]),
            ("min-fresh=1, max-stale", [MISS, HIT, STALE, STALE]),
            ("max-stale", [MISS, HIT, STALE_HIT, HIT]),
            ("max-stale=0", [MISS, HIT, STALE, STALE]),
            ("max-stale=9", [MISS, HIT, STALE, STALE]),
            ("max-stale=10", [MISS, HIT, STALE_HIT, STALE]),
            ("max-stale=939", [MISS, HIT, STALE_HIT, STALE]),
            ("max-stale=940", [MISS, HIT, STALE_HIT, HIT]),
            ("only-if-cached", [REFUSE, HIT, HIT, REFUSE]),
            ("only-if-cached, max-stale", [REFUSE, HIT, HIT, HIT]),
            ("only-if-cached, max-age=9", [REFUSE, REFUSE, REFUSE, REFUSE]),
            ("only-if-cached, no-cache", [REFUSE, REFUSE, REFUSE, REFUSE]),
            ("only-if-cached, no-store", [REFUSE, REFUSE, REFUSE, REFUSE]),
        ];
        for (directives, [missing, fresh, soon, late]) in rows {
            let found = |secs| planned(directives, sight(&FACTS, Authority::Holds), secs);
            let without = plan(&asking(directives), None, ForwardReason::VaryMiss, STORED);
            assert_eq!(without, missing, "{directives}: nothing stored");
            assert_eq!([found(10), found(70), found(1_000)], [fresh, soon, late], "{directives}");
        }
    }

    #[test]
    fn what_the_response_says_is_heeded() {
        let windowless = |at_most| {
            let (while_revalidate, if_error) = (Duration::ZERO, Duration::ZERO);
            let at_most = Duration::from_secs(at_most);
            Facts { stale: Staleness::Allowed { while_revalidate, if_error, at_most }, ..FACTS }
        };
        let old = Facts { initial_age: Duration::from_secs(50), ..FACTS };
        // facts, what a client with `max-stale` gets after 10 s, 70 s, 100 s
        let rows = [
            (Facts { stale: Staleness::Forbidden, ..FACTS }, [HIT, STALE, STALE]),
            (windowless(40), [HIT, HIT, HIT]),
            (windowless(39), [HIT, HIT, STALE]),
            (Facts { always_validate: true, ..FACTS }, [STALE, STALE, STALE]),
            (Facts { lifetime: Duration::ZERO, ..FACTS }, [STALE_HIT, HIT, HIT]),
            (old, [STALE_HIT, HIT, HIT]),
            (ends(10), [STALE, STALE, STALE]),
            (ends(11), [HIT, STALE, STALE]),
            (ends(101), [HIT, STALE_HIT, HIT]),
        ];
        for (facts, expected) in rows {
            let found = |secs| planned("max-stale", sight(&facts, Authority::Holds), secs);
            assert_eq!([10, 70, 100].map(found), expected, "{facts:?}");
        }
    }

    #[test]
    fn who_says_max_age_0_is_given_nothing_not_even_what_has_just_arrived() {
        for facts in [FACTS, Facts { lifetime: Duration::ZERO, ..FACTS }] {
            let stored = sight(&facts, Authority::Holds);
            let found = planned("max-age=0, max-stale", stored, 0);
            assert!(matches!(found, Plan::ForwardAnew(_)), "{facts:?}");
            assert_eq!(stand_in(&asking("max-age=0, max-stale"), stored, STORED), None);
        }
    }

    #[test]
    fn what_a_mark_covers_is_not_there() {
        for (mark, expected) in [(EARLIER, HIT), (ASKED, MISS), (Turn::new(6), MISS)] {
            let stored = Sight { facts: &FACTS, asked: ASKED, mark, authority: Authority::Holds };
            assert_eq!(planned("", stored, 10), expected, "{mark:?}");
            let covered = expected == MISS;
            assert_eq!(stand_in(&asking(""), stored, after(10)).is_none(), covered, "{mark:?}");
        }
    }

    #[test]
    fn who_wants_nothing_asked_has_nothing_asked_in_the_background_either() {
        let rows =
            [(10, Authority::Due, HIT), (70, Authority::Due, HIT), (70, Authority::Holds, HIT)];
        for (secs, authority, expected) in rows {
            let found = planned("only-if-cached", sight(&FACTS, authority), secs);
            assert_eq!(found, expected, "{secs} {authority:?}");
        }
        for authority in UNPROVED {
            let found = planned("only-if-cached", sight(&FACTS, authority), 10);
            assert_eq!(found, REFUSE, "{authority:?}");
        }
    }

    #[test]
    fn what_may_stand_in_for_a_failure() {
        const LEASE: Option<StandIn> = Some(StandIn::Lease);
        const ERROR: Option<StandIn> = Some(StandIn::StaleIfError);
        const SINCE: Option<StandIn> = Some(StandIn::StoredSince);
        let forbidden = Facts { stale: Staleness::Forbidden, ..FACTS };
        let not_found = Facts { negative: true, ..forbidden };
        let validated = Facts { always_validate: true, ..FACTS };
        // directives, facts, what may at an age of 10 s, 70 s, 659 s, 660 s
        let rows = [
            ("", FACTS, [LEASE, ERROR, ERROR, None]),
            ("no-cache", FACTS, [None; 4]),
            ("no-store", FACTS, [None; 4]),
            ("max-age=0", FACTS, [None; 4]),
            ("max-age=0, max-stale", FACTS, [None; 4]),
            ("max-age=9", FACTS, [None; 4]),
            ("max-age=10", FACTS, [LEASE, None, None, None]),
            ("max-age=70, max-stale", FACTS, [LEASE, ERROR, None, None]),
            ("min-fresh=50", FACTS, [LEASE, None, None, None]),
            ("min-fresh=51", FACTS, [None; 4]),
            ("max-stale", FACTS, [LEASE, ERROR, ERROR, ERROR]),
            ("max-stale=600", FACTS, [LEASE, ERROR, ERROR, ERROR]),
            ("max-stale=599", FACTS, [LEASE, ERROR, ERROR, None]),
            ("max-stale=10", FACTS, [LEASE, ERROR, None, None]),
            ("", forbidden, [LEASE, None, None, None]),
            ("max-stale", not_found, [LEASE, None, None, None]),
            ("", validated, [None; 4]),
            ("", ends(10), [None; 4]),
            ("", ends(71), [LEASE, ERROR, None, None]),
        ];
        for (directives, facts, expected) in rows {
            let found = |authority, secs| {
                stand_in(&asking(directives), sight(&facts, authority), after(secs))
            };
            let ages = [10, 70, 659, 660];
            let message = format!("{directives} {facts:?}");
            assert_eq!(ages.map(|secs| found(Authority::Grace, secs)), expected, "{message}");
            let since = expected.map(|why| if why == LEASE { SINCE } else { why });
            assert_eq!(ages.map(|secs| found(Authority::Holds, secs)), since, "{message}");
            assert_eq!(ages.map(|secs| found(Authority::Ended, secs)), [None; 4], "{message}");
            assert_eq!(ages.map(|secs| found(Authority::Unproved, secs)), [None; 4], "{message}");
        }
    }

    /// Any request for which something is stored.
    #[derive(Clone, Debug)]
    struct Case {
        asked: RequestDirectives,
        facts: Facts,
        turn: Turn,
        mark: Turn,
        authority: Authority,
        now: Timestamp,
    }

    impl Case {
        fn sight(&self) -> Sight<'_> {
            let Self { ref facts, turn: asked, mark, authority, .. } = *self;
            Sight { facts, asked, mark, authority }
        }

        fn plan(&self) -> Plan {
            plan(&self.asked, Some(self.sight()), ForwardReason::UriMiss, self.now)
        }

        fn stand_in(&self) -> Option<StandIn> {
            stand_in(&self.asked, self.sight(), self.now)
        }

        /// Whether it would be given out, if only its credential were known to be good.
        fn is_of_use(&self) -> bool {
            matches!(self.plan(), Plan::Reuse(_) | Plan::Prove)
        }

        fn is_given_out(&self) -> bool {
            self.is_of_use() || self.stand_in().is_some()
        }
    }

    fn spans() -> impl Strategy<Value = Duration> {
        let short = (0_u64..100).prop_map(Duration::from_secs);
        prop_oneof![9 => short, 1 => Just(Duration::MAX)]
    }

    fn moments() -> impl Strategy<Value = Timestamp> {
        (0_u64..300).prop_map(Timestamp::from_secs)
    }

    /// Directives of which each is there now and then.
    fn directives() -> impl Strategy<Value = RequestDirectives> {
        let said = || proptest::bool::weighted(0.1);
        let limit = || option::weighted(0.3, spans());
        (said(), said(), said(), limit(), limit(), limit()).prop_map(
            |(no_store, no_cache, only_if_cached, max_age, min_fresh, max_stale)| {
                RequestDirectives {
                    no_store,
                    no_cache,
                    only_if_cached,
                    max_age,
                    min_fresh,
                    max_stale,
                }
            },
        )
    }

    fn stalenesses() -> impl Strategy<Value = Staleness> {
        let windows = (spans(), spans(), spans());
        let allowed = windows.prop_map(|(while_revalidate, if_error, at_most)| {
            Staleness::Allowed { while_revalidate, if_error, at_most }
        });
        prop_oneof![1 => Just(Staleness::Forbidden), 3 => allowed]
    }

    fn any_facts() -> impl Strategy<Value = Facts> {
        let ends = option::weighted(0.2, moments());
        let validated = proptest::bool::weighted(0.1);
        (moments(), spans(), spans(), ends, stalenesses(), validated).prop_map(
            |(received_at, initial_age, lifetime, authority_ends, stale, always_validate)| Facts {
                received_at,
                initial_age,
                lifetime,
                authority_ends,
                stale,
                always_validate,
                ..FACTS
            },
        )
    }

    fn cases() -> impl Strategy<Value = Case> {
        let [grace, ended, unproved] = UNPROVED;
        let authorities = vec![Authority::Holds, Authority::Due, grace, ended, unproved];
        let authorities = proptest::sample::select(authorities);
        (directives(), any_facts(), 4_u64..9, 0_u64..6, authorities, moments()).prop_map(
            |(asked, facts, turn, mark, authority, now)| {
                let (turn, mark) = (Turn::new(turn), Turn::new(mark));
                Case { asked, facts, turn, mark, authority, now }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn nothing_asked_for_before_a_mark_is_given_out(case in cases()) {
            prop_assert!(case.mark < case.turn || !case.is_given_out());
        }

        #[test]
        fn what_must_not_be_stale_never_is(case in cases()) {
            let forbidden = case.facts.stale == Staleness::Forbidden;
            prop_assert!(!forbidden || case.facts.is_fresh(case.now) || !case.is_given_out());
        }

        #[test]
        fn what_is_always_validated_or_outlives_its_credential_is_not_given_out(case in cases()) {
            let excluded = case.facts.always_validate || !case.facts.is_authorised(case.now);
            prop_assert!(!excluded || !case.is_given_out());
        }

        #[test]
        fn who_wants_nothing_asked_causes_nothing_to_be_asked(mut case in cases()) {
            case.asked.only_if_cached = true;
            prop_assert!(matches!(case.plan(), HIT | REFUSE));
        }

        #[test]
        fn only_who_wants_nothing_asked_is_refused(mut case in cases()) {
            case.asked.only_if_cached = false;
            prop_assert_ne!(case.plan(), REFUSE);
        }

        #[test]
        fn a_lapsed_credential_is_given_nothing_without_a_proof(case in cases()) {
            let lapsed = UNPROVED.contains(&case.authority);
            prop_assert!(!lapsed || !matches!(case.plan(), Plan::Reuse(_)));
            let ended = lapsed && case.authority != Authority::Grace;
            prop_assert!(!ended || case.stand_in().is_none());
        }

        #[test]
        fn the_clients_limits_are_kept(case in cases()) {
            if !case.is_given_out() {
                return Ok(());
            }
            let (asked, facts) = (case.asked, case.facts);
            let (age, staleness) = (facts.current_age(case.now), facts.staleness(case.now));
            let left = facts.lifetime.saturating_sub(age);
            prop_assert!(asked.max_age.is_none_or(|limit| age <= limit && !limit.is_zero()));
            prop_assert!(asked.min_fresh.is_none_or(|wanted| left >= wanted));
            prop_assert!(asked.max_stale.is_none_or(|limit| staleness <= limit));
            prop_assert!(!asked.no_cache && !asked.no_store);
            let limited = asked.max_age.or(asked.min_fresh).is_some() && asked.max_stale.is_none();
            prop_assert!(!limited || facts.is_fresh(case.now));
        }

        #[test]
        fn no_stale_response_is_given_out_past_its_windows(case in cases()) {
            let Staleness::Allowed { while_revalidate, if_error, at_most } = case.facts.stale else {
                return Ok(());
            };
            let staleness = case.facts.staleness(case.now);
            let asked_for = case.asked.max_stale.is_some() && staleness <= at_most;
            let fresh = case.facts.is_fresh(case.now);
            let near = fresh || staleness < while_revalidate || asked_for;
            prop_assert!(near || !case.is_of_use());
            let near = fresh || staleness < if_error || asked_for;
            prop_assert!(near || case.stand_in().is_none());
        }

        #[test]
        fn only_what_is_stale_is_given_out_as_stale(case in cases()) {
            let fresh = case.facts.is_fresh(case.now);
            prop_assert!(!fresh || case.plan() != STALE_HIT);
            prop_assert!(fresh || case.stand_in() != Some(StandIn::Lease));
            prop_assert!(!fresh || case.stand_in() != Some(StandIn::StaleIfError));
        }

        #[test]
        fn time_makes_nothing_of_use_again(case in cases(), later in spans()) {
            let later = Case { now: case.now.after(later), ..case.clone() };
            prop_assert!(case.is_given_out() || !later.is_given_out());
        }

        #[test]
        fn a_better_authority_takes_nothing_away(case in cases()) {
            let holding = Case { authority: Authority::Holds, ..case.clone() };
            prop_assert!(!case.is_of_use() || matches!(holding.plan(), Plan::Reuse(_)));
            prop_assert!(case.stand_in().is_none() || holding.stand_in().is_some());
        }
    }
}
