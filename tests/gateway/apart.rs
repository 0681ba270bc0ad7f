//! Who shares an answer about a page, and when nobody waits for another's (design §3.4).

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::pages::FIRST;
use crate::support::pages::FRESH;
use crate::support::pages::NOON;
use crate::support::pages::PAGE;
use crate::support::pages::TAG;
use crate::support::pages::house_with_pages;
use crate::support::upstream::Say;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long the upstream takes here, in seconds.
const TAKES: u64 = 5;

/// Twenty ask at once without a credential; their replies, and how many seconds it took.
async fn crowd(house: &House) -> (Vec<Reply>, u64) {
    let (began, mut askers) = (Instant::now(), JoinSet::new());
    for _ in 0..20 {
        let mut client = house.client();
        askers.spawn(async move { client.ask("GET", PAGE, &[]).await });
    }
    (askers.join_all().await, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn what_may_be_stored_is_everyones() {
    let house = house_with_pages(|_| {});
    house.upstream.always(Say::json(200, FIRST, &[FRESH]).after(TAKES));
    let (replies, secs) = crowd(&house).await;
    assert!(replies.iter().all(|reply| reply.text() == FIRST));
    assert_eq!((house.upstream.count(), secs), (1, TAKES));
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_stored_is_its_askers_alone_and_for_a_minute_nobody_waits() {
    let rows = [
        ("cache-control", "no-store"),
        ("cache-control", "private, max-age=10"),
        ("set-cookie", "a=b"),
        ("vary", "*"),
    ];
    for field in rows {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &[field]).after(TAKES));
        for (wait, expected) in [(0, 2 * TAKES), (0, TAKES), (40, TAKES), (61, 2 * TAKES)] {
            pass(wait).await;
            let before = house.upstream.count();
            let (replies, secs) = crowd(&house).await;
            assert!(replies.iter().all(|reply| !reply.cache().contains("collapsed")), "{field:?}");
            assert_eq!((house.upstream.count() - before, secs), (20, expected), "{field:?} {wait}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_client_wants_for_itself_leaves_the_others_together() {
    let rows: [(&str, (&str, &str), u16); 6] = [
        ("GET", ("if-none-match", "\"a\""), 304),
        ("GET", ("if-modified-since", NOON), 304),
        ("GET", ("range", "bytes=0-0"), 206),
        ("GET", ("if-match", "\"x\""), 412),
        ("GET", ("cache-control", "no-store"), 200),
        ("HEAD", ("x-any", "1"), 404),
    ];
    for (method, field, status) in rows {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(status, "", &[TAG]));
        house.client().ask(method, PAGE, &[field]).await;
        house.upstream.always(Say::json(200, FIRST, &[FRESH]).after(TAKES));
        let (replies, secs) = crowd(&house).await;
        assert!(replies.iter().all(|reply| reply.text() == FIRST), "{field:?}");
        assert_eq!((house.upstream.count(), secs), (2, TAKES), "{method} {field:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_everyones_who_waits() {
    let house = house_with_pages(|settings| settings.cache.memory = 0);
    house.upstream.always(Say::json(200, FIRST, &[FRESH]).after(TAKES));
    for asked in [1, 2] {
        let (replies, secs) = crowd(&house).await;
        assert!(replies.iter().all(|reply| reply.text() == FIRST));
        assert_eq!((house.upstream.count(), secs), (asked, TAKES));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_write_overtakes_is_everyones_who_asked_before_it_and_nobodys_after() {
    let house = house_with_pages(|_| {});
    house.upstream.says(|request| {
        let write = request.start.starts_with("PUT ");
        if write { Say::json(200, "{}", &[]) } else { Say::json(200, FIRST, &[FRESH]).after(TAKES) }
    });
    let mut writer = house.client();
    let writer = tokio::spawn(async move {
        pass(1).await;
        writer.write(request("PUT", PAGE, &[("authorization", ANN)], "")).await;
        writer.reply_to("PUT").await
    });
    let (replies, secs) = crowd(&house).await;
    assert!(replies.iter().all(|reply| reply.cache().contains("detail=invalidated")));
    assert_eq!(
        (writer.await.unwrap().unwrap().status, house.upstream.count(), secs),
        (200, 2, TAKES)
    );
    let (_, secs) = crowd(&house).await;
    assert_eq!((house.upstream.count(), secs), (3, TAKES));
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_for_an_outage_does_so_for_all_who_waited() {
    for say in
        [Say::json(503, "{}", &[]), Say::json(503, "{}", &[FRESH]), Say::Raw(b"?\r\n\r\n".into())]
    {
        let house = house_with_pages(|_| {});
        house.upstream.always(Say::json(200, FIRST, &[FRESH]));
        house.client().ask("GET", PAGE, &[]).await;
        pass(11).await;
        house.upstream.always(say.clone().after(TAKES));
        let (replies, secs) = crowd(&house).await;
        assert!(replies.iter().all(|reply| reply.text() == FIRST), "{say:?}");
        assert!(replies.iter().all(|reply| reply.cache().contains("stale-if-error")), "{say:?}");
        assert_eq!((house.upstream.count(), secs), (2, TAKES), "{say:?}");
    }
}
