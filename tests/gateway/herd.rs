//! A thousand clients who want the same at the same time, again and again: the upstream hears one
//! of them, and nobody waits longer than for one answer.

use crate::support::client::Reply;
use crate::support::crowd::THING;
use crate::support::crowd::add_things;
use crate::support::crowd::crowd;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use std::time::Duration;

/// How many want it.
const HERD: usize = 1_000;

/// How often it expires.
const EXPIRIES: usize = 30;

/// How long the upstream takes, in seconds.
const TAKES: u64 = 2;

/// A house whose `t1` and whose thing stay fresh for twenty seconds from when they are asked for.
fn house(stale_while_revalidate: u64) -> House {
    let house = House::with(|all| {
        add_things(all);
        all.lifetimes.stale_while_revalidate = Duration::from_secs(stale_while_revalidate);
        all.upstream.max_in_flight = HERD;
    });
    house.upstream.always(ticket("max-age=20"));
    house
}

fn ticket(cache_control: &str) -> Say {
    Say::ticket("t1", "open", &[("cache-control", cache_control)]).after(TAKES)
}

/// Everyone asks at once: what they are told, the seconds that took, and what it cost upstream.
async fn herd(house: &House, target: &str, fields: &[(&str, &str)]) -> (Vec<Reply>, u64, usize) {
    let before = house.upstream.count();
    let (took, replies) = timed(crowd(house, HERD, target, fields)).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    (replies, took.as_secs(), house.upstream.count() - before)
}

#[tokio::test(start_paused = true)]
async fn every_expiry_costs_one_request() {
    let house = house(0);
    for expiry in 0..=EXPIRIES {
        let (replies, took, cost) = herd(&house, T1, &[("authorization", ANN)]).await;
        assert_eq!((took, cost), (TAKES, 1), "expiry {expiry}");
        let collapsed = replies.iter().filter(|reply| reply.cache().contains("; collapsed"));
        assert_eq!(collapsed.count(), HERD - 1, "expiry {expiry}");
        pass(20 - TAKES).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_expiry_costs_one_request_and_no_wait_while_stale_may_be_given_out() {
    let house = house(30);
    house.ticket("t1", ANN).await;
    for expiry in 1..=EXPIRIES {
        pass(20).await;
        let (replies, took, _) = herd(&house, T1, &[("authorization", ANN)]).await;
        assert!(took == 0 && replies.iter().all(Reply::is_hit), "expiry {expiry}");
        pass(TAKES).await;
        assert_eq!(house.upstream.count(), 1 + expiry);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_may_no_longer_be_stored_is_asked_for_once_a_round_and_nobody_queues() {
    for stale_while_revalidate in [0, 30] {
        let house = house(stale_while_revalidate);
        house.ticket("t1", ANN).await;
        house.upstream.always(ticket("no-store"));
        pass(50).await;
        for round in 0..3 {
            let (_, took, cost) = herd(&house, T1, &[("authorization", ANN)]).await;
            assert_eq!((took, cost), (TAKES, 1), "round {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_turns_out_unstorable_in_the_background_leaves_no_queue_either() {
    let house = house(30);
    house.ticket("t1", ANN).await;
    house.upstream.always(ticket("no-store"));
    pass(20).await;
    let (replies, took, _) = herd(&house, T1, &[("authorization", ANN)]).await;
    assert!(took == 0 && replies.iter().all(Reply::is_hit), "stale, while it is asked for anew");
    pass(TAKES + 1).await;
    assert_eq!(house.upstream.count(), 2);
    for round in 0..3 {
        // What is stored is known to be outdated now.
        let (_, took, cost) = herd(&house, T1, &[("authorization", ANN)]).await;
        assert_eq!((took, cost), (TAKES, 1), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_hears_one_of_them_a_round_and_nobody_queues() {
    let house = house(0);
    house.ticket("t1", ANN).await;
    for (say, takes) in [(Say::json(503, "{}", &[]).after(TAKES), TAKES), (Say::Never, 30)] {
        pass(20).await;
        house.upstream.always(say);
        let (_, took, cost) = herd(&house, T1, &[("authorization", ANN)]).await;
        assert_eq!((took, cost), (takes, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn every_expiry_of_another_resource_costs_one_request() {
    for fields in [&[][..], &[("authorization", ANN)]] {
        let house = house(0);
        for expiry in 0..=EXPIRIES / 3 {
            let (_, took, cost) = herd(&house, THING, fields).await;
            assert_eq!((took, cost), (TAKES, 1), "expiry {expiry} {fields:?}");
            pass(20 - TAKES).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unstorable_answer_of_another_resource_is_each_ones_own_and_nobody_queues() {
    for cache_control in ["no-store", "private", "max-age=0"] {
        let house = house(0);
        house.client().ask("GET", THING, &[]).await;
        house.upstream.always(ticket(cache_control));
        pass(20).await;
        // The first round learns that it is; for a minute everyone asks at once.
        for (wait, takes) in [(0, 2 * TAKES), (0, TAKES), (50, TAKES)] {
            pass(wait).await;
            let (replies, took, cost) = herd(&house, THING, &[]).await;
            assert_eq!((took, cost), (takes, HERD), "{cache_control}");
            assert!(replies.iter().all(|reply| !reply.cache().contains("collapsed")));
        }
    }
}
