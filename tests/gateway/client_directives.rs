//! What a client's `Cache-Control` changes (RFC 9111 section 5.2.1), and its `Pragma` (section 5.4).

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::recall::recalls;
use crate::support::upstream::Say;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

/// What the reply to a request that was forwarded says.
const AGAIN: &str = "fwd=request; fwd-status=200; stored";
const STALE: &str = "fwd=stale; fwd-status=200; stored";
const MISS: &str = "fwd=uri-miss; fwd-status=200; stored";
const ALONE: &str = "fwd=request; fwd-status=200; detail=request-no-store";
const REFUSED: &str = "detail=only-if-cached";

fn ticket(cache_control: &str) -> Say {
    Say::ticket("t1", "open", &[("cache-control", cache_control)])
}

/// A house without leases that asked for `t1` so many seconds ago.
async fn remembering(settings: fn(&mut Settings), cache_control: &str, age: u64) -> House {
    let house = House::with(|all| {
        all.lifetimes.lease = Duration::ZERO;
        settings(all);
    });
    house.upstream.always(ticket(cache_control));
    house.ticket("t1", ANN).await;
    pass(age).await;
    house
}

/// What the reply to a GET of `t1` with these fields says, and what it cost upstream by then or in
/// the background.
async fn told(house: &House, fields: &[(&str, &str)]) -> (String, usize) {
    let before = house.upstream.count();
    let fields: Vec<_> = fields.iter().copied().chain([("authorization", ANN)]).collect();
    let reply = house.client().ask("GET", T1, &fields).await;
    assert_eq!(reply.status, if reply.cache().ends_with(REFUSED) { 504 } else { 200 });
    pass(1).await;
    let cache = reply.cache().trim_start_matches("verifik-gateway; ").to_owned();
    (cache, house.upstream.count() - before)
}

