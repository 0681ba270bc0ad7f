//! What is refused: in which words, that the connection ends, that the upstream hears nothing.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::timed;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A good request, to be found behind a refused one.
const BEHIND: &str = "GET /v2/clients HTTP/1.1\r\nhost: gateway\r\n\r\n";

/// A request head with a `Host`.
fn head(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: gateway\r\n{fields}\r\n")
}

/// What comes of octets on a connection of their own, and the connection.
async fn told(house: &House, octets: impl AsRef<[u8]>) -> (Option<Reply>, Client) {
    let mut client = house.client();
    client.write(octets).await;
    (client.reply_to("GET").await, client)
}

/// Sends a request and a good one behind it. The first is refused with these words (`rule`: which of
/// several rules it was), the second is not answered, and the upstream hears of neither.
async fn refused(request: &str, status: &str, code: &str, rule: &str) {
    let house = House::new();
    let (reply, mut client) = told(&house, [request, BEHIND].concat()).await;
    let reply = reply.unwrap_or_else(|| panic!("no reply to {request:?}"));
    assert_eq!(reply.message.start, format!("HTTP/1.1 {status}"), "{request:?}");
    let body: serde_json::Value = serde_json::from_slice(&reply.message.body).unwrap();
    assert_eq!(body["code"], code, "{request:?}");
    assert!(body["message"].as_str().is_some_and(|message| message.ends_with('.')), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert_eq!(reply.field("content-type"), Some("application/json"), "{request:?}");
    let details = if rule.is_empty() { String::new() } else { format!("; details=\"{rule}\"") };
    let proxy_status = format!("verifik-gateway; error=http_request_error{details}");
    assert_eq!(reply.field("proxy-status"), Some(&*proxy_status), "{request:?}");
    assert_eq!(reply.field("cache-status"), None, "{request:?}");
    assert_eq!(reply.field("connection"), Some("close"), "{request:?}");
    assert!(client.is_closed().await, "{request:?}");
    assert_eq!(house.upstream.connections(), 0, "{request:?}");
}

const T1: &str = "/v2/support-tickets/t1";

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_proxied_is_refused_with_its_reason() {
    const NOT_ALLOWED: (&str, &str) = ("405 Method Not Allowed", "GATEWAY_METHOD_NOT_ALLOWED");
    const UNKNOWN: (&str, &str) = ("501 Not Implemented", "GATEWAY_METHOD_UNKNOWN");
    const TARGET: (&str, &str) = ("400 Bad Request", "GATEWAY_BAD_TARGET");
    const ELSEWHERE: &str = "target-host";
    let long = "A".repeat(33);
    let rows = [
        ("TRACE /v2/clients", NOT_ALLOWED, ""),
        ("CONNECT gateway:443", NOT_ALLOWED, ""),
        ("get /v2/clients", UNKNOWN, ""),
        ("G3T /v2/clients", UNKNOWN, ""),
        ("M_SEARCH /v2/clients", UNKNOWN, ""),
        (&format!("{long} /v2/clients"), UNKNOWN, ""),
        ("OPTIONS *", TARGET, "target-form"),
        ("GET gateway:80", TARGET, "target-form"),
        ("GET !", TARGET, "target-form"),
        ("GET http://elsewhere/v2/clients", TARGET, ELSEWHERE),
        ("GET http://gateway:81/v2/clients", TARGET, ELSEWHERE),
        ("GET http://ann@gateway/v2/clients", TARGET, ELSEWHERE),
        ("GET http://127.0.0.1/v2/support-tickets/t1", TARGET, ELSEWHERE),
        ("GET ftp://gateway/v2/clients", TARGET, "target-scheme"),
    ];
    for (line, (status, code), rule) in rows {
        refused(&head(line, ""), status, code, rule).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fields_that_readers_may_disagree_about_are_refused_on_any_path() {
    const HOST: &str = "GATEWAY_BAD_HOST";
    const FRAMING: &str = "GATEWAY_BAD_FRAMING";
    const CONNECTION: &str = "GATEWAY_BAD_CONNECTION_FIELD";
    const CREDENTIALS: &str = "GATEWAY_TWO_CREDENTIALS";
    let twice = "transfer-encoding: chunked\r\n".repeat(2);
    let rows = [
        ("", HOST, "host-missing"),
        ("host: \r\n", HOST, "host-name"),
        ("host: a\r\nhost: a\r\n", HOST, "host-repeated"),
        ("host: a, b\r\n", HOST, "host-name"),
        ("host: ann@a\r\n", HOST, "host-name"),
        ("host: a/b\r\n", HOST, "host-name"),
        ("host: a b\r\n", HOST, "host-name"),
        ("host: a%2eb\r\n", HOST, "host-name"),
        ("host: a:99999\r\n", HOST, "host-port"),
        ("host: http://a\r\n", HOST, "host-port"),
        ("host: [::1\r\n", HOST, "host-address"),
        ("host: a\r\nauthorization: x\r\nauthorization: y\r\n", CREDENTIALS, ""),
        ("host: a\r\nauthorization: x\r\nauthorization: x\r\n", CREDENTIALS, ""),
        ("host: a\r\nauthorization: \r\nauthorization: x\r\n", CREDENTIALS, ""),
        ("host: a\r\nconnection: authorization\r\n", CONNECTION, ""),
        ("host: a\r\nconnection: close, Host\r\n", CONNECTION, ""),
        ("host: a\r\nconnection: content-length\r\n", CONNECTION, ""),
        ("host: a\r\nconnection: x\r\nconnection: Transfer-Encoding\r\n", CONNECTION, ""),
        ("host: a\r\nconnection: cache-control\r\n", CONNECTION, ""),
        (&format!("host: a\r\n{twice}"), FRAMING, "coding-repeated"),
        (
            "host: a\r\ntransfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
            FRAMING,
            "coding-repeated",
        ),
        ("host: a\r\ntransfer-encoding: gzip, chunked\r\n", FRAMING, "coding-not-chunked"),
        ("host: a\r\ntransfer-encoding: , chunked\r\n", FRAMING, "coding-not-chunked"),
        ("host: a\r\ncontent-length: 005\r\n", FRAMING, "length-not-plain"),
        ("host: a\r\ncontent-length: 00\r\n", FRAMING, "length-not-plain"),
    ];
    let lines = ["POST /v2/x", "GET /v2/support-tickets/t1", "PUT /v2/support-tickets/t1"];
    for (fields, code, rule) in rows {
        for line in lines.into_iter().chain(["GET /_gateway/live", "POST /_gateway/tickets"]) {
            let request = format!("{line} HTTP/1.1\r\n{fields}\r\n");
            refused(&request, "400 Bad Request", code, rule).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_of_a_ticket_takes_neither_body_nor_expectation() {
    let body = ("400 Bad Request", "GATEWAY_BODY_ON_READ");
    let expect = ("417 Expectation Failed", "GATEWAY_EXPECTATION");
    let rows = [
        ("content-length: 4\r\n\r\nbody", body),
        ("content-length: 28\r\n\r\nGET /x HTTP/1.1\r\nhost: a\r\n\r\n", body),
        ("transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", body),
        ("transfer-encoding: chunked\r\n\r\n4\r\nbo", body),
        ("transfer-encoding: chunked\r\n\r\nzz\r\n", body),
        ("expect: 100-continue\r\n\r\n", expect),
        ("Expect: 100-Continue\r\ncontent-length: 4\r\n\r\n", expect),
        ("expect: something\r\n\r\n", expect),
    ];
    for (rest, (status, code)) in rows {
        let request = format!("GET {T1} HTTP/1.1\r\nhost: a\r\nauthorization: {ANN}\r\n{rest}");
        refused(&request, status, code, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_body_is_empty_is_a_read() {
    let house = House::new();
    let mut client = house.client();
    for (row, rest) in [
        "content-length: 0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: Chunked\r\n\r\n0\r\nauthorization: Bearer ben\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let read = format!("GET {T1} HTTP/1.1\r\nhost: a\r\nauthorization: {ANN}\r\n{rest}");
        client.write(read).await;
        let reply = client.reply_to("GET").await.unwrap();
        assert_eq!((reply.status, reply.is_hit()), (200, row > 0), "{rest:?}");
    }
    assert_eq!(house.upstream.last().field("authorization"), Some(ANN));
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_body_never_comes_is_refused_once_it_was_waited_for() {
    let house = House::new();
    let fields = [("authorization", ANN), ("transfer-encoding", "chunked")];
    let (took, (reply, mut client)) = timed(told(&house, request("GET", T1, &fields, ""))).await;
    assert_eq!((took, reply.unwrap().status), (Duration::from_secs(10), 400));
    assert_eq!((client.is_closed().await, house.upstream.count()), (true, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_may_be_as_long_as_the_settings_say_and_no_longer() {
    let house = House::with(|settings| settings.listen.max_target_bytes = 100);
    for (length, status) in [(100, 200), (101, 414), (20_000, 414)] {
        for target in
            ["/".to_owned() + &"x".repeat(length - 1), "/?".to_owned() + &"x".repeat(length - 2)]
        {
            let (reply, mut client) = told(&house, head(&format!("GET {target}"), "")).await;
            assert_eq!(reply.unwrap().status, status, "{length}");
            assert!(status == 200 || client.is_closed().await, "{length}");
        }
    }
    assert_eq!(house.upstream.count(), 2);
    let long = format!("GET /{}", "x".repeat(8 * 1024));
    let code = "GATEWAY_TARGET_TOO_LONG";
    refused(&head(&long, ""), "414 URI Too Long", code, "target-too-long").await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_is_refused_by_hyper_itself() {
    let house = House::new();
    let field = |length| format!("x: {}\r\n", "a".repeat(length));
    for (fields, status) in
        [(field(30_000), 200), (field(33_000), 431), ("x: y\r\n".repeat(101), 431)]
    {
        let (reply, mut client) = told(&house, head("GET /v2/clients", &fields)).await;
        assert_eq!(reply.unwrap().status, status, "{}", fields.len());
        assert!(status == 200 || client.is_closed().await);
    }
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_request_ends_the_connection() {
    let rows: &[&[u8]] = &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v2/clients\r\n\r\n",
        b"GET /v2/clients HTTP/1.2\r\nhost: a\r\n\r\n",
        b"GET /v2/clients HTTP/2.0\r\nhost: a\r\n\r\n",
        b"GET  /v2/clients HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /v2/a\x00b HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /v2/a\rb HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /v2/a\x7fb HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /v2/clients HTTP/1.1\r\nhost : a\r\n\r\n",
        b"GET /v2/clients HTTP/1.1\r\nhost: a\r\nx: a\r\n folded\r\n\r\n",
        b"GET /v2/clients HTTP/1.1\r\nhost: a\r\n: a\r\n\r\n",
        b"GET /v2/clients HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n",
        b"GET /v2/clients HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
        b"POST /v2/x HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc",
        b"POST /v2/x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        b"POST /v2/x HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc",
        b"POST /v2/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"POST /v2/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /v2/x HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for octets in rows {
        let house = House::new();
        let (reply, mut client) = told(&house, [octets, BEHIND.as_bytes()].concat()).await;
        let shown = octets.escape_ascii();
        assert!(reply.is_none_or(|reply| reply.status == 400), "{shown}");
        assert_eq!((client.is_closed().await, house.upstream.connections()), (true, 0), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_announced_in_two_ways_reaches_the_upstream_in_one_and_ends_the_connection() {
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        let house = House::new();
        let smuggled = "0\r\n\r\nGET /v2/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        let octets = head("POST /v2/x", fields) + smuggled;
        let (_, mut client) = told(&house, octets).await;
        assert!(client.is_closed().await, "{fields:?}");
        let heard = house.upstream.heard();
        assert!(heard.len() <= 1 && heard.iter().all(|heard| heard.body.is_empty()), "{heard:?}");
        assert!(heard.iter().all(|heard| heard.all("content-length").is_empty()), "{heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_can_be_read_twice_is_refused_with_its_reason() {
    for (path, rule) in [
        ("/v2/support-tickets/%741", "hidden-resource"),
        ("/v2/x%00y", "control-octet"),
        ("/v2/support-tickets/t1%0d%0a", "control-octet"),
    ] {
        let request = head(&format!("GET {path}"), "");
        refused(&request, "400 Bad Request", "GATEWAY_AMBIGUOUS_PATH", rule).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_gateways_own_pages_are_never_forwarded() {
    const NO_PAGE: (&str, &str) = ("404 Not Found", "GATEWAY_NO_SUCH_PAGE");
    const POST_ONLY: (&str, &str) = ("405 Method Not Allowed", "GATEWAY_BATCH_METHOD");
    let house = House::new();
    let mut client = house.client();
    for (method, page, body) in [
        ("GET", "live", r#"{"status":"live"}"#),
        ("GET", "live?a=b", r#"{"status":"live"}"#),
        ("HEAD", "live", ""),
    ] {
        let reply = client.ask(method, &format!("/_gateway/{page}"), &[]).await;
        assert_eq!((reply.status, &*reply.text()), (200, body), "{method} {page}");
        assert_eq!(reply.field("connection"), None, "{method} {page}");
    }
    assert_eq!(house.upstream.connections(), 0);
    for (line, (status, code)) in [
        ("POST /_gateway/live", NO_PAGE),
        ("GET /_gateway/other", NO_PAGE),
        ("GET /_gateway/live/", NO_PAGE),
        ("GET /_gateway/tickets", POST_ONLY),
        ("POST /_gateway/tickets/", NO_PAGE),
        ("DELETE /_gateway/", NO_PAGE),
        ("GET /_gateway/../v2/clients", NO_PAGE),
    ] {
        refused(&head(line, ""), status, code, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_is_never_left_on_the_connection() {
    let smuggled = "GET /v2/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let length = format!("content-length: {}\r\n\r\n{smuggled}", smuggled.len());
    let late = format!("content-length: {}\r\n\r\n", smuggled.len());
    let chunk = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{chunk}");
    let bodies = [&*length, &late, &chunked, "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"];
    for (line, status, code) in [
        ("GET /_gateway/live", "400 Bad Request", "GATEWAY_BODY_ON_READ"),
        ("PUT /_gateway/live", "404 Not Found", "GATEWAY_NO_SUCH_PAGE"),
        ("POST /_gateway/other", "404 Not Found", "GATEWAY_NO_SUCH_PAGE"),
        ("PUT /_gateway/tickets", "405 Method Not Allowed", "GATEWAY_BATCH_METHOD"),
        ("POST /_gateway/tickets", "401 Unauthorized", "GATEWAY_NO_CREDENTIAL"),
    ] {
        for body in bodies {
            let request = format!("{line} HTTP/1.1\r\nhost: a\r\n{body}");
            refused(&request, status, code, "").await;
        }
    }
}

/// That nothing stored answers is an answer, and leaves the connection as it was.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_asked_for_ends_no_connection() {
    let house = House::new();
    let mut client = house.client();
    let fields = [("authorization", ANN), ("cache-control", "only-if-cached")];
    for _ in 0..2 {
        let reply = client.ask("GET", T1, &fields).await;
        assert_eq!((reply.status, reply.field("connection")), (504, None));
    }
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_of_the_requests_body_announces_that_the_connection_ends() {
    let half_length = "content-length: 1000000\r\n\r\nhalf";
    let half_chunked = "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let long = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\nno way".to_vec();
    for (half, answer) in [
        (half_length, long.clone()),
        (half_chunked, long),
        (half_length, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    ] {
        let house = House::new();
        let mut connections = house.upstream.by_hand();
        let mut client = house.client();
        client.write(format!("POST /v2/x HTTP/1.1\r\nhost: a\r\n{half}")).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        upstream.io.write_all(&answer).await.unwrap();
        let reply = client.reply_to("POST").await.unwrap();
        assert_eq!(reply.field("connection"), Some("close"), "{half:?}");
        client.write(BEHIND).await;
        assert!(client.is_closed().await, "{half:?}");
    }
}
