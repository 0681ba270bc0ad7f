//! How long a client is waited for, and what becomes of an exchange whose client leaves.

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Reader;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

const T1: &str = "/v2/support-tickets/t1";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_waited_for_as_long_as_for_a_head() {
    let house = House::new();
    let mut client = house.client();
    assert_eq!(timed(client.is_closed()).await, (secs(10), true));
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time_from_its_first_octet_on_however_it_drips() {
    let house = House::new();
    let mut client = house.client();
    pass(8).await;
    client.write("GET /v2/clients HT").await;
    assert_eq!(timed(client.is_closed()).await, (secs(10), true));
    let mut client = house.client();
    client.write("G").await;
    let dripping = async {
        while timeout(secs(3), client.is_closed()).await.is_err() {
            client.write("E").await;
        }
    };
    assert_eq!(timed(dripping).await.0, secs(10));
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_waited_on_for_a_while_and_its_next_head_as_long_as_any() {
    let house = House::new();
    for target in [T1, T1, "/v2/clients", "/_gateway/live"] {
        let mut client = house.client();
        client.ask("GET", target, &[("authorization", ANN)]).await;
        assert_eq!(timed(client.is_closed()).await, (secs(75), true), "{target}");
        let mut client = house.client();
        client.ask("GET", target, &[("authorization", ANN)]).await;
        pass(74).await;
        client.write("GET /").await;
        assert_eq!(timed(client.is_closed()).await, (secs(10), true), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_us_is_not_hurried() {
    let house = House::with(|settings| {
        settings.listen.header_timeout = secs(1);
        settings.listen.idle_timeout = secs(1);
        settings.listen.write_timeout = secs(1);
    });
    house.upstream.says(|request| match id_of(request) {
        "t1" => Say::ticket("t1", "open", &[]).after(29),
        _ => Say::json(200, "{}", &[]).after(299),
    });
    let mut client = house.client();
    for (method, target) in [("GET", T1), ("POST", "/v2/x"), ("GET", "/v2/export")] {
        let reply = client.ask(method, target, &[("authorization", ANN)]).await;
        assert_eq!(reply.status, 200, "{method} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_take_its_time_as_long_as_it_gets_on() {
    let house = House::new();
    let mut client = house.client();
    client.write(request("POST", "/v2/x", &[("content-length", "40960")], "")).await;
    for _ in 0..5 {
        pass(299).await;
        client.write("x".repeat(8_192)).await;
    }
    assert_eq!(client.reply_to("POST").await.unwrap().status, 200);
    let mut client = house.client();
    client.write(request("POST", "/v2/x", &[("content-length", "50000")], "x")).await;
    pass(200).await;
    client.write("x".repeat(8_192)).await;
    let (took, reply) = timed(client.reply_to("POST")).await;
    assert_eq!((took, reply.unwrap().status), (secs(300), 504));
    assert!(client.is_closed().await && !house.upstream.last().whole);
}

/// A download under way that its client does not read, and the upstream's end of it.
async fn download(house: &House) -> (Client, Reader) {
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("GET", "/v2/export", &[], "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    upstream.io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n").await.unwrap();
    (client, upstream)
}

/// Writes until the connection ends.
async fn write_to_the_end(upstream: &mut Reader) {
    while upstream.io.write_all(&vec![b'.'; 1 << 16]).await.is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_given_up_and_the_upstream_with_it() {
    let house = House::new();
    let (mut client, mut upstream) = download(&house).await;
    assert_eq!(timed(write_to_the_end(&mut upstream)).await.0, secs(30));
    let reply = client.reply_to("GET").await.unwrap();
    assert!(!reply.message.whole && client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_given_up() {
    let house = House::new();
    let (mut client, mut upstream) = download(&house).await;
    let reading = async {
        let mut body = Vec::new();
        for _ in 0..20 {
            pass(29).await;
            assert!(client.reader.exactly(1 << 17, &mut body).await);
        }
    };
    tokio::select! {
        () = write_to_the_end(&mut upstream) => panic!("given up"),
        () = reading => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_an_octet_now_and_then_is_given_up() {
    let house = House::new();
    let (mut client, mut upstream) = download(&house).await;
    let dripping = async {
        let mut body = Vec::new();
        while client.reader.exactly(200, &mut body).await {
            pass(1).await;
        }
        std::future::pending::<()>().await;
    };
    let (took, ()) = timed(async {
        tokio::select! {
            () = write_to_the_end(&mut upstream) => {}
            () = dripping => {}
        }
    })
    .await;
    assert!((secs(30)..secs(61)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_an_octet_now_and_then_is_given_up() {
    let house = House::new();
    let mut client = house.client();
    client.write(request("POST", "/v2/x", &[("content-length", "1000000")], "")).await;
    let dripping = async {
        loop {
            pass(10).await;
            client.write("x").await;
            if timeout(secs(1), client.reader.more()).await.is_ok() {
                return;
            }
        }
    };
    let (took, ()) = timed(dripping).await;
    assert!((secs(300)..secs(312)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_on_and_reads_nothing_is_not_answered_for_ever() {
    let house = House::new();
    house.upstream.always(Say::ticket("t1", "open", &[("x-long", &"x".repeat(4_000))]));
    house.ticket("t1", ANN).await;
    let mut client = house.client();
    let many = request("GET", T1, &[("authorization", ANN)], "").repeat(1_000);
    let asking = async {
        let mut asked = 0;
        while client.reader.io.write_all(many.as_bytes()).await.is_ok() {
            asked += 1_000;
        }
        asked
    };
    let (took, asked) = timed(asking).await;
    assert!(took == secs(30) && asked < 10_000, "{asked} in {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_the_middle_of_a_body_after_its_answer_is_not_waited_for_for_ever() {
    let house = House::new();
    let mut connections = house.upstream.by_hand();
    let mut client = house.client();
    client.write(request("POST", "/v2/x", &[("content-length", "100")], "begun")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    upstream.io.write_all(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    assert_eq!(client.reply_to("POST").await.unwrap().status, 401);
    let (took, closed) = timed(client.is_closed()).await;
    assert_eq!((took, closed), (secs(75), true));
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_client_has_left_is_stored_all_the_same() {
    let house = House::new();
    house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let mut client = house.client();
    client.write(request("GET", T1, &[("authorization", ANN)], "")).await;
    pass(1).await;
    drop(client);
    pass(5).await;
    assert!(house.ticket("t1", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_client_leaves_the_queue_is_not_sent() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 1);
    house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let mut first = house.client();
    first.write(request("GET", T1, &[("authorization", ANN)], "")).await;
    let mut second = house.client();
    let other = "/v2/support-tickets/t2";
    second.write(request("GET", other, &[("authorization", ANN)], "")).await;
    pass(1).await;
    drop(second);
    pass(10).await;
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_passage_whose_client_leaves_ends_upstream_too() {
    let house = House::new();
    let (client, mut upstream) = download(&house).await;
    drop(client);
    assert_eq!(timed(write_to_the_end(&mut upstream)).await.0, secs(0));
    for (fields, begun) in [(vec![], ""), (vec![("content-length", "100")], "begun")] {
        let mut connections = house.upstream.by_hand();
        let mut client = house.client();
        client.write(request("POST", "/v2/x", &fields, begun)).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        drop(client);
        let ended = async { while upstream.more().await {} };
        assert_eq!(timed(ended).await.0, secs(0), "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_but_steadily_is_not_taken_for_idle() {
    let house = House::with(|settings| settings.listen.idle_timeout = secs(2));
    house.upstream.always(Say::Answer(200, Vec::new(), vec![b'x'; 1 << 20]));
    let mut client = house.client();
    client.write(request("GET", "/v2/files/1", &[], "")).await;
    let mut read = 0;
    while read < 1 << 20 {
        pass(1).await;
        let mut part = Vec::with_capacity(16 * 1024);
        let some = client.reader.io.read_buf(&mut part).await.unwrap();
        assert!(some > 0, "cut off after {read} octets");
        read += some;
    }
}
