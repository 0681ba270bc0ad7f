//! What is tried again when the upstream fails, how soon, and how often in all.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::things::THING;
use crate::support::things::thing;
use crate::support::trouble::Fault;
use crate::support::trouble::HALF;
use crate::support::trouble::counted_house;
use crate::support::trouble::in_turn;
use crate::support::trouble::nothing;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

const T1: &str = "/v2/support-tickets/t1";

fn fine() -> Say {
    Say::ticket("t1", "open", &[])
}

fn unwell() -> Say {
    Say::json(503, "{}", &[])
}

/// Asks for so many tickets that were not asked for before, and are there: each earns the retry
/// budget nine hundredths of a try.
async fn earn(house: &House, tickets: usize) {
    let mut client = house.client();
    for number in 0..tickets {
        let count = house.upstream.count();
        let target = format!("/v2/support-tickets/earn{count}-{number}");
        assert_eq!(client.ask("GET", &target, &[("authorization", ANN)]).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_is_tried_again() {
    let raw = |octets: &[u8]| Fault::Says(Say::Raw(octets.to_vec()));
    let broken_off = |octets: &[u8]| Fault::Says(Say::RawThenClose(octets.to_vec()));
    let rows = [
        // what is wrong, what the client is told, how often it is sent
        (Fault::status(502), 502, 2),
        (Fault::status(503), 503, 2),
        (Fault::status(504), 504, 2),
        (Fault::Refuses, 502, 2),
        (Fault::Silent, 504, 2),
        (Fault::Says(nothing()), 502, 2),
        (Fault::Says(nothing().after(7)), 502, 2),
        (Fault::status(200), 200, 1),
        (Fault::status(401), 401, 1),
        (Fault::status(404), 404, 1),
        (Fault::status(408), 408, 1),
        (Fault::status(409), 409, 1),
        (Fault::status(429), 429, 1),
        (Fault::status(500), 500, 1),
        (Fault::status(501), 501, 1),
        (Fault::status(505), 505, 1),
        (Fault::Says(Say::Never), 504, 1),
        (raw(&HALF[..20]), 504, 1),
        (raw(HALF), 504, 1),
        (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), 502, 1),
        (broken_off(&HALF[..1]), 502, 1),
        (broken_off(&HALF[..20]), 502, 1),
        (broken_off(HALF), 502, 1),
    ];
    for (fault, status, sent) in rows {
        let (house, sends) = counted_house(|settings| settings.limit.rate = Rate::Off);
        fault.befall(&house);
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, sends.count()), (status, sent), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_through_is_never_tried_again() {
    let reads = [("GET", "/v2/clients"), ("HEAD", "/v2/clients"), ("OPTIONS", T1), ("GET", T1)];
    let writes = [("POST", "/v2/support-tickets"), ("PUT", T1), ("PATCH", T1), ("DELETE", T1)];
    for (method, target) in reads.into_iter().chain(writes) {
        for fault in [Fault::status(503), Fault::Says(nothing()), Fault::Refuses, Fault::Silent] {
            let (house, sends) = counted_house(|settings| settings.upstream.retries = 3);
            fault.befall(&house);
            let reply = house.client().ask(method, target, &[]).await;
            assert!(reply.status >= 502, "{method} {target} {fault:?}: {}", reply.status);
            assert_eq!(sends.count(), 1, "{method} {target} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_resource_every_get_is_tried_again_unless_its_settings_say_no() {
    let rows = [
        // method, target, whether the settings allow it, how often it is sent
        ("GET", T1, true, 2),
        ("HEAD", T1, true, 2), // goes on as a GET
        ("GET", T1, false, 1),
        ("HEAD", T1, false, 1),
        ("GET", THING, true, 2),
        ("HEAD", THING, true, 1),
        ("GET", THING, false, 1),
        ("HEAD", THING, false, 1),
    ];
    for (method, target, retry, sent) in rows {
        for fault in [Fault::status(503), Fault::Says(nothing()), Fault::Refuses] {
            let (house, sends) = counted_house(|settings| {
                settings.resources.push(thing("/things/{id}"));
                settings.resources.iter_mut().for_each(|resource| resource.retry = retry);
            });
            fault.befall(&house);
            house.client().ask(method, target, &[("authorization", ANN)]).await;
            assert_eq!(sends.count(), sent, "{method} {target} {retry} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_as_often_as_the_settings_say() {
    let rows = [
        // further tries allowed, how often the upstream fails, what comes of it after how many tries
        (0, 1, 503, 1),
        (1, 1, 200, 2),
        (1, 2, 503, 2),
        (3, 2, 200, 3),
        (3, 3, 200, 4),
        (3, 4, 503, 4),
        (10, 10, 200, 11),
        (10, 11, 503, 11),
    ];
    for row @ (retries, failures, status, tries) in rows {
        let house = House::with(|settings| settings.upstream.retries = retries);
        earn(&house, 100).await;
        let mut says = vec![unwell(); failures];
        says.push(fine());
        house.upstream.says(in_turn(&says));
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, house.upstream.count() - 100), (status, tries), "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_pause_before_the_second_try_is_anything_up_to_four_tenths_of_a_second() {
    let house = House::new();
    let mut pauses = Vec::new();
    for number in 0..50 {
        // One try, and the next once it is earned.
        earn(&house, 11).await;
        house.upstream.says(in_turn(&[unwell(), fine()]));
        let (pause, reply) = timed(house.ticket(&format!("t{number}"), ANN)).await;
        assert_eq!(reply.status, 200);
        pauses.push(pause.as_millis());
    }
    pauses.sort_unstable();
    let mean = pauses.iter().sum::<u128>() / 50;
    assert!(pauses[0] < 40 && pauses[49] > 360 && pauses[49] <= 400, "{pauses:?}");
    assert!((150..250).contains(&mean), "{mean}: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn all_tries_and_the_pauses_between_them_are_over_before_the_whole_time_is() {
    let total = Duration::from_secs(3);
    let busy = Say::After(Duration::from_millis(700), Box::new(unwell()));
    let refused = Some("verifik-gateway; error=http_response_timeout; details=\"total-timeout\"");
    for (fault, expected) in
        [(Fault::Silent, Some(504)), (Fault::Says(busy), None), (Fault::Refuses, Some(502))]
    {
        let (house, sends) = counted_house(|settings| {
            settings.upstream.retries = 10;
            settings.upstream.total_timeout = total;
        });
        earn(&house, 100).await;
        pass(20).await; // No connection is kept so long.
        fault.befall(&house);
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert!(took <= total && sends.count() >= 102, "{fault:?}: {took:?}, {}", sends.count());
        assert!(expected.is_none_or(|status| reply.status == status), "{fault:?}");
        assert_eq!(reply.status == 504, reply.field("proxy-status") == refused, "{fault:?}");
        assert!(reply.status != 504 || took == total, "{fault:?}: {took:?}");
    }
}

/// One that is tried again three times if it may be, and shuts nobody out.
fn persistent(settings: &mut Settings) {
    settings.upstream.retries = 3;
    settings.breaker.failures = 0;
}

#[tokio::test(start_paused = true)]
async fn the_budget_begins_with_two_tries_earns_nine_in_a_hundred_and_saves_ten() {
    // how many went well before; how many fail one after another; how often they are sent
    let rows = [(0, 1, 3), (0, 5, 7), (6, 6, 9), (12, 12, 16), (200, 20, 31), (1_000, 100, 118)];
    for row @ (well, ill, sent) in rows {
        let house = House::with(persistent);
        earn(&house, well).await;
        house.upstream.always(unwell());
        for number in 0..ill {
            assert_eq!(house.ticket(&format!("t{number}"), ANN).await.status, 503);
        }
        assert_eq!(house.upstream.count() - well, sent, "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_met_a_connection_being_closed_was_tried_once_and_costs_the_budget_nothing() {
    for (retries, sent, status) in [(0, 2, 503), (1, 2, 503), (2, 3, 503), (3, 4, 200)] {
        let house = House::with(|settings| settings.upstream.retries = retries);
        house.ticket("t0", ANN).await;
        house.upstream.says(in_turn(&[nothing(), unwell(), unwell(), fine()]));
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, house.upstream.count() - 1), (status, sent), "{retries}");
    }
    let house = House::with(persistent);
    house.upstream.always(unwell());
    house.ticket("t0", ANN).await;
    assert_eq!(house.upstream.count(), 3, "the budget is spent");
    for number in 1..20 {
        house.upstream.says(in_turn(&[Say::json(404, "{}", &[]), nothing(), fine()]));
        let target = format!("/v2/support-tickets/t{number}");
        house.ticket(&format!("kept{number}"), ANN).await;
        let (took, reply) = timed(house.get(&target, ANN)).await;
        assert_eq!((took, reply.status), (Duration::ZERO, 200), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_another_try_who_may_be_given_something_stored() {
    for fault in [Fault::status(503), Fault::Says(nothing())] {
        let (house, sends) = counted_house(|settings| {
            settings.lifetimes.stale_while_revalidate = Duration::ZERO;
        });
        house.ticket("t1", ANN).await;
        pass(20).await;
        fault.befall(&house);
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert_eq!((took, reply.status, sends.count()), (Duration::ZERO, 200, 2), "{fault:?}");
        assert!(reply.cache().contains("fwd=stale"), "{}", reply.cache());
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_a_forward_share_its_tries() {
    let house = House::new();
    house.upstream.says(in_turn(&[unwell(), fine()]));
    let asked: Vec<_> = (0..5).map(|_| house.client()).collect();
    let asked = asked.into_iter().map(|mut client| {
        tokio::spawn(async move { client.ask("GET", T1, &[("authorization", ANN)]).await })
    });
    let mut replies: Vec<Reply> = Vec::new();
    for reply in asked.collect::<Vec<_>>() {
        replies.push(reply.await.unwrap());
    }
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(house.upstream.count(), 2);
    assert!(house.upstream.heard().iter().all(|request| id_of(request) == "t1"));
}
