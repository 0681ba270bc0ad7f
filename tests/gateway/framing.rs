//! Where an answer ends: one that may have been cut never looks whole, and is never stored.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use std::time::Duration;

const JSON: &str = "content-type: application/json\r\n";
const TICKET: &str = r#"{"data":{"_id":"t1","status":"open"}}"#;

/// An answer on the wire: status line's rest, fields beside the type, what follows the head.
fn wire(status: &str, fields: &str, rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{JSON}{fields}\r\n{rest}").into_bytes()
}

fn code(reply: &Reply) -> String {
    let error: serde_json::Value = serde_json::from_str(&reply.text()).unwrap_or_default();
    error["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_broke_off_or_frames_itself_in_two_ways_is_a_clean_502() {
    const TRUNCATED: &str = "GATEWAY_UPSTREAM_TRUNCATED";
    const MALFORMED: &str = "GATEWAY_UPSTREAM_MALFORMED";
    let half = &TICKET[..20];
    let chunk = format!("25\r\n{TICKET}\r\n");
    let rows = [
        ("200 OK", "content-length: 38\r\n", TICKET, TRUNCATED),
        ("200 OK", "content-length: 37\r\n", half, TRUNCATED),
        ("200 OK", "content-length: 37\r\n", "", TRUNCATED),
        ("404 Not Found", "content-length: 99\r\n", r#"{"code":"NotFound"}"#, TRUNCATED),
        ("200 OK", "transfer-encoding: chunked\r\n", &chunk, TRUNCATED),
        ("200 OK", "transfer-encoding: chunked\r\n", &chunk[..30], TRUNCATED),
        ("200 OK", "transfer-encoding: chunked\r\n", "", TRUNCATED),
        ("200 OK", "transfer-encoding: chunked\r\n", "zz\r\n", TRUNCATED),
        ("200 OK", "", half, TRUNCATED),
        ("200 OK", "", "", TRUNCATED),
        ("404 Not Found", "", r#"{"code":"NotFou"#, TRUNCATED),
        ("200 OK", "content-length: 37\r\ntransfer-encoding: chunked\r\n", TICKET, MALFORMED),
        ("200 OK", "transfer-encoding: chunked\r\ncontent-length: 37\r\n", &chunk, MALFORMED),
        ("200 OK", "transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n", MALFORMED),
        ("200 OK", "transfer-encoding: identity\r\n", TICKET, MALFORMED),
        ("200 OK", "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "", MALFORMED),
        ("200 OK", "content-length: 37\r\ncontent-length: 36\r\n", TICKET, MALFORMED),
        ("200 OK", "content-length: +37\r\n", TICKET, MALFORMED),
        ("200 OK", "x y: z\r\ncontent-length: 37\r\n", TICKET, MALFORMED),
        ("101 Switching Protocols", "upgrade: h2c\r\nconnection: upgrade\r\n", "", MALFORMED),
        ("2x0 OK", "content-length: 37\r\n", TICKET, MALFORMED),
    ];
    for (status, fields, rest, expected) in rows {
        let house = House::new();
        house.upstream.always(Say::RawThenClose(wire(status, fields, rest)));
        for asked in [1, 2] {
            let reply = house.ticket("t1", ANN).await;
            let found = (reply.status, code(&reply), reply.message.whole);
            assert_eq!(found, (502, expected.to_owned(), true), "{status} {fields:?} {rest:?}");
            assert_eq!(reply.cache(), "verifik-gateway; fwd=uri-miss", "{fields:?} {rest:?}");
            assert_eq!(house.upstream.count(), asked, "{status} {fields:?} {rest:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_a_502() {
    for raw in
        [&b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..], b"<html>\r\n\r\n", b"\x16\x03\x01\x02\0", b"\r"]
    {
        let house = House::new();
        house.upstream.always(Say::RawThenClose(raw.to_vec()));
        assert_eq!(house.ticket("t1", ANN).await.status, 502, "{:?}", raw.escape_ascii());
    }
    let endless = wire("200 OK", &format!("x: {}\r\n", "a".repeat(70_000)), "");
    let house = House::new();
    house.upstream.always(Say::Raw(endless));
    assert_eq!(code(&house.ticket("t1", ANN).await), "GATEWAY_UPSTREAM_MALFORMED");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_where_the_connection_does_is_delivered_if_it_is_whole_and_not_stored()
{
    let rows = [
        ("200 OK", TICKET),
        ("404 Not Found", r#"{"code":"NotFound","message":"x"}"#),
        ("200 OK", r#"{"data":{"_id":"t2"}}"#),
        ("401 Unauthorized", r#"{"error":"Unauthorized"}"#),
        ("500 Internal Server Error", ""),
    ];
    for (status, body) in rows {
        let house = House::new();
        house.upstream.always(Say::RawThenClose(wire(status, "", body)));
        for asked in [1, 2] {
            let reply = house.ticket("t1", ANN).await;
            assert_eq!(
                (reply.message.start, reply.message.body),
                (format!("HTTP/1.1 {status}"), body.as_bytes().to_vec(),)
            );
            assert_eq!(house.upstream.count(), asked, "{status} {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_body_is_delivered_without_one_and_not_stored() {
    let rows = ["204 No Content", "304 Not Modified"];
    for (status, fields) in rows.iter().flat_map(|s| [(s, ""), (s, "content-length: 37\r\n")]) {
        let house = House::new();
        house.upstream.always(Say::Raw(wire(status, fields, "")));
        let mut client = house.client();
        for asked in [1, 2] {
            let reply =
                client.ask("GET", "/v2/support-tickets/t1", &[("authorization", ANN)]).await;
            assert_eq!(reply.message.start, format!("HTTP/1.1 {status}"), "{fields:?}");
            assert_eq!(house.upstream.count(), asked, "{status} {fields:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_to_say_where_a_whole_answer_ends_is_understood_and_stored() {
    let chunks = format!("10;x=y\r\n{}\r\n15\r\n{}\r\n", &TICKET[..16], &TICKET[16..]);
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nset-cookie: a=b\r\n\r\n";
    let length = "content-length: 37\r\n";
    let rows = [
        wire("200 OK", length, TICKET),
        wire("200 OK", "Transfer-Encoding: Chunked\r\n", &format!("{chunks}0\r\n\r\n")),
        wire(
            "200 OK",
            "transfer-encoding: chunked\r\n",
            &format!("{chunks}0\r\nset-cookie: a=b\r\n\r\n"),
        ),
        format!("{hints}HTTP/1.1 200 OK\r\n{JSON}{length}\r\n{TICKET}").into_bytes(),
        format!("HTTP/1.0 200 OK\r\n{JSON}{length}\r\n{TICKET}").into_bytes(),
    ];
    for raw in rows {
        let house = House::new();
        house.upstream.always(Say::Raw(raw.clone()));
        for hit in [false, true] {
            let reply = house.ticket("t1", ANN).await;
            assert_eq!(
                (reply.text().as_str(), reply.is_hit()),
                (TICKET, hit),
                "{}",
                raw.escape_ascii()
            );
            assert_eq!(reply.field("content-length"), Some("37"), "{}", raw.escape_ascii());
            assert_eq!(reply.field("set-cookie"), None, "{}", raw.escape_ascii());
        }
        assert_eq!(house.upstream.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_an_answer_is_nobodys_answer() {
    let other = r#"{"data":{"_id":"t2","title":"not hers"}}"#;
    let second = wire("200 OK", "content-length: 40\r\n", other);
    let both = [wire("200 OK", "content-length: 37\r\n", TICKET), second.clone()].concat();
    let late = Say::Parts(vec![
        (wire("200 OK", "content-length: 37\r\n", TICKET), Duration::from_millis(10)),
        (second.clone(), Duration::ZERO),
    ]);
    let without = [wire("204 No Content", "", ""), second.clone()].concat();
    let two_ways = "content-length: 40\r\ntransfer-encoding: chunked\r\n";
    let ambiguous = [wire("200 OK", two_ways, "0\r\n\r\n"), second].concat();
    for say in [Say::Raw(both), late, Say::Raw(without), Say::Raw(ambiguous)] {
        let house = House::new();
        house.upstream.always(say.clone());
        house.ticket("t1", ANN).await;
        pass(1).await;
        house.upstream.always(Say::ticket("t2", "open", &[]));
        let next = house.ticket("t2", ANN).await;
        assert!(!next.text().contains("not hers"), "{say:?}");
        assert_eq!((house.upstream.count(), house.upstream.connections()), (2, 2), "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_answer_framed_itself_in_two_ways_is_not_used_again() {
    let house = House::new();
    let two_ways = "content-length: 0\r\ntransfer-encoding: chunked\r\n";
    house.upstream.always(Say::Raw(wire("200 OK", two_ways, "0\r\n\r\n")));
    for connections in [1, 2] {
        assert_eq!(house.ticket("t1", ANN).await.status, 502);
        assert_eq!(house.get("/v2/clients", ANN).await.status, 502);
        assert_eq!(house.upstream.connections(), 2 * connections);
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_protocols_that_nobody_asked_for_is_a_502_whatever_passes_through() {
    let switch = wire("101 Switching Protocols", "upgrade: h2c\r\nconnection: upgrade\r\n", "");
    for (method, target) in [("GET", "/v2/clients"), ("HEAD", "/v2/clients"), ("POST", "/v2/x")] {
        let house = House::new();
        house.upstream.always(Say::Raw(switch.clone()));
        let fields = [("connection", "upgrade"), ("upgrade", "h2c")];
        let reply = house.client().ask(method, target, &fields).await;
        assert_eq!(reply.status, 502, "{method}");
    }
}

/// A ticket with more text than is stored.
fn long_ticket() -> String {
    format!(r#"{{"data":{{"_id":"t1","description":"{}"}}}}"#, "ñ".repeat(1 << 20))
}

fn in_chunks(body: &str) -> Vec<u8> {
    let frame = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let chunks: Vec<_> = body.as_bytes().chunks(5_000).flat_map(frame).collect();
    let head = wire("200 OK", "transfer-encoding: chunked\r\n", "");
    [head, chunks, b"0\r\n\r\n".to_vec()].concat()
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_to_store_is_streamed_to_each_who_asks() {
    let body = long_ticket();
    for say in [Say::json(200, &body, &[]), Say::Raw(in_chunks(&body))] {
        let house = House::new();
        house.upstream.always(say.after(5));
        let (one, other) = tokio::join!(house.ticket("t1", ANN), house.ticket("t1", ANN));
        for reply in [one, other] {
            assert_eq!((reply.text() == body, reply.message.whole), (true, true));
            let expected = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=too-long";
            assert_eq!(reply.cache(), expected);
        }
        assert_eq!(house.upstream.count(), 2);
        assert!(!house.ticket("t1", ANN).await.is_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_an_answer_that_was_too_long_waits_for_nobody_for_a_minute() {
    let house = House::new();
    house.upstream.always(Say::json(200, &long_ticket(), &[]));
    house.ticket("t1", ANN).await;
    pass(59).await;
    house.upstream.always(Say::json(500, "{}", &[]).after(5));
    let both = || async { tokio::join!(house.ticket("t1", ANN), house.ticket("t1", ANN)) };
    let (took, _) = timed(both()).await;
    assert_eq!((took, house.upstream.count()), (Duration::from_secs(5), 3), "each for itself");
    let (took, _) = timed(both()).await;
    assert_eq!((took, house.upstream.count()), (Duration::from_secs(5), 4), "together again");
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_that_breaks_off_breaks_off_for_its_asker() {
    let body = long_ticket();
    let announced = format!("content-length: {}\r\n", body.len() + 1);
    let cut = in_chunks(&body);
    for raw in [wire("200 OK", &announced, &body), cut[..cut.len() - 5].to_vec()] {
        let house = House::new();
        house.upstream.always(Say::RawThenClose(raw));
        let mut client = house.client();
        client.write(request("GET", "/v2/support-tickets/t1", &[("authorization", ANN)], "")).await;
        let reply = client.reply_to("GET").await.unwrap();
        assert_eq!((reply.status, reply.message.whole), (200, false));
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_last_chunk_or_the_answer_to_a_head_is_nobodys_answer() {
    let others = r#"{"data":{"_id":"t2","title":"not hers"}}"#;
    let other = wire("200 OK", &format!("content-length: {}\r\n", others.len()), others);
    let chunks = format!("25\r\n{TICKET}\r\n0\r\n\r\n");
    let chunked = wire("200 OK", "transfer-encoding: chunked\r\n", &chunks);
    let with_body = wire("200 OK", "content-length: 37\r\n", TICKET);
    let rows = [
        ("GET", "/v2/support-tickets/t1", 200, [&*chunked, &other].concat()),
        ("HEAD", "/v2/clients", 200, with_body.clone()),
        // More than its length, whoever was not to be sent it.
        ("HEAD", "/v2/clients", 502, [&*with_body, &other].concat()),
    ];
    for (method, target, status, raw) in rows {
        let house = House::new();
        house.upstream.always(Say::Raw(raw));
        let reply = house.client().ask(method, target, &[("authorization", ANN)]).await;
        assert_eq!((reply.status, reply.message.whole), (status, true), "{method} {status}");
        pass(1).await;
        house.upstream.always(Say::ticket("t2", "open", &[]));
        let next = house.ticket("t2", ANN).await;
        assert!(next.status == 200 && !next.text().contains("not hers"), "{method} {status}");
        let anew = (house.upstream.count(), house.upstream.connections());
        assert_eq!(anew, (2, 2), "{method} {status}");
    }
}
