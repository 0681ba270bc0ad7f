//! A lease that has lapsed: one probe for all who wait, and what each outcome of it means for them
//! (design §3.4, "Lease").

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use std::sync::atomic::Ordering;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

/// How many tickets are stored, each asked for by one client.
const STORED: usize = 50;

/// How long the upstream takes once the lease has lapsed, in seconds.
const TAKES: u64 = 3;

/// What the one is told whose request was the probe, or who had to ask all the same.
const PROBED: &str = "verifik-gateway; fwd=stale; fwd-status=200; stored; detail=lease";

fn lasting(request: &Message) -> Say {
    Say::ticket(id_of(request), "closed", &[("cache-control", "max-age=3600")])
}

/// A house that stores tickets which stay fresh for an hour, at the end of their credential's
/// lease.
async fn lapsed() -> House {
    lapsed_with(|_| {}).await
}

/// The same with settings of its own.
async fn lapsed_with(change: fn(&mut Settings)) -> House {
    let house = House::with(change);
    house.upstream.says(lasting);
    replies((0..STORED).map(|n| asker(&house, &path(&format!("t{n}")), &[("authorization", ANN)])))
        .await;
    pass(60).await;
    house
}

/// Everyone asks for a ticket of their own at once; what they are told, how many seconds the last
/// waited, and what it cost upstream.
async fn all(house: &House) -> (Vec<Reply>, u64, usize) {
    let before = house.upstream.count();
    let ask = |n| asker(house, &path(&format!("t{n}")), &[("authorization", ANN)]);
    let (took, replies) = timed(replies((0..STORED).map(ask))).await;
    (replies, took.as_secs(), house.upstream.count() - before)
}

fn count(replies: &[Reply], cache: &str) -> usize {
    replies.iter().filter(|reply| reply.cache() == cache).count()
}

#[tokio::test(start_paused = true)]
async fn one_probe_that_proves_frees_everyone_as_a_hit() {
    let house = lapsed().await;
    house.upstream.says(|request| lasting(request).after(TAKES));
    let (replies, took, cost) = all(&house).await;
    assert_eq!((took, cost), (TAKES, 1));
    let hit = format!("verifik-gateway; hit; ttl={}", 3_600 - 60 - TAKES);
    assert_eq!((count(&replies, PROBED), count(&replies, &hit)), (1, STORED - 1));
    assert_eq!((all(&house).await.1, house.upstream.count()), (0, STORED + 1));
}

