//! What is stored, what answers from the store, and under which key.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;

const T1: &str = "/v2/support-tickets/t1";

/// The sample request of the API's page on this endpoint, as axios puts it on the wire.
const SAMPLE_REQUEST: &str = "GET /v2/support-tickets/support_ticket_123456789 HTTP/1.1\r\n\
    Accept: application/json, text/plain, */*\r\nContent-Type: application/json\r\n\
    Authorization: Bearer YOUR_ACCESS_TOKEN\r\nUser-Agent: axios/1.7.9\r\n\
    Accept-Encoding: gzip, compress, deflate, br\r\nHost: localhost:8080\r\n\
    Connection: keep-alive\r\n\r\n";

/// The page's sample answer.
const SAMPLE_ANSWER: &str = include_str!("golden/ticket.json");

#[tokio::test(start_paused = true)]
async fn the_documented_request_gets_the_documented_answer_byte_for_byte_on_a_miss_and_on_a_hit() {
    let house = House::new();
    house.upstream.always(Say::json(200, SAMPLE_ANSWER, &[]));
    let mut client = house.client();
    for hit in [false, true] {
        client.write(SAMPLE_REQUEST).await;
        let reply = client.reply_to("GET").await.unwrap();
        assert_eq!((reply.status, reply.is_hit()), (200, hit));
        assert_eq!(reply.text(), SAMPLE_ANSWER, "hit: {hit}");
        assert_eq!(reply.field("content-type"), Some("application/json; charset=utf-8"));
    }
    assert_eq!(house.upstream.count(), 1);
    let heard = house.upstream.last();
    assert_eq!(heard.start, "GET /v2/support-tickets/support_ticket_123456789 HTTP/1.1");
    assert_eq!(heard.field("authorization"), Some("Bearer YOUR_ACCESS_TOKEN"));
    assert_eq!(heard.field("content-type"), Some("application/json"));
}

