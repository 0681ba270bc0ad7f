//! What is sent a second time, and what never is.

use crate::support::crowd::asker;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

const T1: &str = "/v2/support-tickets/t1";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 37\r\n\r\n{";

/// The end of the connection, without an answer.
fn nothing() -> Say {
    Say::RawThenClose(Vec::new())
}

fn ticket() -> Say {
    Say::ticket("t1", "open", &[])
}

fn failing(status: u16) -> Say {
    Say::json(status, "{}", &[])
}

fn outage() -> Say {
    failing(503)
}

/// Says one after another, then the last for ever.
fn in_turn(all: &[Say]) -> impl FnMut(&Message) -> Say + Send + 'static {
    let mut rest = all.to_vec();
    move |_| if rest.len() > 1 { rest.remove(0) } else { rest[0].clone() }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_met_a_connection_being_closed_is_sent_again_once_on_a_new_one() {
    // and what the upstream says; what the reader is told, how often it is asked, and on how many
    // connections
    let rows: &[(&str, &[Say], u16, usize, usize)] = &[
        ("reused, then closed", &[ticket(), nothing(), ticket()], 200, 2, 2),
        ("closed twice", &[ticket(), nothing(), nothing(), ticket()], 502, 2, 2),
        ("closed, then out of order", &[ticket(), nothing(), outage(), ticket()], 503, 2, 2),
        ("out of order, then closed", &[ticket(), outage(), nothing(), ticket()], 502, 2, 2),
        ("a byte had come", &[ticket(), Say::RawThenClose(b"H".to_vec()), ticket()], 502, 1, 1),
        ("a head had come", &[ticket(), Say::RawThenClose(HALF.to_vec()), ticket()], 502, 1, 1),
        ("silent", &[ticket(), Say::Never, ticket()], 504, 1, 1),
        ("not HTTP", &[ticket(), Say::Raw(b"SSH\r\n\r\n".to_vec()), ticket()], 502, 1, 1),
        ("closed while idle", &[closing(), ticket()], 200, 1, 2),
    ];
    for (what, says, status, asked, connections) in rows {
        for method in ["GET", "HEAD"] {
            let house = House::new();
            house.upstream.says(in_turn(says));
            house.ticket("t0", ANN).await;
            let reply = house.client().ask(method, T1, &[("authorization", ANN)]).await;
            let found = (reply.status, house.upstream.count() - 1, house.upstream.connections());
            assert_eq!(found, (*status, *asked, *connections), "{what} {method}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_once_and_a_moment_later_where_the_upstream_may_be_over_it() {
    // what the upstream says, and what the reader is told
    let rows: &[(&[Say], u16)] = &[
        (&[nothing(), ticket()], 200),
        (&[failing(502), ticket()], 200),
        (&[outage(), ticket()], 200),
        (&[failing(504), ticket()], 200),
        (&[outage(), failing(400), ticket()], 400),
        (&[outage(), failing(504), ticket()], 504),
        (&[nothing(), outage(), ticket()], 503),
        (&[outage(), nothing(), ticket()], 502),
    ];
    for (says, status) in rows {
        let house = House::new();
        house.upstream.says(in_turn(says));
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert_eq!((reply.status, house.upstream.count()), (*status, 2), "{says:?}");
        assert!(!took.is_zero() && took < Duration::from_millis(400), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_not_tried_again_where_that_is_useless_or_might_do_harm() {
    let rows = [
        (failing(500), 500),
        (failing(501), 501),
        (failing(408), 408),
        (Say::RawThenClose(b"H".to_vec()), 502),
        (Say::RawThenClose(HALF.to_vec()), 502),
        (Say::Raw(b"SSH\r\n\r\n".to_vec()), 502),
        (Say::Never, 504),
    ];
    for (say, status) in rows {
        let house = House::new();
        house.upstream.says(in_turn(&[say.clone(), ticket()]));
        assert_eq!(house.ticket("t1", ANN).await.status, status, "{say:?}");
        assert_eq!(house.upstream.count(), 1, "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_as_often_as_the_settings_say() {
    for retries in [0, 1, 2] {
        let house = || House::with(|settings| settings.upstream.retries = retries);
        let failing = house();
        failing.upstream.always(outage());
        assert_eq!(failing.ticket("t1", ANN).await.status, 503);
        assert_eq!(failing.upstream.count(), 1 + retries as usize);
        // That a connection is being closed is no failure of the upstream's.
        let closing = house();
        closing.upstream.says(in_turn(&[ticket(), nothing(), ticket()]));
        closing.ticket("t0", ANN).await;
        assert_eq!(closing.ticket("t1", ANN).await.status, 200, "{retries}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_connection_a_read_tries_for_one_again() {
    let house = House::new();
    house.reachable.store(false, Ordering::Relaxed);
    let reading = asker(&house, T1, &[("authorization", ANN)]);
    sleep(Duration::from_millis(1)).await;
    house.reachable.store(true, Ordering::Relaxed);
    assert_eq!(reading.await.unwrap().status, 200);
    assert_eq!(house.upstream.count(), 1);
}

/// A whole answer, and the end of the connection.
fn closing() -> Say {
    Say::RawThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec())
}

#[tokio::test(start_paused = true)]
async fn what_passes_through_is_never_sent_twice() {
    let fine = || Say::json(200, "{}", &[]);
    for (method, target) in [
        ("GET", "/v2/clients"),
        ("HEAD", "/v2/clients"),
        ("POST", "/v2/support-tickets"),
        ("PUT", T1),
        ("DELETE", T1),
        ("GET", T1), // without a credential
    ] {
        for broken in [nothing(), Say::RawThenClose(b"H".to_vec()), nothing().after(1)] {
            let house = House::new();
            house.upstream.says(in_turn(&[fine(), broken, fine()]));
            let mut client = house.client();
            assert_eq!(client.ask(method, target, &[]).await.status, 200);
            assert_eq!(client.ask(method, target, &[]).await.status, 502, "{method} {target}");
            let found = (house.upstream.count(), house.upstream.connections());
            assert_eq!(found, (2, 1), "{method} {target}: on the connection that was closed");
        }
        let house = House::new();
        house.upstream.says(in_turn(&[closing(), fine()]));
        let mut client = house.client();
        for connections in [1, 2] {
            assert_eq!(client.ask(method, target, &[]).await.status, 200, "{method} {target}");
            assert_eq!(house.upstream.connections(), connections, "closed before it was sent");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_a_second_for_what_is_sent_once_and_for_longer_for_reads() {
    for (target, kept, dropped) in [("/v2/clients", 0, 2), (T1, 14, 16)] {
        let house = House::with(|settings| settings.lifetimes.open = Duration::ZERO);
        house.get(target, ANN).await;
        pass(kept).await;
        house.get(target, ANN).await;
        assert_eq!(house.upstream.connections(), 1, "{target} after {kept} s");
        pass(dropped).await;
        house.get(target, ANN).await;
        assert_eq!(house.upstream.connections(), 2, "{target} after {dropped} s");
    }
}
