//! What is sent a second time, and what never is.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use std::time::Duration;

const T1: &str = "/v2/support-tickets/t1";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 37\r\n\r\n{";

/// The end of the connection, without an answer.
fn nothing() -> Say {
    Say::RawThenClose(Vec::new())
}

/// Says one after another, then the last for ever.
fn in_turn(all: &[Say]) -> impl FnMut(&Message) -> Say + Send + 'static {
    let mut rest = all.to_vec();
    move |_| if rest.len() > 1 { rest.remove(0) } else { rest[0].clone() }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_met_a_connection_being_closed_is_sent_again_once_on_a_new_one() {
    let ticket = || Say::ticket("t1", "open", &[]);
    let rows: &[(&str, &[Say], u16, usize, usize)] = &[
        ("reused, then closed", &[ticket(), nothing(), ticket()], 200, 2, 2),
        ("closed twice", &[ticket(), nothing(), nothing(), ticket()], 502, 2, 2),
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
    let house = House::new();
    house.upstream.says(in_turn(&[nothing(), ticket()]));
    assert_eq!((house.ticket("t1", ANN).await.status, house.upstream.count()), (502, 1), "new");
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
