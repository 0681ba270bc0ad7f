//! A batch while it is under way: its pace, its patience, and what ends it.

use crate::support::call::Call;
use crate::support::call::Told;
use crate::support::call::call;
use crate::support::call::many;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use serde_json::json;
use std::time::Duration;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

/// A known rate, without a burst.
fn paced(rate: f64) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.limit.rate = Rate::PerSecond(rate);
        settings.limit.burst = 1;
    }
}

/// How many wait for the upstream, and how many are being answered by it.
fn load(house: &House) -> (usize, usize) {
    house.door.gateway.cache.queue.load()
}

fn dead(how: &str) -> Say {
    match how {
        "401" => Say::json(401, "{}", &[]),
        "401, no JSON" => Say::Raw(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno".to_vec()),
        _ => Say::json(403, r#"{"message":"token_expired","code":"FORBIDDEN"}"#, &[]),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_that_the_credential_is_dead_ends_the_call() {
    for how in ["401", "401, no JSON", "403 token_expired"] {
        let house = House::with(paced(1.0));
        house.upstream.says(move |request| match id_of(request) {
            "t3" => dead(how),
            id => Say::ticket(id, "open", &[]),
        });
        let (took, told) = timed(Call::begin(&house, &many(200)).await.rest()).await;
        assert_eq!((told.ids(), took.as_secs()), (vec!["t0", "t1", "t2", "t3"], 3), "{how}");
        assert_eq!(told.last["stopped"], "credential-dead", "{how}");
        for (name, total) in [("asked", 200), ("answered", 3), ("upstream", 4), ("failed", 1)] {
            assert_eq!(told.total(name), total, "{how} {name}");
        }
        pass(100).await;
        assert_eq!((house.upstream.count(), load(&house)), (4, (0, 0)), "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_dead_answers_at_once_one_is_told() {
    let house = House::new();
    house.upstream.says(|_| dead("401").after(1));
    let told = Call::begin(&house, &many(500)).await.rest().await;
    assert_eq!((told.lines.len(), told.total("failed")), (1, 1));
    assert_eq!(told.last["stopped"], "credential-dead");
    pass(100).await;
    assert_eq!((house.upstream.count(), load(&house)), (64, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_only_looks_like_a_dead_credential_does_not_end_the_call() {
    for body in ["{}", r#"{"message":"forbidden"}"#, "token_expired"] {
        let house = House::new();
        house.upstream.always(Say::json(403, body, &[]));
        let told = call(&house, &["t0", "t1"]).await;
        assert_eq!((told.with("status", 403), told.total("answered")), (2, 2), "{body}");
        assert_eq!(told.last.get("stopped"), None, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_wait_for_longer_than_a_request_would() {
    let house = House::with(|settings| {
        paced(0.01)(settings);
        settings.limit.max_wait = Duration::from_secs(1);
    });
    let (took, told) = timed(call(&house, &["t0", "t1", "t2", "t3"])).await;
    assert_eq!((told.with("status", 200), took.as_secs()), (4, 300));
    assert_eq!(told.total("waited_ms") / 1_000, 100 + 200 + 300);
    // Whoever asks for one of them meanwhile waits no longer than ever.
    let _another = Call::begin(&house, &many(9)).await;
    assert_eq!(house.ticket("t8", ANN).await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn ids_are_called_one_too_many_and_wait_on() {
    let house = House::new();
    let mut times = 0;
    house.upstream.says(move |request| {
        times += 1;
        if times % 3 == 0 {
            Say::json(429, "{}", &[])
        } else {
            Say::ticket(id_of(request), "open", &[])
        }
    });
    let told = Call::begin(&house, &many(20)).await.rest().await;
    assert_eq!((told.with("status", 200), told.total("answered")), (20, 20));
    assert_eq!((told.total("upstream"), house.upstream.count()), (20, 29));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_takes_with_it_what_was_not_sent() {
    let house = House::with(paced(10.0));
    let mut call = Call::begin(&house, &many(500)).await;
    for _ in 0..3 {
        call.line().await.unwrap();
    }
    assert_eq!(load(&house), (64, 0));
    drop(call);
    pass(60).await;
    assert_eq!((house.upstream.count(), load(&house)), (3, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_when_the_client_left_is_stored() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "settled", &[]).after(5));
    let call = Call::begin(&house, &many(500)).await;
    pass(1).await;
    drop(call);
    pass(1).await;
    assert_eq!((house.upstream.count(), load(&house)), (64, (0, 64)));
    pass(5).await;
    assert!(house.ticket("t63", ANN).await.is_hit());
    assert_eq!((house.upstream.count(), load(&house)), (64, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_noticed_while_nothing_is_sent_to_it() {
    let house = House::with(paced(0.001));
    let mut call = Call::begin(&house, &many(9)).await;
    call.line().await.unwrap();
    drop(call);
    pass(1).await;
    assert_eq!(load(&house), (0, 0));
}

/// The upstream's tickets are as long as that.
fn lengthy(house: &House, length: usize) {
    house.upstream.says(move |request| {
        let text = "x".repeat(length);
        let body = json!({"data": {"_id": id_of(request), "text": text}}).to_string();
        Say::json(200, &body, &[])
    });
}

#[tokio::test(start_paused = true)]
async fn for_a_client_that_does_not_read_no_more_is_asked_than_is_on_its_way() {
    // What is on its way: 64 ids, 64 KiB in the pipe, some 500 KiB in buffers.
    for (length, most) in [(10_000, 110), (50_000, 75)] {
        let house = House::new();
        lengthy(&house, length);
        let call = Call::begin(&house, &many(150)).await;
        pass(20).await;
        let asked = house.upstream.count();
        assert!((64..=most).contains(&asked), "{length}: {asked}");
        assert_eq!(load(&house), (0, 0), "{length}: none of them takes a place");
        let told = call.rest().await;
        assert_eq!((told.with("status", 200), house.upstream.count()), (150, 150), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_for_too_long_is_given_up() {
    let house = House::with(|settings| settings.listen.write_timeout = Duration::from_secs(30));
    lengthy(&house, 20_000);
    let _call = Call::begin(&house, &many(400)).await;
    pass(20).await;
    let asked = house.upstream.count();
    pass(100).await;
    assert_eq!((house.upstream.count(), load(&house)), (asked, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstream_is_asked_sixty_four_at_a_time() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(10));
    let mut call = Call::begin(&house, &many(130)).await;
    for most in [64, 64, 2] {
        pass(9).await;
        assert_eq!(load(&house), (0, most));
        for _ in 0..most {
            let (took, line) = timed(call.line()).await;
            assert!(took <= Duration::from_secs(1) && line.unwrap()["status"] == 200, "{took:?}");
        }
    }
    assert_eq!(call.rest().await.total("answered"), 130);
}

/// A house whose upstream has failed so often that it is left alone, and is well again.
async fn house_with_open_breaker(change: impl FnOnce(&mut Settings)) -> House {
    let house = House::with(|settings| {
        settings.upstream.retries = 0;
        change(settings);
    });
    house.ticket("stored", ANN).await;
    house.upstream.always(Say::json(503, "{}", &[]));
    for index in 0..7 {
        assert_eq!(house.ticket(&format!("b{index}"), ANN).await.status, 503);
    }
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
    let reply = house.ticket("b0", ANN).await;
    assert!(reply.text().contains("GATEWAY_UPSTREAM_UNAVAILABLE"), "{}", reply.text());
    house
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_while_the_upstream_is_left_alone_and_goes_on_after() {
    let house = house_with_open_breaker(|_| {}).await;
    let (took, told) = timed(call(&house, &["stored", "t0", "t1", "t2"])).await;
    assert_eq!((told.with("status", 200), told.with("cache", "hit")), (4, 1), "{told:?}");
    assert!((1_000..3_000).contains(&took.as_millis()), "{took:?}");
    assert!((1_000..9_000).contains(&told.total("waited_ms")), "{}", told.last);
    assert_eq!((told.total("upstream"), told.total("failed")), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_so_for_what_is_stored_and_needs_a_proof_too() {
    let house = house_with_open_breaker(|settings| {
        settings.lifetimes.lease = Duration::from_millis(1);
        settings.lifetimes.lease_grace = Duration::ZERO;
        settings.lifetimes.stale_if_error = Duration::ZERO;
    });
    let house = house.await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let told = call(&house, &["stored", "stored", "t0"]).await;
    assert_eq!((told.with("status", 200), told.total("failed")), (3, 0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_outlasts_a_queue_that_is_full() {
    let house = House::with(|settings| {
        settings.limit.max_queue = 0;
        settings.upstream.max_in_flight = 4;
    });
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(1));
    let told = Call::begin(&house, &many(100)).await.rest().await;
    assert_eq!((told.with("status", 200), house.upstream.count()), (100, 100));
    assert_eq!(load(&house), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_waits_for_an_id_of_a_batch_makes_it_urgent() {
    let house = House::with(paced(1.0));
    let mut call = Call::begin(&house, &many(60)).await;
    call.line().await.unwrap();
    let somebody = asker(&house, &path("t50"), &[("authorization", ANN)]);
    let (took, line) = timed(call.line()).await;
    assert_eq!((took.as_secs(), &line.unwrap()["id"]), (1, &json!("t50")));
    assert_eq!(somebody.await.unwrap().status, 200);
    let Told { lines, .. } = call.rest().await;
    assert_eq!(lines.len(), 58);
    assert_eq!((house.upstream.count(), load(&house)), (60, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn two_calls_for_the_same_ids_share_them_and_one_may_leave() {
    let house = House::with(paced(5.0));
    let first = Call::begin(&house, &many(50)).await;
    let second = Call::begin(&house, &many(50)).await;
    pass(1).await;
    drop(first);
    let told = second.rest().await;
    assert_eq!((told.with("status", 200), house.upstream.count()), (50, 50));
    assert!(told.with("cache", "collapsed") >= 49, "{told:?}");
    assert_eq!(load(&house), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_a_batch_end() {
    let house = House::with(paced(10.0));
    let mut call = Call::begin(&house, &many(30)).await;
    call.line().await.unwrap();
    house.drain.send(true).unwrap();
    assert_eq!(call.rest().await.total("answered"), 30);
}