/// Rows of a directive, the reply expected, and what it costs upstream.
async fn check(cache_control: &str, age: u64, rows: &[(&str, &str, usize)]) {
    for (directive, expected, cost) in rows {
        let house = remembering(|_| {}, cache_control, age).await;
        let found = told(&house, &[("cache-control", directive)]).await;
        assert_eq!(found, ((*expected).to_owned(), *cost), "{directive:?} after {age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn each_directive_on_a_fresh_response() {
    let hit = "hit; ttl=50";
    let rows = [
        ("", hit, 0),
        ("max-age=50", hit, 0),
        ("max-age=49", AGAIN, 1),
        ("max-age=0", AGAIN, 1),
        ("min-fresh=50", hit, 0),
        ("min-fresh=51", AGAIN, 1),
        ("min-fresh=0", hit, 0),
        ("max-stale", hit, 0),
        ("max-stale=0", hit, 0),
        ("no-cache", AGAIN, 1),
        ("no-store", ALONE, 1),
        ("only-if-cached", hit, 0),
        ("no-transform, must-understand, x=y, stale-if-error=9", hit, 0),
    ];
    check("max-age=100", 50, &rows).await;
    check("max-age=100", 0, &[("max-age=0", AGAIN, 1), ("max-age=1", "hit; ttl=100", 0)]).await;
}

#[tokio::test(start_paused = true)]
async fn directives_on_a_fresh_response_add_up() {
    let rows = [
        ("max-age=60, min-fresh=50", "hit; ttl=50", 0),
        ("max-age=60, min-fresh=51", AGAIN, 1),
        ("max-age=49, max-stale", AGAIN, 1),
        ("max-age=49, max-stale=1000", AGAIN, 1),
        ("no-cache, max-stale", AGAIN, 1),
        ("no-cache, no-store", ALONE, 1),
        ("max-age=100, no-store", ALONE, 1),
        ("only-if-cached, max-age=50", "hit; ttl=50", 0),
        ("only-if-cached, max-age=49", REFUSED, 0),
        ("only-if-cached, max-age=0", REFUSED, 0),
        ("only-if-cached, min-fresh=51", REFUSED, 0),
        ("only-if-cached, no-cache", REFUSED, 0),
        ("no-store, only-if-cached", REFUSED, 0),
    ];
    check("max-age=100", 50, &rows).await;
}

#[tokio::test(start_paused = true)]
async fn each_directive_while_a_stale_response_may_be_given_out() {
    let hit = "hit; ttl=-10";
    let rows = [
        ("", hit, 1),
        ("max-stale", hit, 1),
        ("max-stale=10", hit, 1),
        ("max-stale=9", STALE, 1),
        ("max-stale=0", STALE, 1),
        ("max-age=1000", STALE, 1),
        ("max-age=1000, max-stale", hit, 1),
        ("max-age=110, max-stale=10", hit, 1),
        ("max-age=109, max-stale", STALE, 1),
        ("min-fresh=0", STALE, 1),
        ("min-fresh=5, max-stale", STALE, 1),
        ("no-cache", AGAIN, 1),
        ("no-store", ALONE, 1),
        ("only-if-cached", hit, 0),
        ("only-if-cached, max-stale", hit, 0),
        ("only-if-cached, max-stale=9", REFUSED, 0),
        ("only-if-cached, max-age=1000", REFUSED, 0),
    ];
    check("max-age=100", 110, &rows).await;
}

#[tokio::test(start_paused = true)]
async fn each_directive_on_a_response_that_is_given_out_only_to_who_accepts_it() {
    let rows = [
        ("", STALE, 1),
        ("max-stale", "hit; ttl=-100", 0),
        ("max-stale=100", "hit; ttl=-100", 0),
        ("max-stale=99", STALE, 1),
        ("max-stale, max-age=199", STALE, 1),
        ("only-if-cached", REFUSED, 0),
        ("only-if-cached, max-stale", "hit; ttl=-100", 0),
    ];
    check("max-age=100", 200, &rows).await;
    check("max-age=100", 3_700, &[("max-stale", "hit; ttl=-3600", 0)]).await;
    check("max-age=100", 3_701, &[("max-stale=9999", STALE, 1)]).await;
    for forbids in ["must-revalidate, max-age=100", "max-age=100, must-revalidate=x"] {
        check(forbids, 101, &[("max-stale", STALE, 1), ("only-if-cached, max-stale", REFUSED, 0)])
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn doubt_asks_the_upstream() {
    let hit = "hit; ttl=50";
    let rows = [
        ("max-age", AGAIN, 1),
        ("max-age=", AGAIN, 1),
        ("max-age=soon", AGAIN, 1),
        ("max-age=-1", AGAIN, 1),
        ("max-age=1.5e3", AGAIN, 1),
        ("max-age=99999999999999999999999999", hit, 0),
        ("MAX-AGE=\"50\"", hit, 0),
        ("max-age=\"49\"", AGAIN, 1),
        ("max-age=50, max-age=49", AGAIN, 1),
        ("max-age=49, max-age=50", AGAIN, 1),
        ("min-fresh", AGAIN, 1),
        ("min-fresh=soon", AGAIN, 1),
        ("min-fresh=1, min-fresh=51", AGAIN, 1),
        ("no-cache=\"x\"", AGAIN, 1),
        ("max-age=60 no-store", ALONE, 1),
        ("x=\"never closed, no-cache", AGAIN, 1),
        ("only-if-cached; no-cache", AGAIN, 1),
        (",,  ,max-age=50 ,,", hit, 0),
        ("x=\"no-cache\"", hit, 0),
    ];
    check("max-age=100", 50, &rows).await;
    let rows = [("max-stale=soon", STALE, 1), ("max-stale=-1", STALE, 1), ("max-stale=", STALE, 1)];
    check("max-age=100", 110, &rows).await;
}

#[tokio::test(start_paused = true)]
async fn pragma_counts_only_without_cache_control_and_every_line_counts() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("pragma", "no-cache")], AGAIN),
        (&[("pragma", "x, No-Cache")], AGAIN),
        (&[("pragma", "x")], "hit; ttl=50"),
        (&[("pragma", "no-cache"), ("cache-control", "max-age=60")], "hit; ttl=50"),
        (&[("pragma", "no-cache"), ("cache-control", "")], "hit; ttl=50"),
        (&[("cache-control", "max-age=60"), ("cache-control", "no-cache")], AGAIN),
        (&[("cache-control", "max-age=60"), ("cache-control", "max-age=40")], AGAIN),
        (&[("cache-control", "only-if-cached"), ("cache-control", "min-fresh=51")], REFUSED),
    ];
    for (fields, expected) in rows {
        let house = remembering(|_| {}, "max-age=100", 50).await;
        assert_eq!(told(&house, fields).await.0, *expected, "{fields:?}");
    }
}

