//! When a write makes forgotten: on which outcomes, from which moment, and for how long after an
//! outcome that nobody knows (design §3.5).

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::ALL;
use crate::support::recall::T1;
use crate::support::recall::others_get;
use crate::support::recall::recalled;
use crate::support::recall::recalls;
use crate::support::recall::tells_writes;
use crate::support::recall::well_read;
use crate::support::upstream::Say;
use std::sync::atomic::Ordering;

const BUT_T1: &str = "ann/t2 ben/t2";
const T2: &str = "/v2/support-tickets/t2";

#[tokio::test(start_paused = true)]
async fn a_write_makes_forgotten_whatever_comes_of_it_unless_it_is_refused() {
    const BUT_ANN: &str = "ben/t1 ben/t2";
    const BUT_ANNS_T1: &str = "ann/t2 ben/t1 ben/t2";
    let rows = [
        (BUT_T1, &[200, 201, 202, 204, 206, 299, 301, 302, 303, 304, 307, 308][..]),
        (BUT_T1, &[408, 500, 501, 502, 503, 504, 511, 599]),
        (ALL, &[400, 402, 405, 406, 409, 411, 412, 413, 415, 417, 418, 422, 428, 429, 451, 499]),
        // Nothing was written, but an answer about the ticket is heeded from whatever request.
        (BUT_ANN, &[401]),
        (BUT_ANNS_T1, &[403, 404, 410]),
    ];
    for (expected, statuses) in rows {
        for &status in statuses {
            let house = well_read().await;
            others_get(&house, Say::Answer(status, Vec::new(), Vec::new()));
            assert_eq!(house.write("PUT", T1, ANN, "{}").await.status, status);
            assert_eq!(recalled(&house).await, expected, "{status}");
        }
    }
}

