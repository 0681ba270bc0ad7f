//! Batch calls that are no batch calls, and the bodies that they may come in.

use crate::support::call::BATCH;
use crate::support::call::Call;
use crate::support::call::call;
use crate::support::call::many;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::timed;
use crate::support::upstream::Say;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;
use verifik_gateway::settings::model::Settings;

fn few(settings: &mut Settings) {
    settings.batch.max_ids = 3;
}

/// Posts a body as Ann.
async fn post(house: &House, body: &str) -> Reply {
    house.client().send("POST", BATCH, &[("authorization", ANN)], body).await
}

/// The code and the message.
fn words(reply: &Reply) -> (String, String) {
    let body: Value = serde_json::from_slice(&reply.message.body).unwrap();
    let word = |name: &str| body[name].as_str().unwrap().to_owned();
    (word("code"), word("message"))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_list_of_ids_is_refused_and_the_place_is_named() {
    let long = format!("ok\n{}", "x".repeat(129));
    let rows = [
        ("", 400, "GATEWAY_BAD_IDS", "The list of ids is empty."),
        (r#"{"ids":[]}"#, 400, "GATEWAY_BAD_IDS", "The list of ids is empty."),
        (r#"{"ids":"a"}"#, 400, "GATEWAY_BAD_IDS", "The body must be "),
        (r#"{"ids":["a",7]}"#, 400, "GATEWAY_BAD_IDS", "The body must be "),
        (r#"{"ids":["a"],"fields":[]}"#, 400, "GATEWAY_BAD_IDS", "The body must be "),
        (r#"{"ids":["a""#, 400, "GATEWAY_BAD_IDS", "The body must be "),
        (r#"{"ids":["a","b/../c"]}"#, 400, "GATEWAY_BAD_IDS", "Id 2: This is not an id"),
        (r#"{"ids":["a","b","c%2e"]}"#, 400, "GATEWAY_BAD_IDS", "Id 3: This is not an id"),
        (r#"{"ids":["","b"]}"#, 400, "GATEWAY_BAD_IDS", "Id 1: This is not an id"),
        (r#"{"ids":["a?x=1"]}"#, 400, "GATEWAY_BAD_IDS", "Id 1: This is not an id"),
        ("a\n\n \"b\"\n{\"id\":3}\n", 400, "GATEWAY_BAD_IDS", "Id 3: This is not an id"),
        ("a\nb c\n", 400, "GATEWAY_BAD_IDS", "Id 2: This is not an id"),
        (&long, 400, "GATEWAY_BAD_IDS", "Id 2: This is not an id"),
        ("a\nb\nc\nd\n", 413, "GATEWAY_TOO_MANY_IDS", "These are more ids than batch.max_ids"),
    ];
    let house = House::with(few);
    for (body, status, code, message) in rows {
        let reply = post(&house, body).await;
        let (said, sentence) = words(&reply);
        assert_eq!((reply.status, &*said), (status, code), "{body}");
        assert!(sentence.starts_with(message), "{body}: {sentence}");
        let error = Some("verifik-gateway; error=http_request_error");
        assert_eq!(reply.field("proxy-status"), error, "{body}");
    }
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_text_is_refused() {
    let house = House::new();
    let mut client = house.client();
    let fields = [("authorization", ANN), ("content-length", "2")];
    client.write([request("POST", BATCH, &fields, "").as_bytes(), b"\xc3\x28"].concat()).await;
    let reply = client.reply_to("POST").await.unwrap();
    assert_eq!((reply.status, &*words(&reply).1), (400, "The list of ids is not UTF-8."));
}

#[tokio::test(start_paused = true)]
async fn as_many_ids_as_are_allowed_are_answered() {
    let house = House::with(few);
    assert_eq!(Call::begin(&house, &many(3)).await.rest().await.total("answered"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_list_ends_the_connection() {
    let house = House::new();
    for body in ["", "a b", r#"{"ids":7}"#] {
        let mut client = house.client();
        let reply = client.send("POST", BATCH, &[("authorization", ANN)], body).await;
        assert_eq!((reply.status, reply.field("connection")), (400, Some("close")), "{body}");
        assert!(client.is_closed().await, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_sent_with_post() {
    let house = House::new();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
        let reply = house.client().ask(method, BATCH, &[("authorization", ANN)]).await;
        assert_eq!((reply.status, reply.field("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_asks_with_one_credential_of_its_own() {
    let rows: [(&[(&str, &str)], u16, &str); 4] = [
        (&[], 401, "GATEWAY_NO_CREDENTIAL"),
        (&[("authorization", "")], 401, "GATEWAY_NO_CREDENTIAL"),
        (&[("authorization", "  ")], 401, "GATEWAY_NO_CREDENTIAL"),
        (&[("authorization", ANN), ("authorization", ANN)], 400, "GATEWAY_TWO_CREDENTIALS"),
    ];
    let house = House::new();
    for (fields, status, code) in rows {
        let reply = house.client().send("POST", BATCH, fields, "a").await;
        assert_eq!((reply.status, &*words(&reply).0), (status, code), "{fields:?}");
        let wanted = (status == 401).then_some("Bearer");
        assert_eq!(reply.field("www-authenticate"), wanted, "{fields:?}");
    }
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn batches_can_be_moved_and_switched_off() {
    for (path, elsewhere) in [(None, "/_gateway/jobs"), (Some("/_gateway/jobs/v1"), BATCH)] {
        let house = House::with(|settings| settings.batch.path = path.map(str::to_owned));
        for target in [elsewhere, BATCH] {
            let reply = house.client().send("POST", target, &[("authorization", ANN)], "a").await;
            let told = (reply.status, &*words(&reply).0);
            assert_eq!(told, (404, "GATEWAY_NO_SUCH_PAGE"), "{path:?} {target}");
        }
        if let Some(path) = path {
            let reply = house.client().send("POST", path, &[("authorization", ANN)], "a").await;
            assert_eq!((reply.status, reply.text().lines().count()), (200, 2));
        }
        assert_eq!(house.upstream.count(), usize::from(path.is_some()), "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_tickets_there_are_no_batches() {
    let house = House::with(|settings| settings.resources.clear());
    let reply = post(&house, "a").await;
    assert_eq!((reply.status, &*words(&reply).0), (404, "GATEWAY_NO_SUCH_PAGE"));
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_takes_no_path_of_the_upstream_away() {
    let house = House::new();
    house.upstream.always(Say::json(201, "{}", &[]));
    let others =
        ["/tickets", "/_gateway", "/v2/_gateway/tickets", "/_gatewaytickets", "/_Gateway/tickets"];
    for (index, target) in others.into_iter().enumerate() {
        let reply = house.client().send("POST", target, &[("authorization", ANN)], "a").await;
        assert_eq!((reply.status, house.upstream.count()), (201, index + 1), "{target}");
    }
    for target in ["/_gateway/", "/_gateway/tickets/", "/_gateway/Tickets", "/_gateway/tickets/t1"]
    {
        let reply = house.client().send("POST", target, &[("authorization", ANN)], "a").await;
        assert_eq!(reply.status, 404, "{target}");
    }
    assert_eq!(house.upstream.count(), others.len());
}

/// A call in chunks.
fn chunked(parts: &[&str]) -> String {
    let fields = [("authorization", ANN), ("transfer-encoding", "chunked")];
    let chunks: String = parts.iter().map(|p| format!("{:x}\r\n{p}\r\n", p.len())).collect();
    request("POST", BATCH, &fields, &chunks)
}

#[tokio::test(start_paused = true)]
async fn ids_come_in_chunks_or_with_a_length() {
    let house = House::new();
    let lists = [r#"{"ids":["a1","b2"]}"#, "a1\nb2\n", "\"a1\"\r\n\"b2\"", "{\"id\":\"a1\"}\nb2"];
    for list in lists {
        for at in 1..list.len() {
            let (one, other) = list.split_at(at);
            let mut client = house.client();
            client.write(chunked(&[one, other, ""])).await;
            let reply = client.reply_to("POST").await.unwrap();
            assert_eq!((reply.status, reply.text().lines().count()), (200, 3), "{one}|{other}");
        }
        assert_eq!(post(&house, list).await.text().lines().count(), 3, "{list}");
    }
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_wait_to_be_told_to_go_on() {
    let house = House::new();
    let mut client = house.client();
    let fields = [("authorization", ANN), ("content-length", "2"), ("expect", "100-continue")];
    client.write(request("POST", BATCH, &fields, "")).await;
    assert_eq!(client.reader.head().await.unwrap().start, "HTTP/1.1 100 Continue");
    client.write("t1").await;
    assert_eq!(client.reply_to("POST").await.unwrap().text().lines().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_asks_for_nothing() {
    let with_length = [("authorization", ANN), ("content-length", "9")];
    let rows = [request("POST", BATCH, &with_length, "t1\nt2"), chunked(&["t1\n", "t2\n"])];
    for text in rows {
        let house = House::new();
        let mut client = house.client();
        client.write(&text).await;
        client.shut().await;
        if let Some(reply) = client.reply_to("POST").await {
            assert_eq!(words(&reply).0, "GATEWAY_REQUEST_BROKEN", "{text}");
        }
        assert!(client.is_closed().await, "{text}");
        assert_eq!(house.upstream.connections(), 0, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for_any_longer_than_a_head() {
    let house = House::new();
    let mut client = house.client();
    client.write(chunked(&["t1\n"])).await;
    let (took, reply) = timed(client.reply_to("POST")).await;
    let reply = reply.unwrap();
    assert_eq!((took.as_secs(), reply.status), (10, 400));
    assert_eq!(words(&reply).0, "GATEWAY_REQUEST_BROKEN");
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_drips_has_six_times_the_time_of_a_head_in_all() {
    let house = House::new();
    let mut client = house.client();
    client.write(chunked(&["t1\n"])).await;
    let dripping = async {
        loop {
            match timeout(Duration::from_secs(9), client.reply_to("POST")).await {
                Ok(reply) => return reply.unwrap(),
                Err(_) => client.write("3\r\nt2\n\r\n").await,
            }
        }
    };
    let (took, reply) = timed(dripping).await;
    let broken = (60, 400, "GATEWAY_REQUEST_BROKEN");
    assert_eq!((took.as_secs(), reply.status, &*words(&reply).0), broken);
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_refused_before_it_has_come() {
    let line = "t1\n".repeat(1_000);
    let with_length = [("authorization", ANN), ("content-length", "1000000000000")];
    let rows = [request("POST", BATCH, &with_length, &line), chunked(&[&line, &line])];
    for text in rows {
        let house = House::with(few);
        let mut client = house.client();
        client.write(&text).await;
        let (took, reply) = timed(client.reply_to("POST")).await;
        let reply = reply.unwrap();
        assert_eq!((took.as_secs(), reply.status), (0, 413));
        assert_eq!(words(&reply).0, "GATEWAY_TOO_MANY_IDS");
        assert_eq!(reply.field("connection"), Some("close"));
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_can_be_asked_for_after_another_on_the_same_connection() {
    let house = House::new();
    let mut client = house.client();
    let (first, second) = (chunked(&["t1", ""]), chunked(&["t1\nt2", ""]));
    client.write(first + &second).await;
    for (lines, hits) in [(2, "\"hits\":0"), (3, "\"hits\":1")] {
        let text = client.reply_to("POST").await.unwrap().text();
        assert!(text.lines().count() == lines && text.contains(hits), "{text}");
    }
    assert_eq!(call(&house, &["t2"]).await.total("hits"), 1);
}
