//! Malformed values and the functions that read them: nothing panics, and a value more never
//! allows what was not allowed before. What comes of it in a whole gateway: `malformed`.

use crate::support::malformed::Lines;
use crate::support::malformed::OF_ANSWERS;
use crate::support::malformed::OF_REQUESTS;
use crate::support::malformed::has_bare;
use crate::support::malformed::has_word;
use crate::support::malformed::lines;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::header::DATE;
use http::header::EXPIRES;
use http::header::IF_MODIFIED_SINCE;
use http::header::LAST_MODIFIED;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;
use verifik_gateway::base::time::Moment;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::fields::cache_control::Named;
use verifik_gateway::fields::cache_control::RequestDirectives;
use verifik_gateway::fields::cache_control::ResponseDirectives;
use verifik_gateway::fields::date::Dated;
use verifik_gateway::fields::validation;
use verifik_gateway::fields::vary::Vary;
use verifik_gateway::policy::freshen;
use verifik_gateway::policy::freshness;
use verifik_gateway::policy::freshness::Facts;
use verifik_gateway::policy::freshness::Journey;
use verifik_gateway::policy::freshness::Lifetimes;
use verifik_gateway::policy::freshness::Staleness;
use verifik_gateway::policy::freshness::Timed;
use verifik_gateway::policy::portion::Portion;
use verifik_gateway::policy::portion::portion;
use verifik_gateway::policy::privacy::Privacy;

const BODY: &[u8] = b"0123456789";

/// The lines that can be fields at all, those of `before` first.
fn fields(before: &Lines, after: &Lines) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in before.0.iter().chain(&after.0) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            fields.append(HeaderName::from_static(name), value);
        }
    }
    fields
}

/// The longest that anything lives: every duration alike.
const LONGEST: Duration = Duration::from_hours(1);

/// The facts of an answer that came at once.
fn facts(fields: &HeaderMap, privacy: Privacy, wall: u64) -> Facts {
    let (now, wall) = (Timestamp::from_secs(1_000), WallTime::from_secs(wall));
    let journey = Journey { asked_at: now, received: Moment { now, wall } };
    let timed = Timed { meaning: None, status: StatusCode::OK, fields, journey, privacy };
    let lifetimes = Lifetimes {
        open: LONGEST,
        settled: LONGEST,
        not_found: LONGEST,
        max: LONGEST,
        while_revalidate: LONGEST,
        if_error: LONGEST,
    };
    freshness::facts(&timed, &ResponseDirectives::read(fields), None, &lifetimes, 0.5)
}

fn privacy() -> impl Strategy<Value = Privacy> {
    prop_oneof![Just(Privacy::Shared), Just(Privacy::Private)]
}

/// Directives and what may go wrong between them.
fn jumbled() -> impl Strategy<Value = String> {
    const PIECES: [&str; 18] = [
        "no-store",
        "No-Cache",
        "private",
        "max-age=60",
        "x",
        "=",
        ",",
        ", ",
        ";",
        " ",
        "\"",
        "\"",
        "\\",
        "\\\"",
        "*",
        "\t",
        "\u{e9}",
        "x=\"y\"",
    ];
    vec(select(PIECES.to_vec()), 0..9).prop_map(|pieces| pieces.concat())
}

/// Whether one duration is as strict as another: there and no longer.
fn is_no_longer(one: Option<Duration>, than: Option<Duration>) -> bool {
    than.is_none_or(|than| one.is_some_and(|one| one <= than))
}

