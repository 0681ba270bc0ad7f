//! Every connection is taken and another one comes: who has nothing under way makes room, of whoever
//! holds most the longest idle (threats.md D1).

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::log::Captured;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use serde_json::Value;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::timeout;

const CREDENTIAL: [(&str, &str); 1] = [("authorization", ANN)];

fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

fn house(connections: usize) -> House {
    House::with(|settings| settings.listen.max_connections = connections)
}

/// A connection from this peer that has been answered and is kept.
async fn idle(house: &House, from: IpAddr) -> Client {
    let mut client = house.client_from(from).await;
    assert!(answers(&mut client).await);
    client
}

async fn answers(client: &mut Client) -> bool {
    client.write(request("GET", T1, &CREDENTIAL, "")).await;
    let reply = timeout(Duration::from_secs(1), client.reply_to("GET")).await;
    reply.is_ok_and(|reply| reply.is_some_and(|reply| reply.status == 200))
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_of_whoever_holds_most_makes_room() {
    let house = house(5);
    let mut quiet = idle(&house, peer(1)).await;
    pass(1).await;
    let mut one = idle(&house, peer(2)).await;
    pass(1).await;
    let mut other = idle(&house, peer(2)).await;
    let mut third = idle(&house, peer(2)).await;
    let mut fourth = idle(&house, peer(2)).await;
    pass(1).await;
    // Then it is the one that has not been heard of for longest.
    assert!(answers(&mut one).await);
    pass(1).await;
    let mut newcomer = house.client_from(peer(3)).await;
    assert_eq!(timed(answers(&mut newcomer)).await, (Duration::ZERO, true));
    assert!(other.is_closed().await);
    for kept in [&mut quiet, &mut one, &mut third, &mut fourth, &mut newcomer] {
        assert!(answers(kept).await);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_not_sent_a_whole_head_makes_room_however_it_drips() {
    let house = house(3);
    let mut silent = house.client();
    pass(1).await;
    let mut dripping = house.client();
    dripping.write("GET ").await;
    pass(1).await;
    let mut good = idle(&house, peer(2)).await;
    dripping.write("/v2/").await;
    let mut second = house.client_from(peer(3)).await;
    assert!(answers(&mut second).await && silent.is_closed().await);
    dripping.write("x").await;
    let mut third = house.client_from(peer(4)).await;
    assert!(
        answers(&mut third).await && dripping.is_closed().await,
        "one among equals, the oldest"
    );
    assert!(answers(&mut good).await && answers(&mut second).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_us_or_is_still_reading_stays_and_the_newcomer_waits() {
    let house = house(3);
    let slow = Say::ticket("slow", "open", &[]).after(5);
    let long = Say::Answer(200, Vec::new(), vec![b'x'; 1 << 20]);
    house.upstream.says(move |request| match request.start.split(' ').nth(1) {
        Some("/v2/long") => long.clone(),
        Some("/v2/upload") => Say::Never,
        _ => slow.clone(),
    });
    let mut waiting = house.client();
    waiting.write(request("GET", "/v2/support-tickets/slow", &CREDENTIAL, "")).await;
    let mut reading = house.client();
    reading.write(request("GET", "/v2/long", &CREDENTIAL, "")).await;
    let mut sending = house.client();
    sending.write(request("POST", "/v2/upload", &[("content-length", "9")], "half")).await;
    pass(1).await;
    let mut newcomer = house.client();
    let asked = request("GET", "/v2/support-tickets/slow", &CREDENTIAL, "");
    newcomer.write(asked).await;
    assert!(timeout(Duration::from_secs(3), newcomer.reply_to("GET")).await.is_err());
    assert_eq!(waiting.reply_to("GET").await.unwrap().status, 200);
    // Now that one is idle, and has to go.
    let reply = newcomer.reply_to("GET").await.unwrap();
    assert!(reply.is_hit() && waiting.is_closed().await, "{}", reply.cache());
    let read = reading.reply_to("GET").await.unwrap();
    assert_eq!((read.status, read.message.body.len(), read.message.whole), (200, 1 << 20, true));
    sending.write("whole").await;
    pass(1).await;
    assert!(house.upstream.last().whole, "the upload has come through");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_from_one_place_costs_the_others_nothing() {
    let house = house(200);
    let mut others = Vec::new();
    for last in 1..=20 {
        others.push(idle(&house, peer(last)).await);
    }
    let mut crowd: Vec<Client> = Vec::new();
    for number in 0..2_000 {
        let mut client = house.client_from(peer(99)).await;
        client.write(if number % 2 == 0 { "" } else { "GET / HTTP/1.1\r\nx: " }).await;
        crowd.push(client);
        if number % 100 == 0 {
            let mut newcomer = house.client_from(peer(98)).await;
            assert_eq!(timed(answers(&mut newcomer)).await, (Duration::ZERO, true), "{number}");
        }
    }
    pass(1).await;
    for other in &mut others {
        assert!(answers(other).await);
    }
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_connections_are_closed_is_told_once_a_minute() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = house(1);
    for (secs, expected) in [(0, 1), (1, 1), (60, 2)] {
        pass(secs).await;
        for _ in 0..5 {
            idle(&house, peer(1)).await;
            // Its end has to be noticed, not made room for.
            let _kept = idle(&house, peer(1)).await;
            idle(&house, peer(2)).await;
        }
        let text = captured.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told = lines.filter(|line| {
            line["message"].as_str().is_some_and(|text| text.starts_with("too many"))
        });
        assert_eq!(told.count(), expected, "{text}");
    }
}
