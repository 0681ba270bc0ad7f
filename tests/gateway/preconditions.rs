//! A client's own conditions, answered from what is stored: RFC 9110 section 13, RFC 9111 section
//! 4.3.2.

use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::pages::BOTH;
use crate::support::pages::FIRST;
use crate::support::pages::FRESH;
use crate::support::pages::NOON;
use crate::support::pages::PAGE;
use crate::support::pages::SECOND;
use crate::support::pages::TAG;
use crate::support::pages::ask;
use crate::support::pages::house_that_stored;
use crate::support::pages::house_with_pages;
use crate::support::pages::is_conditional;
use crate::support::pages::not_modified;
use crate::support::pages::stale_house;
use crate::support::recall::T1;
use crate::support::search::unmarked;
use crate::support::upstream::Say;
use std::time::Duration;
use std::time::UNIX_EPOCH;

const EARLIER: &str = "Sun, 06 Nov 1994 11:59:59 GMT";
const LATER: &str = "Sun, 06 Nov 1994 12:00:01 GMT";

/// A date as HTTP writes it, so many seconds after the start.
fn date(after: i64) -> String {
    let date = UNIX_EPOCH + Duration::from_secs(WALL_AT_START.saturating_add_signed(after));
    httpdate::fmt_http_date(date)
}

/// Asks for what a house has stored on these conditions; each is to cost the upstream nothing.
async fn all_answered(fields: &[(&'static str, &str)], rows: &[(&[(&str, &str)], u16)]) {
    for target in BOTH {
        let house = house_that_stored(target, fields).await;
        for (conditions, status) in rows {
            for method in ["GET", "HEAD"] {
                let reply = ask(&house, method, target, conditions).await;
                let what = format!("{method} {target} {fields:?} {conditions:?}");
                assert_eq!((reply.status, reply.is_hit()), (*status, true), "{what}");
                let whole = *status == 200 && method == "GET";
                assert_eq!(reply.text(), if whole { FIRST } else { "" }, "{what}");
            }
        }
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn if_none_match_is_answered_with_304_where_it_names_what_is_stored() {
    const NAME: &str = "if-none-match";
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[(NAME, "\"a\"")], 304),
        (&[(NAME, "W/\"a\"")], 304),
        (&[(NAME, "*")], 304),
        (&[(NAME, "\"b\", \"a\"")], 304),
        (&[(NAME, " ,\"b,\",,W/\"a\" ,")], 304),
        (&[(NAME, "\"b\""), (NAME, "\"a\"")], 304),
        (&[(NAME, "\"b\"")], 200),
        (&[(NAME, "\"A\"")], 200),
        (&[(NAME, "\"b,\\\"a\\\"\"")], 200),
        (&[(NAME, "")], 200),
        (&[(NAME, "a")], 200),
        (&[(NAME, "w/\"a\"")], 200),
        (&[(NAME, "\"a\", b")], 200),
        (&[(NAME, "\"a\" \"b\"")], 200),
        (&[(NAME, "\"a\", \"b")], 200),
        (&[(NAME, "*, \"a\"")], 200),
        (&[(NAME, "*"), (NAME, "*")], 200),
        (&[(NAME, "\"*\"")], 200),
    ];
    all_answered(&[TAG], rows).await;
    all_answered(&[("etag", "W/\"a\"")], &rows[..9]).await;
    all_answered(&[("etag", "a")], &[(&[(NAME, "\"a\"")], 200), (&[(NAME, "a")], 200)]).await;
}

#[tokio::test(start_paused = true)]
async fn if_modified_since_is_answered_with_304_where_nothing_changed_since() {
    const NAME: &str = "if-modified-since";
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[(NAME, NOON)], 304),
        (&[(NAME, LATER)], 304),
        (&[(NAME, "Sunday, 06-Nov-94 12:00:00 GMT")], 304),
        (&[(NAME, "Sun Nov  6 12:00:00 1994")], 304),
        (&[(NAME, EARLIER)], 200),
        (&[(NAME, "Sun, 06 Nov 1994 12:00:00 CET")], 200),
        (&[(NAME, "0")], 200),
        (&[(NAME, "")], 200),
        (&[(NAME, NOON), (NAME, NOON)], 200),
    ];
    all_answered(&[("last-modified", NOON)], rows).await;
    // RFC 9111 section 4.3.2: what does not say when it was changed was so when it was made.
    let (before, made) = (date(-1), date(0));
    let rows: &[(&[(&str, &str)], u16)] = &[(&[(NAME, &made)], 304), (&[(NAME, &before)], 200)];
    all_answered(&[("date", &made)], rows).await;
    all_answered(&[("date", &made), ("last-modified", "0")], &[(&[(NAME, &made)], 200)]).await;
}

