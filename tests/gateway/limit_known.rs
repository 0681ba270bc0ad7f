//! A rate that the settings name: the upstream, whose limit it is, never has to refuse.

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::limited::Counting;
use crate::support::limited::Counts;
use crate::support::limited::LATENCY;
use crate::support::limited::Limited;
use crate::support::limited::job;
use crate::support::limited::lasting;
use crate::support::limited::reader;
use crate::support::upstream::Say;
use std::time::Duration;
use verifik_gateway::settings::model::Rate;

/// A house that knows the limit for each credential.
fn house(rate: f64, burst: u32) -> House {
    House::with(|settings| {
        settings.limit.rate = Rate::PerSecond(rate);
        settings.limit.burst = burst;
    })
}

#[tokio::test(start_paused = true)]
async fn in_an_hour_the_upstream_refuses_nothing_and_hardly_a_turn_is_left_out() {
    // a second; at once; what all of it comes to in an hour
    let rows = [(0.1, 1, 361), (0.3, 5, 1_085), (0.7, 20, 2_540)];
    for (rate, burst, most) in rows {
        let house = house(rate, burst);
        let limited = Limited::before(&house, rate, burst);
        let _demand = lasting([job(&house, ANN, "job", 10_000)]);
        pass(3_600).await;
        let Counts { accepted, refused } = limited.counts(0..3_600);
        assert_eq!(refused, 0, "{rate}/s, burst {burst}");
        assert!((most - 10..=most).contains(&accepted), "{rate}/s, burst {burst}: {accepted}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_refuses_nothing_however_demand_comes_and_goes() {
    let house = house(7.0, 20);
    let limited = Limited::before(&house, 7.0, 20);
    for round in 0..12_u64 {
        let readers = (0..2 * round).map(|n| reader(&house, ANN, &format!("r{round}-{n}")));
        let others = lasting([job(&house, BEN, &format!("b{round}"), 50)]);
        let readers = lasting(readers);
        pass(10).await;
        drop((readers, others));
        pass(13 * round % 29).await;
    }
    let Counts { accepted, refused } = limited.counts(0..3_600);
    assert!(refused == 0 && accepted > 1_000, "{accepted} accepted, {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_evenly() {
    let house = house(2.0, 5);
    let _limited = Limited::before(&house, 2.0, 5);
    let askers = (0..9).map(|n| asker(&house, &path(&format!("t{n}")), &[("authorization", ANN)]));
    let (took, replies) = timed(replies(askers)).await;
    let waits: Vec<_> = replies.iter().map(|reply| reply.field("server-timing")).collect();
    let waited = ["500.0", "1000.0", "1500.0", "2000.0"].map(|wait| format!("queue;dur={wait}"));
    assert_eq!(waits[..5], [None; 5]);
    assert_eq!(waits[5..], waited.each_ref().map(|wait| Some(wait.as_str())));
    assert_eq!(took, Duration::from_secs(2) + LATENCY);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_all_the_same_is_given_way_to_and_never_asked_faster_than_said() {
    let house = house(10.0, 5);
    let limited = Limited::before(&house, 4.0, 5);
    let _job = lasting([job(&house, ANN, "job", 10_000)]);
    pass(100).await;
    let strict = limited.counts(50..100);
    assert!(50 * strict.refused <= strict.all() && strict.accepted > 160, "{strict:?}");
    limited.allows(1_000.0);
    pass(500).await;
    let lenient = limited.counts(540..600);
    assert!((570..=605).contains(&lenient.accepted), "it has grown back: {lenient:?}");
    assert!(limited.busiest_second() <= 15, "a burst and a second's worth");
}

#[tokio::test(start_paused = true)]
async fn a_rate_for_all_together_is_kept_to_whoever_asks() {
    let house = House::with(|settings| {
        settings.limit.total_rate = Some(8.0);
        settings.limit.burst = 4;
    });
    let limited = Limited::counting(Counting::All, &house, 8.0, 4);
    let tokens = ["Bearer a", "Bearer b", "Bearer c", "Bearer d", "Bearer e"];
    let _readers = lasting(tokens.map(|token| reader(&house, token, &token[7..])));
    let _job = lasting([job(&house, ANN, "job", 5_000)]);
    pass(300).await;
    let counts = limited.counts(0..300);
    assert_eq!(counts.refused, 0);
    assert!((2_390..=2_404).contains(&counts.accepted), "{counts:?}");
    for token in tokens {
        let own = limited.counts_of(token, 0..300).accepted;
        assert!(own >= 300, "{token} is not forgotten: {own}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_costs_nothing_of_the_budget() {
    let house = house(1.0, 1);
    let limited = Limited::before(&house, 1.0, 1);
    house.ticket("t1", ANN).await;
    let asked = async {
        replies((0..500).map(|_| asker(&house, &path("t1"), &[("authorization", ANN)]))).await
    };
    let (took, hits) = timed(asked).await;
    assert!(took.is_zero() && hits.iter().all(Reply::is_hit));
    pass(1).await;
    let (took, next) = timed(house.ticket("t2", ANN)).await;
    assert_eq!((took, next.status, limited.counts(0..9).all()), (LATENCY, 200, 2));
}

#[tokio::test(start_paused = true)]
async fn no_rate_means_that_a_refusal_is_passed_on_and_changes_nothing() {
    let house = House::with(|settings| settings.limit.rate = Rate::Off);
    let told = [("retry-after", "30"), ("ratelimit", "\"d\";r=0;t=30")];
    house.upstream.always(Say::json(429, r#"{"message":"Too Many Requests"}"#, &told));
    for n in 1..=20 {
        let (took, reply) = timed(house.ticket(&format!("t{n}"), ANN)).await;
        assert_eq!((took, reply.status), (Duration::ZERO, 429));
        assert_eq!(reply.field("retry-after"), Some("30"));
        assert_eq!(reply.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=429; detail=limited");
        assert_eq!(house.upstream.count(), n);
    }
}
