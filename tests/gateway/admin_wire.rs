//! The operators' port and whoever does not ask as a tool or a browser would: targets that only look
//! like a place, other methods, names and origins that are not ours, bodies of every kind.

use crate::support::client::Client;
use crate::support::house::House;
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio::io::duplex;
use verifik_gateway::admin::port::Port;

const HOST: &str = "host: localhost:8081\r\n";
const ALL: &str = "content-length: 12\r\n\r\n{\"all\":true}";

fn connection(house: &House) -> Client<DuplexStream> {
    let (ours, theirs) = duplex(64 * 1024);
    let port = Port::new(Arc::clone(&house.desk));
    tokio::spawn(async move { port.serve(theirs).await });
    Client::new(ours)
}

/// The statuses of all replies on one connection, until it has been idle for long enough.
async fn statuses(house: &House, octets: &str) -> Vec<u16> {
    let mut client = connection(house);
    client.write(octets).await;
    let mut statuses = Vec::new();
    while let Some(reply) = client.reply_to(octets.split(' ').next().unwrap()).await {
        statuses.push(reply.status);
        assert!(!reply.text().contains("x-secret"), "it is sent back: {}", reply.text());
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn only_the_places_themselves_are_places_and_only_by_their_methods() {
    let house = House::new();
    for (line, expected) in [
        ("GET /stats", 200),
        ("HEAD /stats", 200),
        ("GET /metrics?name=/purge", 200),
        ("GET //stats", 404),
        ("GET /stats/", 404),
        ("GET /%73tats", 404),
        ("GET /./stats", 404),
        ("GET /live/../stats", 404),
        ("GET /STATS", 404),
        ("GET http://localhost:8081/stats", 200),
        ("GET http://127.0.0.1:8081/stats", 200),
        ("GET http://[::1]:8081", 200),
        ("GET http://evil.example/stats", 403),
        ("GET http://localhost.evil.example/stats", 403),
        ("POST http://evil.example/purge", 403),
        ("get /stats", 405),
        ("PURGE /purge", 405),
        ("OPTIONS /purge", 405),
        ("OPTIONS *", 404),
        ("TRACE /", 405),
        ("CONNECT localhost:8081", 404),
    ] {
        let octets = format!("{line} HTTP/1.1\r\n{HOST}x: x-secret\r\n\r\n");
        assert_eq!(statuses(&house, &octets).await, [expected], "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_called_by_several_names_goes_by_the_worst() {
    let house = House::new();
    for (version, fields, expected) in [
        ("1.0", "", 200),
        ("1.1", "host: \r\n", 200),
        ("1.1", "host: LOCALHOST:8081\r\n", 200),
        ("1.1", "host: localhost\r\nhost: evil.example\r\n", 403),
        ("1.1", "host: evil.example\r\nhost: localhost\r\n", 403),
        ("1.1", "host: localhost evil.example\r\n", 403),
        ("1.1", "host: evil.example.\r\n", 403),
        ("1.1", "host: 127.0.0.1.evil.example\r\n", 403),
        ("1.1", "host: notlocalhost\r\n", 403),
        ("1.0", "origin: null\r\n", 403),
        ("1.0", "origin: http://evil.example\r\n", 403),
        ("1.1", "host: localhost\r\norigin: http://localhost\r\n", 200),
        ("1.1", "host: localhost\r\norigin: http://localhost\r\norigin: http://evil\r\n", 403),
        ("1.1", "host: localhost\r\norigin: http://localhost.evil.example\r\n", 403),
        ("1.1", "host: localhost\r\norigin: \r\n", 403),
    ] {
        let octets = format!("POST /purge HTTP/{version}\r\n{fields}{ALL}");
        assert_eq!(statuses(&house, &octets).await, [expected], "{fields:?}");
        // Whether it is alive anybody may know.
        let octets = format!("GET /live HTTP/{version}\r\n{fields}\r\n");
        assert_eq!(statuses(&house, &octets).await, [200], "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_an_order_or_nothing() {
    let house = House::new();
    let long =
        format!("transfer-encoding: chunked\r\n\r\n2000\r\n{}\r\n0\r\n\r\n", "{".repeat(8192));
    for (fields, expected) in [
        (ALL, &[200][..]),
        ("content-type: text/plain\r\ncontent-length: 12\r\n\r\n{\"all\":true}", &[200]),
        ("transfer-encoding: chunked\r\n\r\n5\r\n{\"all\r\n7\r\n\":true}\r\n0\r\n\r\n", &[200]),
        (&long, &[400]),
        ("content-length: 1000000000\r\n\r\n{\"all\":true}", &[400]),
        ("transfer-encoding: chunked\r\n\r\n5\r\n{\"all", &[400]),
        ("content-length: 13\r\n\r\n[null,  true]", &[400]),
        ("\r\n", &[400]),
    ] {
        let octets = format!("POST /purge HTTP/1.1\r\n{HOST}{fields}");
        assert_eq!(statuses(&house, &octets).await, expected, "{fields:.80}");
    }
    let mut client = connection(&house);
    client.write(format!("POST /purge HTTP/1.1\r\n{HOST}expect: 100-continue\r\n{ALL}")).await;
    let reply = client.reply_to("POST").await.unwrap();
    assert_eq!(reply.status, 100);
    // What follows an interim answer is read as if it were its body.
    assert!(reply.text().starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn requests_in_one_go_are_answered_in_order_and_a_body_is_never_a_request() {
    let house = House::new();
    let live = format!("GET /live HTTP/1.1\r\n{HOST}");
    let purge = format!("POST /purge HTTP/1.1\r\n{HOST}{ALL}");
    let octets = format!("{live}\r\n{purge}{live}\r\nGET /ready HTTP/1.1\r\n{HOST}\r\n");
    assert_eq!(statuses(&house, &octets).await, [200, 200, 200, 503]);
    let hidden = format!("{live}content-length: {}\r\n\r\n{purge}", purge.len());
    assert_eq!(statuses(&house, &hidden).await, [200]);
    let purges = "verifik_gateway_invalidations_total{scope=\"everything\"}";
    assert_eq!(house.operator().metrics().await.get(purges), Some(&1.0), "one purge");
}

#[tokio::test(start_paused = true)]
async fn a_head_has_the_fields_of_a_get_and_nothing_behind_them() {
    let house = House::new();
    for path in ["/live", "/ready", "/stats", "/metrics", "/"] {
        let (get, head) = (
            house.operator().ask("GET", path, &[]).await,
            house.operator().ask("HEAD", path, &[]).await,
        );
        assert_eq!((get.status, head.text().as_str()), (head.status, ""), "{path}");
        assert_eq!(get.field("content-type"), head.field("content-type"), "{path}");
        assert!(head.field("content-length").is_some(), "{path}");
        for reply in [&get, &head] {
            let policy = reply.field("cross-origin-resource-policy");
            assert_eq!(policy, Some("same-origin"), "{path}");
        }
    }
}
