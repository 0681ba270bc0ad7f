//! How an upstream that is left alone is tried again, and how it is found to be back.

use crate::breaker::is_refused;
use crate::breaker::open;
use crate::breaker::open_again;
use crate::breaker::opened;
use crate::support::client::request;
use crate::support::faulty::faulty_house;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::trouble::Fault;
use crate::support::trouble::HALF;
use crate::support::trouble::nothing;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::sync::atomic::Ordering;
use std::time::Duration;

const T1: &str = "/v2/support-tickets/t1";

/// How long a refused client is told to wait, in seconds.
async fn refused_for(house: &House) -> u64 {
    let reply = house.ticket("refused", ANN).await;
    assert!(is_refused(&reply), "{reply:?}");
    reply.field("retry-after").unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn half_open_one_request_finds_out_and_the_others_do_not_wait_for_it() {
    let (house, sends) = opened().await;
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(3));
    pass(2).await;
    let mut first = house.client();
    first.write(request("GET", T1, &[("authorization", ANN)], "")).await;
    pass(1).await;
    for number in 0..10 {
        let (took, reply) = timed(house.ticket(&format!("t{}", number + 2), ANN)).await;
        assert!(is_refused(&reply) && took.is_zero(), "{number} {took:?} {reply:?}");
    }
    assert_eq!(sends.count(), 8);
    assert_eq!(first.reply_to("GET").await.unwrap().status, 200);
    for number in 0..10 {
        assert_eq!(house.ticket(&format!("t{}", number + 2), ANN).await.status, 200);
    }
    assert_eq!(sends.count(), 18);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_says_nothing_makes_room_for_the_next_at_once() {
    let says = [
        Fault::status(429),
        Fault::Says(nothing()),
        Fault::Says(Say::RawThenClose(HALF.to_vec())),
        Fault::Says(Say::Raw(b"SSH\r\n\r\n".to_vec())),
    ];
    for fault in says {
        let (house, sends) = opened().await;
        pass(2).await;
        fault.befall(&house);
        for number in 0..5 {
            assert!(!is_refused(&house.ticket("t1", ANN).await), "{fault:?} {number}");
        }
        Fault::status(503).befall(&house);
        open_again(&house, &sends).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_lost_in_the_gateway_makes_room_for_the_next() {
    let (house, panics) = faulty_house(0);
    Fault::status(503).befall(&house);
    let mut number = 0;
    while !is_refused(&house.ticket(&format!("ill{number}"), ANN).await) {
        number += 1;
    }
    pass(60).await;
    Fault::status(404).befall(&house);
    panics.store(1, Ordering::Relaxed);
    assert_eq!(house.ticket("t1", ANN).await.status, 404, "it is asked for once more");
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_client_leaves_is_heard_all_the_same() {
    for (say, closes) in
        [(Say::ticket("t1", "open", &[]), true), (Say::json(503, "{}", &[]), false)]
    {
        let (house, sends) = opened().await;
        pass(2).await;
        house.upstream.always(say.after(2));
        let mut client = house.client();
        client.write(request("GET", T1, &[("authorization", ANN)], "")).await;
        pass(1).await;
        drop(client);
        assert!(is_refused(&house.ticket("t2", ANN).await), "it is under way");
        pass(1).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        house.upstream.always(Say::ticket("t2", "open", &[]));
        assert_eq!(house.ticket("t2", ANN).await.status == 200, closes);
        assert_eq!(sends.count(), 8 + usize::from(closes));
    }
}

#[tokio::test(start_paused = true)]
async fn the_penalty_doubles_up_to_a_minute_and_starts_anew_when_the_upstream_is_back() {
    let (house, sends) = opened().await;
    for penalty in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let told = refused_for(&house).await;
        // Up to a quarter longer by chance, rounded up; but no longer than the longest.
        assert!((penalty..=(penalty + penalty / 4 + 1).min(60)).contains(&told), "{told}");
        pass(told).await;
        open_again(&house, &sends).await;
    }
    pass(60).await;
    Fault::status(404).befall(&house);
    assert_eq!(house.ticket("t1", ANN).await.status, 404);
    open(&house, &sends).await;
    assert!(refused_for(&house).await <= 2);
}

#[tokio::test(start_paused = true)]
async fn scouts_find_out_within_a_first_penalty_that_the_upstream_is_back() {
    let (house, sends) = opened().await;
    for _ in 0..6 {
        pass(refused_for(&house).await).await;
        open_again(&house, &sends).await;
    }
    assert!(refused_for(&house).await > 50);
    let mut refused = 0;
    for step in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if step == 50 {
            house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
        }
        let (took, reply) = timed(house.ticket(&format!("t{step}"), ANN)).await;
        assert!(took.is_zero() && is_refused(&reply) == (reply.status != 200), "{reply:?}");
        refused += usize::from(is_refused(&reply));
    }
    assert!((50..=64).contains(&refused), "{refused}");
    let (asked, scouts) = (sends.count(), refused.div_ceil(10));
    let answered = 100 - refused;
    assert!(asked - 13 <= answered + scouts, "{asked}: {answered} answered");
}
