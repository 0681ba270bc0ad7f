//! How long a stored response answers.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::upstream::Say;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use verifik_gateway::settings::model::Settings;

/// A house that gives out nothing stale, and whose leases outlast every lifetime.
fn strict_house() -> House {
    House::with(|settings| {
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
        settings.lifetimes.lease = Duration::from_hours(2);
    })
}

#[tokio::test(start_paused = true)]
async fn a_ticket_stays_fresh_according_to_its_status() {
    let rows = [
        ("open", 15),
        ("pending", 15),
        ("in_progress", 15),
        ("progress", 15),
        ("never-heard-of", 15),
        ("Closed", 15),
        ("resolved", 600),
        ("closed", 600),
        ("cancelled", 600),
    ];
    for (status, lifetime) in rows {
        let house = strict_house();
        house.upstream.always(Say::ticket("t1", status, &[]));
        house.ticket("t1", ANN).await;
        let certain = lifetime * 9 / 10; // a lifetime of our own is shortened by up to a tenth
        pass(certain).await;
        assert!(house.ticket("t1", ANN).await.is_hit(), "{status}");
        pass(lifetime - certain).await;
        let stale = house.ticket("t1", ANN).await;
        assert!(stale.cache().contains("fwd=stale; fwd-status=200; stored"), "{}", stale.cache());
        assert_eq!(house.upstream.count(), 2, "{status}");
    }
}

