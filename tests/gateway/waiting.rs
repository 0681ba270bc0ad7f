//! How long a request waits for its turn: never longer than whoever waits for it agreed to, and as
//! long as was foretold.

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::limited::LATENCY;
use crate::support::limited::Limited;
use crate::support::limited::job;
use crate::support::limited::lasting;
use crate::support::limited::queued;
use fastrand::Rng;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use verifik_gateway::settings::model::Rate;

/// A house that knows how many a second the upstream takes, one at a time.
fn house(rate: f64) -> House {
    let house = House::with(|settings| {
        settings.limit.rate = Rate::PerSecond(rate);
        settings.limit.burst = 1;
    });
    let _limited = Limited::before(&house, rate, 1);
    house
}

/// Ann asks for a ticket, with these for `Prefer` and `Priority`.
fn ask(house: &House, id: &str, prefer: &str, priority: &str) -> JoinHandle<Reply> {
    let fields = [("authorization", ANN), ("prefer", prefer), ("priority", priority)];
    asker(house, &path(id), &fields)
}

/// Has so many stand in line, in no hurry, after one that goes at once.
async fn line_up(house: &House, waiting: usize, priority: &str) -> Vec<JoinHandle<Reply>> {
    let ask = |n| ask(house, &format!("before{n}"), "wait=3600", priority);
    let askers = (0..=waiting).map(ask).collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(house.door.gateway.cache.queue.load().0, waiting);
    askers
}

/// What one hears who would not wait for so long.
fn is_refused(reply: &Reply) -> bool {
    reply.status == 429
        && reply.text().contains("GATEWAY_RATE_LIMITED")
        && reply.field("proxy-status") == Some("verifik-gateway; error=http_request_denied")
        && reply.field("retry-after").is_some()
}

