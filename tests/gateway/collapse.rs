//! One request upstream for all who ask the same at one time, and what becomes of them when
//! something goes wrong with it (design §1, principle 5).

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::faulty::faulty_house;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::recall::recalls;
use crate::support::upstream::Say;
use std::sync::atomic::Ordering;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long the upstream takes here, in seconds.
const TAKES: u64 = 5;

fn open() -> Say {
    Say::ticket("t1", "open", &[]).after(TAKES)
}

/// A house whose upstream says this to everyone.
fn hearing(say: Say) -> House {
    let house = House::new();
    house.upstream.always(say);
    house
}

/// Someone asks for `t1`, and waits while the test goes on. Aborted, they leave.
fn ask(house: &House) -> JoinHandle<Reply> {
    ask_with(house, vec![])
}

fn ask_with(house: &House, mut fields: Vec<(&'static str, &'static str)>) -> JoinHandle<Reply> {
    fields.push(("authorization", ANN));
    let mut client = house.client();
    tokio::spawn(async move { client.ask("GET", T1, &fields).await })
}

/// Several ask at once; their replies, and how many seconds it took.
async fn crowd(house: &House, size: usize) -> (Vec<Reply>, u64) {
    let began = Instant::now();
    let askers: Vec<_> = (0..size).map(|_| ask(house)).collect();
    let mut replies = Vec::new();
    for asker in askers {
        replies.push(asker.await.unwrap());
    }
    (replies, began.elapsed().as_secs())
}