#[tokio::test(start_paused = true)]
async fn a_documented_not_found_frees_everyone_too() {
    let house = lapsed().await;
    house.upstream.always(Say::not_found().after(TAKES));
    let (replies, took, cost) = all(&house).await;
    assert_eq!((took, cost), (TAKES, 1));
    let gone = "verifik-gateway; fwd=stale; fwd-status=404; stored; detail=lease";
    let hits = replies.iter().filter(|reply| reply.is_hit()).count();
    assert_eq!((count(&replies, gone), hits), (1, STORED - 1));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_frees_everyone_to_ask_for_themselves() {
    let refused = r#"{"code":"Forbidden","message":"not enough credits"}"#;
    let neutral = [
        Say::json(404, r#"{"message":"no"}"#, &[]),
        Say::json(200, "<html>", &[]),
        Say::json(403, refused, &[]),
        Say::json(410, "{}", &[]),
    ];
    for say in neutral {
        let (house, mut first) = (lapsed().await, Some(say.clone().after(TAKES)));
        house
            .upstream
            .says(move |request| first.take().unwrap_or_else(|| lasting(request).after(TAKES)));
        let (replies, took, cost) = all(&house).await;
        assert_eq!((took, cost), (2 * TAKES, STORED), "{say:?}");
        assert_eq!(count(&replies, PROBED), STORED - 1, "{say:?}");
        assert_eq!(replies.iter().filter(|reply| reply.is_hit()).count(), 0, "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_finds_the_credential_dead_ends_everything_it_has_stored() {
    let expired = r#"{"code":"Forbidden","message":"token_expired"}"#;
    for (status, body) in [(401, "{}"), (403, expired)] {
        let house = lapsed_with(once_and_at_once).await;
        house.upstream.always(Say::json(status, body, &[]).after(TAKES));
        let (replies, took, cost) = all(&house).await;
        assert!(replies.iter().all(|reply| reply.status == status), "{body}");
        assert_eq!((took, cost), (2 * TAKES, STORED), "{body}");
        house.upstream.always(Say::json(503, "{}", &[]));
        let (replies, ..) = all(&house).await;
        assert!(replies.iter().all(|reply| reply.status == 503), "{body}");
        house.upstream.says(lasting);
        let (replies, _, cost) = all(&house).await;
        let stored_anew = "verifik-gateway; fwd=uri-miss; fwd-status=200; stored";
        assert_eq!((count(&replies, stored_anew), cost), (STORED, STORED), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn within_its_grace_what_is_stored_stands_in_for_an_upstream_that_cannot_be_asked() {
    let out_of_service =
        r#"{"code":"Endpoint_out_of_service","message":"Endpoint_out_of_service"}"#;
    let rows = [
        (Say::json(503, "{}", &[]), "; fwd-status=503", 0),
        (Say::json(500, "{}", &[]), "; fwd-status=500", 0),
        (Say::json(429, "{}", &[]), "; fwd-status=429", 0),
        (Say::json(409, out_of_service, &[]), "; fwd-status=409", 0),
        (Say::RawThenClose(Vec::new()), "", 0),
        (Say::Never, "", 30),
    ];
    for (say, status, waited) in rows {
        let house = lapsed().await;
        pass(40).await;
        house.upstream.always(say.clone());
        let (replies, took, cost) = all(&house).await;
        let told = |collapsed| {
            let ttl = 3_600 - 100 - waited;
            format!("verifik-gateway; fwd=stale{status}; ttl={ttl}{collapsed}; detail=lease")
        };
        let found = (count(&replies, &told("")), count(&replies, &told("; collapsed")));
        assert_eq!(found, (1, STORED - 1), "{say:?}: {}", replies[1].cache());
        assert_eq!((took, cost), (waited, 1), "{say:?}");
        assert!(replies.iter().all(|reply| reply.status == 200 && reply.field("age").is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_grace_counts_from_the_end_of_the_lease_however_often_a_probe_fails() {
    let house = lapsed().await;
    house.upstream.always(Say::json(503, "{}", &[]));
    for second in (60..660).step_by(100).chain([659]) {
        let told = house.ticket("t1", ANN).await;
        let expected = format!("fwd=stale; fwd-status=503; ttl={}; detail=lease", 3_600 - second);
        assert_eq!(told.cache(), format!("verifik-gateway; {expected}"));
        pass(if second == 560 {
            99
        } else if second == 659 {
            1
        } else {
            100
        })
        .await;
    }
    let over = house.ticket("t1", ANN).await;
    let expected = "verifik-gateway; fwd=stale; fwd-status=503; detail=outage";
    assert_eq!((over.status, over.cache().as_str()), (503, expected));
    house.upstream.says(lasting);
    assert_eq!(house.ticket("t2", ANN).await.cache(), PROBED);
    assert!(house.ticket("t1", ANN).await.is_hit(), "it is still stored, and proved again");
}

#[tokio::test(start_paused = true)]
async fn without_grace_nothing_stands_in_once_the_lease_has_lapsed() {
    let house = House::with(|all| all.lifetimes.lease_grace = Duration::ZERO);
    house.upstream.says(lasting);
    house.ticket("t1", ANN).await;
    house.reachable.store(false, Ordering::Relaxed);
    for (wait, status) in [(59, 200), (1, 502)] {
        pass(wait).await;
        assert_eq!(house.ticket("t1", ANN).await.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_nothing_stored_waits_for_no_probe() {
    let house = lapsed().await;
    house.upstream.says(|request| match id_of(request) {
        "t1" => lasting(request).after(20),
        _ => lasting(request).after(1),
    });
    let probe = asker(&house, T1, &[("authorization", ANN)]);
    pass(1).await;
    let (took, cold) = timed(house.ticket("cold", ANN)).await;
    assert_eq!(took.as_secs(), 1);
    assert_eq!(cold.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=200; stored");
    let (took, other) = timed(house.ticket("t2", ANN)).await;
    assert_eq!((took.as_secs(), other.is_hit()), (0, true), "the cold miss has proved it");
    assert_eq!(probe.await.unwrap().cache(), PROBED);
}

#[tokio::test(start_paused = true)]
async fn whoever_began_the_probe_may_leave() {
    let house = lapsed().await;
    house.upstream.says(|request| lasting(request).after(TAKES));
    let before = house.upstream.count();
    let first = asker(&house, T1, &[("authorization", ANN)]);
    pass(1).await;
    let second = asker(&house, &path("t2"), &[("authorization", ANN)]);
    first.abort();
    assert!(second.await.unwrap().is_hit());
    assert_eq!(house.upstream.count(), before + 1);
}

/// The lease lapses, and the ticket is stale as well: the one proof is not for it.
#[tokio::test(start_paused = true)]
async fn what_a_proof_frees_stale_is_validated_all_the_same() {
    let house = House::new();
    house.upstream.says(|request| {
        let lifetime = if id_of(request) == "t1" { "max-age=50" } else { "max-age=3600" };
        Say::ticket(id_of(request), "closed", &[("cache-control", lifetime)]).after(TAKES)
    });
    let fields = [("authorization", ANN)];
    replies(["t1", "t2"].map(|id| asker(&house, &path(id), &fields))).await;
    pass(60).await;
    let found = replies(["t2", "t1"].map(|id| asker(&house, &path(id), &fields))).await;
    assert_eq!(found[0].cache(), PROBED);
    assert_eq!(found[1].cache(), format!("verifik-gateway; hit; ttl=-{}", 10 + 2 * TAKES));
    pass(TAKES + 1).await;
    assert_eq!(house.upstream.count(), 4, "two at first, the probe, the validation");
    assert_eq!(house.ticket("t1", ANN).await.cache(), "verifik-gateway; hit; ttl=46");
}
