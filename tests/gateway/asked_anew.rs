//! Who asks for a new answer joins only a forward that is not sent yet (design §3.4).

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use tokio::task::JoinHandle;

/// How long the upstream takes here, in seconds.
const TAKES: u64 = 5;

/// A house with so many places for forwards, whose tickets tell how many requests upstream heard.
fn house(places: usize) -> House {
    let house = House::with(|settings| settings.upstream.max_in_flight = places);
    let mut heard = 0;
    house.upstream.says(move |request| {
        heard += 1;
        let body = format!(r#"{{"data":{{"_id":"{}","heard":{heard}}}}}"#, id_of(request));
        Say::json(200, &body, &[]).after(TAKES)
    });
    house
}

fn ask(house: &House, id: &str, directive: &str) -> JoinHandle<Reply> {
    asker(house, &path(id), &[("authorization", ANN), ("cache-control", directive)])
}

/// Whether a reply was asked for by the request that the upstream heard at this place.
fn is_of(reply: &Reply, heard: usize) -> bool {
    reply.text().contains(&format!("\"heard\":{heard}}}"))
}

fn collapsed(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.cache().contains("; collapsed")).count()
}

#[tokio::test(start_paused = true)]
async fn it_joins_a_forward_that_waits_for_its_place() {
    for directive in ["no-cache", "max-age=0", "no-cache, max-stale"] {
        let house = house(1);
        let busy = ask(&house, "busy", "");
        pass(1).await;
        let plain = ask(&house, "t1", "");
        pass(1).await;
        let askers = [plain, ask(&house, "t1", directive), ask(&house, "t1", directive)];
        let replies = replies(askers).await;
        assert!(replies.iter().all(|reply| is_of(reply, 2)), "{directive}");
        assert_eq!((house.upstream.count(), collapsed(&replies)), (2, 2), "{directive}");
        busy.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_joins_none_that_was_sent_and_those_who_come_later_join_it() {
    for directive in ["no-cache", "max-age=0"] {
        let house = house(2);
        let first = ask(&house, "t1", "");
        pass(1).await;
        let second = ask(&house, "t1", directive);
        pass(1).await;
        let third = ask(&house, "t1", "");
        assert!(is_of(&first.await.unwrap(), 1), "{directive}");
        let replies = replies([second, third]).await;
        assert!(replies.iter().all(|reply| is_of(reply, 2)), "{directive}");
        assert_eq!((house.upstream.count(), collapsed(&replies)), (2, 1), "{directive}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_anew_while_one_is_under_way_cost_one_more() {
    let house = house(1);
    let first = ask(&house, "t1", "no-cache");
    pass(1).await;
    let replies = replies((0..100).map(|_| ask(&house, "t1", "no-cache"))).await;
    assert!(replies.iter().all(|reply| is_of(reply, 2)));
    assert!(is_of(&first.await.unwrap(), 1));
    assert_eq!((house.upstream.count(), collapsed(&replies)), (2, 99));
}

#[tokio::test(start_paused = true)]
async fn of_two_answers_the_one_asked_for_later_is_kept() {
    let house = House::new();
    let mut heard = 0;
    house.upstream.says(move |_| {
        heard += 1;
        let body = format!(r#"{{"data":{{"_id":"t1","heard":{heard}}}}}"#);
        // The first takes longer than the second.
        Say::json(200, &body, &[]).after(if heard == 1 { 9 } else { 1 })
    });
    let first = ask(&house, "t1", "");
    pass(1).await;
    assert!(is_of(&ask(&house, "t1", "no-cache").await.unwrap(), 2));
    let first = first.await.unwrap();
    let overtaken = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=overtaken";
    assert_eq!((is_of(&first, 1), first.cache().as_str()), (true, overtaken));
    assert!(is_of(&house.get(T1, ANN).await, 2));
    assert_eq!(house.upstream.count(), 2);
}

/// A forward that waits in the queue may find, once it is its turn, what an earlier one has stored
/// meanwhile. That was asked for before those came who have joined it to be told something new.
#[tokio::test(start_paused = true)]
async fn what_was_asked_for_earlier_and_stored_meanwhile_is_not_new() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 2);
    let mut heard = 0;
    house.upstream.says(move |request| {
        heard += 1;
        let body = format!(r#"{{"data":{{"_id":"{}","heard":{heard}}}}}"#, id_of(request));
        match heard {
            2 => Say::json(200, &body, &[("cache-control", "no-store")]),
            _ => Say::json(200, &body, &[]).after(2 * TAKES),
        }
    });
    let first = ask(&house, "t1", "");
    pass(1).await;
    assert!(is_of(&ask(&house, "t1", "no-cache").await.unwrap(), 2), "it leaves nothing");
    let _busy = ask(&house, "busy", "");
    pass(1).await;
    let plain = ask(&house, "t1", "");
    pass(1).await;
    let anew = ask(&house, "t1", "no-cache").await.unwrap();
    assert!(is_of(&first.await.unwrap(), 1) && is_of(&plain.await.unwrap(), 1));
    assert!(is_of(&anew, 4), "{} {}", anew.cache(), anew.text());
}