#[tokio::test(start_paused = true)]
async fn the_second_read_of_a_ticket_is_answered_from_memory() {
    let house = House::new();
    let miss = house.ticket("t1", ANN).await;
    let stored = "verifik-gateway; fwd=uri-miss; fwd-status=200; stored";
    assert_eq!((miss.status, miss.cache().as_str()), (200, stored));
    assert_eq!(miss.field("age"), None);
    pass(3).await;
    let hit = house.ticket("t1", ANN).await;
    assert_eq!((hit.status, hit.text()), (200, miss.text()));
    assert!(hit.cache().starts_with("verifik-gateway; hit; ttl=1"), "{}", hit.cache());
    assert_eq!(hit.field("age"), Some("3"));
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_credentials_never_share_a_stored_response() {
    let house = House::new();
    let all =
        [ANN, BEN, "bearer ann", "Bearer ANN", "Bearer  ann", "ann", "JWT ann", "Bearer ann,"];
    for credential in all {
        assert!(!house.ticket("t1", credential).await.is_hit(), "{credential:?}");
        assert_eq!(house.upstream.last().field("authorization"), Some(credential));
    }
    assert_eq!(house.upstream.count(), all.len());
}

#[tokio::test(start_paused = true)]
async fn whatever_may_change_the_answer_is_part_of_the_key() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        (T1, &[]),
        ("/support-tickets/t1", &[]),
        ("/v2/support-tickets/T1", &[]),
        ("/v2/support-tickets/t1?", &[]),
        ("/v2/support-tickets/t1?&", &[]),
        ("/v2/support-tickets/t1??", &[]),
        ("/v2/support-tickets/t1?populates=threads", &[]),
        ("/v2/support-tickets/t1?populates=threads&", &[]),
        ("/v2/support-tickets/t1?populates[]=threads", &[]),
        ("/v2/support-tickets/t1?populates%5B%5D=threads", &[]),
        ("/v2/support-tickets/t1?populates%5b%5d=threads", &[]),
        ("/v2/support-tickets/t1?a=1&b=2", &[]),
        ("/v2/support-tickets/t1?b=2&a=1", &[]),
        ("/v2/support-tickets/t1?a=1&b=2&?where_status=open", &[]),
        ("/v2/support-tickets/t1?populateSelects={%22threads.client%22:%22_id%20name%22}", &[]),
        (T1, &[("origin", "https://a.example")]),
        (T1, &[("origin", "https://b.example")]),
        (T1, &[("accept-language", "es")]),
        (T1, &[("accept-language", "es, en")]),
        (T1, &[("accept-language", "es"), ("accept-language", "en")]),
        (T1, &[("accept-language", "es"), ("origin", "https://a.example")]),
    ];
    let house = House::new();
    for round in [1, 2] {
        for (row, (target, fields)) in rows.iter().enumerate() {
            let fields = [&[("authorization", ANN)], *fields].concat();
            let reply = house.client().ask("GET", target, &fields).await;
            let count = if round == 1 { row + 1 } else { rows.len() };
            let seen = (reply.is_hit(), house.upstream.count());
            assert_eq!(seen, (round == 2, count), "{target} {fields:?}");
            let heard = house.upstream.heard()[row].start.clone();
            assert_eq!(heard, format!("GET {target} HTTP/1.1"), "on its way verbatim");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_cannot_change_the_answer_stays_here_and_is_not_part_of_the_key() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    for (field, status) in [
        (("cookie", "session=other"), 200),
        (("accept", "text/html"), 200),
        (("accept-encoding", "gzip, br"), 200),
        (("x-http-method-override", "DELETE"), 200),
        (("x-original-url", "/v2/support-tickets/t2"), 200),
        (("x-forwarded-host", "elsewhere.example"), 200),
        (("x_forwarded_for", "10.0.0.1"), 200),
        (("if-match", "\"other\""), 200),
        (("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"), 200),
        (("range", "bytes=0-0"), 206),
        (("if-none-match", "*"), 304),
    ] {
        let fields = [("authorization", ANN), field];
        let hit = house.client().ask("GET", T1, &fields).await;
        assert_eq!((hit.is_hit(), hit.status), (true, status), "{field:?}");
        let miss = [("authorization", BEN), field, ("cache-control", "no-cache")];
        assert_eq!(house.client().ask("GET", T1, &miss).await.status, status, "{field:?}");
        let heard = house.upstream.last();
        assert_ne!(heard.field(field.0), Some(field.1), "{field:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_upstream_is_asked_for_plain_json() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    let heard = house.upstream.last();
    let expected = [
        ("host", "api.verifik.co"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("via", "1.1 verifik-gateway"),
    ];
    for (name, value) in expected {
        assert_eq!(heard.all(name), [value], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_from_a_stored_get_with_its_length_and_no_body() {
    let house = House::new();
    let mut client = house.client();
    let get = client.ask("GET", T1, &[("authorization", ANN)]).await;
    let head = client.ask("HEAD", T1, &[("authorization", ANN)]).await;
    assert!(head.is_hit());
    assert_eq!((head.status, head.field("age")), (200, Some("0")));
    assert_eq!(head.field("content-length"), Some(get.text().len().to_string().as_str()));
    // An octet of a body would be taken for the beginning of this reply.
    let again = client.ask("GET", T1, &[("authorization", ANN)]).await;
    assert_eq!((again.text(), house.upstream.count()), (get.text(), 1));
}

#[tokio::test(start_paused = true)]
async fn head_of_what_is_not_stored_goes_upstream_as_get_and_is_stored() {
    let chunked = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n15\r\n{\"data\":{\"_id\":\"t1\"}}\r\n0\r\n\r\n";
    for say in [Say::ticket("t1", "open", &[]), Say::Raw(chunked.to_vec())] {
        let house = House::new();
        house.upstream.always(say);
        let mut client = house.client();
        let head = client.ask("HEAD", T1, &[("authorization", ANN)]).await;
        assert_eq!(head.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=200; stored");
        assert_eq!(house.upstream.last().start, "GET /v2/support-tickets/t1 HTTP/1.1");
        let get = client.ask("GET", T1, &[("authorization", ANN)]).await;
        assert!(get.is_hit() && get.message.whole);
        assert_eq!(head.field("content-length"), Some(get.text().len().to_string().as_str()));
        assert_eq!(house.upstream.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn head_and_get_wait_for_the_same_forward() {
    let house = House::new();
    house.upstream.always(Say::ticket("t1", "open", &[]).after(1));
    let (mut one, mut other, ann) = (house.client(), house.client(), [("authorization", ANN)]);
    let (head, get) = tokio::join!(one.ask("HEAD", T1, &ann), other.ask("GET", T1, &ann));
    assert_eq!(head.field("content-length"), Some(get.text().len().to_string().as_str()));
    assert!(get.cache().ends_with("; stored; collapsed"), "{}", get.cache());
    assert_eq!(house.upstream.count(), 1);
}

/// A ticket whose title tells how often the upstream has been asked.
fn edition() -> impl FnMut(&Message) -> Say + Send + 'static {
    let mut edition = 0;
    move |request| {
        edition += 1;
        let id = id_of(request);
        Say::json(200, &format!(r#"{{"data":{{"_id":"{id}","title":"{edition}"}}}}"#), &[])
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_no_cached_answer_is_asked_for_and_what_comes_is_stored() {
    for field in [("cache-control", "max-age=0, No-Cache"), ("pragma", "no-cache")] {
        let house = House::new();
        house.upstream.says(edition());
        house.ticket("t1", ANN).await;
        let asked = house.client().ask("GET", T1, &[("authorization", ANN), field]).await;
        assert_eq!(asked.cache(), "verifik-gateway; fwd=request; fwd-status=200; stored");
        assert_eq!(house.upstream.last().field(field.0), None, "it stays here");
        let hit = house.ticket("t1", ANN).await;
        assert!(hit.is_hit() && hit.text().contains(r#""title":"2""#), "{field:?}");
        assert_eq!(house.upstream.count(), 2, "{field:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_nothing_stored_is_asked_for_and_leaves_the_store_as_it_was() {
    let house = House::new();
    house.upstream.says(edition());
    let fields = [("authorization", ANN), ("cache-control", "no-store")];
    let unstored = "verifik-gateway; fwd=request; fwd-status=200; detail=request-no-store";
    assert_eq!(house.client().ask("GET", T1, &fields).await.cache(), unstored);
    let miss = house.ticket("t1", ANN).await;
    assert!(!miss.is_hit());
    assert_eq!(house.client().ask("GET", T1, &fields).await.cache(), unstored);
    let hit = house.ticket("t1", ANN).await;
    assert_eq!((hit.is_hit(), hit.text()), (true, miss.text()));
    assert_eq!(house.upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_listened_to_where_the_settings_say_so() {
    let house = House::with(|settings| settings.cache.client_directives = false);
    for (directive, hit) in [("no-store", false), ("no-cache", true), ("no-store", true)] {
        let fields = [("authorization", ANN), ("cache-control", directive)];
        assert_eq!(house.client().ask("GET", T1, &fields).await.is_hit(), hit, "{directive}");
    }
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hit_replays_every_field_repeated_ones_in_order() {
    let house = House::new();
    let fields = [
        ("x-note", "one"),
        ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("x-note", "two"),
        ("access-control-allow-origin", "*"),
        ("cache-status", "origin; hit"),
        ("cache-status", "edge; fwd=miss"),
        ("x-note", "one"),
        ("connection", "keep-alive, X-Internal"),
        ("x-internal", "10.0.0.1"),
        ("keep-alive", "timeout=5"),
        ("age", "4"),
    ];
    house.upstream.always(Say::ticket("t1", "open", &fields));
    let (miss, hit) = (house.ticket("t1", ANN).await, house.ticket("t1", ANN).await);
    assert!(hit.is_hit());
    for (reply, ours) in [(&miss, "verifik-gateway; fwd"), (&hit, "verifik-gateway; hit")] {
        assert_eq!(reply.message.all("x-note"), ["one", "two", "one"], "{ours}");
        assert_eq!(reply.message.all("date"), [fields[1].1], "{ours}");
        assert_eq!(reply.message.all("access-control-allow-origin"), ["*"], "{ours}");
        assert_eq!(reply.message.all("age"), ["4"], "{ours}");
        let statuses = reply.message.all("cache-status");
        assert_eq!((&statuses[..2], statuses.len()), (&["origin; hit", "edge; fwd=miss"][..], 3));
        assert!(statuses[2].starts_with(ours), "{statuses:?}");
        assert_eq!(reply.field("x-internal").or(reply.field("keep-alive")), None, "{ours}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_on_one_connection_are_each_judged_by_their_own_credential() {
    let house = House::new();
    let mut client = house.client();
    assert!(!client.ask("GET", T1, &[("authorization", ANN)]).await.is_hit());
    assert!(!client.ask("GET", T1, &[]).await.is_hit());
    assert_eq!(house.upstream.last().field("authorization"), None);
    client.write(request("GET", T1, &[("authorization", ANN)], "")).await;
    assert!(client.reply_to("GET").await.unwrap().is_hit());
    assert_eq!(house.upstream.count(), 2);
}
