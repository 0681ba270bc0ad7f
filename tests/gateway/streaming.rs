//! Bodies that pass through are streamed: neither side's is gathered here, however long it is.

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::upstream::Say;
use crate::support::wire::End;
use crate::support::wire::Message;
use crate::support::wire::Reader;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// An attachment of 10 MB as base64, and a long download.
const UPLOAD: usize = 14 << 20;
const DOWNLOAD: usize = 60 << 20;

/// What may be on its way at one time: two pipes and hyper's buffers. A gathered body is longer.
const ON_ITS_WAY: usize = 2 << 20;

const PART: usize = 1 << 16;

/// The octets of a long body from `at` on: no two parts of it are alike.
fn part(at: usize) -> Vec<u8> {
    let mut part = vec![b'.'; PART];
    part[..8].copy_from_slice(&at.to_be_bytes());
    part
}

/// Reads a long body of known length to its end, and compares it.
async fn read_all(reader: &mut Reader, length: usize) {
    for at in (0..length).step_by(PART) {
        let mut read = Vec::new();
        assert!(reader.exactly(PART, &mut read).await, "cut at {at}");
        assert!(read == part(at), "other octets at {at}");
    }
}

/// Writes a body until nobody takes any more of it; how much was taken.
async fn write_until_stuck(reader: &mut Reader, length: usize) -> usize {
    for at in (0..length).step_by(PART) {
        match timeout(Duration::from_secs(1), reader.io.write_all(&part(at))).await {
            Ok(written) => written.expect("a connection that goes on"),
            Err(_stuck) => return at,
        }
    }
    length
}

#[tokio::test(start_paused = true)]
async fn an_upload_reaches_the_upstream_as_it_comes() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    let length = UPLOAD.to_string();
    client.write(request("POST", "/v2/attachments", &[("content-length", &length)], "")).await;
    client.write(part(0)).await;
    let mut upstream = connections.recv().await.unwrap();
    let head = upstream.head().await.unwrap();
    assert_eq!(
        (head.start.as_str(), head.field("content-length")),
        ("POST /v2/attachments HTTP/1.1", Some(length.as_str()),)
    );
    let mut first = Vec::new();
    assert!(upstream.exactly(PART, &mut first).await && first == part(0));
    let rest = async {
        for at in (PART..UPLOAD).step_by(PART) {
            client.write(part(at)).await;
        }
    };
    let hearing = async {
        for at in (PART..UPLOAD).step_by(PART) {
            let mut read = Vec::new();
            assert!(upstream.exactly(PART, &mut read).await && read == part(at), "at {at}");
        }
    };
    tokio::join!(rest, hearing);
    upstream.io.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    assert_eq!(client.reply_to("POST").await.unwrap().status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_download_reaches_the_client_as_it_comes() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("GET", "/v2/export", &[], "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {DOWNLOAD}\r\n\r\n");
    upstream.io.write_all(head.as_bytes()).await.unwrap();
    let reply = client.reader.head().await.unwrap();
    assert_eq!(reply.field("content-length"), Some(DOWNLOAD.to_string().as_str()));
    let said = async {
        for at in (0..DOWNLOAD).step_by(PART) {
            upstream.io.write_all(&part(at)).await.unwrap();
        }
    };
    tokio::join!(said, read_all(&mut client.reader, DOWNLOAD));
}

#[tokio::test(start_paused = true)]
async fn a_body_in_chunks_reaches_the_other_side_chunk_by_chunk() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("POST", "/v2/x", &[("transfer-encoding", "chunked")], "")).await;
    let mut upstream = connections.recv().await.unwrap();
    let head = upstream.head().await.unwrap();
    assert_eq!(head.all("transfer-encoding"), ["chunked"]);
    for (chunk, passed) in [
        ("5\r\nfirst\r\n", "5\r\nfirst\r\n"),
        ("06;a=b\r\nsecond\r\n", "6\r\nsecond\r\n"),
        ("0\r\nauthorization: Bearer ben\r\n\r\n", "0\r\n\r\n"),
    ] {
        client.write(chunk).await;
        assert_eq!(octets(&mut upstream, passed.len()).await, passed, "{chunk:?}");
    }
    upstream.io.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    assert_eq!(client.reader.head().await.unwrap().all("transfer-encoding"), ["chunked"]);
    for chunk in ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"] {
        upstream.io.write_all(chunk.as_bytes()).await.unwrap();
        assert_eq!(octets(&mut client.reader, chunk.len()).await, chunk);
    }
}