fn told(reply: &Reply) -> Duration {
    Duration::from_secs(reply.field("retry-after").unwrap().parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn nobody_ever_waits_for_longer_than_agreed() {
    let mut luck = Rng::with_seed(3);
    for (rate, limit) in
        [(Rate::PerSecond(3.0), 3.0), (Rate::PerSecond(3.0), 1.0), (Rate::Learn, 2.0)]
    {
        let house = House::with(|settings| {
            settings.limit.rate = rate;
            settings.lifetimes.open = Duration::ZERO;
            settings.lifetimes.stale_while_revalidate = Duration::ZERO;
        });
        let _limited = Limited::before(&house, limit, 5);
        let mut askers = Vec::new();
        for _ in 0..600 {
            sleep(Duration::from_millis(luck.u64(0..200))).await;
            let (secs, urgency) = ([0, 1, 3][luck.usize(0..3)], luck.u8(0..8));
            let (id, prefer) = (format!("t{}", luck.u8(0..12)), format!("wait={secs}"));
            let asked = ask(&house, &id, &prefer, &format!("u={urgency}"));
            askers.push(tokio::spawn(async move { (secs, timed(asked).await) }));
        }
        let (mut served, mut refused) = (0, 0);
        for asker in askers {
            let (secs, (took, reply)) = asker.await.unwrap();
            let reply = reply.unwrap();
            let agreed = Duration::from_secs(secs);
            assert!(took <= agreed + LATENCY, "{rate:?}: {took:?} of {agreed:?}: {reply:?}");
            assert!(queued(&reply) <= agreed, "{rate:?}: {agreed:?}: {reply:?}");
            served += usize::from(reply.status == 200);
            refused += usize::from(reply.status == 429);
        }
        assert!(served >= 100 && refused >= 50 && served + refused == 600, "{served}, {refused}");
        assert_eq!(house.door.gateway.cache.queue.load(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn whose_turn_would_not_come_in_time_is_told_at_once_when_it_would() {
    // a second; how many wait, and how urgently; how urgently one asks who will not
    let rows = [
        (10.0, 3, "u=3", "u=3"),
        (10.0, 500, "u=3", "u=3"),
        (2.0, 20, "u=3", "u=0"),
        (2.0, 100, "u=6", "u=6"),
        (2.0, 100, "u=6", "u=3"),
        (2.0, 100, "u=3", "u=6"),
        (0.5, 7, "u=3", "u=3"),
    ];
    for (rate, waiting, theirs, own) in rows {
        let what = format!("{rate}/s, {own} behind {waiting} of {theirs}");
        let house = house(rate);
        let _line = line_up(&house, waiting, theirs).await;
        let (took, reply) = timed(ask(&house, "impatient", "wait=0", own)).await;
        let reply = reply.unwrap();
        assert!(took.is_zero() && is_refused(&reply), "{what}: {took:?}, {reply:?}");
        let patient = ask(&house, "patient", "wait=3600", own).await.unwrap();
        let (waited, told) = (queued(&patient), told(&reply));
        assert!(told >= waited, "{what}: told {told:?}, waited {waited:?}");
        assert!(
            told <= waited.mul_f64(1.1) + Duration::from_secs(1),
            "{what}: told {told:?}, waited {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_when_told_to_is_served_at_once() {
    for (rate, waiting) in [(10.0, 55), (2.0, 9), (0.5, 4)] {
        let house = house(rate);
        let _line = line_up(&house, waiting, "u=3").await;
        let refused = ask(&house, "t", "wait=0", "u=3").await.unwrap();
        sleep(told(&refused).mul_f64(0.8)).await;
        let early = ask(&house, "t", "wait=0", "u=3").await.unwrap();
        assert!(is_refused(&early), "{rate}/s: {early:?}");
        sleep(told(&refused).mul_f64(0.2)).await;
        let (took, reply) = timed(ask(&house, "t", "wait=0", "u=3")).await;
        assert_eq!((took, reply.unwrap().status), (LATENCY, 200), "{rate}/s, {waiting}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_of_a_learnt_rate_is_right_too() {
    let house = House::new();
    let _limited = Limited::before(&house, 5.0, 5);
    job(&house, ANN, "job", 500).await;
    for waiting in [5, 50, 200] {
        let line: Vec<_> = (0..waiting)
            .map(|n| ask(&house, &format!("w{waiting}-{n}"), "wait=3600", "u=3"))
            .collect();
        sleep(Duration::from_millis(1)).await;
        let refused = ask(&house, "impatient", "wait=0", "u=3").await.unwrap();
        let patient = ask(&house, &format!("p{waiting}"), "wait=3600", "u=3").await.unwrap();
        let (waited, told) = (queued(&patient).as_secs_f64(), told(&refused).as_secs_f64());
        assert!((waited * 0.9..=waited * 1.1 + 1.0).contains(&told), "{waiting}: {told}, {waited}");
        assert!(replies(line).await.iter().all(|reply| reply.status == 200));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_of_a_rate_for_all_together_is_right_too() {
    // how many of Ann's and of Ben's wait before Ann asks once more
    for (anns, bens) in [(40, 0), (20, 20), (5, 100), (30, 10)] {
        let house = House::with(|settings| {
            settings.limit.total_rate = Some(4.0);
            settings.limit.burst = 1;
        });
        let others = (0..bens).map(|n| (BEN, format!("ben{n}")));
        let all = (0..anns).map(|n| (ANN, format!("ann{n}"))).chain(others);
        let fields = |token| [("authorization", token), ("prefer", "wait=3600")];
        let _line: Vec<_> =
            all.map(|(token, id)| asker(&house, &path(&id), &fields(token))).collect();
        sleep(Duration::from_millis(1)).await;
        let refused = ask(&house, "impatient", "wait=0", "u=3").await.unwrap();
        let patient = ask(&house, "patient", "wait=3600", "u=3").await.unwrap();
        let (waited, told) = (queued(&patient).as_secs_f64(), told(&refused).as_secs_f64());
        let right = waited * 0.9..=waited * 1.1 + 1.0;
        assert!(right.contains(&told), "{anns} and {bens}: told {told}, waited {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_the_settings_holds_where_the_client_names_none() {
    // limit.max_wait; Prefer; how many wait before; whether one is served
    let rows = [
        (10, "x", 19, true),
        (10, "x", 21, false),
        (0, "x", 1, false),
        (0, "x", 0, true),
        (0, "wait=5", 9, true),
        (10, "wait=1", 9, false),
        (10, "respond-async, wait=30", 50, true),
    ];
    for (secs, prefer, waiting, served) in rows {
        let house = House::with(|settings| {
            settings.limit.rate = Rate::PerSecond(2.0);
            settings.limit.burst = 1;
            settings.limit.max_wait = Duration::from_secs(secs);
        });
        let _line = line_up(&house, waiting, "u=3").await;
        // With nobody in line the next turn is half a second away.
        sleep(Duration::from_millis(500)).await;
        let reply = ask(&house, "t", prefer, "u=3").await.unwrap();
        let what = format!("max_wait {secs}, {prefer}, behind {waiting}: {reply:?}");
        assert_eq!((reply.status == 200, is_refused(&reply)), (served, !served), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forward_is_as_urgent_as_the_most_urgent_who_wait_for_it() {
    let house = house(2.0);
    let _line = line_up(&house, 30, "u=3").await;
    let first = ask(&house, "t", "wait=3600", "u=7");
    sleep(Duration::from_millis(1)).await;
    // Those before have come first, and go first, but not the fifth of each five.
    let second = timed(ask(&house, "t", "wait=3600", "u=3"));
    let (took, reply) = second.await;
    assert!(took <= Duration::from_secs(16) + LATENCY, "{took:?}");
    assert_eq!((reply.unwrap().status, first.await.unwrap().status), (200, 200));
    assert_eq!(house.upstream.count(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_job_s_ticket_goes_first_once_somebody_waits_for_it() {
    let house = house(2.0);
    let _job = lasting([job(&house, ANN, "job", 60)]);
    sleep(Duration::from_millis(10)).await;
    let (took, reply) = timed(ask(&house, "job-50", "wait=1", "u=0")).await;
    assert_eq!((took, reply.unwrap().status), (Duration::from_millis(490) + LATENCY, 200));
    pass(60).await;
    assert_eq!(house.upstream.count(), 60, "it is asked for once");
}

#[tokio::test(start_paused = true)]
async fn a_forward_waits_for_as_long_as_the_most_patient_who_wait_for_it() {
    let house = house(2.0);
    let _line = line_up(&house, 0, "u=3").await;
    let hasty = tokio::spawn(timed(ask(&house, "t", "wait=1", "u=6")));
    sleep(Duration::from_millis(1)).await;
    let patient = tokio::spawn(timed(ask(&house, "t", "wait=60", "u=6")));
    sleep(Duration::from_millis(1)).await;
    // Nobody could foresee these.
    let urgent: Vec<_> = (0..3).map(|n| ask(&house, &format!("urgent{n}"), "x", "u=0")).collect();
    let (took, reply) = hasty.await.unwrap();
    assert!(took == Duration::from_secs(1) && is_refused(&reply.unwrap()), "{took:?}");
    let (took, reply) = patient.await.unwrap();
    let reply = reply.unwrap();
    assert!(reply.status == 200 && took < Duration::from_secs(3), "{took:?}, {reply:?}");
    assert_eq!((replies(urgent).await.len(), house.upstream.count()), (3, 5));
}

#[tokio::test(start_paused = true)]
async fn who_will_not_wait_neither_begins_a_forward_nor_ends_another_s() {
    let house = house(1.0);
    let _line = line_up(&house, 3, "u=3").await;
    assert!(is_refused(&ask(&house, "t", "wait=0", "u=3").await.unwrap()));
    assert_eq!(house.door.gateway.cache.queue.load().0, 3, "it stands in nobody's way");
    let patient = ask(&house, "t", "wait=60", "u=3");
    sleep(Duration::from_millis(1)).await;
    for _ in 0..10 {
        assert!(is_refused(&ask(&house, "t", "wait=0", "u=3").await.unwrap()));
    }
    assert_eq!(patient.await.unwrap().status, 200);
    assert_eq!(house.upstream.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_frees_its_place_at_once() {
    let house = house(1.0);
    let line = line_up(&house, 40, "u=3").await;
    let last = tokio::spawn(timed(ask(&house, "t", "wait=60", "u=3")));
    sleep(Duration::from_millis(1)).await;
    line.iter().skip(1).step_by(2).for_each(JoinHandle::abort);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(house.door.gateway.cache.queue.load(), (21, 1));
    let (took, reply) = last.await.unwrap();
    assert_eq!(reply.unwrap().status, 200);
    assert!(took <= Duration::from_secs(21) + LATENCY, "{took:?}");
    assert_eq!(house.upstream.count(), 22);
    sleep(LATENCY).await;
    assert_eq!(house.door.gateway.cache.queue.load(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_somebody_else_waits_for_too_stays_in_line() {
    let house = house(1.0);
    let _line = line_up(&house, 3, "u=3").await;
    let (first, second) = (ask(&house, "t", "x", "u=3"), ask(&house, "t", "x", "u=3"));
    sleep(Duration::from_millis(1)).await;
    first.abort();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(house.door.gateway.cache.queue.load().0, 4);
    let reply = second.await.unwrap();
    assert_eq!((reply.status, queued(&reply).as_secs()), (200, 3));
}

#[tokio::test(start_paused = true)]
async fn a_full_line_turns_away_at_once_who_would_have_to_wait_and_nobody_else() {
    let house = House::with(|settings| {
        settings.limit.rate = Rate::PerSecond(1.0);
        settings.limit.burst = 1;
        settings.limit.max_queue = 5;
    });
    let _line = line_up(&house, 5, "u=3").await;
    let (took, reply) = timed(ask(&house, "t", "wait=60", "u=0")).await;
    let reply = reply.unwrap();
    assert_eq!((took, reply.status, reply.field("retry-after")), (Duration::ZERO, 503, Some("1")));
    assert!(reply.text().contains("GATEWAY_FULL"), "{reply:?}");
    let bens = house.ticket("t", BEN).await;
    assert_eq!((bens.status, bens.field("server-timing")), (200, None), "those who wait are Ann's");
}
