//! Requests on one connection: in which form they may come, and in which order they are answered.

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::timed;
use crate::support::search::unmarked;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;

const T1: &str = "/v2/support-tickets/t1";

#[tokio::test(start_paused = true)]
async fn a_target_in_absolute_form_goes_on_as_a_path() {
    let house = House::new();
    for (target, path) in [
        ("http://gateway/v2/clients?a=b", "/v2/clients?a=b"),
        ("HTTP://GATEWAY/v2/clients", "/v2/clients"),
        ("https://gateway/v2/clients", "/v2/clients"),
        ("http://gateway", "/"),
        ("http://gateway?a=b", "/?a=b"),
        ("http://gateway/v2/support-tickets/t1", T1),
    ] {
        assert_eq!(house.get(target, ANN).await.status, 200, "{target}");
        assert_eq!(house.upstream.last().start, format!("GET {path} HTTP/1.1"), "{target}");
        assert_eq!(house.upstream.last().field("host"), Some("api.verifik.co"), "{target}");
    }
    assert!(house.get(T1, ANN).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_1_0_gets_its_answer_and_the_end_of_the_connection() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let house = House::new();
    house.upstream.says(|request| match id_of(request) {
        "t1" => Say::ticket("t1", "open", &[]),
        _ => Say::Raw(chunked.to_vec()),
    });
    for target in ["/v2/clients", T1, T1] {
        let mut client = house.client();
        let head = format!("GET {target} HTTP/1.0\r\nauthorization: {ANN}\r\n\r\n");
        client.write(head).await;
        let reply = client.reply_to("GET").await.unwrap();
        assert_eq!((reply.status, reply.field("transfer-encoding")), (200, None), "{target}");
        assert!(reply.message.whole && !reply.text().is_empty() && client.is_closed().await);
        assert!(house.upstream.last().start.ends_with("HTTP/1.1"));
    }
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn fifty_pipelined_reads_of_two_credentials_are_answered_in_order_each_with_its_own() {
    let house = House::new();
    house.upstream.says(|request| {
        let (id, owner) = (id_of(request), request.field("authorization").unwrap_or("nobody"));
        let owner = unmarked(owner);
        let body = format!(r#"{{"data":{{"_id":"{id}","title":"of {owner}"}}}}"#);
        // The later ones are answered sooner.
        Say::json(200, &body, &[]).after(9 - id.parse::<u64>().unwrap_or(0))
    });
    let mut client = house.client();
    let owner = |row: usize| [ANN, BEN, "nobody"][row % 3];
    let path =
        |row: usize| if row.is_multiple_of(5) { "/v2/clients" } else { "/v2/support-tickets" };
    let ask = |row: usize| {
        let credential = [("authorization", owner(row))];
        let fields = if owner(row) == "nobody" { &credential[..0] } else { &credential };
        request("GET", &format!("{}/{}", path(row), row % 7), fields, "")
    };
    client.write((0..50).map(ask).collect::<String>()).await;
    for row in 0..50 {
        let reply = client.reply_to("GET").await.unwrap();
        let expected =
            format!(r#"{{"data":{{"_id":"{}","title":"of {}"}}}}"#, row % 7, unmarked(owner(row)));
        assert_eq!(reply.text(), expected, "{row}");
    }
    assert!(next_is_answered(&mut client).await);
}

#[tokio::test(start_paused = true)]
async fn a_pipelined_reply_does_not_wait_for_the_one_after_it() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    house.upstream.always(Say::ticket("t2", "open", &[]).after(5));
    let mut client = house.client();
    let ask =
        |id| request("GET", &format!("/v2/support-tickets/{id}"), &[("authorization", ANN)], "");
    client.write(["t1", "t2", "t1"].map(ask).concat()).await;
    for (took, hit) in [(0, true), (5, false), (0, true)] {
        let (waited, reply) = timed(client.reply_to("GET")).await;
        assert_eq!((waited, reply.unwrap().is_hit()), (Duration::from_secs(took), hit));
    }
}

/// Whether the connection goes on.
async fn next_is_answered(client: &mut Client) -> bool {
    client.ask("GET", "/_gateway/live", &[]).await.status == 200
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_until_the_client_wants_it_closed() {
    let house = House::new();
    let mut client = house.client();
    for target in ["/v2/clients", T1, "/nothing", T1] {
        assert_eq!(client.ask("GET", target, &[("authorization", ANN)]).await.status, 200);
    }
    let reply = client.ask("GET", T1, &[("authorization", ANN), ("connection", "close")]).await;
    assert_eq!((reply.is_hit(), reply.field("connection")), (true, Some("close")));
    assert!(client.is_closed().await);
}