proptest! {
    #[test]
    fn no_answer_lives_longer_than_the_settings_allow(
        told in lines(OF_ANSWERS),
        privacy in privacy(),
        wall in prop_oneof![Just(1_800_000_000), any::<u64>()],
        later in any::<u64>(),
    ) {
        let fields = fields(&Lines::default(), &told);
        let (facts, later) = (facts(&fields, privacy, wall), Timestamp::from_secs(later));
        prop_assert!(facts.lifetime <= LONGEST);
        prop_assert!(facts.current_age(later) >= facts.initial_age);
        prop_assert_eq!(facts.is_fresh(later), facts.current_age(later) < facts.lifetime);
        if let Staleness::Allowed { while_revalidate, if_error, at_most } = facts.stale {
            prop_assert!(while_revalidate.max(if_error).max(at_most) <= LONGEST);
        }
    }

    #[test]
    fn a_field_that_should_hold_one_date_holds_none_where_it_stands_twice(
        told in lines(OF_ANSWERS),
        asked in lines(OF_REQUESTS),
    ) {
        let fields = fields(&told, &asked);
        for name in [DATE, EXPIRES, LAST_MODIFIED, IF_MODIFIED_SINCE] {
            let found = Dated::read(&fields, &name);
            match fields.get_all(&name).iter().count() {
                0 => prop_assert_eq!(found, Dated::Absent, "{}", name),
                1 => prop_assert_ne!(found, Dated::Absent, "{}", name),
                _ => prop_assert_eq!(found, Dated::Invalid, "{}", name),
            }
        }
    }

    #[test]
    fn nothing_that_forbids_hides_behind_what_is_malformed(lines in vec(jumbled(), 0..3)) {
        let mut fields = HeaderMap::new();
        for line in &lines {
            fields.append(CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let value = lines.join(", ").into_bytes();
        let said = ResponseDirectives::read(&fields);
        let asked = RequestDirectives::read(&fields);
        prop_assert!(said.no_store || !has_word(&value, "no-store"));
        prop_assert!(asked.no_store || !has_word(&value, "no-store"));
        prop_assert!(asked.no_cache || !has_word(&value, "no-cache"));
        prop_assert!(said.no_cache == Named::Whole || !has_bare(&value, "no-cache"));
        prop_assert!(said.private == Named::Whole || !has_bare(&value, "private"));
    }

    #[test]
    fn another_line_of_an_answer_allows_nothing_more(
        one in lines(OF_ANSWERS),
        other in lines(OF_ANSWERS),
    ) {
        let both = ResponseDirectives::read(&fields(&one, &other));
        for alone in [&one, &other].map(|alone| fields(&Lines::default(), alone)) {
            let alone = ResponseDirectives::read(&alone);
            prop_assert!(both.no_store || !alone.no_store);
            prop_assert!(both.must_revalidate || !alone.must_revalidate);
            prop_assert!(both.proxy_revalidate || !alone.proxy_revalidate);
            prop_assert!(both.no_cache == Named::Whole || alone.no_cache != Named::Whole);
            prop_assert!(both.private == Named::Whole || alone.private != Named::Whole);
            prop_assert!(both.no_cache != Named::Absent || alone.no_cache == Named::Absent);
            prop_assert!(is_no_longer(both.max_age, alone.max_age));
            prop_assert!(is_no_longer(both.s_maxage, alone.s_maxage));
            prop_assert!(is_no_longer(both.stale_while_revalidate, alone.stale_while_revalidate));
            prop_assert!(is_no_longer(both.stale_if_error, alone.stale_if_error));
        }
    }

    #[test]
    fn another_line_of_a_request_allows_nothing_more(
        one in lines(OF_REQUESTS),
        other in lines(OF_REQUESTS),
    ) {
        let both = fields(&one, &other);
        let (read, governed) = (RequestDirectives::read(&both), both.contains_key(CACHE_CONTROL));
        for alone in [&one, &other].map(|alone| fields(&Lines::default(), alone)) {
            if governed != alone.contains_key(CACHE_CONTROL) {
                continue; // `Pragma` counts only where there is no `Cache-Control`.
            }
            let alone = RequestDirectives::read(&alone);
            prop_assert!(read.no_store || !alone.no_store);
            prop_assert!(read.no_cache || !alone.no_cache);
            prop_assert!(is_no_longer(read.max_age, alone.max_age));
            prop_assert!(is_no_longer(read.max_stale, alone.max_stale));
            prop_assert!(read.min_fresh >= alone.min_fresh);
        }
    }

    #[test]
    fn another_line_of_vary_makes_no_two_requests_alike(
        one in lines(OF_ANSWERS),
        other in lines(OF_ANSWERS),
    ) {
        let names = |vary| match vary {
            Vary::Nothing => Some(Vec::new()),
            Vary::Fields(names) => Some(names),
            Vary::Everything => None,
        };
        let both = names(Vary::read(&fields(&one, &other)));
        for alone in [&one, &other] {
            let alone = names(Vary::read(&fields(&Lines::default(), alone)));
            let covers = |both: &Vec<_>| {
                alone.as_ref().is_some_and(|alone| alone.iter().all(|name| both.contains(name)))
            };
            prop_assert!(both.as_ref().is_none_or(covers), "{both:?} {alone:?}");
        }
    }

    #[test]
    fn the_upstream_is_asked_with_nothing_but_what_it_said(
        told in lines(OF_ANSWERS),
        newer in lines(OF_ANSWERS),
    ) {
        let (stored, newer) = (fields(&told, &Lines::default()), fields(&newer, &Lines::default()));
        for (_, value) in validation::conditions(&stored, false) {
            prop_assert!(stored.values().any(|known| *known == value), "{value:?}");
        }
        if validation::agrees(&stored, false, &newer) {
            let freshened = freshen::freshened(stored.clone(), &newer);
            prop_assert_eq!(freshened.get("etag"), stored.get("etag"));
            prop_assert_eq!(freshened.get("content-range"), stored.get("content-range"));
        }
        let same = validation::head_agrees(&stored, false, 10, &stored);
        let tagged = validation::conditions(&stored, false).len();
        let given = usize::from(stored.contains_key("etag")) + usize::from(stored.contains_key("last-modified"));
        prop_assert_eq!(same, tagged == given, "only what is valid agrees with itself");
    }

    #[test]
    fn a_portion_is_what_it_says(told in lines(OF_ANSWERS), asked in lines(OF_REQUESTS)) {
        let stored = fields(&told, &Lines::default());
        let asked = fields(&asked, &Lines::default());
        let found = portion(&Method::GET, StatusCode::OK, &asked, &stored, 10);
        let ranges = found.fields(stored.clone(), 10).get_all("content-range").iter().count();
        let content = found.content(Bytes::from_static(BODY));
        match found {
            Portion::Whole => prop_assert_eq!(content, BODY),
            Portion::NotModified => prop_assert_eq!((content.len(), ranges), (0, 0)),
            Portion::Unsatisfiable => prop_assert_eq!((content.len(), ranges), (0, 1)),
            Portion::Part(span) => {
                let (first, last) = (span.first().try_into().unwrap(), span.last().try_into());
                prop_assert_eq!((&*content, ranges), (&BODY[first..=last.unwrap()], 1));
            }
        }
    }
}
