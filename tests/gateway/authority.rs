//! How long a credential is believed in without asking: what proves it, what ends it, and the
//! probe in the background (design §3.4, "Lease").

use crate::support::client::Reply;
use crate::support::crowd::THING;
use crate::support::crowd::add_things;
use crate::support::crowd::asker;
use crate::support::crowd::crowd;
use crate::support::crowd::path;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::WALL_AT_START;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

/// What the one is told whose request was the probe.
const PROBED: &str = "verifik-gateway; fwd=stale; fwd-status=200; stored; detail=lease";

fn lasting(request: &Message) -> Say {
    Say::ticket(id_of(request), "closed", &[("cache-control", "max-age=3600")])
}

/// A house whose tickets stay fresh for an hour, and that has asked for `t1` as Ann.
async fn trusting() -> House {
    trusting_with(|_| {}).await
}

/// The same with settings of its own.
async fn trusting_with(change: fn(&mut Settings)) -> House {
    let house = House::with(|settings| {
        add_things(settings);
        change(settings);
    });
    house.upstream.says(lasting);
    house.ticket("t1", ANN).await;
    house
}

/// What a read of `t1` as Ann is told, and the seconds that took.
async fn told(house: &House) -> (String, u64) {
    let (took, reply) = timed(house.ticket("t1", ANN)).await;
    (reply.cache(), took.as_secs())
}

fn hit(ttl: u64) -> (String, u64) {
    (format!("verifik-gateway; hit; ttl={ttl}"), 0)
}

#[tokio::test(start_paused = true)]
async fn from_two_thirds_of_the_lease_one_hit_probes_in_the_background() {
    let house = trusting().await;
    // when it is, and what the upstream has heard once that is over
    let mut now = 0;
    for (second, heard) in [(38, 1), (40, 2), (42, 2), (79, 2), (80, 3), (119, 3)] {
        pass(second - now).await;
        let replies = crowd(&house, 20, T1, &[("authorization", ANN)]).await;
        assert!(replies.iter().all(Reply::is_hit), "at {second} s");
        pass(1).await;
        now = second + 1;
        assert_eq!(house.upstream.count(), heard, "at {second} s");
    }
}

