//! What a 304 makes of a stored response: RFC 9111 sections 3.2 and 4.3.4.

use crate::support::house::ANN;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::pages::BOTH;
use crate::support::pages::FIRST;
use crate::support::pages::NOON;
use crate::support::pages::PAGE;
use crate::support::pages::SECOND;
use crate::support::pages::TAG;
use crate::support::pages::not_modified;
use crate::support::pages::stale_house;
use crate::support::recall::T1;
use crate::support::recall::recalls;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use tokio::task::JoinSet;

const CONFIRMED: &str = "verifik-gateway; fwd=stale; fwd-status=304; stored";

/// A date as HTTP writes it, so many seconds after the start.
fn date(after: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(WALL_AT_START + after))
}

#[tokio::test(start_paused = true)]
async fn a_304_makes_what_is_stored_fresh_again() {
    for target in BOTH {
        let house = stale_house(target, &[TAG], not_modified(&[TAG])).await;
        let reply = house.get(target, ANN).await;
        let found = (reply.status, reply.text(), reply.cache());
        assert_eq!(found, (200, FIRST.to_owned(), CONFIRMED.to_owned()), "{target}");
        pass(9).await;
        let hit = house.get(target, ANN).await;
        assert_eq!((hit.text().as_str(), hit.field("age")), (FIRST, Some("9")), "{target}");
        assert_eq!(
            (hit.cache().as_str(), house.upstream.count()),
            ("verifik-gateway; hit; ttl=1", 2)
        );
        pass(1).await;
        assert_eq!(house.get(target, ANN).await.cache(), CONFIRMED, "{target}");
        assert_eq!(house.upstream.count(), 3, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_updates_the_fields_but_for_those_of_the_body_and_of_the_connection() {
    let stored: &[(&str, &str)] =
        &[TAG, ("x-kept", "1"), ("x-two", "1"), ("x-two", "2"), ("content-md5", "x")];
    let told: &[(&str, &str)] = &[
        ("etag", "W/\"a\""),
        ("x-two", "3"),
        ("x-new", "1"),
        ("x-new", "2"),
        ("content-md5", "y"),
        ("content-encoding", "br"),
        ("content-range", "bytes 0-0/1"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("proxy-authenticate", "Basic"),
    ];
    let expected: &[(&str, &[&str])] = &[
        ("etag", &["\"a\""]),
        ("x-kept", &["1"]),
        ("x-two", &["3"]),
        ("x-new", &["1", "2"]),
        ("content-md5", &["x"]),
        ("content-type", &["application/json; charset=utf-8"]),
        ("content-length", &["33"]),
        ("content-encoding", &[]),
        ("content-range", &[]),
        ("x-hop", &[]),
        ("proxy-authenticate", &[]),
    ];
    for target in BOTH {
        let house = stale_house(target, stored, not_modified(told)).await;
        for when in [CONFIRMED, "verifik-gateway; hit; ttl=10"] {
            let reply = house.get(target, ANN).await;
            assert_eq!((reply.cache().as_str(), reply.text().as_str()), (when, FIRST), "{target}");
            for (name, values) in expected {
                assert_eq!(reply.message.all(name), *values, "{target} {when} {name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn date_age_and_lifetime_are_those_of_the_304() {
    let (before, soon) = (date(6), date(31));
    let rows: &[(&[(&str, &str)], &str, &str, u64)] = &[
        // told by a 304 that comes after eleven seconds; then date, age and seconds left
        (&[], &date(11), "0", 10),
        (&[("age", "4")], &date(11), "4", 6),
        (&[("date", &before)], &before, "5", 5),
        (&[("cache-control", "max-age=30")], &date(11), "0", 30),
        (&[("cache-control", "max-age=30"), ("age", "25")], &date(11), "25", 5),
        (&[("cache-control", "private"), ("expires", &soon)], &date(11), "0", 20),
    ];
    for (target, (told, date, age, left)) in
        BOTH.iter().flat_map(|t| rows.iter().map(move |r| (t, r)))
    {
        let stored: &[(&str, &str)] = &[TAG, ("age", "3"), ("date", &self::date(0))];
        let house = stale_house(target, stored, not_modified(told)).await;
        assert_eq!(house.get(target, ANN).await.field("date"), Some(*date), "{target} {told:?}");
        let hit = house.get(target, ANN).await;
        assert_eq!((hit.field("date"), hit.field("age")), (Some(*date), Some(*age)), "{told:?}");
        assert_eq!(hit.cache(), format!("verifik-gateway; hit; ttl={left}"), "{target} {told:?}");
        pass(left - 1).await;
        assert!(recalls(&house, target, ANN).await, "{target} {told:?}");
        pass(1).await;
        assert!(!recalls(&house, target, ANN).await, "{target} {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_may_forbid_to_keep_what_it_confirms_or_to_use_it_unasked() {
    let rows = [
        ("no-store", "fwd=stale; fwd-status=304; detail=no-store"),
        ("no-cache", "fwd=stale; fwd-status=304; stored"),
        ("max-age=0", "fwd=stale; fwd-status=304; stored"),
    ];
    for (target, (directive, cache)) in BOTH.iter().flat_map(|t| rows.map(|row| (t, row))) {
        let told = not_modified(&[TAG, ("cache-control", directive)]);
        let house = stale_house(target, &[TAG], told).await;
        for asked in [2, 3, 4] {
            let reply = house.get(target, ANN).await;
            assert_eq!((reply.status, reply.text().as_str()), (200, FIRST), "{target} {directive}");
            assert_eq!(reply.cache(), format!("verifik-gateway; {cache}"), "{target} {directive}");
            assert_eq!(house.upstream.count(), asked, "{target} {directive}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_that_makes_something_else_of_a_ticket_is_asked_again() {
    let told = not_modified(&[TAG, ("content-type", "text/html")]);
    let house = stale_house(T1, &[TAG], told.clone()).await;
    assert_eq!((house.get(T1, ANN).await.text().as_str(), house.upstream.count()), (SECOND, 3));
    let house = stale_house(PAGE, &[TAG], told).await;
    let reply = house.get(PAGE, ANN).await;
    assert_eq!((reply.text().as_str(), reply.field("content-type")), (FIRST, Some("text/html")));
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_304_get_the_whole() {
    for target in BOTH {
        let house = stale_house(target, &[TAG], not_modified(&[TAG]).after(5)).await;
        let mut askers = JoinSet::new();
        for _ in 0..20 {
            let mut client = house.client();
            askers.spawn(async move { client.ask("GET", target, &[("authorization", ANN)]).await });
        }
        let replies = askers.join_all().await;
        assert!(replies.iter().all(|r| (r.status, r.text().as_str()) == (200, FIRST)), "{target}");
        assert_eq!(house.upstream.count(), 2, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_ours_outlives_the_validation_that_it_is_not_part_of() {
    let house = stale_house(T1, &[("last-modified", NOON)], not_modified(&[])).await;
    let told = house.get(T1, ANN).await;
    let tag = told.field("etag").expect("our tag");
    assert_eq!((told.cache().as_str(), told.text().as_str()), (CONFIRMED, FIRST));
    assert_eq!(house.upstream.last().field("if-none-match"), None);
    for method in ["GET", "HEAD"] {
        let asked = [("authorization", ANN), ("if-none-match", tag)];
        assert_eq!(house.client().ask(method, T1, &asked).await.status, 304, "{method}");
    }
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_head_of_a_stale_ticket_has_it_validated() {
    let house = stale_house(T1, &[TAG], not_modified(&[TAG])).await;
    let head = house.client().ask("HEAD", T1, &[("authorization", ANN)]).await;
    assert_eq!((head.cache().as_str(), head.field("content-length")), (CONFIRMED, Some("33")));
    assert!(house.upstream.last().start.starts_with("GET "));
    assert!(recalls(&house, T1, ANN).await);
}
