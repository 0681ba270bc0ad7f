//! What a third reading found, of the line, the breaker and the batches: who may hold up whom.

use crate::queue_play::credential;
use crate::queue_play::hearing;
use crate::queue_play::unpaced;
use crate::support::call::BATCH;
use crate::support::call::Call;
use crate::support::call::many;
use crate::support::client::request;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;
use tokio::time::sleep;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::policy::budget;
use verifik_gateway::policy::budget::Told;
use verifik_gateway::policy::class::Class;
use verifik_gateway::policy::line::Line;
use verifik_gateway::policy::line::Terms;
use verifik_gateway::settings::model::Rate;

/// A house whose upstream asks Ann to stay away for half a minute, and has just been left alone for
/// the third time: for four seconds at least.
async fn left_alone() -> House {
    let house = House::with(|settings| settings.upstream.retries = 0);
    house.upstream.always(Say::json(503, "{}", &[("retry-after", "30")]));
    house.ticket("ill", ANN).await;
    for number in 0..6 {
        house.ticket(&format!("ill{number}"), &format!("Bearer {number}")).await;
    }
    for secs in [2, 3] {
        pass(secs).await;
        let probe = house.ticket("ill", &format!("Bearer probe{secs}")).await;
        assert_eq!((probe.status, probe.field("proxy-status")), (503, None));
    }
    house
}

#[tokio::test(start_paused = true)]
async fn a_scout_that_would_have_to_stand_in_line_keeps_nobody_from_finding_out() {
    for bens in 0..2 {
        let house = left_alone().await;
        house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
        pass(2).await;
        for _ in 0..3 {
            assert_eq!(house.ticket("t1", ANN).await.status, 503, "she is paused");
        }
        for _ in 0..bens {
            assert_eq!(house.ticket("t2", BEN).await.status, 503, "a scout");
        }
        pass(4 - 3 * bens).await;
        assert_eq!(house.ticket("t3", BEN).await.status, 200, "{bens}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_notices_the_end_of_a_long_outage_soon() {
    let house = House::new();
    house.upstream.always(Say::json(503, "{}", &[]));
    let call = Call::begin(&house, &many(100)).await;
    pass(100).await;
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
    let (took, told) = timed(call.rest()).await;
    assert!(took <= Duration::from_secs(3), "{took:?} {}", told.last);
}

#[tokio::test(start_paused = true)]
async fn a_line_full_of_batches_turns_nobody_away_who_may_go_at_once() {
    let house = House::with(|settings| {
        settings.upstream.max_in_flight = 4;
        settings.limit.max_queue = 2;
    });
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(3));
    let fields = [("authorization", ANN), ("priority", "u=7")];
    let _line: Vec<_> =
        (0..5).map(|number| asker(&house, &path(&format!("t{number}")), &fields)).collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(house.door.gateway.cache.queue.load(), (2, 3));
    for (token, status) in [(ANN, 200), (BEN, 200)] {
        assert_eq!(house.ticket("t", token).await.status, status, "a place is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_whose_ids_trickle_in_do_not_keep_others_out_for_ever() {
    let (house, fields) = (House::new(), [("authorization", ANN)]);
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut client = house.client();
        let fields = [("authorization", BEN), ("content-length", "9000")];
        client.write(request("POST", BATCH, &fields, "")).await;
        slow.push(client);
    }
    for (octets, status) in [(11, 503), (2, 200)] {
        for _ in 0..octets {
            pass(5).await;
            for client in &mut slow {
                client.write("a").await;
            }
        }
        let reply = house.client().send("POST", BATCH, &fields, "t1").await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_batches_would_fill_has_room_for_who_is_in_a_hurry() {
    let house = House::with(|settings| {
        settings.limit.rate = Rate::PerSecond(2.0);
        settings.limit.burst = 1;
        settings.limit.max_queue = 8;
    });
    let call = Call::begin(&house, &many(64)).await;
    pass(1).await;
    assert_eq!(house.ticket("t", ANN).await.status, 200);
    assert_eq!(call.rest().await.with("status", 200), 64);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_what_is_done_in_the_background_waits_on_after_a_429() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    pass(20).await;
    let mut is_first = true;
    house.upstream.says(move |request| {
        let ticket = || Say::ticket(id_of(request), "open", &[]);
        let limit = std::mem::take(&mut is_first).then(|| Say::json(429, "{}", &[]));
        limit.unwrap_or_else(ticket).after(1)
    });
    assert_eq!(house.ticket("t1", ANN).await.status, 200, "stale, and validated in the background");
    let fields = [("authorization", ANN), ("cache-control", "max-age=1")];
    let others: Vec<_> = (0..3).map(|_| asker(&house, &path("t1"), &fields)).collect();
    for reply in replies(others).await {
        assert_eq!(reply.status, 200, "{}", reply.cache());
    }
    assert_eq!(house.upstream.count(), 3);
}

#[test]
fn who_makes_up_credentials_displaces_no_pace_that_was_learnt() {
    let budget = budget::Terms { rate: budget::Rate::Learn, burst: 1 };
    let mut now = Timestamp::from_secs(1_000);
    let mut line = Line::new(Terms { budget, ..unpaced(1) }, now);
    for number in 0..40_000 {
        let place = line.pass(credential(number), Class::Interactive, now).unwrap();
        let told = if number == 0 { Told::Limited } else { Told::Accepted };
        line.give_back(place, Some(&hearing(told)), now);
        now = now.after(Duration::from_micros(100));
    }
    assert!(line.rate(credential(0)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_batch_knows_how_long_it_waits_for_the_places_that_it_may_have() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 8);
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(1));
    house.ticket("t", ANN).await;
    let ask = |id: &str, prefer| {
        let fields = [("authorization", ANN), ("priority", "u=7"), ("prefer", prefer)];
        asker(&house, &path(id), &fields)
    };
    let _line: Vec<_> = (0..66).map(|number| ask(&format!("t{number}"), "wait=60")).collect();
    sleep(Duration::from_millis(1)).await;
    for (prefer, status, waits) in [("wait=8", 503, 0), ("wait=12", 200, 11)] {
        let (took, reply) = timed(ask("last", prefer)).await;
        assert_eq!((reply.unwrap().status, took.as_secs()), (status, waits), "{prefer}");
    }
}