async fn octets(reader: &mut Reader, count: usize) -> String {
    let mut read = Vec::new();
    assert!(reader.exactly(count, &mut read).await);
    String::from_utf8(read).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_the_upstream_does_not_read_is_not_gathered_here() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    let length = UPLOAD.to_string();
    client.write(request("POST", "/v2/attachments", &[("content-length", &length)], "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    let taken = write_until_stuck(&mut client.reader, UPLOAD).await;
    assert!(taken < ON_ITS_WAY, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_download_that_the_client_does_not_read_is_not_gathered_here() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    // A ticket is read whole only as far as it could be stored.
    for target in ["/v2/export", "/v2/support-tickets/t1"] {
        let mut client = house.client();
        client.write(request("GET", target, &[("authorization", ANN)], "")).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {DOWNLOAD}\r\n\r\n");
        upstream.io.write_all(head.as_bytes()).await.unwrap();
        let taken = write_until_stuck(&mut upstream, DOWNLOAD).await;
        assert!(taken < ON_ITS_WAY, "{target}: {taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_told_to_send_its_body_is_told_and_the_upstream_hears_nothing_of_it() {
    let house = House::new();
    let mut client = house.client();
    for target in ["/v2/attachments", "/v2/support-tickets/t1/thread"] {
        let fields = [("expect", "100-continue"), ("content-length", "4")];
        client.write(request("POST", target, &fields, "")).await;
        assert_eq!(client.reader.head().await.unwrap().start, "HTTP/1.1 100 Continue");
        client.write("body").await;
        assert_eq!(client.reply_to("POST").await.unwrap().status, 200);
        let heard = house.upstream.last();
        assert_eq!((heard.field("expect"), heard.text().as_str()), (None, "body"), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_be_refused_by_the_upstream_before_it_is_whole() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("POST", "/v2/attachments", &[("content-length", "100")], "begun")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    upstream.io.write_all(b"HTTP/1.1 413 Too Much\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let reply = client.reply_to("POST").await.unwrap();
    assert_eq!(
        (reply.message.start.as_str(), reply.text().as_str()),
        ("HTTP/1.1 413 Too Much", "{}")
    );
}

#[tokio::test(start_paused = true)]
async fn a_download_that_breaks_off_breaks_off_for_the_client_too() {
    let rows = [
        "content-length: 10\r\n\r\nhalf",
        "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "transfer-encoding: chunked\r\n\r\na\r\nhalf",
        "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ];
    for rest in rows {
        let house = House::new();
        let raw = format!("HTTP/1.1 200 OK\r\n{rest}");
        house.upstream.always(Say::RawThenClose(raw.into_bytes()));
        let mut client = house.client();
        client.write(request("GET", "/v2/export", &[], "")).await;
        let reply = client.reply_to("GET").await.unwrap();
        assert_eq!((reply.status, reply.message.whole), (200, false), "{rest:?}");
        assert!(client.is_closed().await, "{rest:?}");
    }
}

/// Sends the beginning of an upload, and hears what the upstream hears of it.
async fn half_an_upload(fields: &[(&str, &str)], begun: &str) -> (Client, Option<Message>) {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("POST", "/v2/x", fields, begun)).await;
    client.shut().await;
    let mut upstream = connections.recv().await.unwrap();
    (client, upstream.message(|_| End::ByFields).await)
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_off_breaks_off_for_the_upstream_too() {
    for (field, begun) in [
        (("content-length", "10"), "half"),
        (("transfer-encoding", "chunked"), "4\r\nhalf\r\n"),
        (("transfer-encoding", "chunked"), "a\r\nhalf"),
        (("transfer-encoding", "chunked"), "4\r\nhalf\r\nzz\r\n"),
        (("transfer-encoding", "chunked"), "4\r\nhalfmore\r\n0\r\n\r\n"),
    ] {
        let (mut client, heard) = half_an_upload(&[field], begun).await;
        assert!(heard.is_none_or(|heard| !heard.whole), "{field:?} {begun:?}");
        if let Some(reply) = client.reply_to("POST").await {
            let found = (reply.status, reply.field("connection"));
            assert_eq!(found, (400, Some("close")), "{field:?} {begun:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_longer_than_the_settings_allow_is_refused_announced_or_not() {
    let long = "x".repeat(101);
    let chunked = format!("65\r\n{long}\r\n0\r\n\r\n");
    let rows = [
        (("content-length", "101"), long.as_str(), 413),
        (("transfer-encoding", "chunked"), &chunked, 413),
        (("content-length", "100"), &long[..100], 200),
        (("transfer-encoding", "chunked"), "1\r\nx\r\n0\r\n\r\n", 200),
    ];
    for (field, body, status) in rows {
        let house = House::with(|settings| settings.listen.max_request_body = Some(100));
        let mut client = house.client();
        client.write(request("POST", "/v2/x", &[field], body)).await;
        let reply = client.reply_to("POST").await.unwrap();
        assert_eq!(reply.status, status, "{field:?}");
        if status == 413 {
            assert!(reply.text().contains("GATEWAY_BODY_TOO_LONG"), "{}", reply.text());
            assert_eq!(reply.field("connection"), Some("close"), "{field:?}");
            assert_eq!((client.is_closed().await, house.upstream.count()), (true, 0), "{field:?}");
        }
    }
}