fn collapsed(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.cache().contains("; collapsed")).count()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_askers_cost_one_request() {
    let house = hearing(open());
    let (replies, secs) = crowd(&house, 1_000).await;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text() == replies[0].text()));
    assert_eq!((house.upstream.count(), collapsed(&replies), secs), (1, 999, TAKES));
    assert_eq!(house.door.gateway.cache.forwards.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_first_may_leave() {
    let house = hearing(open());
    let (first, second) = (ask(&house), ask(&house));
    pass(1).await;
    let third = ask(&house);
    first.abort();
    for asker in [second, third] {
        let reply = asker.await.unwrap();
        assert!(reply.status == 200 && reply.cache().ends_with("; stored; collapsed"));
    }
    assert!(recalls(&house, T1, ANN).await);
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_everyone_has_left_is_stored_once_it_was_sent() {
    let house = hearing(open());
    let askers = [ask(&house), ask(&house)];
    pass(1).await;
    for asker in askers {
        asker.abort();
    }
    pass(TAKES).await;
    assert!(recalls(&house, T1, ANN).await);
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn someone_who_asks_after_everyone_has_left_joins_all_the_same() {
    let house = hearing(open());
    let first = ask(&house);
    pass(1).await;
    first.abort();
    pass(1).await;
    assert!(ask(&house).await.unwrap().cache().contains("; collapsed"));
    assert_eq!(house.upstream.count(), 1);
}

/// A house with one place for forwards, taken by another ticket for a while.
async fn busy_house() -> House {
    let house = House::with(|settings| settings.upstream.max_in_flight = 1);
    house.upstream.says(|request| {
        let taken = request.start.contains("/busy ");
        if taken { Say::ticket("busy", "open", &[]).after(TAKES) } else { open() }
    });
    let busy = request("GET", "/v2/support-tickets/busy", &[("authorization", ANN)], "");
    let mut client = house.client();
    client.write(busy).await;
    pass(1).await;
    tokio::spawn(async move { client.reply_to("GET").await });
    house
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_everyone_leaves_in_the_queue_is_never_sent() {
    let house = busy_house().await;
    let askers = [ask(&house), ask(&house)];
    pass(1).await;
    for asker in askers {
        asker.abort();
    }
    pass(2 * TAKES).await;
    assert_eq!(house.upstream.count(), 1, "the other ticket's");
    assert_eq!(house.door.gateway.cache.forwards.under_way(), 0);
    assert_eq!(ask(&house).await.unwrap().status, 200, "its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_someone_waits_for_in_the_queue_is_sent() {
    let house = busy_house().await;
    let (first, second) = (ask(&house), ask(&house));
    pass(1).await;
    first.abort();
    assert_eq!(second.await.unwrap().status, 200);
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_panics_is_begun_again_once_for_all_who_wait() {
    let (house, left) = faulty_house(1);
    let (replies, _) = crowd(&house, 20).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!((house.upstream.count(), left.load(Ordering::Relaxed)), (1, 0));
    assert!(recalls(&house, T1, ANN).await);
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_panics_again_fails_for_all_who_wait_and_the_next_succeeds() {
    let (house, left) = faulty_house(1_000);
    let (replies, secs) = crowd(&house, 20).await;
    assert!(replies.iter().all(|reply| reply.status == 500), "{:?}", replies[0]);
    assert!(replies[0].text().contains("GATEWAY_INTERNAL"));
    assert_eq!((left.swap(0, Ordering::Relaxed), secs), (998, 2));
    assert_eq!(house.door.gateway.cache.forwards.under_way(), 0);
    assert_eq!(ask(&house).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_panic_reaches_nobody_who_asks_for_something_else() {
    let (house, _) = faulty_house(2);
    let unlucky = ask(&house);
    pass(2).await;
    assert_eq!(house.ticket("t2", ANN).await.status, 200);
    assert_eq!(unlucky.await.unwrap().status, 500);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_everyones_outcome() {
    // how it fails, and how often that is tried
    let rows = [
        (Say::RawThenClose(Vec::new()), 502, 2),
        (Say::RawThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), 502, 1),
        (Say::Never, 504, 1),
    ];
    for (say, status, tries) in rows {
        let house = hearing(say.clone());
        let (replies, _) = crowd(&house, 20).await;
        assert!(replies.iter().all(|reply| reply.status == status), "{say:?}: {:?}", replies[0]);
        assert_eq!((house.upstream.count(), collapsed(&replies)), (tries, 19), "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_may_not_be_stored_is_shared_by_those_who_wait_and_nobody_queues() {
    let rows = [
        (200, ("cache-control", "no-store")),
        (200, ("set-cookie", "a=b")),
        (200, ("cache-control", "no-cache")),
        (200, ("cache-control", "max-age=0")),
        (503, ("retry-after", "1")),
        (401, ("x", "y")),
        (429, ("x", "y")),
    ];
    for (status, field) in rows {
        let body = r#"{"data":{"_id":"t1"}}"#;
        let house = House::with(once_and_at_once);
        house.upstream.always(Say::json(status, body, &[field]).after(TAKES));
        let (replies, secs) = crowd(&house, 50).await;
        assert!(replies.iter().all(|reply| reply.status == status && reply.text() == body));
        assert_eq!(
            (house.upstream.count(), collapsed(&replies), secs),
            (1, 49, TAKES),
            "{field:?}"
        );
        assert!(!recalls(&house, T1, ANN).await, "{status} {field:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_an_answer_does_not_fit_asks_alone_and_at_once() {
    for vary in ["*", "origin, *", "no name"] {
        let house = hearing(Say::ticket("t1", "open", &[("vary", vary)]).after(TAKES));
        let (replies, secs) = crowd(&house, 20).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{vary}");
        assert_eq!(
            (house.upstream.count(), collapsed(&replies), secs),
            (20, 0, 2 * TAKES),
            "{vary}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_are_alike_in_what_an_answer_varies_on_share_one_request() {
    let rows = [("origin, cookie", 1, 19, TAKES), ("origin, User-Agent", 4, 16, 2 * TAKES)];
    for (vary, count, shared, takes) in rows {
        let house = hearing(Say::ticket("t1", "open", &[("vary", vary)]).after(TAKES));
        let began = Instant::now();
        let agents = ["a", "b", "c", "d"].repeat(5);
        let askers = agents.iter().map(|agent| ask_with(&house, vec![("user-agent", *agent)]));
        let mut replies = Vec::new();
        for asker in askers.collect::<Vec<_>>() {
            replies.push(asker.await.unwrap());
        }
        assert!(replies.iter().all(|reply| reply.status == 200), "{vary}");
        let seen = (house.upstream.count(), collapsed(&replies), began.elapsed().as_secs());
        assert_eq!(seen, (count, shared, takes), "{vary}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_to_share_is_asked_for_by_each_and_for_a_minute_at_once() {
    let house = House::with(|settings| settings.cache.max_stored_body = 100);
    let body = format!(r#"{{"data":{{"_id":"t1","filling":"{}"}}}}"#, "x".repeat(100));
    house.upstream.always(Say::json(200, &body, &[]).after(TAKES));
    for (wait, secs) in [(0, 2 * TAKES), (0, TAKES), (30, TAKES), (60, 2 * TAKES)] {
        pass(wait).await;
        let before = house.upstream.count();
        let (replies, took) = crowd(&house, 3).await;
        assert!(replies.iter().all(|reply| reply.message.whole && reply.text() == body));
        assert!(replies.iter().all(|reply| reply.cache().ends_with("; detail=too-long")));
        assert_eq!((house.upstream.count() - before, took), (3, secs), "after {wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_wants_a_new_answer_joins_none_that_was_asked_for_before() {
    for directive in ["no-cache", "no-store"] {
        let house = hearing(open());
        let plain = ask(&house);
        pass(1).await;
        let new = ask_with(&house, vec![("cache-control", directive)]).await.unwrap();
        assert!(new.cache().contains("fwd=request") && !new.cache().contains("collapsed"));
        assert!(plain.await.unwrap().cache().ends_with("; stored"), "{directive}");
        assert_eq!(house.upstream.count(), 2);
    }
}

/// Found by the simulation, SEED=354.
#[tokio::test(start_paused = true)]
async fn a_proof_that_another_asker_had_begun_says_so() {
    let house = hearing(Say::ticket("t1", "closed", &[]).after(TAKES));
    ask(&house).await.unwrap();
    pass(60).await; // Its lease has lapsed.
    let other = ask_with(&house, vec![("cache-control", "no-cache")]);
    pass(1).await;
    let joined = ask(&house).await.unwrap();
    assert!(joined.cache().ends_with("; stored; collapsed; detail=lease"), "{}", joined.cache());
    assert!(!other.await.unwrap().cache().contains("; collapsed"));
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_head_and_a_get_share_one_forward() {
    let house = hearing(open());
    let get = ask(&house);
    pass(1).await;
    let head = house.client().ask("HEAD", T1, &[("authorization", ANN)]).await;
    let get = get.await.unwrap();
    assert_eq!(head.field("content-length"), Some(get.text().len().to_string().as_str()));
    assert_eq!((house.upstream.count(), head.text().as_str()), (1, ""));
}