#[tokio::test(start_paused = true)]
async fn if_none_match_silences_if_modified_since_and_comes_before_a_range() {
    const TAGS: &str = "if-none-match";
    const SINCE: (&str, &str) = ("if-modified-since", NOON);
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[(TAGS, "\"a\""), ("if-modified-since", EARLIER)], 304),
        (&[(TAGS, "\"b\""), SINCE], 200),
        (&[SINCE, (TAGS, "nonsense")], 200),
        (&[(TAGS, "\"a\""), ("range", "bytes=0-1")], 304),
        (&[SINCE, ("range", "bytes=99-")], 304),
        (&[("if-match", "\"b\""), ("if-unmodified-since", EARLIER)], 200),
    ];
    all_answered(&[TAG, ("last-modified", NOON)], rows).await;
}

#[tokio::test(start_paused = true)]
async fn a_ticket_without_a_tag_gets_one_of_ours_on_the_miss_and_on_every_hit_in_every_house() {
    let mut tags = Vec::new();
    for body in [FIRST, FIRST, SECOND] {
        let house = House::new();
        house.upstream.always(Say::json(200, body, &[]));
        let miss = house.ticket("t1", ANN).await;
        let tag = miss.field("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
        assert_eq!(house.ticket("t1", ANN).await.field("etag"), Some(&*tag));
        assert_eq!(house.ticket("t1", BEN).await.field("etag"), Some(&*tag));
        assert_eq!(ask(&house, "GET", T1, &[("if-none-match", &tag)]).await.status, 304);
        assert_eq!(house.upstream.count(), 2, "Ann's and Ben's");
        tags.push(tag);
    }
    assert!(tags[0] == tags[1] && tags[1] != tags[2], "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_ticket_without_any_tag_gets_one() {
    let rows = [
        (T1, Say::json(200, FIRST, &[TAG]), Some("\"a\"")),
        (T1, Say::json(200, FIRST, &[("etag", "a")]), Some("a")),
        (T1, Say::not_found(), None),
        (T1, Say::json(503, "{}", &[]), None),
        (PAGE, Say::json(200, FIRST, &[FRESH]), None),
    ];
    for (target, say, tag) in rows {
        let house = house_with_pages(|_| {});
        house.upstream.always(say.clone());
        for _ in [1, 2] {
            assert_eq!(house.get(target, ANN).await.field("etag"), tag, "{target} {say:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_dated_as_it_came_where_the_upstream_did_not_date_it() {
    let (now, before) = (date(0), date(-1));
    for (target, given) in BOTH.iter().flat_map(|t| [(t, None), (t, Some(&*before))]) {
        let fields: Vec<_> = given.iter().map(|date| ("date", *date)).collect();
        let house = house_that_stored(target, &fields).await;
        pass(5).await;
        let hit = house.get(target, ANN).await;
        assert!(hit.is_hit(), "{target} {given:?}");
        assert_eq!(hit.message.all("date"), [given.unwrap_or(&now)], "{target}");
        house.upstream.always(Say::json(503, "{}", &fields));
        let other = house.get(&format!("{target}-other"), ANN).await;
        assert_eq!(other.message.all("date"), [given.unwrap_or(&date(5))], "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_of_ours_says_what_may_have_changed_and_nothing_about_a_body() {
    let fields = [
        TAG,
        ("last-modified", NOON),
        ("vary", "origin"),
        ("expires", LATER),
        ("content-location", "/elsewhere"),
        ("content-language", "es"),
        ("access-control-allow-origin", "*"),
    ];
    for target in BOTH {
        let house = house_that_stored(target, &fields).await;
        pass(3).await;
        let mut client = house.client();
        let asked = [("authorization", ANN), TAG, ("if-none-match", "\"a\"")];
        let known = client.ask("GET", target, &asked).await;
        for (name, value) in fields {
            let stays = !matches!(name, "last-modified" | "content-language");
            assert_eq!(known.field(name), stays.then_some(value), "{target} {name}");
        }
        assert_eq!(known.field("cache-control"), Some(FRESH.1), "{target}");
        assert_eq!((known.field("age"), known.field("date").is_some()), (Some("3"), true));
        assert_eq!((known.field("content-type"), known.field("content-length")), (None, None));
        let whole = client.ask("GET", target, &asked[..1]).await;
        assert_eq!((whole.status, whole.text().as_str()), (200, FIRST), "on the same connection");
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_not_found_is_told_whole_whatever_the_conditions() {
    let conditions: [&[(&str, &str)]; 3] =
        [&[("if-none-match", "*")], &[("if-none-match", "\"a\"")], &[("if-modified-since", NOON)]];
    for (target, conditions) in BOTH.iter().flat_map(|t| conditions.map(|c| (t, c))) {
        let house = house_with_pages(|_| {});
        let body = r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#;
        house.upstream.always(Say::json(404, body, &[TAG, ("last-modified", NOON), FRESH]));
        for hit in [false, true] {
            let reply = ask(&house, "GET", target, conditions).await;
            assert_eq!((reply.status, reply.is_hit()), (404, hit), "{target} {conditions:?}");
            assert_eq!(reply.text(), body, "{target} {conditions:?}");
        }
        assert_eq!(house.upstream.count(), 1, "{target} {conditions:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_asked_for_whole_and_conditions_are_answered_once_it_is_stored() {
    let house = House::new();
    house.upstream.always(Say::json(200, FIRST, &[TAG]));
    let known = ask(&house, "GET", T1, &[("if-none-match", "\"a\"")]).await;
    let cache = "verifik-gateway; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!((known.status, known.cache().as_str(), known.text().as_str()), (304, cache, ""));
    assert!(!is_conditional(&house.upstream.last()));
    assert_eq!(house.ticket("t1", ANN).await.text(), FIRST);
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_is_told_whole() {
    let no_store = ("cache-control", "no-store");
    for target in BOTH {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &[TAG, no_store]));
        let reply = ask(&house, "GET", target, &[("if-none-match", "\"a\"")]).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, FIRST), "{target}");
        assert!(reply.cache().ends_with("; detail=no-store"), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_validated_with_its_own_tag_before_a_condition_is_answered() {
    for (target, (mine, status)) in
        BOTH.iter().flat_map(|t| [("\"a\"", 304), ("\"b\"", 200)].map(|row| (t, row)))
    {
        let house = stale_house(target, &[TAG], not_modified(&[TAG])).await;
        let reply = ask(&house, "GET", target, &[("if-none-match", mine)]).await;
        let cache = "verifik-gateway; fwd=stale; fwd-status=304; stored";
        assert_eq!((reply.status, reply.cache().as_str()), (status, cache), "{target} {mine}");
        assert_eq!(house.upstream.last().all("if-none-match"), ["\"a\""], "{target} {mine}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_on_a_page_that_is_not_stored_go_on_as_they_are_and_their_304_comes_back() {
    let asked = [
        ("if-none-match", "\"x\", W/\"y\""),
        ("if-none-match", "nonsense"),
        ("if-modified-since", NOON),
    ];
    let house = house_with_pages(|_| {});
    house.upstream.always(not_modified(&[TAG, FRESH]));
    for count in [1, 2] {
        let reply = ask(&house, "GET", PAGE, &asked).await;
        assert_eq!((reply.status, reply.field("etag")), (304, Some("\"a\"")));
        let heard = house.upstream.last();
        assert_eq!(heard.all("if-none-match"), [asked[0].1, asked[1].1]);
        assert_eq!((heard.field("if-modified-since"), house.upstream.count()), (Some(NOON), count));
    }
    house.upstream.always(Say::json(200, FIRST, &[("etag", "W/\"y\""), FRESH]));
    assert_eq!(ask(&house, "GET", PAGE, &asked[..1]).await.status, 304, "stored, and known");
    assert_eq!((house.get(PAGE, ANN).await.text().as_str(), house.upstream.count()), (FIRST, 3));
}

#[tokio::test(start_paused = true)]
async fn the_tag_of_another_tenant_is_compared_with_ones_own_response() {
    let house = house_with_pages(|_| {});
    house.upstream.says(|asked| {
        let own = unmarked(asked.field("authorization").unwrap()).replace(' ', "-");
        let body = format!(r#"{{"data":{{"_id":"t1","of":"{own}"}}}}"#);
        Say::json(200, &body, &[FRESH, ("etag", &format!("\"{own}\""))])
    });
    for target in BOTH {
        let anns = house.get(target, ANN).await.field("etag").unwrap().to_owned();
        for hit in [false, true] {
            let fields = [("authorization", BEN), ("if-none-match", &*anns)];
            let reply = house.client().ask("GET", target, &fields).await;
            let told = (reply.status, reply.is_hit(), reply.text().contains("ben"));
            assert_eq!(told, (200, hit, true), "{target}");
        }
    }
    assert_eq!(house.upstream.count(), 4);
}
