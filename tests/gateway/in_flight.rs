//! Reads under way while something happens: what was asked for before it is delivered to those who
//! asked then, and to nobody who asks after it (design §1, principle 4).

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::recall::recalls;
use crate::support::recall::tells_writes;
use crate::support::upstream::Say;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use verifik_gateway::store::marks::Aftermath;
use verifik_gateway::store::marks::Scope;

/// How long a read of `t1` takes here, in seconds.
const READ_TAKES: u64 = 10;

/// What happens, and what the upstream says to it.
const EVENTS: [(&str, &str, &str, u16, &str); 12] = [
    ("PUT", "/v2/support-tickets/t1", "{}", 200, "{}"),
    ("POST", "/support-tickets/t1/thread", "{}", 201, "{}"),
    ("DELETE", "/v2/support-tickets/t1", "", 502, "{}"),
    ("POST", "/v2/support-tickets/bulk", r#"{"ids":["t1"]}"#, 200, "{}"),
    ("PUT", "/V2/support-tickets/t9", "{}", 200, "{}"),
    ("PUT", "/v2/support-tickets/threads/seen", "{}", 200, "{}"),
    ("POST", "/v2/attachments", "{}", 201, "{}"),
    ("POST", "/v2/auth/renew-and-revoke", "", 200, "{}"),
    ("PUT", "/v2/client-settings/c1", "{}", 200, "{}"),
    ("GET", "/v2/support-tickets/t2", "", 401, "{}"),
    ("GET", "/v2/support-tickets/t2", "", 403, r#"{"code":"token_expired"}"#),
    ("GET", "/v2/support-tickets/t1/thread", "", 403, r#"{"message":"expired_token"}"#),
];

/// An upstream that numbers its slow readings of `t1`, and says the same to everything else.
fn numbers_readings(house: &House, otherwise: &Say) {
    let (mut number, otherwise) = (0, otherwise.clone());
    house.upstream.says(move |request| {
        if !request.start.starts_with("GET /v2/support-tickets/t1 ") {
            return otherwise.clone();
        }
        number += 1;
        let body = format!(r#"{{"data":{{"_id":"t1","reading":{number}}}}}"#);
        Say::json(200, &body, &[]).after(READ_TAKES)
    });
}

/// Ann asks for `t1`, and goes on waiting while the test goes on.
fn ask(house: &House) -> JoinHandle<Reply> {
    let mut client = house.client();
    tokio::spawn(async move { client.ask("GET", T1, &[("authorization", ANN)]).await })
}

fn reading(reply: &Reply) -> String {
    let text = reply.text();
    text.split_once("reading\":").expect("a reading").1.trim_end_matches('}').to_owned()
}

/// Ann asks, something happens, she asks again: two readings, of which the second is stored.
async fn assert_parted_by(house: &House, row: &str, event: impl Future) {
    let before = ask(house);
    pass(1).await;
    event.await;
    pass(1).await;
    let after = ask(house);
    let before = before.await.unwrap();
    assert_eq!(reading(&before), "1", "{row}");
    assert!(before.cache().ends_with("; detail=invalidated"), "{row}: {}", before.cache());
    let joined = ask(house).await.unwrap();
    assert_eq!(reading(&joined), "2", "{row}");
    assert!(joined.cache().contains("; collapsed"), "{row}: {}", joined.cache());
    assert_eq!(reading(&after.await.unwrap()), "2", "{row}");
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_an_event_is_neither_stored_past_it_nor_joined_after_it() {
    for (method, target, body, status, says) in EVENTS {
        let house = House::new();
        numbers_readings(&house, &Say::json(status, says, &[]));
        let row = format!("{method} {target} {status}");
        assert_parted_by(&house, &row, house.write(method, target, ANN, body)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_purge_is_neither_stored_past_it_nor_joined_after_it() {
    let house = House::new();
    numbers_readings(&house, &Say::Never);
    let cache = Arc::clone(&house.door.gateway.cache);
    let purge = async {
        cache.store.invalidate(&[Scope::Everything], Aftermath::Settled, cache.clock.now());
    };
    assert_parted_by(&house, "purge", purge).await;
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_write_that_was_cut_off_is_not_stored_either() {
    let house = House::new();
    numbers_readings(&house, &Say::Never);
    let leaving = async {
        let mut writer = house.client();
        let fields = [("authorization", ANN), ("content-length", "9")];
        writer.write(request("PUT", T1, &fields, "{")).await;
        pass(1).await;
    };
    assert_parted_by(&house, "cut off", leaving).await;
    assert!(!recalls(&house, T1, ANN).await, "nor is what comes after it, for a minute");
}

#[tokio::test(start_paused = true)]
async fn a_read_begun_during_a_write_is_not_stored_past_its_answer() {
    let house = House::new();
    numbers_readings(&house, &Say::json(200, "{}", &[]).after(5));
    let mut writer = house.client();
    writer.write(request("PUT", T1, &[("authorization", ANN), ("content-length", "0")], "")).await;
    pass(1).await;
    assert_parted_by(&house, "begun during", writer.reply_to("PUT")).await;
}

#[tokio::test(start_paused = true)]
async fn a_not_found_spares_a_reading_asked_for_after_it() {
    let house = House::new();
    let mut asked = 0;
    house.upstream.says(move |_| {
        asked += 1;
        if asked == 1 { Say::not_found().after(5) } else { Say::ticket("t1", "open", &[]).after(9) }
    });
    let first = ask(&house);
    pass(1).await;
    let second = house.get(&format!("{T1}?x"), ANN).await;
    assert!(second.cache().ends_with("; stored"), "{}", second.cache());
    assert_eq!(first.await.unwrap().status, 404);
}

/// Two answers to one question cross on their way: the one asked for first comes last.
#[tokio::test(start_paused = true)]
async fn an_answer_asked_for_earlier_does_not_replace_one_asked_for_later() {
    let house = House::new();
    numbers_readings(&house, &Say::Never);
    let slow = ask(&house);
    pass(1).await;
    house.upstream.always(Say::json(200, r#"{"data":{"_id":"t1","reading":2}}"#, &[]));
    let fields = [("authorization", ANN), ("cache-control", "no-cache")];
    assert_eq!(reading(&house.client().ask("GET", T1, &fields).await), "2");
    assert_eq!(reading(&slow.await.unwrap()), "1");
    assert_eq!(reading(&ask(&house).await.unwrap()), "2", "from memory");
    assert_eq!(house.upstream.count(), 2);
}

/// The write lands in the last of the seconds in which it may, after a read was asked for in them.
#[tokio::test(start_paused = true)]
async fn a_read_asked_for_while_a_write_may_still_land_is_not_stored_after_that() {
    let house = House::new();
    house.upstream.always(Say::json(500, "{}", &[]));
    house.write("PUT", T1, ANN, "{}").await;
    tells_writes(&house, 5);
    pass(58).await;
    let early = ask(&house);
    pass(1).await;
    house.upstream.always(Say::json(200, r#"{"data":{"_id":"t1","writes":1}}"#, &[]));
    assert!(early.await.unwrap().text().contains(r#""writes":0"#));
    assert!(house.get(T1, ANN).await.text().contains(r#""writes":1"#));
}

/// Its body ends so late that what was fresh when it came is stale when it is answered.
#[tokio::test(start_paused = true)]
async fn a_read_whose_empty_body_ends_late_is_judged_by_when_it_ends() {
    let house = House::with(|settings| {
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
    });
    house.get(T1, ANN).await;
    pass(10).await;
    let mut client = house.client();
    let fields = [("authorization", ANN), ("transfer-encoding", "chunked")];
    client.write(request("GET", T1, &fields, "")).await;
    pass(8).await;
    client.write("0\r\n\r\n").await;
    let reply = client.reply_to("GET").await.unwrap();
    assert!(reply.cache().contains("fwd=stale"), "{}", reply.cache());
    assert_eq!(house.upstream.count(), 2);
}

/// A refusal that was long on its way says more than what was stored while it was.
#[tokio::test(start_paused = true)]
async fn a_refusal_takes_back_what_was_stored_before_it_was_heard() {
    for target in [format!("{T1}/thread"), format!("{T1}?x")] {
        for status in [403, 410] {
            let house = House::new();
            house.upstream.always(Say::json(status, "{}", &[]).after(5));
            let refused = tokio::spawn({
                let (mut client, target) = (house.client(), target.clone());
                async move { client.ask("GET", &target, &[("authorization", ANN)]).await.status }
            });
            pass(1).await;
            house.upstream.always(Say::ticket("t1", "open", &[]));
            house.get(T1, ANN).await;
            assert_eq!(refused.await.unwrap(), status);
            assert!(!recalls(&house, T1, ANN).await, "{target} {status}");
        }
    }
}