fn deaf(settings: &mut Settings) {
    settings.cache.client_directives = false;
}

#[tokio::test(start_paused = true)]
async fn switched_off_no_directive_changes_anything() {
    let fields = [
        ("cache-control", "no-cache"),
        ("cache-control", "no-store"),
        ("cache-control", "max-age=0"),
        ("cache-control", "min-fresh=1000"),
        ("cache-control", "only-if-cached, max-age=0"),
        ("pragma", "no-cache"),
    ];
    for field in fields {
        let house = remembering(deaf, "max-age=100", 50).await;
        assert_eq!(told(&house, &[field]).await, ("hit; ttl=50".to_owned(), 0), "{field:?}");
    }
    let house = remembering(deaf, "max-age=100", 200).await;
    let found = told(&house, &[("cache-control", "max-stale")]).await;
    assert_eq!(found, (STALE.to_owned(), 1));
    let house = House::with(deaf);
    let field = ("cache-control", "only-if-cached, no-store");
    assert_eq!(told(&house, &[field]).await, (MISS.to_owned(), 1));
    assert!(recalls(&house, T1, ANN).await, "stored");
}

#[tokio::test(start_paused = true)]
async fn only_if_cached_never_reaches_the_upstream() {
    let refusal =
        |reply: &Reply| (reply.status, reply.cache(), reply.text().contains("NOT_STORED"));
    let refused = (504, format!("verifik-gateway; {REFUSED}"), true);
    let fields = [("authorization", ANN), ("cache-control", "only-if-cached")];
    // what is stored and for how long, whether there is a lease, and whether that is given out
    let rows = [
        ("max-age=900", 61, true, false),
        ("max-age=900", 45, true, true),
        ("", 100, false, false),
    ];
    for (cache_control, age, lease, given) in rows {
        let house = House::with(|all| {
            all.lifetimes.lease = Duration::from_secs(if lease { 60 } else { 0 });
        });
        assert_eq!(refusal(&house.client().ask("GET", T1, &fields).await), refused, "empty");
        house.upstream.always(ticket(cache_control));
        house.ticket("t1", ANN).await;
        pass(age).await;
        for method in ["GET", "HEAD"] {
            let reply = house.client().ask(method, T1, &fields).await;
            let expected = if given { 200 } else { 504 };
            assert_eq!(reply.status, expected, "{method} {cache_control} after {age} s");
        }
        pass(5).await;
        assert_eq!(house.upstream.count(), 1, "{cache_control} after {age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_with_no_store_is_asked_for_alone_and_leaves_the_stored_as_it_is() {
    let house = remembering(|_| {}, "max-age=100", 50).await;
    house.upstream.always(ticket("max-age=500").after(5));
    let fields = [("authorization", ANN), ("cache-control", "no-store")];
    let replies = replies([asker(&house, T1, &fields), asker(&house, T1, &fields)]).await;
    for reply in replies {
        assert_eq!(reply.cache(), format!("verifik-gateway; {ALONE}"));
    }
    assert_eq!(house.upstream.count(), 3);
    assert_eq!(house.ticket("t1", ANN).await.cache(), "verifik-gateway; hit; ttl=45");
}