#[tokio::test(start_paused = true)]
async fn no_hit_waits_for_a_slow_probe_while_the_lease_runs() {
    let house = trusting().await;
    house.upstream.says(|request| lasting(request).after(15));
    pass(40).await;
    for second in 40..60 {
        let (cache, took) = told(&house).await;
        assert!(cache.contains("; hit") && took == 0, "at {second} s: {cache}");
        pass(1).await;
    }
    assert_eq!(house.upstream.count(), 2, "the lease counts from when the probe was sent");
    assert_eq!(told(&house).await, hit(3_600 - 20));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_lapses_while_its_probe_is_under_way_waits_for_that() {
    let house = trusting().await;
    house.upstream.says(|request| lasting(request).after(25));
    pass(40).await;
    house.ticket("t1", ANN).await;
    pass(21).await;
    assert_eq!(told(&house).await, ("verifik-gateway; hit; ttl=3575".to_owned(), 4));
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_in_the_background_that_proves_nothing_is_not_repeated_before_the_lapse() {
    let house = trusting().await;
    house.upstream.always(Say::json(503, "{}", &[]));
    for second in 0..60 {
        assert_eq!(told(&house).await, hit(3_600 - second), "at {second} s");
        pass(1).await;
    }
    assert_eq!(house.upstream.count(), 2);
    house.upstream.says(lasting);
    assert_eq!(told(&house).await, (PROBED.to_owned(), 0));
    assert_eq!(told(&house).await, hit(3_600));
    assert_eq!(house.upstream.count(), 3);
}

/// What happens half-way through a lease, and whether it proves the credential.
#[tokio::test(start_paused = true)]
async fn what_proves_a_credential_and_what_does_not() {
    let other = path("t2");
    let refused = r#"{"code":"Forbidden","message":"not enough credits"}"#;
    let maintained = Say::json(200, "<html>", &[]);
    let rows = [
        (T1, Say::Never, false),
        (&*other, Say::ticket("t2", "open", &[]), true),
        (&*other, Say::not_found(), true),
        (&*other, Say::json(200, r#"{"code":"404:TICKET"}"#, &[]), true),
        (&*other, Say::json(404, r#"{"message":"no"}"#, &[]), false),
        (&*other, Say::json(404, "<html>", &[]), false),
        (&*other, Say::json(403, refused, &[]), false),
        (&*other, Say::json(410, "{}", &[]), false),
        (&*other, Say::ticket("t3", "open", &[]), false),
        (&*other, maintained, false),
        (&*other, Say::json(503, "{}", &[]), false),
        (&*other, Say::json(429, "{}", &[]), false),
        (&*other, Say::RawThenClose(Vec::new()), false),
        ("/v2/support-tickets", Say::ticket("t2", "open", &[]), false),
        ("/v2/auth/session", Say::json(200, "{}", &[]), false),
        (THING, Say::json(200, "{}", &[("cache-control", "max-age=9")]), false),
    ];
    for (target, say, proves) in rows {
        let house = trusting().await;
        house.upstream.always(say.clone());
        pass(39).await;
        house.get(target, ANN).await;
        house.upstream.says(lasting);
        pass(22).await;
        let expected = if proves { hit(3_600 - 61) } else { (PROBED.to_owned(), 0) };
        assert_eq!(told(&house).await, expected, "{target} {say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_proves_a_credential() {
    let house = House::new();
    let fields = [("cache-control", "max-age=3600"), ("etag", "\"1\"")];
    house.upstream.always(Say::ticket("t1", "closed", &fields));
    house.ticket("t1", ANN).await;
    house.upstream.always(Say::Raw(b"HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n".to_vec()));
    for lapsed in [false, true] {
        pass(if lapsed { 60 } else { 45 }).await;
        let expected = "verifik-gateway; fwd=stale; fwd-status=304; stored; detail=lease";
        let reply = house.ticket("t1", ANN).await;
        assert!(if lapsed { reply.cache() == expected } else { reply.is_hit() });
    }
    assert_eq!((told(&house).await.1, house.upstream.count()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_lease_counts_from_when_the_proving_forward_was_sent() {
    let house = trusting().await;
    house.upstream.says(|request| lasting(request).after(25));
    pass(20).await;
    assert_eq!(house.ticket("t2", ANN).await.status, 200);
    house.upstream.says(lasting);
    pass(14).await;
    assert_eq!(told(&house).await, hit(3_600 - 59));
    pass(21).await;
    assert_eq!(told(&house).await, (PROBED.to_owned(), 0), "80 s, and sent at 20 s");
    assert_eq!(house.upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_credentials_proof_says_nothing_about_another() {
    let house = trusting().await;
    pass(39).await;
    house.ticket("t1", BEN).await;
    pass(22).await;
    assert_eq!(told(&house).await, (PROBED.to_owned(), 0));
    assert!(house.ticket("t1", BEN).await.is_hit());
    assert_eq!(house.upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_401_anywhere_ends_the_lease_and_its_grace() {
    for (method, target) in [
        ("GET", "/v2/auth/session"),
        ("POST", "/v2/auth/renew"),
        ("GET", "/v2/support-tickets"),
        ("PUT", "/v2/support-tickets/t2"),
        ("GET", "/v2/support-tickets/t2/threads"),
        ("GET", "/v2/support-tickets/t2"),
        ("GET", THING),
    ] {
        let house = trusting_with(once_and_at_once).await;
        house.upstream.always(Say::json(401, "{}", &[]));
        let fields = [("authorization", ANN)];
        assert_eq!(house.client().ask(method, target, &fields).await.status, 401, "{target}");
        house.upstream.always(Say::json(503, "{}", &[]));
        let reply = house.ticket("t1", ANN).await;
        assert_eq!(reply.status, 503, "{method} {target}: {}", reply.cache());
        assert_eq!(house.upstream.count(), 3, "{method} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_not_found_proves_nothing_and_is_repeated_until_the_credential_is_refused() {
    let house = House::new();
    let bare = Say::json(404, r#"{"message":"no"}"#, &[]);
    house.upstream.always(bare.clone());
    house.ticket("t1", ANN).await;
    let again = house.ticket("t1", ANN).await;
    assert!(again.is_hit() && again.cache().ends_with("; detail=not-found"));
    house.upstream.always(Say::json(401, "{}", &[]));
    house.get("/v2/auth/session", ANN).await;
    house.upstream.always(bare);
    let asked = "verifik-gateway; fwd=stale; fwd-status=404; stored; detail=lease";
    assert_eq!(told(&house).await.0, asked);
    assert_eq!(told(&house).await.0, asked, "nothing was proved");
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn after_a_401_elsewhere_one_proof_brings_everything_back() {
    let house = trusting().await;
    house.ticket("t2", ANN).await;
    house.upstream.always(Say::json(401, "{}", &[]));
    house.get("/v2/auth/session", ANN).await;
    house.upstream.says(lasting);
    assert_eq!(told(&house).await, (PROBED.to_owned(), 0));
    assert!(house.ticket("t2", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_forward_begun_before_a_401_proves_nothing() {
    let house = trusting().await;
    house.upstream.says(|request| match id_of(request) {
        "session" => Say::json(401, "{}", &[]),
        "slow" => lasting(request).after(10),
        _ => lasting(request),
    });
    let slow = asker(&house, &path("slow"), &[("authorization", ANN)]);
    pass(5).await;
    house.get("/v2/auth/session", ANN).await;
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(told(&house).await, (PROBED.to_owned(), 0));
    assert!(house.ticket("slow", ANN).await.is_hit(), "proved since");
}

/// A token that ends so many seconds after the start.
fn ending(after: u64) -> String {
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{}}}"#, WALL_AT_START + after));
    format!("Bearer eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl")
}

#[tokio::test(start_paused = true)]
async fn a_credential_is_never_believed_in_past_its_own_end() {
    for (outage, lease) in [(false, 60), (true, 60), (false, 0), (true, 0)] {
        let house = House::with(|all| all.lifetimes.lease = Duration::from_secs(lease));
        let token = ending(100);
        house.upstream.says(lasting);
        house.ticket("t1", &token).await;
        if outage {
            house.upstream.always(Say::json(503, "{}", &[]));
        }
        for (wait, status) in [(61, 200), (38, 200), (1, if outage { 503 } else { 200 })] {
            pass(wait).await;
            let reply = house.ticket("t1", &token).await;
            assert_eq!(reply.status, status, "{outage} {lease}: {}", reply.cache());
            assert_eq!(reply.cache().contains("credential-ended"), wait == 1 && !outage);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_leases_and_for_other_resources_nothing_is_ever_asked_for_a_proof() {
    let unasked = House::with(|all| all.lifetimes.lease = Duration::ZERO);
    let things = House::with(add_things);
    for (house, target) in [(unasked, T1), (things, THING)] {
        house.upstream.says(lasting);
        house.get(target, ANN).await;
        for wait in [45, 20, 600, 2_934] {
            pass(wait).await;
            assert!(house.get(target, ANN).await.is_hit(), "{target}");
        }
        assert_eq!(house.upstream.count(), 1, "{target}");
    }
}
