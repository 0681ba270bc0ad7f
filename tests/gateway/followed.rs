//! Requests that something follows on their connection: no reply waits for it, and none is lost.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;
use tokio::time::timeout;

fn get(more: &[(&str, &str)], followed_by: &str) -> String {
    request("GET", T1, &[&[("authorization", ANN)], more].concat(), followed_by)
}

/// The status of the reply to these octets, if there is one within a second.
async fn status_after(octets: &str) -> Option<u16> {
    let mut client = House::new().client();
    client.write(octets).await;
    let reply = timeout(Duration::from_secs(1), client.reply_to("GET")).await;
    reply.ok().flatten().map(|reply| reply.status)
}

#[tokio::test(start_paused = true)]
async fn a_reply_does_not_wait_for_what_follows_its_request() {
    let rows = [
        ("nothing", get(&[], "")),
        ("the beginning of another request", get(&[], "GET /v2/sup")),
        ("an empty line", get(&[], "\r\n")),
        ("a request that will not be read", get(&[("connection", "close")], &get(&[], ""))),
        ("no HTTP at all", get(&[], "\0\0\0\r\n\r\n")),
        ("an empty line after a body", request("PUT", T1, &[("content-length", "2")], "{}\r\n")),
    ];
    for (row, octets) in rows {
        assert_eq!(status_after(&octets).await, Some(200), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_heard_though_the_rest_of_the_request_is_not_read() {
    let long = "x".repeat(100_000);
    let rows = [
        ("a body on a read", 400, get(&[("content-length", "9")], "123456789")),
        ("another coding", 400, get(&[("transfer-encoding", "gzip")], "0\r\n\r\n")),
        ("no name before a value", 400, format!("GET {T1} HTTP/1.1\r\n{ANN}\r\n\r\n")),
        ("no HTTP at all", 400, "\x16\x03\x01\r\n\r\n".to_owned()),
        ("another version", 400, format!("GET {T1} HTTP/3.0\r\n\r\n")),
        ("a head without end", 431, format!("GET {T1} HTTP/1.1\r\nx: {long}")),
    ];
    for (row, status, octets) in rows {
        assert_eq!(status_after(&octets).await, Some(status), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_does_not_wait_for_the_replies_to_later_requests() {
    let house = House::new();
    house.upstream.says(|asked| {
        let say = Say::ticket(id_of(asked), "open", &[]);
        if asked.start.contains("/slow ") { say.after(9) } else { say }
    });
    let mut client = house.client();
    let slow = request("GET", "/v2/support-tickets/slow", &[("authorization", ANN)], "");
    client.write([get(&[], ""), slow, get(&[], "")].concat()).await;
    let first = timeout(Duration::from_secs(1), client.reply_to("GET")).await;
    assert_eq!(first.expect("at once").unwrap().status, 200);
    for _ in 0..2 {
        assert_eq!(client.reply_to("GET").await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_lose_the_reply_under_way_to_a_client_that_has_sent_the_next_request() {
    let house = House::new();
    house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let mut client = house.client();
    client.write([get(&[], ""), get(&[], "")].concat()).await;
    pass(1).await;
    house.drain.send(true).unwrap();
    assert_eq!(client.reply_to("GET").await.unwrap().status, 200);
    assert!(client.is_closed().await);
}
