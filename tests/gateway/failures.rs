//! What the upstream's failures become, each at its very second.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::crowd::asker;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::timed;
use crate::support::upstream::Say;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

const T1: &str = "/v2/support-tickets/t1";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 37\r\n\r\n{";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What is wrong with the upstream.
enum Fault {
    /// Its port is closed.
    Refuses,
    /// Connecting takes for ever.
    Silent,
    Says(Say),
}

impl Fault {
    fn befall(&self, house: &House) {
        house.reachable.store(!matches!(self, Self::Refuses), Ordering::Relaxed);
        house.silent.store(matches!(self, Self::Silent), Ordering::Relaxed);
        if let Self::Says(say) = self {
            house.upstream.always(say.clone());
        }
    }
}

fn raw(octets: &[u8]) -> Fault {
    Fault::Says(Say::Raw(octets.to_vec()))
}

/// Something, then something else time and again, so many seconds between them.
fn dripping(first: &[u8], then: &[u8], every: u64) -> Fault {
    let rest = std::iter::repeat_n((then.to_vec(), secs(every)), 100);
    Fault::Says(Say::Parts([(first.to_vec(), secs(every))].into_iter().chain(rest).collect()))
}

fn nothing() -> Say {
    Say::RawThenClose(Vec::new())
}

/// What the client is told: status, our code without its beginning, RFC 9209's word.
#[derive(Clone, Copy, Debug)]
struct Told(u16, &'static str, &'static str);

const REFUSED: Told = Told(502, "CONNECT_FAILED", "connection_refused");
const NO_CONNECTION: Told = Told(504, "CONNECT_TIMEOUT", "connection_timeout");
const NO_ANSWER: Told = Told(504, "ANSWER_TIMEOUT", "http_response_timeout");
const STOOD_STILL: Told = Told(504, "BODY_TIMEOUT", "connection_read_timeout");
const TOOK_TOO_LONG: Told =
    Told(504, "TOTAL_TIMEOUT", "http_response_timeout; details=\"total-timeout\"");
const RESET: Told = Told(502, "UPSTREAM_RESET", "connection_terminated");
const TRUNCATED: Told = Told(502, "UPSTREAM_TRUNCATED", "http_response_incomplete");
const MALFORMED: Told = Told(502, "UPSTREAM_MALFORMED", "http_protocol_error");
const FULL: Told = Told(503, "FULL", "connection_limit_reached");
const PACED: Told = Told(429, "RATE_LIMITED", "http_request_denied");

fn expect(reply: &Reply, Told(status, code, error): Told) {
    let body: serde_json::Value = serde_json::from_slice(&reply.message.body).unwrap();
    assert_eq!((reply.status, &body["code"]), (status, &format!("GATEWAY_{code}").into()));
    assert_eq!(reply.message.all("proxy-status"), [format!("verifik-gateway; error={error}")]);
    let words = format!("{:?} {body}", reply.message.fields);
    assert!(!words.contains("verifik.co"), "names the upstream: {words}");
}

#[tokio::test(start_paused = true)]
async fn each_failure_of_a_read_has_its_deadline_and_its_words() {
    let rows = [
        (Fault::Refuses, 0, REFUSED),
        (Fault::Silent, 2, NO_CONNECTION),
        (Fault::Says(Say::Never), 30, NO_ANSWER),
        (raw(&HALF[..20]), 30, NO_ANSWER),
        (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 1), 17, MALFORMED),
        (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 2), 30, NO_ANSWER),
        (raw(HALF), 30, STOOD_STILL),
        (Fault::Says(Say::Raw(HALF.to_vec()).after(29)), 59, STOOD_STILL),
        (dripping(HALF, b" ", 29), 60, TOOK_TOO_LONG),
        (Fault::Says(nothing()), 0, RESET),
        (Fault::Says(nothing().after(7)), 7, RESET),
        (Fault::Says(Say::RawThenClose(HALF[..20].to_vec())), 0, TRUNCATED),
        (Fault::Says(Say::RawThenClose(HALF.to_vec())), 0, TRUNCATED),
    ];
    for (fault, seconds, told) in rows {
        let house = House::with(once_and_at_once);
        fault.befall(&house);
        let mut client = house.client();
        let (took, reply) = timed(client.ask("GET", T1, &[("authorization", ANN)])).await;
        expect(&reply, told);
        assert_eq!(
            (took, reply.cache().as_str()),
            (secs(seconds), "verifik-gateway; fwd=uri-miss")
        );
        assert!(house.upstream.count() <= 1, "{told:?} is not tried again");
        Fault::Says(Say::ticket("t1", "open", &[])).befall(&house);
        let next = client.ask("GET", T1, &[("authorization", ANN)]).await;
        assert_eq!((next.status, next.is_hit()), (200, false), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_of_a_passage_has_its_deadline_and_its_words() {
    let rows = [
        (Fault::Refuses, 0, REFUSED),
        (Fault::Silent, 2, NO_CONNECTION),
        (Fault::Says(Say::Never), 300, NO_ANSWER),
        (Fault::Says(nothing()), 0, RESET),
        (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), 0, MALFORMED),
    ];
    for (fault, seconds, told) in rows {
        for (method, body) in [("GET", ""), ("POST", "body"), ("DELETE", "")] {
            let house = House::new();
            fault.befall(&house);
            let (took, reply) = timed(house.write(method, "/v2/clients", ANN, body)).await;
            expect(&reply, told);
            assert_eq!(
                (took, reply.cache().as_str()),
                (secs(seconds), "verifik-gateway; fwd=bypass")
            );
            assert!(house.upstream.count() <= 1, "{method} {told:?} is never sent twice");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_the_outcome_of_all_who_wait_for_it() {
    let house = House::new();
    house.upstream.always(Say::Never);
    let (one, other) = tokio::join!(house.ticket("t1", ANN), house.ticket("t1", ANN));
    expect(&one, NO_ANSWER);
    expect(&other, NO_ANSWER);
    assert!(other.cache().ends_with("; collapsed"), "{}", other.cache());
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_forward_has_come_back_with_so_far_is_told_to_those_who_were_there_by_then() {
    let house = House::new();
    let mut says = vec![Say::ticket("t1", "open", &[]), Say::json(429, "{}", &[])];
    house.upstream.says(move |_| says.pop().unwrap());
    let patient = asker(&house, T1, &[("authorization", ANN)]);
    let hasty = [("authorization", ANN), ("prefer", "wait=0")];
    let was_there = asker(&house, T1, &hasty).await.unwrap();
    assert_eq!((was_there.status, was_there.text().as_str()), (429, "{}"));
    sleep(Duration::from_millis(500)).await;
    let came_later = asker(&house, T1, &hasty).await.unwrap();
    expect(&came_later, PACED);
    assert_eq!(came_later.field("retry-after"), Some("1"));
    assert_eq!((patient.await.unwrap().status, house.upstream.count()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_told_to_send_its_body_hears_of_a_failure_instead() {
    let house = House::new();
    Fault::Refuses.befall(&house);
    let mut client = house.client();
    let fields = [("expect", "100-continue"), ("content-length", "4")];
    client.write(request("POST", "/v2/x", &fields, "")).await;
    expect(&client.reply_to("POST").await.unwrap(), REFUSED);
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_its_deadlines_is_an_answer() {
    let slow =
        [HALF.to_vec(), br#""data":{"_id":"t1","#.to_vec(), br#""status":"open"}}"#.to_vec()];
    let parts = slow.into_iter().map(|part| (part, secs(29))).collect();
    for (say, took) in [(Say::Parts(parts), 58), (Say::ticket("t1", "open", &[]).after(29), 29)] {
        let house = House::new();
        house.upstream.always(say);
        let (waited, reply) = timed(house.ticket("t1", ANN)).await;
        assert_eq!((reply.status, waited), (200, secs(took)));
        assert!(
            reply.cache().ends_with("fwd-status=200; detail=zero-lifetime"),
            "{}",
            reply.cache()
        );
    }
    let house = House::new();
    house.upstream.always(Say::json(200, "{}", &[]).after(299));
    assert_eq!(house.get("/v2/export", ANN).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_stands_still_is_cut_off() {
    let house = House::new();
    house.upstream.always(Say::Raw(HALF.to_vec()));
    let mut client = house.client();
    client.write(request("GET", "/v2/export", &[], "")).await;
    let (took, reply) = timed(client.reply_to("GET")).await;
    let reply = reply.unwrap();
    assert_eq!((took, reply.status, reply.message.whole), (secs(300), 200, false));
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_leaves_what_others_have_stored() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    house.upstream.always(nothing());
    assert_eq!(house.ticket("t1", BEN).await.status, 502);
    assert!(house.ticket("t1", ANN).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn who_finds_the_gateway_full_waits_for_a_place_and_then_is_sent_away() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 1);
    house.upstream.always(Say::Never);
    let (first, second, other) = tokio::join!(
        timed(house.ticket("t1", ANN)),
        timed(house.ticket("t2", ANN)),
        timed(house.ticket("t1", BEN)),
    );
    assert_eq!((first.0, first.1.status), (secs(30), 504));
    for (took, reply) in [second, other] {
        expect(&reply, FULL);
        assert_eq!((took, reply.field("retry-after")), (secs(10), Some("1")));
    }
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn places_are_given_in_the_order_of_asking_to_as_many_as_may_queue() {
    let house = House::with(|settings| {
        settings.upstream.max_in_flight = 1;
        settings.limit.max_queue = 1;
    });
    house.upstream.always(Say::json(500, "{}", &[]).after(6));
    let (first, second, third, passing) = tokio::join!(
        timed(house.ticket("t1", ANN)),
        timed(house.ticket("t2", ANN)),
        timed(house.ticket("t3", ANN)),
        timed(house.get("/v2/clients", ANN)),
    );
    assert_eq!((first.0, first.1.status), (secs(6), 500));
    assert_eq!((second.0, second.1.status), (secs(12), 500));
    assert_eq!((third.0, third.1.status), (secs(0), 503));
    assert_eq!((passing.0, passing.1.status), (secs(6), 500), "other traffic takes no place");
    assert_eq!(house.upstream.count(), 3);
}
