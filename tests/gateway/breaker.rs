//! An upstream that fails is left alone for a while, and what that means for everybody.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::trouble::Fault;
use crate::support::trouble::HALF;
use crate::support::trouble::Sends;
use crate::support::trouble::counted_house;
use crate::support::trouble::nothing;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;
use tokio::task::JoinSet;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

const T1: &str = "/v2/support-tickets/t1";
const REFUSED: &str = "verifik-gateway; error=destination_unavailable";

/// A house that sends each read once.
fn house(change: impl FnOnce(&mut Settings)) -> (House, Sends) {
    counted_house(|settings| {
        settings.upstream.retries = 0;
        settings.limit.rate = Rate::Off;
        change(settings);
    })
}

/// Makes the upstream fail until it is left alone.
pub async fn open(house: &House, sends: &Sends) {
    Fault::status(503).befall(house);
    let before = sends.count();
    for number in 0..7 {
        let reply = house.ticket(&format!("ill{number}"), BEN).await;
        assert_eq!((reply.status, reply.field("proxy-status")), (503, None));
    }
    assert_eq!(sends.count(), before + 7);
}

/// A house whose upstream has just begun to be left alone.
pub async fn opened() -> (House, Sends) {
    let (house, sends) = house(|_| {});
    open(&house, &sends).await;
    (house, sends)
}

/// Whether somebody was turned away since the upstream is left alone.
pub fn is_refused(reply: &Reply) -> bool {
    reply.field("proxy-status") == Some(REFUSED)
}

