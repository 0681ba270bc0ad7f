//! What an upstream says about its limits is obeyed for the credential that it is said to, and for
//! nobody and nothing else.

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::limited::queued;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use httpdate::fmt_http_date;
use std::time::Duration;
use std::time::UNIX_EPOCH;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

const WAITS: (&str, &str) = ("prefer", "wait=3600");

/// A date so many seconds after the house was built.
fn date(secs: u64) -> String {
    fmt_http_date(UNIX_EPOCH + Duration::from_secs(WALL_AT_START + secs))
}

/// A house whose upstream says this once, and tickets ever after.
fn house_told(change: impl FnOnce(&mut Settings), first: Say) -> House {
    let house = House::with(change);
    let mut first = Some(first);
    house.upstream.says(move |request| {
        first.take().unwrap_or_else(|| Say::ticket(id_of(request), "open", &[]))
    });
    house
}

/// Ann asks for a ticket, and waits for it as long as it takes.
async fn wait_for(house: &House, id: &str) -> Reply {
    asker(house, &path(id), &[("authorization", ANN), WAITS]).await.unwrap()
}

/// `Retry-After`, and how many seconds it comes to.
fn pauses() -> Vec<(String, u64)> {
    let rows =
        [("30", 30), ("1", 1), ("0", 0), ("-1", 0), ("99999999", 60), ("soon", 0), ("1.5", 0)];
    let rows = rows.into_iter().map(|(value, secs)| (value.to_owned(), secs));
    let dates = [(date(20), 20), (date(0), 0), (date(100_000), 60)];
    let past = "Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
    rows.chain(dates).chain([(past, 0), (String::new(), 0)]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_429_that_says_when_to_come_back_is_obeyed() {
    for (value, secs) in pauses() {
        let house = house_told(|_| {}, Say::json(429, "{}", &[("retry-after", &value)]));
        // Without a word of the upstream's the pace is one a second after a first 429.
        let (took, reply) = timed(wait_for(&house, "t1")).await;
        assert_eq!(reply.status, 200, "{value}");
        let expected = Duration::from_secs(secs.max(1));
        assert!(
            took <= expected && took + Duration::from_millis(3) >= expected,
            "{value}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_that_says_when_to_come_back_is_obeyed() {
    for (value, secs) in pauses() {
        for rate in [Rate::Learn, Rate::PerSecond(1_000.0)] {
            let told = Say::json(503, "{}", &[("retry-after", &value)]);
            let house = house_told(
                |settings| {
                    settings.upstream.retries = 0;
                    settings.limit.rate = rate;
                },
                told,
            );
            assert_eq!(house.ticket("t1", ANN).await.status, 503);
            let (took, reply) = timed(wait_for(&house, "t2")).await;
            assert_eq!((took.as_secs(), reply.status), (secs, 200), "{value}, {rate:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_answers_do_not_pause_anything() {
    for status in [200, 404, 500, 502, 504] {
        let told = Say::json(status, "{}", &[("retry-after", "30")]);
        let house = house_told(|settings| settings.upstream.retries = 0, told);
        house.ticket("t1", ANN).await;
        let (took, reply) = timed(wait_for(&house, "t2")).await;
        assert_eq!((took, reply.status), (Duration::ZERO, 200), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_will_not_wait_for_so_long_hears_what_the_upstream_said() {
    for status in [429, 503] {
        let told = Say::json(status, r#"{"message":"later"}"#, &[("retry-after", "30")]);
        let house = house_told(|_| {}, told);
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert!(took < Duration::from_millis(400), "{status}: {took:?}");
        assert_eq!((reply.status, reply.text().as_str()), (status, r#"{"message":"later"}"#));
        assert_eq!((reply.field("retry-after"), house.upstream.count()), (Some("30"), 1));
        // The next who comes hears it from the house.
        let next = house.ticket("t2", ANN).await;
        assert!(next.text().contains("GATEWAY_RATE_LIMITED"), "{status}: {next:?}");
        assert_eq!((next.status, next.field("retry-after")), (429, Some("30")), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_for_one_credential_and_for_resources_only() {
    let house = house_told(|_| {}, Say::json(429, "{}", &[("retry-after", "30")]));
    house.client().ask("GET", T1, &[("authorization", ANN), ("prefer", "wait=0")]).await;
    let asked = async {
        [
            house.ticket("t1", BEN).await.status,
            house.get("/v2/other", ANN).await.status,
            house.write("POST", "/v2/support-tickets", ANN, "{}").await.status,
            house.write("PUT", T1, ANN, "{}").await.status,
        ]
    };
    assert_eq!(timed(asked).await, (Duration::ZERO, [200; 4]));
    assert_eq!(timed(wait_for(&house, "t1")).await.0, Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn what_other_traffic_is_told_teaches_nothing() {
    let fields = [("retry-after", "30"), ("ratelimit", "\"d\";r=0;t=30")];
    for (method, target) in [("GET", "/v2/other"), ("POST", "/v2/support-tickets"), ("PUT", T1)] {
        let house = House::new();
        house.upstream.always(Say::json(429, "{}", &fields));
        let body = if method == "GET" { "" } else { "{}" };
        for _ in 0..20 {
            let (took, reply) = timed(house.write(method, target, ANN, body)).await;
            assert_eq!((took, reply.status), (Duration::ZERO, 429), "{method} {target}");
        }
        house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
        for number in 0..50 {
            let (took, reply) = timed(house.ticket(&format!("t{number}"), ANN)).await;
            assert_eq!((took, reply.status), (Duration::ZERO, 200), "{method} {target}");
        }
    }
}

/// After this was told with a ticket, how many go at once, and how long the next one waits.
async fn told(fields: &[(&'static str, &str)], rate: Rate) -> (usize, u64) {
    let say = Say::ticket("t", "open", fields);
    let house = house_told(|settings| settings.limit.rate = rate, say);
    house.ticket("t", ANN).await;
    for at_once in 0..10 {
        let reply = wait_for(&house, &format!("t{at_once}")).await;
        let waited = queued(&reply);
        if !waited.is_zero() {
            assert!(house.ticket("t", BEN).await.field("server-timing").is_none());
            return (at_once, waited.as_secs());
        }
    }
    (10, 0)
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_the_upstream_tells_is_obeyed() {
    let (soon, late) = ((WALL_AT_START + 20).to_string(), (WALL_AT_START + 900).to_string());
    // what is told; how many then go at once; how many seconds the next one waits
    let rows: [(&[(&str, &str)], usize, u64); 11] = [
        (&[("ratelimit", "\"default\";r=0;t=5")], 0, 5),
        (&[("ratelimit", "\"default\";r=3;t=5")], 3, 5),
        (&[("ratelimit", "\"day\";r=900;t=80000, \"minute\";r=2;t=9")], 2, 9),
        (&[("ratelimit", "limit=10, remaining=1, reset=7")], 1, 7),
        (&[("ratelimit-remaining", "2"), ("ratelimit-reset", "8")], 2, 8),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "40")], 0, 40),
        (&[("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", &soon)], 4, 20),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &late)], 0, 60),
        (&[("x-ratelimit-remaining", "none"), ("x-ratelimit-reset", "40")], 10, 0),
        (&[("ratelimit", "\"default\";r=0")], 10, 0),
        (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "0")], 10, 0),
    ];
    for (fields, at_once, secs) in rows {
        for rate in [Rate::Learn, Rate::PerSecond(1_000.0)] {
            assert_eq!(told(fields, rate).await, (at_once, secs), "{fields:?}, {rate:?}");
        }
        assert_eq!(told(fields, Rate::Off).await, (10, 0), "{fields:?}, off");
    }
}

fn without_leases(settings: &mut Settings) {
    settings.lifetimes.lease = Duration::ZERO;
}

/// A house that has remembered `t1`, which is fresh for ten seconds, for so many, and that is told to
/// pause.
async fn paused_house(age: u64, change: impl FnOnce(&mut Settings)) -> House {
    let house = House::with(change);
    house.upstream.always(Say::ticket("t1", "open", &[("cache-control", "max-age=10")]));
    house.ticket("t1", ANN).await;
    pass(age).await;
    house.upstream.always(Say::json(429, "{}", &[("retry-after", "50")]));
    house.client().ask("GET", &path("t2"), &[("authorization", ANN), ("prefer", "wait=0")]).await;
    house
}

#[tokio::test(start_paused = true)]
async fn while_a_wait_would_be_needed_something_stored_is_given_at_once() {
    // how old it is; how it is given
    let rows = [
        (5, "verifik-gateway; hit; ttl=5"),
        (20, "verifik-gateway; hit; ttl=-10"),
        (100, "verifik-gateway; fwd=stale; ttl=-90; detail=stale-if-error"),
    ];
    for (age, expected) in rows {
        let house = paused_house(age, without_leases).await;
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert_eq!((took, reply.status, reply.cache().as_str()), (Duration::ZERO, 200, expected));
        assert_eq!(house.upstream.count(), 2, "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_stored_may_stand_in_the_wait_is_waited() {
    let house = paused_house(100, |settings| {
        without_leases(settings);
        settings.lifetimes.stale_if_error = Duration::ZERO;
    });
    let house = house.await;
    let (took, refused) = timed(house.ticket("t1", ANN)).await;
    assert_eq!((took, refused.status), (Duration::ZERO, 429));
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
    let (took, reply) = timed(wait_for(&house, "t1")).await;
    assert_eq!((took.as_secs(), reply.status), (50, 200));
}

#[tokio::test(start_paused = true)]
async fn within_its_grace_a_lease_does_not_wait_for_a_proof() {
    let house = paused_house(0, |settings| settings.lifetimes.lease = Duration::from_secs(6)).await;
    pass(8).await;
    let (took, reply) = timed(house.ticket("t1", ANN)).await;
    assert_eq!((took, reply.status, house.upstream.count()), (Duration::ZERO, 200, 2));
    assert_eq!(reply.cache(), "verifik-gateway; fwd=stale; ttl=2; detail=lease");
}
