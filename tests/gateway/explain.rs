//! `X-Gateway-Explain: 1`: the reply says why it was, or was not, answered from the store.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;

async fn explained(house: &House, id: &str, more: &[(&str, &str)]) -> Reply {
    let fields = [&[("authorization", ANN), ("x-gateway-explain", "1")], more].concat();
    house.client().ask("GET", &format!("/v2/support-tickets/{id}"), &fields).await
}

/// The members of the explanation that a test is about.
fn told<'a>(reply: &'a Reply, names: &[&str]) -> Vec<&'a str> {
    let all = reply.field("x-gateway-explain").unwrap_or_else(|| panic!("nothing is explained"));
    let name = |member: &&str| names.contains(&member.split('=').next().unwrap());
    all.split(", ").filter(name).collect()
}

/// What the first test looks at.
const WHAT: &[&str] = &["plan", "reason", "besides", "stored", "source", "mark", "lease"];

#[tokio::test(start_paused = true)]
async fn each_way_of_answering_is_explained_by_its_decision() {
    let house = House::new();
    house.upstream.says(|request| match id_of(request) {
        "none" => Say::not_found(),
        id => Say::ticket(id, "open", &[]),
    });
    let miss = explained(&house, "1", &[]).await;
    let never = ["plan=forward", "reason=uri-miss", "stored=?0", "lease=holds"];
    assert_eq!(told(&miss, WHAT), never);

    pass(2).await;
    let hit = explained(&house, "1", &[]).await;
    assert!(hit.is_hit());
    let fresh =
        ["plan=reuse", "besides=nothing", "stored=?1", "source=open", "mark=none", "lease=holds"];
    assert_eq!(told(&hit, WHAT), fresh);
    let figures = told(&hit, &["age", "ttl", "lease-left", "budget", "breaker", "waiting"]);
    let expected = [
        "age=2.000",
        "ttl=11",
        "lease-left=58.000",
        "budget=unpaced",
        "waiting=0",
        "breaker=closed",
    ];
    assert_eq!(figures, expected);

    let anew = explained(&house, "1", &[("cache-control", "no-cache")]).await;
    assert_eq!(told(&anew, &["plan", "reason"]), ["plan=forward-anew", "reason=request"]);
    let alone = explained(&house, "1", &[("cache-control", "no-store")]).await;
    assert_eq!(told(&alone, &["plan", "reason"]), ["plan=forward-alone", "reason=request"]);
    let refused = explained(&house, "2", &[("cache-control", "only-if-cached")]).await;
    assert_eq!((refused.status, told(&refused, &["plan"])), (504, vec!["plan=refuse"]));

    explained(&house, "none", &[]).await;
    let negative = explained(&house, "none", &[]).await;
    let expected = ["source=not-found", "stale=never", "not-found"];
    assert_eq!(told(&negative, &["source", "stale", "not-found"]), expected);

    house.write("PUT", "/v2/support-tickets/1", ANN, "{}").await;
    let written = explained(&house, "1", &[]).await;
    assert_eq!(told(&written, &["plan", "mark"]), ["plan=forward", "mark=covers"]);
    pass(20).await;
    let stale = explained(&house, "1", &[]).await;
    assert_eq!(told(&stale, &["plan", "besides"]), ["plan=reuse", "besides=validate"]);
    pass(61).await;
    let lapsed = explained(&house, "1", &[]).await;
    assert_eq!(
        told(&lapsed, &["plan", "lease", "lease-left"]),
        ["plan=forward", "lease=grace", "lease-left=0.000"]
    );
}

#[tokio::test(start_paused = true)]
async fn whose_word_the_lifetime_is_is_said() {
    let house = House::new();
    let says: [(&str, &str, &[(&'static str, &str)], &str); 4] = [
        ("1", "closed", &[], "source=settled"),
        ("2", "odd", &[], "source=open"),
        ("3", "open", &[("cache-control", "max-age=9")], "source=max-age"),
        ("4", "open", &[("expires", "Fri, 15 Jan 2027 08:01:00 GMT")], "source=expires"),
    ];
    for (id, status, fields, expected) in says {
        house.upstream.always(Say::ticket(id, status, fields));
        house.ticket(id, ANN).await;
        assert_eq!(told(&explained(&house, id, &[]).await, &["source"]), [expected], "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_ask_or_has_no_credential_is_told_nothing() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
    let ticket = "/v2/support-tickets/1";
    for (method, target, fields) in [
        ("GET", ticket, &[("authorization", ANN)][..]),
        ("GET", ticket, &[("x-gateway-explain", "1")]),
        ("GET", ticket, &[("authorization", ANN), ("x-gateway-explain", "yes")]),
        ("HEAD", ticket, &[("authorization", ANN), ("x-gateway-explain", "1")]),
        ("GET", "/v2/elsewhere", &[("authorization", ANN), ("x-gateway-explain", "1")]),
    ] {
        let reply = house.client().ask(method, target, fields).await;
        assert_eq!(reply.field("x-gateway-explain"), None, "{method} {target} {fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_explanation_is_nobody_elses_and_changes_nothing() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]));
    explained(&house, "1", &[]).await;
    assert_eq!(house.upstream.last().field("x-gateway-explain"), None, "it is not sent on");
    let hit = house.ticket("1", ANN).await;
    assert!(hit.is_hit() && hit.field("x-gateway-explain").is_none());
    assert_eq!(house.upstream.count(), 1);
}
