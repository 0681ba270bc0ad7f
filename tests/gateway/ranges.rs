//! HEAD and ranges: what is stored answers for its parts, and what is only a part is never stored.
//! RFC 9110 sections 9.3.2 and 14, RFC 9111 sections 3.3 and 4.3.5.

use crate::support::house::ANN;
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
use crate::support::recall::recalls;
use crate::support::upstream::Say;

/// The length of both editions.
const LENGTH: &str = "33";

#[tokio::test(start_paused = true)]
async fn a_head_is_answered_from_a_stored_get_with_the_length_of_its_body() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=10\r\n\
         transfer-encoding: chunked\r\n\r\n21\r\n{FIRST}\r\n0\r\n\r\n"
    );
    let says = [Say::json(200, FIRST, &[FRESH]), Say::Raw(chunked.into_bytes())];
    for (target, say) in BOTH.iter().flat_map(|t| says.iter().map(move |say| (t, say))) {
        let house = house_with_pages(|_| {});
        house.upstream.always(say.clone());
        house.get(target, ANN).await;
        let mut client = house.client();
        for (method, text) in [("HEAD", ""), ("GET", FIRST)] {
            let hit = client.ask(method, target, &[("authorization", ANN)]).await;
            assert_eq!((hit.is_hit(), hit.text().as_str()), (true, text), "{method} {target}");
            assert_eq!(hit.message.all("content-length"), [LENGTH], "{method} {target}");
        }
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_of_a_page_stays_one_and_is_never_stored() {
    let house = house_with_pages(|_| {});
    house.upstream.always(Say::json(200, FIRST, &[TAG, FRESH]));
    for asked in [1, 2] {
        let reply = ask(&house, "HEAD", PAGE, &[]).await;
        let cache = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=head";
        assert_eq!((reply.cache().as_str(), reply.field("content-length")), (cache, Some(LENGTH)));
        assert!(house.upstream.last().start.starts_with("HEAD "));
        assert_eq!(house.upstream.count(), asked);
    }
    assert!(!recalls(&house, PAGE, ANN).await);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_agrees_freshens_the_stored_page() {
    let house = stale_house(PAGE, &[TAG, ("x-old", "1")], not_modified(&[])).await;
    house.upstream.always(Say::json(200, FIRST, &[TAG, FRESH, ("x-new", "1")]));
    let reply = ask(&house, "HEAD", PAGE, &[]).await;
    assert_eq!(reply.cache(), "verifik-gateway; fwd=stale; fwd-status=200; stored");
    let heard = house.upstream.last();
    assert!(heard.start.starts_with("HEAD ") && !is_conditional(&heard));
    let hit = house.get(PAGE, ANN).await;
    assert_eq!(
        (hit.cache().as_str(), hit.text().as_str()),
        ("verifik-gateway; hit; ttl=10", FIRST)
    );
    assert_eq!((hit.field("x-old"), hit.field("x-new")), (Some("1"), Some("1")));
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_differs_makes_the_stored_page_forgotten() {
    const LATER: &str = "Sun, 06 Nov 1994 12:00:01 GMT";
    let stored = [TAG, ("last-modified", NOON)];
    let rows: &[(&str, &[(&str, &str)])] = &[
        (FIRST, &[("etag", "\"b\""), stored[1]]),
        (FIRST, &[TAG, ("last-modified", LATER)]),
        (FIRST, &[stored[1]]),
        (FIRST, &[]),
        ("longer or shorter", &stored),
    ];
    for (body, told) in rows {
        let house = house_that_stored(PAGE, &stored).await;
        let new = ("cache-control", "no-cache");
        house.upstream.always(Say::json(200, body, told));
        assert_eq!(ask(&house, "HEAD", PAGE, &[new]).await.status, 200, "{body} {told:?}");
        house.upstream.always(Say::json(200, SECOND, &[FRESH]));
        assert_eq!(house.get(PAGE, ANN).await.text(), SECOND, "{body} {told:?}");
        assert!(!is_conditional(&house.upstream.last()), "{body} {told:?}");
        assert_eq!(house.upstream.count(), 3, "{body} {told:?}");
    }
}

/// Asks for parts of what a house has stored. A row is a range, `If-Range` with it, and the status,
/// `Content-Range` and body that answer them; none is to cost the upstream anything.
async fn all_answered(
    target: &str,
    fields: &[(&'static str, &str)],
    rows: &[(&str, Option<&str>, u16, Option<&str>, &str)],
) {
    let house = house_that_stored(target, fields).await;
    let mut client = house.client();
    for (range, if_range, status, content_range, body) in rows {
        let if_range = if_range.map(|value| ("if-range", value));
        let wish = [("authorization", ANN), ("range", *range)].into_iter().chain(if_range);
        let reply = client.ask("GET", target, &wish.collect::<Vec<_>>()).await;
        let what = format!("{target} {range} {if_range:?}");
        assert_eq!((reply.status, reply.is_hit()), (*status, true), "{what}");
        assert_eq!(
            (reply.field("content-range"), reply.text().as_str()),
            (*content_range, *body),
            "{what}"
        );
        assert_eq!(reply.field("content-length"), Some(&*body.len().to_string()), "{what}");
    }
    assert_eq!(house.upstream.count(), 1, "{target}");
}

#[tokio::test(start_paused = true)]
async fn a_range_is_cut_from_what_is_stored() {
    let rows: &[(&str, Option<&str>, u16, Option<&str>, &str)] = &[
        ("bytes=0-6", None, 206, Some("bytes 0-6/33"), "{\"data\""),
        ("bytes=31-", None, 206, Some("bytes 31-32/33"), "}}"),
        ("bytes=31-99", None, 206, Some("bytes 31-32/33"), "}}"),
        ("bytes=-2", None, 206, Some("bytes 31-32/33"), "}}"),
        ("bytes=-99", None, 206, Some("bytes 0-32/33"), FIRST),
        ("bytes=33-", None, 416, Some("bytes */33"), ""),
        ("bytes=-0", None, 416, Some("bytes */33"), ""),
        ("bytes=0-1,4-5", None, 200, None, FIRST),
        ("bytes=2-1", None, 200, None, FIRST),
        ("lines=0-1", None, 200, None, FIRST),
        ("bytes=0-0", Some("\"a\""), 206, Some("bytes 0-0/33"), "{"),
        ("bytes=0-0", Some(NOON), 206, Some("bytes 0-0/33"), "{"),
        ("bytes=0-0", Some("\"b\""), 200, None, FIRST),
        ("bytes=0-0", Some("W/\"a\""), 200, None, FIRST),
        ("bytes=0-0", Some("Sun, 06 Nov 1994 12:00:01 GMT"), 200, None, FIRST),
        ("bytes=99-", Some("\"b\""), 200, None, FIRST),
    ];
    for target in BOTH {
        all_answered(target, &[TAG, ("last-modified", NOON)], rows).await;
        let weak = [("bytes=0-0", Some("W/\"a\""), 200, None, FIRST)];
        all_answered(target, &[("etag", "W/\"a\"")], &weak).await;
    }
    let house = house_that_stored(T1, &[]).await;
    let own = house.get(T1, ANN).await.field("etag").unwrap().to_owned();
    all_answered(T1, &[], &[("bytes=0-0", Some(&own), 206, Some("bytes 0-0/33"), "{")]).await;
}

#[tokio::test(start_paused = true)]
async fn each_part_says_what_is_true_of_it_and_a_head_has_none() {
    for target in BOTH {
        let fields = [TAG, ("last-modified", NOON), ("content-md5", "x"), ("x-other", "1")];
        let house = house_that_stored(target, &fields).await;
        pass(3).await;
        let part = ask(&house, "GET", target, &[("range", "bytes=0-0")]).await;
        let found =
            ["etag", "last-modified", "content-md5", "x-other", "age"].map(|n| part.field(n));
        assert_eq!(found, [Some("\"a\""), Some(NOON), None, Some("1"), Some("3")], "{target}");
        assert_eq!(part.field("content-type"), Some("application/json; charset=utf-8"));
        let none = ask(&house, "GET", target, &[("range", "bytes=99-")]).await;
        let found =
            ["etag", "cache-control", "content-type", "content-length"].map(|n| none.field(n));
        assert_eq!(found, [None, None, None, Some("0")], "{target}");
        let head = ask(&house, "HEAD", target, &[("range", "bytes=0-0")]).await;
        assert_eq!((head.status, head.field("content-length")), (200, Some(LENGTH)), "{target}");
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_fetched_whole_for_the_sake_of_a_part() {
    let house = house_with_pages(|_| {});
    house.upstream.always(Say::json(200, FIRST, &[]));
    let part = ask(&house, "GET", T1, &[("range", "bytes=0-0"), ("if-range", "\"x\"")]).await;
    assert_eq!((part.status, part.text().as_str()), (200, FIRST), "another's part");
    let part = ask(&house, "GET", "/support-tickets/t1", &[("range", "bytes=-1")]).await;
    let cache = "verifik-gateway; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!((part.status, part.cache().as_str(), part.text().as_str()), (206, cache, "}"));
    assert_eq!(part.field("content-range"), Some("bytes 32-32/33"));
    let heard = house.upstream.heard();
    assert!(heard.iter().all(|m| m.field("range").is_none() && m.field("if-range").is_none()));
    assert!(recalls(&house, T1, ANN).await);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_stale_response_is_cut_once_the_whole_is_validated() {
    for target in BOTH {
        for (told, body, status) in
            [(not_modified(&[TAG]), "1}}", 304), (Say::json(200, SECOND, &[FRESH]), "2}}", 200)]
        {
            let house = stale_house(target, &[TAG], told).await;
            let part = ask(&house, "GET", target, &[("range", "bytes=-3")]).await;
            assert_eq!((part.status, part.text().as_str()), (206, body), "{target} {status}");
            let cache = format!("verifik-gateway; fwd=stale; fwd-status={status}; stored");
            assert_eq!((part.cache(), house.upstream.count()), (cache, 2), "{target}");
            let heard = house.upstream.last();
            assert_eq!((heard.field("range"), heard.field("if-none-match")), (None, Some("\"a\"")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_of_a_page_that_is_not_stored_goes_on_as_it_is_and_its_part_comes_back() {
    let house = house_with_pages(|_| {});
    house.upstream.always(Say::json(206, "{\"d", &[TAG, FRESH, ("content-range", "bytes 0-2/33")]));
    for asked in [1, 2] {
        let part = ask(&house, "GET", PAGE, &[("range", "bytes=0-2"), ("if-range", "\"a\"")]).await;
        let found = (part.status, part.field("content-range"), part.text());
        assert_eq!(found, (206, Some("bytes 0-2/33"), "{\"d".to_owned()));
        assert!(part.cache().ends_with("; detail=partial"), "{}", part.cache());
        let heard = house.upstream.last();
        assert_eq!(heard.field("range"), Some("bytes=0-2"));
        assert_eq!((heard.field("if-range"), house.upstream.count()), (Some("\"a\""), asked));
    }
    house.upstream.always(Say::json(200, FIRST, &[FRESH]));
    let part = ask(&house, "GET", PAGE, &[("range", "bytes=-1")]).await;
    assert_eq!((part.status, part.text().as_str()), (206, "}"), "the upstream knows no ranges");
    assert_eq!((house.get(PAGE, ANN).await.text().as_str(), house.upstream.count()), (FIRST, 3));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_nobody_asked_for_is_passed_on_and_never_stored() {
    let range = ("content-range", "bytes 0-32/33");
    let says = [Say::json(206, FIRST, &[FRESH, range]), Say::json(206, FIRST, &[FRESH])];
    for (target, say) in BOTH.iter().flat_map(|t| says.iter().map(move |say| (t, say))) {
        let house = house_with_pages(|_| {});
        house.upstream.always(say.clone());
        for asked in [1, 2] {
            assert_eq!(house.get(target, ANN).await.text(), FIRST, "{target} {say:?}");
            assert_eq!(house.upstream.count(), asked, "{target} {say:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_clients_condition_or_range_came_to_is_nobody_elses_answer() {
    let rows: [(&str, &str, u16); 4] = [
        ("if-match", "\"x\"", 412),
        ("if-unmodified-since", NOON, 412),
        ("range", "bytes=99-", 416),
        ("if-none-match", "\"a\"", 304),
    ];
    for (name, value, status) in rows {
        let house = house_with_pages(|_| {});
        house.upstream.says(move |request| match request.field(name) {
            Some(_) => {
                Say::Answer(status, vec![("cache-control", "max-age=99".to_owned())], vec![])
            }
            None => Say::json(200, FIRST, &[FRESH]),
        });
        for token in ["", ANN] {
            let fields: &[_] = &[(name, value), ("authorization", token)];
            let fields = if token.is_empty() { &fields[..1] } else { fields };
            assert_eq!(house.client().ask("GET", PAGE, fields).await.status, status, "{name}");
            let other = house.client().ask("GET", PAGE, &fields[1..]).await;
            assert_eq!((other.status, other.text().as_str()), (200, FIRST), "{name}");
        }
        assert_eq!(house.upstream.count(), 4, "{name}");
    }
}
