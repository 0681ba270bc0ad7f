//! What is stale is asked about rather than asked for again: RFC 9111 section 4.3.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::pages::BOTH;
use crate::support::pages::FIRST;
use crate::support::pages::FRESH;
use crate::support::pages::NOON;
use crate::support::pages::SECOND;
use crate::support::pages::TAG;
use crate::support::pages::house_with_pages;
use crate::support::pages::is_conditional;
use crate::support::pages::not_modified;
use crate::support::pages::stale_house;
use crate::support::recall::T1;
use crate::support::recall::recalls;
use crate::support::upstream::Say;

const CONFIRMED: &str = "verifik-gateway; fwd=stale; fwd-status=304; stored";
const REPLACED: &str = "verifik-gateway; fwd=stale; fwd-status=200; stored";

async fn ask(house: &House, target: &str, field: (&str, &str)) -> Reply {
    house.client().ask("GET", target, &[("authorization", ANN), field]).await
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_asked_about_with_the_validators_it_came_with_and_no_others() {
    let rows: &[(&[(&str, &str)], Option<&str>, Option<&str>)] = &[
        (&[TAG], Some("\"a\""), None),
        (&[("etag", "W/\"a\"")], Some("W/\"a\""), None),
        (&[("last-modified", NOON)], None, Some(NOON)),
        (&[TAG, ("last-modified", NOON)], Some("\"a\""), Some(NOON)),
        (&[("etag", "a"), ("last-modified", NOON)], None, Some(NOON)),
        (&[TAG, ("last-modified", "yesterday")], Some("\"a\""), None),
        (&[TAG, ("etag", "\"b\"")], None, None),
        (&[], None, None),
    ];
    for (target, (fields, tag, date)) in BOTH.iter().flat_map(|t| rows.iter().map(move |r| (t, r)))
    {
        let house = stale_house(target, fields, not_modified(&[])).await;
        let reply = ask(&house, target, ("if-none-match", "\"mine\"")).await;
        let heard = house.upstream.last();
        let conditions = (heard.field("if-none-match"), heard.field("if-modified-since"));
        assert_eq!(conditions, (*tag, *date), "{target} {fields:?}");
        let body = if conditions == (None, None) { SECOND } else { FIRST };
        assert_eq!((reply.status, reply.text().as_str()), (200, body), "{target} {fields:?}");
        assert_eq!(house.upstream.count(), 2, "{target} {fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_about_something_else_is_asked_again_without_conditions() {
    const OTHER: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 13:00:00 GMT");
    let rows: &[(&[(&str, &str)], &[(&str, &str)], bool)] = &[
        (&[TAG], &[("etag", "\"b\"")], false),
        (&[TAG], &[("etag", "W/\"b\"")], false),
        (&[TAG], &[("etag", "a")], false),
        (&[TAG], &[TAG, ("etag", "\"b\"")], false),
        (&[("etag", "W/\"a\"")], &[TAG], false),
        (&[("last-modified", NOON)], &[TAG], false),
        (&[("last-modified", NOON)], &[OTHER], false),
        (&[TAG], &[("etag", "W/\"a\"")], true),
        (&[TAG, ("last-modified", NOON)], &[TAG, OTHER], true),
        (&[("last-modified", NOON)], &[("last-modified", NOON)], true),
        (&[("last-modified", NOON)], &[], true),
    ];
    for (target, (stored, told, agree)) in
        BOTH.iter().flat_map(|t| rows.iter().map(move |r| (t, r)))
    {
        let house = stale_house(target, stored, not_modified(told)).await;
        let reply = house.get(target, ANN).await;
        let (cache, body) = if *agree { (CONFIRMED, FIRST) } else { (REPLACED, SECOND) };
        assert_eq!(
            (reply.cache().as_str(), reply.text().as_str()),
            (cache, body),
            "{stored:?} {told:?}"
        );
        assert_eq!(is_conditional(&house.upstream.last()), *agree, "{target} {stored:?} {told:?}");
        assert_eq!(house.upstream.count(), if *agree { 2 } else { 3 }, "{stored:?} {told:?}");
        assert!(recalls(&house, target, ANN).await, "{target} {stored:?} {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_that_nobody_asked_for_is_passed_on_and_never_stored() {
    for target in BOTH {
        let house = house_with_pages(|_| {});
        house.upstream.always(not_modified(&[TAG, FRESH]));
        for asked in [1, 2] {
            assert_eq!(house.get(target, ANN).await.status, 304, "{target}");
            assert_eq!(house.upstream.count(), asked, "{target}");
            assert!(!is_conditional(&house.upstream.last()), "{target}");
        }
        let house = stale_house(target, &[], not_modified(&[])).await;
        house.upstream.always(not_modified(&[]));
        assert_eq!(house.get(target, ANN).await.status, 304, "{target}: nothing to be confirmed");
        assert!(!recalls(&house, target, ANN).await, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_200_replaces_what_was_asked_about_and_its_validators() {
    for target in BOTH {
        let changed = Say::json(200, SECOND, &[("etag", "\"b\""), FRESH]);
        let house = stale_house(target, &[TAG, ("last-modified", NOON)], changed).await;
        let reply = house.get(target, ANN).await;
        assert_eq!((reply.cache().as_str(), reply.text().as_str()), (REPLACED, SECOND), "{target}");
        assert_eq!(reply.field("last-modified"), None, "{target}");
        pass(11).await;
        house.upstream.always(not_modified(&[]));
        let reply = house.get(target, ANN).await;
        assert_eq!(
            (reply.cache().as_str(), reply.text().as_str()),
            (CONFIRMED, SECOND),
            "{target}"
        );
        let heard = house.upstream.last();
        assert_eq!(heard.field("if-none-match"), Some("\"b\""), "{target}");
        assert_eq!(
            (heard.field("if-modified-since"), house.upstream.count()),
            (None, 3),
            "{target}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_validated_stands_in_and_is_asked_about_again() {
    let rows = [
        (Say::json(503, "{}", &[]), "fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error"),
        (Say::json(500, "{}", &[TAG]), "fwd=stale; fwd-status=500; ttl=-1; detail=stale-if-error"),
        (Say::Raw(b"nonsense\r\n\r\n".into()), "fwd=stale; ttl=-1; detail=stale-if-error"),
    ];
    for (target, (fault, cache)) in BOTH.iter().flat_map(|t| rows.iter().map(move |r| (t, r))) {
        let house = stale_house(target, &[TAG], fault.clone()).await;
        let reply = house.get(target, ANN).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, FIRST), "{target} {cache}");
        assert_eq!(reply.cache(), format!("verifik-gateway; {cache}"), "{target}");
        assert!(is_conditional(&house.upstream.last()), "{target} {cache}");
        house.upstream.always(not_modified(&[TAG]));
        assert_eq!(house.get(target, ANN).await.cache(), CONFIRMED, "{target} after {cache}");
        assert_eq!(house.upstream.last().field("if-none-match"), Some("\"a\""), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_validated_each_time_is_and_is_not_stored_where_it_cannot_be() {
    let rows = [("no-cache", "no-cache"), ("max-age=0", "zero-lifetime")];
    for (target, (directive, word)) in BOTH.iter().flat_map(|t| rows.map(|row| (t, row))) {
        let house = house_with_pages(|_| {});
        let fields = [TAG, ("cache-control", directive)];
        house.upstream.always(Say::json(200, FIRST, &fields));
        assert!(house.get(target, ANN).await.cache().ends_with("; stored"), "{target} {directive}");
        house.upstream.always(not_modified(&fields));
        for asked in [2, 3] {
            let reply = house.get(target, ANN).await;
            assert_eq!((reply.cache().as_str(), reply.text().as_str()), (CONFIRMED, FIRST));
            assert_eq!(house.upstream.count(), asked, "{target} {directive}");
        }
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &fields[1..]));
        for _ in [1, 2] {
            let cache = house.get(target, ANN).await.cache();
            assert!(
                cache.ends_with(&format!("fwd=uri-miss; fwd-status=200; detail={word}")),
                "{cache}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_no_cache_names_is_delivered_once_and_not_stored() {
    for target in BOTH {
        let house = house_with_pages(|_| {});
        let fields = [("cache-control", "max-age=10, no-cache=\"x-once\""), ("x-once", "1")];
        house.upstream.always(Say::json(200, FIRST, &fields));
        assert_eq!(house.get(target, ANN).await.field("x-once"), Some("1"), "{target}");
        let hit = house.get(target, ANN).await;
        assert_eq!((hit.is_hit(), hit.field("x-once")), (true, None), "{target}");
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_it_validated_is_content_with_a_304() {
    const WISHES: [(&str, &str); 4] = [
        ("cache-control", "no-cache"),
        ("cache-control", "max-age=0"),
        ("cache-control", "max-age=4"),
        ("pragma", "no-cache"),
    ];
    for (target, wish) in BOTH.iter().flat_map(|t| WISHES.map(|wish| (t, wish))) {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &[TAG, FRESH]));
        house.get(target, ANN).await;
        house.upstream.always(not_modified(&[]));
        pass(5).await;
        let reply = ask(&house, target, wish).await;
        let found = (reply.status, reply.text(), reply.cache());
        let expected = "verifik-gateway; fwd=request; fwd-status=304; stored";
        assert_eq!(found, (200, FIRST.to_owned(), expected.to_owned()), "{target} {wish:?}");
        pass(9).await;
        assert!(house.get(target, ANN).await.is_hit(), "{target} {wish:?}: fresh anew");
        assert_eq!(house.upstream.count(), 2, "{target} {wish:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_write_may_have_changed_is_not_asked_about_but_asked_for() {
    let house = stale_house(T1, &[TAG], not_modified(&[TAG])).await;
    house.write("PUT", T1, ANN, "{}").await;
    let reply = house.get(T1, ANN).await;
    assert_eq!((reply.text().as_str(), is_conditional(&house.upstream.last())), (SECOND, false));
    assert_eq!((house.upstream.count(), recalls(&house, T1, ANN).await), (3, true));
}

#[tokio::test(start_paused = true)]
async fn a_write_during_a_validation_keeps_its_304_out_of_the_store() {
    let house = stale_house(T1, &[TAG], not_modified(&[TAG]).after(5)).await;
    let mut early = house.client();
    let early = tokio::spawn(async move { early.ask("GET", T1, &[("authorization", ANN)]).await });
    pass(1).await;
    house.write("PUT", T1, ANN, "{}").await;
    let late = house.get(T1, ANN).await;
    assert_eq!((late.text().as_str(), is_conditional(&house.upstream.last())), (SECOND, false));
    let early = early.await.unwrap();
    let cache = "verifik-gateway; fwd=stale; fwd-status=304; detail=invalidated";
    assert_eq!((early.text().as_str(), early.cache().as_str()), (FIRST, cache));
    let hit = house.get(T1, ANN).await;
    assert_eq!((hit.text().as_str(), hit.is_hit(), house.upstream.count()), (SECOND, true, 4));
}
