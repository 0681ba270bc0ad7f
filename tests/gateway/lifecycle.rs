//! How the gateway ends: nobody who just sends is reset, whoever waits is answered, and nobody else is
//! waited for long (threats.md R27).

use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::running::Running;
use crate::support::running::asks;
use crate::support::running::kept;
use crate::support::upstream::Say;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio::time::timeout;
use verifik_gateway::app::quiet::quiet;

const SECOND: Duration = Duration::from_secs(1);

fn get() -> String {
    request("GET", T1, &[("authorization", ANN)], "")
}

#[tokio::test(start_paused = true)]
async fn who_asks_once_more_in_the_last_second_is_answered_and_told_that_it_was_the_last() {
    let house = House::new();
    let (mut fresh, mut idle) = (house.client(), house.client());
    assert_eq!(kept(&mut idle).await, (200, true));
    house.drain.send(true).unwrap();
    sleep(Duration::from_millis(999)).await;
    for client in [&mut fresh, &mut idle] {
        assert_eq!(kept(client).await, (200, false));
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_on_which_nobody_asks_are_closed_after_a_second() {
    let house = House::new();
    let (mut fresh, mut idle) = (house.client(), house.client());
    assert_eq!(kept(&mut idle).await, (200, true));
    pass(9).await;
    house.drain.send(true).unwrap();
    assert_eq!(timed(idle.is_closed()).await, (SECOND, true));
    assert_eq!(timed(fresh.is_closed()).await, (Duration::ZERO, true));
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_finished_and_the_next_request_is_not_taken() {
    let house = House::new();
    house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let mut busy = house.client();
    busy.write(get().repeat(2)).await;
    pass(1).await;
    house.drain.send(true).unwrap();
    let (took, reply) = timed(busy.reply_to("GET")).await;
    let reply = reply.unwrap();
    assert_eq!((took.as_secs(), reply.status, reply.field("connection")), (4, 200, Some("close")));
    assert!(busy.is_closed().await, "the second request is not taken");
}

/// Its head has said that the connection goes on.
#[tokio::test(start_paused = true)]
async fn a_reply_that_had_begun_is_followed_by_a_second_for_one_more_request() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha".to_vec();
    for asks_again in [false, true] {
        let house = House::new();
        let parts = vec![(head.clone(), 5 * SECOND), (b"lf".to_vec(), Duration::ZERO)];
        house.upstream.always(Say::Parts(parts));
        let mut client = house.client();
        client.write(request("GET", "/v2/other", &[("authorization", ANN)], "")).await;
        pass(1).await;
        house.drain.send(true).unwrap();
        let (took, reply) = timed(client.reply_to("GET")).await;
        let reply = reply.unwrap();
        assert_eq!(
            (took.as_secs(), reply.text().as_str(), reply.field("connection")),
            (4, "half", None)
        );
        if asks_again {
            house.upstream.always(Say::ticket("t1", "open", &[]));
            sleep(SECOND / 2).await;
            assert_eq!(kept(&mut client).await, (200, false));
            assert!(client.is_closed().await);
        } else {
            assert_eq!(timed(client.is_closed()).await, (SECOND, true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_in_the_last_second_is_served_once() {
    let house = House::new();
    house.drain.send(true).unwrap();
    pass(9).await;
    let (mut newcomer, mut silent) = (house.client(), house.client());
    assert_eq!(kept(&mut newcomer).await, (200, false));
    assert!(newcomer.is_closed().await);
    assert_eq!(timed(silent.is_closed()).await, (SECOND, true));
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_is_alone_when_nobody_has_been_connected_for_two_seconds() {
    let house = House::new();
    let (crowd, clock) = (&house.door.crowd, &house.door.gateway.cache.clock);
    let mut client = house.client();
    assert_eq!(kept(&mut client).await, (200, true));
    assert!(timeout(9 * SECOND, quiet(crowd, clock)).await.is_err(), "somebody is there");
    let leaving = async {
        drop(client);
        sleep(SECOND).await;
        // Somebody looks in.
        assert_eq!(kept(&mut house.client()).await, (200, true));
    };
    let (took, _) = timed(async { tokio::join!(leaving, quiet(crowd, clock)) }).await;
    assert!((3 * SECOND..4 * SECOND).contains(&took), "{took:?}");
}

fn upstream() -> Upstream {
    Upstream::open(|socket| socket, answer)
}

/// Asks on one connection after the other for so long, if they can be had; how often.
async fn asks_on(address: String, newcomers: Duration) -> usize {
    let (began, mut answered) = (Instant::now(), 0);
    while began.elapsed() < newcomers
        && let Ok(socket) = TcpStream::connect(&address).await
    {
        let mut client = Client::new(socket);
        for _ in 0..3 {
            let reply = asks(&mut client).await.expect("no connection is reset");
            assert_eq!(reply.status, 200);
            answered += 1;
            if reply.field("connection").is_some() {
                break;
            }
        }
    }
    answered
}

/// Asks on one connection until a reply says that it is the last.
async fn asks_until_told(mut client: Client<TcpStream>, pause: Duration) -> usize {
    let mut answered = 1;
    while asks(&mut client).await.expect("no connection is reset").field("connection").is_none() {
        answered += 1;
        sleep(pause).await;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_resets_nobody() {
    let upstream = upstream();
    let gateway = Running::start(&upstream.url("http"), &[("LIFECYCLE__DRAIN_DELAY", "500ms")]);
    let address = gateway.place.strip_prefix("http://").unwrap().to_owned();
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..8_u64 {
        // Until well into the second that is left.
        asking.spawn(asks_on(address.clone(), SECOND));
        let pause = Duration::from_millis(client * 100);
        asking.spawn(asks_until_told(gateway.client().await, pause));
    }
    gateway.terminate();
    let answered: Vec<usize> = asking.join_all().await;
    assert!(answered.iter().all(|answered| *answered > 0), "{answered:?}");
    let (code, said) = gateway.ended().await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn until_the_delay_is_over_the_gateway_goes_on_as_before() {
    let upstream = upstream();
    let gateway = Running::start(&upstream.url("http"), &[("LIFECYCLE__DRAIN_DELAY", "60s")]);
    let mut client = gateway.client().await;
    assert_eq!(kept(&mut client).await, (200, true));
    gateway.terminate();
    for _ in 0..50 {
        assert_eq!(kept(&mut client).await, (200, true));
        assert_eq!(kept(&mut gateway.client().await).await, (200, true));
    }
    gateway.terminate();
    let (code, said) = gateway.ended().await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cut off by a second signal"), "{said}");
}

#[tokio::test]
async fn at_the_deadline_idle_connections_are_no_failure() {
    let upstream = upstream();
    let gateway = Running::start(&upstream.url("http"), &[("LIFECYCLE__DRAIN_TIMEOUT", "0s")]);
    let (mut idle, _fresh) = (gateway.client().await, gateway.client().await);
    assert_eq!(kept(&mut idle).await, (200, true));
    gateway.terminate();
    let (code, said) = gateway.ended().await;
    assert_eq!(code, Some(0), "{said}");
}

const SIDECAR: (&str, &str) = ("LIFECYCLE__MODE", "sidecar");

#[tokio::test]
async fn a_sidecar_serves_until_its_application_has_gone() {
    let upstream = upstream();
    let gateway = Running::start(&upstream.url("http"), &[SIDECAR]);
    let mut client = gateway.client().await;
    gateway.terminate();
    let began = Instant::now();
    while began.elapsed() < 3 * SECOND {
        assert_eq!(kept(&mut client).await, (200, true));
        assert_eq!(kept(&mut gateway.client().await).await, (200, true));
        sleep(Duration::from_millis(20)).await;
    }
    let left = Instant::now();
    drop(client);
    let (code, said) = gateway.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(left.elapsed() >= 2 * SECOND, "{:?}", left.elapsed());
}

#[tokio::test]
async fn a_sidecar_does_not_wait_for_its_application_for_ever() {
    let (arrived, arrivals) = mpsc::channel();
    let upstream = Upstream::open(
        |socket| socket,
        move |head| {
            if head.contains("/held") {
                arrived.send(()).unwrap();
                std::thread::sleep(60 * SECOND);
            }
            answer(head)
        },
    );
    for held in [false, true] {
        let timeout = ("LIFECYCLE__DRAIN_TIMEOUT", "3s");
        let gateway = Running::start(&upstream.url("http"), &[SIDECAR, timeout]);
        let mut client = gateway.client().await;
        assert_eq!(kept(&mut client).await, (200, true));
        let mut waiting = gateway.client().await;
        if held {
            waiting.write(request("GET", "/v2/held", &[], "")).await;
            arrivals.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        gateway.terminate();
        assert_eq!(kept(&mut client).await, (200, true), "it goes on as before");
        sleep(SECOND + SECOND / 2).await;
        assert_eq!(kept(&mut client).await, (200, false), "it takes leave");
        let (code, said) = gateway.ended().await;
        assert_eq!(code, Some(i32::from(held)), "{said}");
    }
}