fn ttl(hit: &Reply) -> u64 {
    let cache = hit.cache();
    let ttl = cache.split("ttl=").nth(1).and_then(|rest| rest.split(';').next());
    ttl.expect("a hit says how long it stays fresh").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_batch_does_not_go_stale_all_at_once() {
    let house = House::new();
    let mut lifetimes = BTreeSet::new();
    for id in 0..100 {
        let id = format!("t{id}");
        house.upstream.always(Say::ticket(&id, "closed", &[]));
        house.ticket(&id, ANN).await;
        lifetimes.insert(ttl(&house.ticket(&id, ANN).await));
    }
    assert!(lifetimes.iter().all(|lifetime| (540..=600).contains(lifetime)), "{lifetimes:?}");
    assert!(lifetimes.len() > 30, "{lifetimes:?}");
}

/// How an answer with `fields` stays fresh: a hit `until` a second, none from the next on.
async fn stays_fresh(say: Say, until: u64, what: &str) {
    let house = strict_house();
    house.upstream.always(say);
    house.ticket("t1", ANN).await;
    pass(until).await;
    assert!(house.ticket("t1", ANN).await.is_hit(), "{what} after {until} s");
    pass(1).await;
    assert!(!house.ticket("t1", ANN).await.is_hit(), "{what} after {until} s and one");
    assert_eq!(house.upstream.count(), 2, "{what}");
}

/// A date as HTTP writes it, so many seconds after the start.
fn date(after: i64) -> String {
    let date = UNIX_EPOCH + Duration::from_secs(WALL_AT_START.saturating_add_signed(after));
    httpdate::fmt_http_date(date)
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_own_lifetime_holds_to_the_second_up_to_the_longest_allowed() {
    let (soon, past, later) = (date(60), date(-40), date(20));
    let rows: &[(&[(&'static str, &str)], u64)] = &[
        (&[("cache-control", "max-age=60")], 60),
        (&[("cache-control", "private, max-age=60")], 60),
        (&[("cache-control", "s-maxage=5, max-age=60")], 60),
        (&[("cache-control", "MAX-AGE=\"60\"")], 60),
        (&[("cache-control", "max-age=60"), ("age", "50")], 10),
        (&[("cache-control", "max-age=60"), ("date", &past)], 20),
        (&[("cache-control", "max-age=60"), ("expires", "0")], 60),
        (&[("cache-control", "max-age=86400")], 3_600),
        (&[("expires", &soon)], 60),
        (&[("expires", &later), ("date", &past)], 20),
    ];
    for (fields, lifetime) in rows {
        let say = Say::ticket("t1", "closed", fields);
        stays_fresh(say, lifetime - 1, &format!("{fields:?}")).await;
    }
    let say = Say::ticket("t1", "open", &[("cache-control", "max-age=60")]);
    stays_fresh(say, 59, "an open ticket").await;
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_for_shared_caches_is_not_for_us() {
    for fields in [("cache-control", "s-maxage=3600"), ("cache-control", "public, s-maxage=0")] {
        let house = House::new();
        house.upstream.always(Say::ticket("t1", "open", &[fields]));
        house.ticket("t1", ANN).await;
        let hit = house.ticket("t1", ANN).await;
        assert!(hit.is_hit() && (13..=15).contains(&ttl(&hit)), "{fields:?}: {}", hit.cache());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_on_arrival_is_never_stored() {
    let past = date(-1);
    let rows: &[&[(&'static str, &str)]] = &[
        &[("cache-control", "max-age=0")],
        &[("cache-control", "max-age=soon")],
        &[("cache-control", "max-age=60"), ("age", "60")],
        &[("expires", "0")],
        &[("expires", &past)],
        &[("age", "15")],
    ];
    for fields in rows {
        let house = House::new();
        house.upstream.always(Say::ticket("t1", "open", fields));
        for asked in [1, 2] {
            let reply = house.ticket("t1", ANN).await;
            let expected = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=zero-lifetime";
            assert_eq!(reply.cache(), expected, "{fields:?}");
            assert_eq!(house.upstream.count(), asked, "{fields:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_to_be_validated_each_time_is_stored_if_it_can_be() {
    let house = House::new();
    let fields = [("cache-control", "max-age=60, no-cache"), ("etag", "\"a\"")];
    house.upstream.always(Say::ticket("t1", "open", &fields));
    for (asked, reason, known) in [(1, "uri-miss", None), (2, "stale", Some("\"a\""))] {
        let reply = house.ticket("t1", ANN).await;
        let expected = format!("verifik-gateway; fwd={reason}; fwd-status=200; stored");
        assert_eq!(reply.cache(), expected);
        assert_eq!(house.upstream.count(), asked);
        assert_eq!(house.upstream.last().field("if-none-match"), known);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_an_answer_took_counts_as_its_age() {
    let house = strict_house();
    house.upstream.always(Say::ticket("t1", "open", &[("cache-control", "max-age=20")]).after(8));
    house.ticket("t1", ANN).await;
    pass(4).await;
    assert_eq!(house.ticket("t1", ANN).await.field("age"), Some("12"));
    pass(8).await;
    assert!(!house.ticket("t1", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_not_found_is_remembered_for_a_short_while_whatever_the_upstream_says() {
    stays_fresh(not_found("max-age=3"), 2, "less than ours").await;
    stays_fresh(not_found("max-age=60"), 9, "more than ours").await;
    let house = House::new();
    house.upstream.always(Say::not_found());
    house.ticket("t1", ANN).await;
    pass(8).await;
    let hit = house.ticket("t1", ANN).await;
    assert_eq!((hit.status, hit.is_hit()), (404, true));
    assert!(hit.cache().ends_with("; detail=not-found"), "{}", hit.cache());
    pass(2).await;
    assert!(!house.ticket("t1", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), 2);
}

fn not_found(cache_control: &str) -> Say {
    let body = r#"{"code":"NotFound","message":"Support ticket not found"}"#;
    Say::json(404, body, &[("cache-control", cache_control)])
}

#[tokio::test(start_paused = true)]
async fn a_duration_of_zero_means_never() {
    const EXPLICIT: &[(&str, &str)] = &[("cache-control", "max-age=60")];
    let rows: &[(&str, fn(&mut Settings), Say)] = &[
        ("open", |s| s.lifetimes.open = Duration::ZERO, Say::ticket("t1", "open", &[])),
        ("settled", |s| s.lifetimes.settled = Duration::ZERO, Say::ticket("t1", "closed", &[])),
        ("not_found", |s| s.lifetimes.not_found = Duration::ZERO, Say::not_found()),
        ("not_found", |s| s.lifetimes.not_found = Duration::ZERO, not_found("max-age=60")),
        ("max", |s| s.lifetimes.max = Duration::ZERO, Say::ticket("t1", "open", EXPLICIT)),
    ];
    for (zero, settings, say) in rows {
        let house = House::with(settings);
        house.upstream.always(say.clone());
        for asked in [1, 2] {
            let reply = house.ticket("t1", ANN).await;
            assert!(reply.cache().ends_with("; detail=zero-lifetime"), "{zero}: {}", reply.cache());
            assert_eq!(house.upstream.count(), asked, "{zero}");
        }
    }
    let house = House::with(|settings| settings.lifetimes.open = Duration::ZERO);
    house.upstream.always(Say::ticket("t1", "open", EXPLICIT));
    house.ticket("t1", ANN).await;
    assert!(house.ticket("t1", ANN).await.is_hit(), "the upstream's own lifetime still holds");
}

#[tokio::test(start_paused = true)]
async fn without_memory_nothing_is_stored() {
    let house = House::with(|settings| settings.cache.memory = 0);
    for asked in [1, 2] {
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, house.upstream.count()), (200, asked));
        assert!(reply.cache().ends_with("; detail=no-room"), "{}", reply.cache());
    }
}

/// A token that says this about itself.
fn token(claims: &str) -> String {
    format!("Bearer eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reused_past_the_end_of_its_credential() {
    let end = WALL_AT_START + 5;
    let rows = [
        format!(r#"{{"expiresAt":{end}}}"#),
        format!(r#"{{"expiresAt":{end}000}}"#),
        format!(r#"{{"expiresAt":"{end}"}}"#),
        format!(r#"{{"exp":{end}}}"#),
        format!(r#"{{"exp":{end}000}}"#),
        format!(r#"{{"expiresAt":{end},"exp":{}}}"#, end + 60),
        format!(r#"{{"expiresAt":{},"exp":{end}}}"#, end + 60),
    ];
    for claims in rows {
        let (house, token) = (House::new(), token(&claims));
        house.ticket("t1", &token).await;
        pass(4).await;
        assert!(house.ticket("t1", &token).await.is_hit(), "{claims}");
        pass(1).await;
        let ended = house.ticket("t1", &token).await;
        let expected = "verifik-gateway; fwd=stale; fwd-status=200; detail=credential-ended";
        assert_eq!((ended.status, ended.cache().as_str()), (200, expected), "{claims}");
        assert_eq!(house.upstream.count(), 2, "{claims}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_credential_is_read_from_the_wall_once_and_then_approached_steadily() {
    let (house, token) = (House::new(), token(&format!(r#"{{"exp":{}}}"#, WALL_AT_START + 3_600)));
    house.wall_moved.store(3_595, Ordering::Relaxed);
    house.ticket("t1", &token).await;
    house.wall_moved.store(-86_400, Ordering::Relaxed);
    pass(4).await;
    assert!(house.ticket("t1", &token).await.is_hit());
    pass(1).await;
    assert!(!house.ticket("t1", &token).await.is_hit());
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_credential_says_can_only_shorten() {
    let rows = [
        (format!(r#"{{"exp":{}}}"#, WALL_AT_START - 1), false),
        (r#"{"exp":0}"#.to_owned(), false),
        (format!(r#"{{"exp":{}}}"#, WALL_AT_START + 86_400), true),
        (r#"{"exp":"never"}"#.to_owned(), true),
        ("no claims at all".to_owned(), true),
    ];
    for (claims, stored) in rows {
        let (house, token) = (strict_house(), token(&claims));
        assert_eq!(house.ticket("t1", &token).await.status, 200, "{claims}");
        assert_eq!(house.ticket("t1", &token).await.is_hit(), stored, "{claims}");
        pass(15).await;
        assert!(!house.ticket("t1", &token).await.is_hit(), "{claims}");
    }
}
