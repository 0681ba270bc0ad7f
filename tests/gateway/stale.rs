//! Stale responses that are given out while they are validated (RFC 5861 section 3, RFC 9111
//! section 4.2.4).

use crate::support::client::Reply;
use crate::support::crowd::THING;
use crate::support::crowd::add_things;
use crate::support::crowd::crowd;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

/// How long the upstream takes for everything but the first answer, in seconds.
const TAKES: u64 = 5;

const FORWARDED: &str = "verifik-gateway; fwd=stale; fwd-status=200; stored";

fn ticket(cache_control: &str) -> Say {
    Say::ticket("t1", "open", &[("cache-control", cache_control)])
}

/// A house without leases that has asked for `t1` once.
async fn remembering(settings: fn(&mut Settings), cache_control: &str) -> House {
    let house = House::with(|all| {
        all.lifetimes.lease = Duration::ZERO;
        settings(all);
    });
    house.upstream.always(ticket(cache_control));
    house.ticket("t1", ANN).await;
    house.upstream.always(ticket(cache_control).after(TAKES));
    house
}

#[tokio::test(start_paused = true)]
async fn a_stale_ticket_goes_to_a_hundred_at_once_and_is_validated_once() {
    let house = remembering(|_| {}, "max-age=20").await;
    pass(25).await;
    let asked = crowd(&house, 100, T1, &[("authorization", ANN)]);
    let (took, replies) = timed(asked).await;
    for reply in &replies {
        assert_eq!(reply.cache(), "verifik-gateway; hit; ttl=-5");
        assert_eq!((reply.status, reply.field("age")), (200, Some("25")));
    }
    assert_eq!(took, Duration::ZERO);
    pass(TAKES + 1).await;
    let fresh = house.ticket("t1", ANN).await;
    assert_eq!(fresh.cache(), "verifik-gateway; hit; ttl=14", "it counts from when it was asked");
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_validation_is_under_way_starts_none() {
    let house = remembering(|_| {}, "max-age=20").await;
    pass(25).await;
    for second in 0..TAKES {
        let reply = house.ticket("t1", ANN).await;
        assert_eq!(reply.cache(), format!("verifik-gateway; hit; ttl=-{}", 5 + second));
        pass(1).await;
    }
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_finds_nothing_new_freshens_what_is_stored() {
    let house = House::new();
    let fields = [("cache-control", "max-age=20"), ("etag", "\"1\"")];
    house.upstream.always(Say::ticket("t1", "open", &fields));
    let first = house.ticket("t1", ANN).await;
    house.upstream.always(Say::Raw(b"HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n".to_vec()));
    pass(25).await;
    assert!(house.ticket("t1", ANN).await.is_hit());
    pass(1).await;
    assert_eq!(house.upstream.last().field("if-none-match"), Some("\"1\""));
    let fresh = house.ticket("t1", ANN).await;
    assert_eq!(fresh.cache(), "verifik-gateway; hit; ttl=19");
    assert_eq!((fresh.text(), house.upstream.count()), (first.text(), 2));
}

/// What is known of one read: the settings, the stored `Cache-Control`, its age in seconds, and
/// the `ttl` with which it is given out, if it is.
struct Row(fn(&mut Settings), &'static str, u64, Option<i64>);

async fn check(rows: &[Row]) {
    for Row(settings, cache_control, age, ttl) in rows {
        let house = remembering(*settings, cache_control).await;
        pass(*age).await;
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        let expected = match ttl {
            Some(ttl) => (format!("verifik-gateway; hit; ttl={ttl}"), 0),
            None => (FORWARDED.to_owned(), TAKES),
        };
        assert_eq!((reply.cache(), took.as_secs()), expected, "{cache_control} after {age} s");
        pass(1).await;
        let is_fresh = ttl.is_some_and(|ttl| ttl > 0);
        assert_eq!(house.upstream.count(), if is_fresh { 1 } else { 2 }, "{cache_control} {age}");
    }
}

fn usual(_: &mut Settings) {}

fn off(settings: &mut Settings) {
    settings.lifetimes.stale_while_revalidate = Duration::ZERO;
}

fn short(settings: &mut Settings) {
    settings.lifetimes.max = Duration::from_secs(40);
    settings.lifetimes.settled = Duration::from_secs(40);
}

#[tokio::test(start_paused = true)]
async fn the_window_begins_with_staleness_and_ends_to_the_second() {
    check(&[
        Row(usual, "max-age=20", 19, Some(1)),
        Row(usual, "max-age=20", 20, Some(0)),
        Row(usual, "max-age=20", 49, Some(-29)),
        Row(usual, "max-age=20", 50, None),
        Row(usual, "max-age=20", 5_000, None),
        Row(off, "max-age=20", 19, Some(1)),
        Row(off, "max-age=20", 20, None),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_own_window_holds_up_to_the_longest_allowed_unless_ours_is_zero() {
    check(&[
        Row(usual, "max-age=20, stale-while-revalidate=5", 24, Some(-4)),
        Row(usual, "max-age=20, stale-while-revalidate=5", 25, None),
        Row(usual, "max-age=20, stale-while-revalidate=0", 20, None),
        Row(usual, "max-age=20, stale-while-revalidate=soon", 20, None),
        Row(usual, "max-age=20, stale-while-revalidate=100", 119, Some(-99)),
        Row(usual, "max-age=20, stale-while-revalidate=100", 120, None),
        Row(usual, "max-age=20, stale-while-revalidate=9, stale-while-revalidate=5", 25, None),
        Row(usual, "max-age=20, stale-while-revalidate=99999999999999999999", 3_619, Some(-3_599)),
        Row(usual, "max-age=20, stale-while-revalidate=99999999999999999999", 3_620, None),
        Row(short, "max-age=20, stale-while-revalidate=100", 59, Some(-39)),
        Row(short, "max-age=20, stale-while-revalidate=100", 60, None),
        Row(off, "max-age=20, stale-while-revalidate=100", 20, None),
        Row(usual, "max-age=0, stale-while-revalidate=5", 4, Some(-4)),
        Row(usual, "max-age=0, stale-while-revalidate=5", 5, None),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_forbids_stale_use_forbids_it_here_and_what_is_for_shared_caches_does_not() {
    check(&[
        Row(usual, "max-age=20, must-revalidate", 19, Some(1)),
        Row(usual, "max-age=20, must-revalidate", 20, None),
        Row(usual, "must-revalidate, max-age=20, stale-while-revalidate=100", 20, None),
        Row(usual, "max-age=20, stale-while-revalidate=100, MUST-REVALIDATE=x", 20, None),
        Row(usual, "max-age=20, proxy-revalidate", 21, Some(-1)),
        Row(usual, "max-age=20, s-maxage=1", 21, Some(-1)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_always_to_be_validated_is_never_given_out_before() {
    let house = House::new();
    let fields =
        [("cache-control", "max-age=20, no-cache, stale-while-revalidate=9"), ("etag", "\"1\"")];
    house.upstream.always(Say::ticket("t1", "open", &fields));
    house.ticket("t1", ANN).await;
    for wait in [1, 20] {
        pass(wait).await;
        let before = house.upstream.count();
        assert_eq!(house.ticket("t1", ANN).await.cache(), FORWARDED, "after {wait} s");
        assert_eq!(house.upstream.count(), before + 1, "after {wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_not_found_is_never_given_out_stale() {
    let fields = [("cache-control", "max-age=5, stale-while-revalidate=100")];
    let body = r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#;
    let house = House::new();
    house.upstream.always(Say::json(404, body, &fields));
    house.ticket("t1", ANN).await;
    pass(5).await;
    let again = house.ticket("t1", ANN).await;
    assert_eq!(again.cache(), "verifik-gateway; fwd=stale; fwd-status=404; stored");
    assert_eq!(house.upstream.count(), 2);
}

/// What the next two reads are told when a validation in the background brings `say`.
async fn after_background(say: Say) -> (Reply, Reply) {
    let house = remembering(|_| {}, "max-age=20").await;
    house.upstream.always(say);
    pass(25).await;
    assert_eq!(house.ticket("t1", ANN).await.cache(), "verifik-gateway; hit; ttl=-5");
    pass(5).await;
    assert_eq!(house.upstream.count(), 2);
    let second = house.ticket("t1", ANN).await;
    pass(20).await;
    (second, house.ticket("t1", ANN).await)
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_fails_takes_nothing_away_before_the_window_ends() {
    let failures = [Say::json(503, "{}", &[]), Say::json(429, "{}", &[])];
    for say in failures {
        let Say::Answer(status, ..) = say else { unreachable!() };
        let (second, third) = after_background(say).await;
        assert_eq!(second.cache(), "verifik-gateway; hit; ttl=-10", "{status}");
        let expected = format!(
            "verifik-gateway; fwd=stale; fwd-status={status}; ttl=-30; detail=stale-if-error"
        );
        assert_eq!((third.status, third.cache()), (200, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_is_refused_ends_stale_use() {
    for status in [401, 403, 404, 410] {
        let (second, third) = after_background(Say::json(status, "{}", &[])).await;
        assert_eq!((second.status, third.status), (status, status));
    }
    let (second, _) = after_background(Say::not_found()).await;
    assert!(second.cache().ends_with("; detail=not-found") && second.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_write_ends_stale_use() {
    for (method, target, answer) in [
        ("PUT", T1, 200),
        ("PATCH", "/support-tickets/t1", 500),
        ("POST", "/v2/support-tickets/t1/threads", 201),
        ("DELETE", T1, 204),
    ] {
        let house = remembering(|_| {}, "max-age=20").await;
        house.upstream.always(Say::json(answer, "", &[]));
        pass(25).await;
        house.write(method, target, ANN, "{}").await;
        house.upstream.always(ticket("max-age=20"));
        let read = house.ticket("t1", ANN).await;
        assert!(read.cache().contains("fwd=uri-miss; fwd-status=200"), "{method} {target}");
        assert_eq!(house.upstream.count(), 3, "{method} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_resources_are_given_out_stale_only_if_the_upstream_says_so() {
    let own: &[(&str, &str)] = &[("authorization", ANN)];
    let hit = "verifik-gateway; hit; ttl=-1";
    for (cache_control, fields, expected) in [
        ("max-age=20", own, FORWARDED),
        ("max-age=20", &[], FORWARDED),
        ("max-age=20, stale-while-revalidate=9", own, hit),
        ("max-age=20, stale-while-revalidate=9", &[], hit),
        ("max-age=20, stale-while-revalidate=9, proxy-revalidate", own, hit),
        ("max-age=20, stale-while-revalidate=9, proxy-revalidate", &[], FORWARDED),
        ("max-age=20, stale-while-revalidate=9, s-maxage=20", own, hit),
        ("max-age=20, stale-while-revalidate=9, s-maxage=20", &[], FORWARDED),
    ] {
        let house = House::with(add_things);
        house.upstream.always(Say::json(200, "{}", &[("cache-control", cache_control)]));
        house.client().ask("GET", THING, fields).await;
        pass(21).await;
        let reply = house.client().ask("GET", THING, fields).await;
        assert_eq!(reply.cache(), expected, "{cache_control} {fields:?}");
        pass(1).await;
        assert_eq!(house.upstream.count(), 2, "{cache_control} {fields:?}");
    }
}