/// A ticket with a write over it that may still land is asked for each time, for a minute.
async fn assert_unsettled_for_a_minute(house: &House, row: &str) {
    others_get(house, Say::Never);
    for (secs_later, stored) in [(0, false), (59, false), (1, true)] {
        pass(secs_later).await;
        house.get(T1, BEN).await;
        assert_eq!(recalls(house, T1, BEN).await, stored, "{row}, then {secs_later} s");
        house.get(T2, BEN).await;
        assert!(recalls(house, T2, BEN).await, "{row}: the other ticket");
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_unknown_outcome_a_ticket_is_not_stored_for_a_minute() {
    let rows = [
        ("500", Say::json(500, "{}", &[])),
        ("503", Say::json(503, "{}", &[])),
        ("408", Say::json(408, "{}", &[])),
        ("closed at once", Say::RawThenClose(Vec::new())),
        ("cut in the head", Say::RawThenClose(b"HTTP/1.1 200 OK\r\nconte".to_vec())),
        ("not HTTP", Say::RawThenClose(b"SSH-2.0-x\r\n\r\n".to_vec())),
        ("silence", Say::Never),
    ];
    for (row, outcome) in rows {
        let house = well_read().await;
        others_get(&house, outcome);
        assert!(house.write("PUT", T1, ANN, "{}").await.status >= 408, "{row}");
        assert_unsettled_for_a_minute(&house, row).await;
    }
}

/// Sends `octets`, and leaves while the upstream is silent.
async fn leave_after(house: &House, octets: String) {
    let mut client = house.client();
    client.write(octets).await;
    pass(1).await;
    drop(client);
    pass(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_write_leaves_its_outcome_unknown() {
    let rows = [
        ("while it waits", "2", "{}"),
        ("in the middle of its body", "2000", "{"),
        ("before its body", "2", ""),
    ];
    for (row, length, body) in rows {
        let house = well_read().await;
        others_get(&house, Say::Never);
        let fields = [("authorization", ANN), ("content-length", length)];
        leave_after(&house, request("PUT", T1, &fields, body)).await;
        assert_unsettled_for_a_minute(&house, row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_cut_off_leaves_every_ticket_unknown() {
    let house = well_read().await;
    others_get(&house, Say::Never);
    let fields = [("authorization", ANN), ("content-length", "2000")];
    let bulk = request("POST", "/v2/support-tickets/bulk", &fields, r#"{"ids":["t1"]}"#);
    leave_after(&house, bulk).await;
    others_get(&house, Say::Never);
    assert_eq!(recalled(&house).await, "");
    assert_eq!(recalled(&house).await, "", "not stored either");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_in_its_body_has_said_what_came_of_the_write() {
    let house = well_read().await;
    others_get(
        &house,
        Say::RawThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
    );
    let reply = house.write("PUT", T1, ANN, "{}").await;
    assert!(!reply.message.whole);
    others_get(&house, Say::Never);
    assert_eq!(recalled(&house).await, BUT_T1);
    assert_eq!(recalled(&house).await, ALL, "stored again at once");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_never_sent_makes_forgotten_but_leaves_nothing_open() {
    let house = well_read().await;
    house.reachable.store(false, Ordering::Relaxed);
    assert_eq!(house.write("PUT", T1, ANN, "{}").await.status, 502);
    house.reachable.store(true, Ordering::Relaxed);
    assert_eq!(recalled(&house).await, BUT_T1);
    assert_eq!(recalled(&house).await, ALL);
}

#[tokio::test(start_paused = true)]
async fn another_write_does_not_settle_the_one_before_it() {
    let house = well_read().await;
    others_get(&house, Say::json(502, "{}", &[]));
    house.write("PUT", T1, ANN, "{}").await;
    others_get(&house, Say::json(200, "{}", &[]));
    house.write("PUT", T1, BEN, "{}").await;
    assert_unsettled_for_a_minute(&house, "a second write").await;
}

fn get(target: &str) -> String {
    request("GET", target, &[("authorization", ANN)], "")
}

fn put(target: &str) -> String {
    request("PUT", target, &[("authorization", ANN), ("content-length", "2")], "{}")
}

async fn writes_told(client: &mut Client) -> String {
    let text = client.reply_to("GET").await.unwrap().text();
    text.split_once("writes\":").unwrap().1.trim_end_matches('}').to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_client_reads_what_it_wrote() {
    let house = House::new();
    tells_writes(&house, 0);
    let mut client = house.client();
    for told in 0..20 {
        client.write(get(T1)).await;
        assert_eq!(writes_told(&mut client).await, told.to_string());
        client.write(put(T1)).await;
        assert_eq!(client.reply_to("PUT").await.unwrap().status, 200);
    }
    assert_eq!(house.upstream.count(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_wait_for_its_replies_reads_what_it_wrote() {
    let house = House::new();
    tells_writes(&house, 0);
    let mut client = house.client();
    client.write([get(T1), put(T1), get(T1), put(&format!("{T1}/thread")), get(T1)].concat()).await;
    for told in ["0", "1"] {
        assert_eq!(writes_told(&mut client).await, told);
        client.reply_to("PUT").await.unwrap();
    }
    assert_eq!(writes_told(&mut client).await, "2");
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_answers_until_a_write_is_answered_and_not_once_more() {
    let house = well_read().await;
    others_get(&house, Say::json(200, "{}", &[]).after(5));
    let mut writer = house.client();
    writer.write(put(T1)).await;
    pass(4).await;
    assert!(recalls(&house, T1, BEN).await, "it may not have landed yet");
    writer.reply_to("PUT").await.unwrap();
    assert!(!recalls(&house, T1, BEN).await);
}

#[tokio::test(start_paused = true)]
async fn a_409_is_a_refusal_or_an_outage_as_its_text_says() {
    let refused = r#"{"code":"MissingParameter","message":"missing plate\n"}"#;
    let outage = r#"{"code":"Endpoint_out_of_service","message":"Endpoint_out_of_service"}"#;
    for (body, kept) in [(refused, true), (outage, false)] {
        let house = well_read().await;
        others_get(&house, Say::json(409, body, &[]));
        let reply = house.write("PUT", T1, ANN, "{}").await;
        assert_eq!((reply.status, reply.text().as_str()), (409, body));
        assert_eq!(recalls(&house, T1, BEN).await, kept, "{body}");
        house.get(T1, BEN).await;
        assert_eq!(
            recalls(&house, T1, BEN).await,
            kept,
            "{body}: nothing is stored after an outage"
        );
    }
}