/// Makes it fail once more, its penalty being over.
pub async fn open_again(house: &House, sends: &Sends) {
    let before = sends.count();
    assert!(!is_refused(&house.ticket("probe", BEN).await));
    assert!(is_refused(&house.ticket("probe", BEN).await));
    assert_eq!(sends.count(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn seven_failures_in_a_row_of_three_tickets_open_it() {
    // A letter is a failing ticket; + an answer, ! a 500 (an answer too), ~ a 429.
    let rows = [
        ("abcabc", false),
        ("abcabca", true),
        ("abcdefg", true),
        ("aaaaabc", true),
        ("aaaaaab", false),
        ("abababababab", false),
        ("aaaaaaaaaaaa", false),
        ("abcabc+abcabc", false),
        ("abcabc!abcabc", false),
        ("abc~abc~a", true),
        ("abc+abcabca", true),
    ];
    for (history, opens) in rows {
        let (house, _) = house(|_| {});
        for ticket in history.chars() {
            let status = match ticket {
                '+' => 404,
                '!' => 500,
                '~' => 429,
                _ => 503,
            };
            Fault::status(status).befall(&house);
            let id = if ticket.is_alphabetic() { ticket } else { 'x' };
            assert!(!is_refused(&house.ticket(&format!("t{id}"), ANN).await), "{history}");
        }
        assert_eq!(is_refused(&house.ticket("other", ANN).await), opens, "{history}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_says_that_the_upstream_is_ill_opens_it() {
    let rows = [
        (Fault::status(502), true),
        (Fault::status(503), true),
        (Fault::status(504), true),
        (Fault::Refuses, true),
        (Fault::Silent, true),
        (Fault::Says(Say::Never), true),
        (Fault::Says(Say::Raw(HALF.to_vec())), true),
        (Fault::status(429), false),
        (Fault::status(401), false),
        (Fault::status(404), false),
        (Fault::status(409), false),
        (Fault::status(500), false),
        (Fault::Says(nothing()), false),
        (Fault::Says(Say::RawThenClose(HALF.to_vec())), false),
        (Fault::Says(Say::Raw(b"SSH\r\n\r\n".to_vec())), false),
    ];
    for (fault, opens) in rows {
        let (house, _) = house(|_| {});
        fault.befall(&house);
        let mut asked = JoinSet::new();
        for number in 0..9 {
            let mut client = house.client();
            let target = format!("/v2/support-tickets/t{number}");
            asked.spawn(async move { client.ask("GET", &target, &[("authorization", ANN)]).await });
        }
        asked.join_all().await;
        let (took, reply) = timed(house.ticket("other", ANN)).await;
        let found = (is_refused(&reply), is_refused(&reply) && took.is_zero());
        assert_eq!(found, (opens, opens), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_broken_ticket_never_shuts_the_rest_out() {
    let (house, sends) = house(|_| {});
    house.upstream.says(|request| match id_of(request) {
        "t1" => Say::json(503, "{}", &[]),
        id => Say::ticket(id, "open", &[]),
    });
    for number in 0..50 {
        let token = format!("Bearer {}", number % 5);
        let fields = [("authorization", &*token), ("origin", "https://verifik.app")];
        let target = format!("{T1}?asked={number}");
        assert_eq!(house.client().ask("GET", &target, &fields).await.status, 503);
    }
    assert_eq!(sends.count(), 50, "it is asked for each time");
    assert_eq!(house.ticket("t2", ANN).await.status, 200);
    assert_eq!(house.ticket("t3", BEN).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_who_asks_is_told_at_once_when_to_come_back() {
    let (house, sends) = opened().await;
    for (method, fields) in [
        ("GET", vec![("authorization", ANN)]),
        ("HEAD", vec![("authorization", ANN)]),
        ("GET", vec![("authorization", BEN), ("cache-control", "no-cache")]),
        ("GET", vec![("authorization", BEN), ("prefer", "wait=60")]),
        ("GET", vec![("authorization", BEN), ("priority", "u=0")]),
    ] {
        let (took, reply) = timed(house.client().ask(method, T1, &fields)).await;
        assert_eq!((took, reply.status), (Duration::ZERO, 503), "{method} {fields:?}");
        assert!(is_refused(&reply), "{method} {fields:?}: {reply:?}");
        let seconds: u64 = reply.field("retry-after").unwrap().parse().unwrap();
        assert!((1..=2).contains(&seconds), "{seconds}");
        let body = reply.text();
        assert!(method == "HEAD" || body.contains("GATEWAY_UPSTREAM_UNAVAILABLE"), "{body}");
    }
    assert_eq!(sends.count(), 7);
    assert_eq!(house.client().ask("GET", "/_gateway/live", &[]).await.status, 200);
}

/// A house that remembers a settled ticket and one that is stale, and whose upstream fails.
async fn remembering() -> (House, Sends) {
    let (house, sends) = house(|settings| {
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
    });
    house.upstream.says(|request| {
        let status = if id_of(request) == "settled" { "closed" } else { "open" };
        Say::ticket(id_of(request), status, &[])
    });
    house.ticket("settled", ANN).await;
    house.ticket("stale", ANN).await;
    pass(20).await;
    open(&house, &sends).await;
    (house, sends)
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_hits_are_hits_and_what_is_stale_stands_in_at_once() {
    let (house, sends) = remembering().await;
    for (id, how) in [("settled", "hit; ttl="), ("stale", "fwd=stale; ")] {
        let (took, reply) = timed(house.ticket(id, ANN)).await;
        assert_eq!((took, reply.status), (Duration::ZERO, 200), "{id}");
        let how = format!("verifik-gateway; {how}");
        assert!(reply.cache().starts_with(&how), "{id}: {}", reply.cache());
    }
    assert_eq!(sends.count(), 9);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_nobody_has_to_prove_that_a_token_is_good() {
    let (house, sends) = remembering().await;
    pass(60).await;
    open_again(&house, &sends).await;
    let (took, reply) = timed(house.ticket("settled", ANN)).await;
    assert_eq!((took, reply.status, sends.count()), (Duration::ZERO, 200, 10));
    assert!(reply.cache().ends_with("detail=lease"), "{}", reply.cache());
}

#[tokio::test(start_paused = true)]
async fn who_stands_in_line_when_it_opens_is_told_at_once() {
    let (house, sends) = house(|settings| settings.upstream.max_in_flight = 7);
    house.upstream.always(Say::json(503, "{}", &[]).after(3));
    let mut asked = JoinSet::new();
    for number in 0..20 {
        let mut client = house.client();
        let target = format!("/v2/support-tickets/t{number}");
        asked.spawn(
            async move { timed(client.ask("GET", &target, &[("authorization", ANN)])).await },
        );
    }
    let replies = asked.join_all().await;
    let refused = replies.iter().filter(|(_, reply)| is_refused(reply));
    assert_eq!((refused.count(), sends.count()), (13, 7));
    assert!(replies.iter().all(|(took, _)| *took == Duration::from_secs(3)), "{replies:?}");
}

#[tokio::test(start_paused = true)]
async fn other_traffic_is_never_refused_by_it_and_says_nothing_to_it() {
    let (house, sends) = opened().await;
    let rows = [
        ("GET", "/v2/clients", ANN),
        ("POST", "/v2/support-tickets", ANN),
        ("PUT", T1, ANN),
        ("DELETE", T1, ANN),
        ("OPTIONS", T1, ANN),
    ];
    for (method, target, token) in rows {
        let before = sends.count();
        let reply = house.write(method, target, token, "").await;
        assert!(!is_refused(&reply) && sends.count() == before + 1, "{method} {target}");
    }
    let reply = house.client().ask("GET", T1, &[]).await;
    assert!(!is_refused(&reply) && sends.count() == 13, "without a credential");
    Fault::status(200).befall(&house);
    assert_eq!(house.get("/v2/clients", ANN).await.status, 200);
    assert!(is_refused(&house.ticket("t2", ANN).await), "it is still open");
    let (house, _) = self::house(|_| {});
    Fault::status(503).befall(&house);
    for number in 0..20 {
        house.get(&format!("/v2/clients/{number}"), ANN).await;
    }
    assert!(!is_refused(&house.ticket("t2", ANN).await), "it never opened");
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_never_opens() {
    let (house, sends) = house(|settings| settings.breaker.failures = 0);
    for fault in [Fault::status(503), Fault::Refuses] {
        fault.befall(&house);
        for number in 0..50 {
            assert!(!is_refused(&house.ticket(&format!("t{number}"), ANN).await), "{fault:?}");
        }
    }
    assert_eq!(sends.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_again_once_it_is_open() {
    let (house, sends) = counted_house(|settings| settings.upstream.retries = 3);
    for number in 0..100 {
        house.ticket(&format!("t{number}"), ANN).await;
    }
    Fault::status(503).befall(&house);
    let mut seen = 0;
    while !is_refused(&house.ticket(&format!("ill{seen}"), ANN).await) {
        seen += 1;
    }
    // The third ticket's first try was the ninth failure, and there was budget for more.
    assert_eq!((seen, sends.count() - 100), (3, 9));
}
