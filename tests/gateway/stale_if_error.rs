//! Stale responses that stand in for a failure (RFC 5861 section 4, RFC 9111 section 4.2.4).

use crate::support::client::Reply;
use crate::support::crowd::THING;
use crate::support::crowd::add_things;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use std::sync::atomic::Ordering;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

fn ticket(fields: &[(&'static str, &str)]) -> Say {
    Say::ticket("t1", "open", fields)
}

fn outage() -> Say {
    Say::json(503, r#"{"code":"Unavailable"}"#, &[])
}

/// A house, without leases and without stale-while-revalidate, that has asked for `t1` once.
async fn remembering(settings: fn(&mut Settings), fields: &[(&'static str, &str)]) -> House {
    let house = House::with(|all| {
        all.lifetimes.lease = Duration::ZERO;
        all.lifetimes.stale_while_revalidate = Duration::ZERO;
        settings(all);
    });
    house.upstream.always(ticket(fields));
    house.ticket("t1", ANN).await;
    house
}

async fn usually_remembering() -> House {
    remembering(|_| {}, &[("cache-control", "max-age=20")]).await
}

/// Whether the reply is the ticket, stale by so many seconds, in the place of a failure with this
/// status, if it had one.
fn stands_in(reply: &Reply, status: Option<u16>, stale: u64, what: &str) {
    let status = status.map(|status| format!("; fwd-status={status}")).unwrap_or_default();
    let expected =
        format!("verifik-gateway; fwd=stale{status}; ttl=-{stale}; detail=stale-if-error");
    assert_eq!((reply.status, reply.cache()), (200, expected), "{what}");
    let age = (stale + 20).to_string();
    assert_eq!(reply.field("age"), Some(age.as_str()), "{what}");
    assert!(reply.text().contains("\"t1\""), "{what}: {}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn a_stale_ticket_stands_in_for_every_status_that_says_out_of_order() {
    let out_of_service =
        r#"{"code":"Endpoint_out_of_service","message":"Endpoint_out_of_service"}"#;
    let silent_source = r#"{"code":"Conflict","message":"Server_Not_Response_From_Procuraduria"}"#;
    let rows = [500, 501, 502, 503, 504, 507, 599, 408, 429].map(|status| (status, "{}"));
    for (status, body) in rows.into_iter().chain([(409, out_of_service), (409, silent_source)]) {
        let house = usually_remembering().await;
        house.upstream.always(Say::json(status, body, &[]));
        pass(100).await;
        stands_in(&house.ticket("t1", ANN).await, Some(status), 80, &format!("{status} {body}"));
        assert_eq!(house.upstream.count(), 2, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_ticket_stands_in_where_there_is_no_whole_answer() {
    let part = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let uncertain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":";
    // what the upstream does, and the seconds until that has failed
    let rows = [
        (Say::Never, 30),
        (Say::Parts(vec![(part.to_vec(), Duration::from_mins(5))]), 30),
        (ticket(&[]).after(31), 30),
        (Say::RawThenClose(Vec::new()), 0),
        (Say::RawThenClose(part.to_vec()), 0),
        (Say::RawThenClose(uncertain.to_vec()), 0),
        (Say::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), 0),
    ];
    for (say, takes) in rows {
        let house = usually_remembering().await;
        house.upstream.always(say.clone());
        pass(100).await;
        stands_in(&house.ticket("t1", ANN).await, None, 80 + takes, &format!("{say:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_ticket_stands_in_where_there_is_no_connection() {
    for (refused, takes) in [(true, 0), (false, 2)] {
        let house = usually_remembering().await;
        pass(100).await;
        house.reachable.store(!refused, Ordering::Relaxed);
        house.silent.store(!refused, Ordering::Relaxed);
        let reply = house.ticket("t1", ANN).await;
        stands_in(&reply, None, 80 + takes, if refused { "refused" } else { "silent" });
        assert_eq!(house.upstream.count(), 1);
    }
}

/// A read of a stored ticket while the upstream is out of order.
struct Row {
    settings: fn(&mut Settings),
    fields: &'static [(&'static str, &'static str)],
    age: u64,
    stands_in: bool,
}

const fn row(cache_control: &'static [(&'static str, &'static str)], age: u64, yes: bool) -> Row {
    Row { settings: |_| {}, fields: cache_control, age, stands_in: yes }
}

async fn check(rows: &[Row]) {
    for Row { settings, fields, age, stands_in: expected } in rows {
        let house = remembering(*settings, fields).await;
        house.upstream.always(outage());
        pass(*age).await;
        let reply = house.ticket("t1", ANN).await;
        let what = format!("{fields:?} after {age} s");
        // Who has something stored to be given does not wait for a second try.
        assert_eq!(house.upstream.count(), if *expected { 2 } else { 3 }, "{what}");
        if *expected {
            stands_in(&reply, Some(503), age - 20, &what);
        } else {
            let plain = "verifik-gateway; fwd=stale; fwd-status=503; detail=outage";
            assert_eq!((reply.status, reply.cache().as_str()), (503, plain), "{what}");
            assert_eq!((reply.field("age"), reply.text().contains("Unavailable")), (None, true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_ends_to_the_second_and_the_upstream_may_set_it() {
    check(&[
        row(&[("cache-control", "max-age=20")], 21, true),
        row(&[("cache-control", "max-age=20")], 619, true),
        row(&[("cache-control", "max-age=20")], 620, false),
        row(&[("cache-control", "max-age=20, stale-if-error=5")], 24, true),
        row(&[("cache-control", "max-age=20, stale-if-error=5")], 25, false),
        row(&[("cache-control", "max-age=20, stale-if-error=0")], 21, false),
        row(&[("cache-control", "max-age=20, stale-if-error=long")], 21, false),
        row(&[("cache-control", "max-age=20, stale-if-error=1000")], 1_019, true),
        row(&[("cache-control", "max-age=20, stale-if-error=1000")], 1_020, false),
        row(&[("cache-control", "max-age=20, stale-if-error=999999999")], 3_619, true),
        row(&[("cache-control", "max-age=20, stale-if-error=999999999")], 3_620, false),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_forbids_stale_use_forbids_standing_in() {
    check(&[
        row(&[("cache-control", "max-age=20, must-revalidate")], 21, false),
        row(&[("cache-control", "max-age=20, must-revalidate, stale-if-error=99")], 21, false),
        row(&[("cache-control", "max-age=20, no-cache"), ("etag", "\"1\"")], 21, false),
        row(&[("cache-control", "max-age=20, no-cache"), ("etag", "\"1\"")], 5, false),
        row(&[("cache-control", "max-age=20, proxy-revalidate")], 21, true),
        row(&[("cache-control", "max-age=20, s-maxage=20")], 21, true),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_setting_of_zero_switches_it_off_whatever_the_upstream_allows() {
    for fields in [
        &[("cache-control", "max-age=20")],
        &[("cache-control", "max-age=20, stale-if-error=1000")],
    ] {
        let settings = |all: &mut Settings| all.lifetimes.stale_if_error = Duration::ZERO;
        check(&[Row { settings, fields, age: 20, stands_in: false }]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_for_a_refusal_nor_ever_again_after_it() {
    let out_of_credit = r#"{"code":"Forbidden","message":"not enough credits"}"#;
    let expired = r#"{"code":"Forbidden","message":"token_expired"}"#;
    for (status, body) in
        [(401, "{}"), (403, "{}"), (403, out_of_credit), (403, expired), (404, "{}"), (410, "{}")]
    {
        let house = usually_remembering().await;
        house.upstream.always(Say::json(status, body, &[]));
        pass(25).await;
        let refused = house.ticket("t1", ANN).await;
        assert_eq!((refused.status, refused.text().as_str()), (status, body));
        house.upstream.always(outage());
        pass(20).await;
        let failed = house.ticket("t1", ANN).await;
        assert_eq!(failed.status, 503, "{status} {body}: {}", failed.cache());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_for_an_answer_that_is_merely_odd() {
    let rows = [(200, "<html>"), (200, "{}"), (400, "{}"), (409, "{}"), (412, "{}"), (418, "{}")];
    for (status, body) in rows {
        let house = usually_remembering().await;
        house.upstream.always(Say::json(status, body, &[]));
        pass(25).await;
        let reply = house.ticket("t1", ANN).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, body));
        house.upstream.always(outage());
        stands_in(&house.ticket("t1", ANN).await, Some(503), 5, &format!("after {status}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_not_found_never_stands_in() {
    let house = House::new();
    let fields = [("cache-control", "max-age=5, stale-if-error=1000")];
    house.upstream.always(Say::json(404, r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#, &fields));
    house.ticket("t1", ANN).await;
    house.upstream.always(outage());
    pass(5).await;
    let reply = house.ticket("t1", ANN).await;
    let expected = "verifik-gateway; fwd=stale; fwd-status=503; detail=outage";
    assert_eq!((reply.status, reply.cache().as_str()), (503, expected));
}

#[tokio::test(start_paused = true)]
async fn nothing_from_before_a_write_stands_in() {
    for answer in [200, 500] {
        let house = usually_remembering().await;
        pass(25).await;
        house.upstream.always(Say::json(answer, "{}", &[]));
        house.write("PATCH", T1, ANN, "{}").await;
        house.upstream.always(outage());
        let reply = house.ticket("t1", ANN).await;
        let expected = "verifik-gateway; fwd=uri-miss; fwd-status=503; detail=outage";
        assert_eq!((reply.status, reply.cache().as_str()), (503, expected), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_for_a_client_that_wants_an_answer_or_a_fresher_one() {
    // with what, the seconds after which, and whether it stands in
    let rows = [
        ("max-stale", 25, true),
        ("max-stale=5", 25, true),
        ("max-stale=4", 25, false),
        ("max-age=100", 25, false),
        ("max-age=100, max-stale", 25, true),
        ("min-fresh=1", 25, false),
        ("no-cache", 25, false),
        ("no-store", 25, false),
        ("no-cache", 5, false),
        ("max-age=0", 5, false),
        ("max-age=4", 5, false),
    ];
    for (directive, age, stands_in) in rows {
        let house = remembering(|_| {}, &[("cache-control", "max-age=20")]).await;
        house.upstream.always(outage());
        pass(age).await;
        let fields = [("authorization", ANN), ("cache-control", directive)];
        let reply = house.client().ask("GET", T1, &fields).await;
        assert_eq!(reply.status == 200, stands_in, "{directive} {age}: {}", reply.cache());
    }
}

/// What a read of the plain resource is told that came with `stored` and then fails with `say`.
async fn thing(stored: &str, say: Say, after: u64) -> (u16, String) {
    let house = House::with(add_things);
    house.upstream.always(Say::json(200, "{}", &[("cache-control", stored)]));
    house.client().ask("GET", THING, &[]).await;
    house.upstream.always(say);
    pass(after).await;
    let reply = house.client().ask("GET", THING, &[]).await;
    assert_eq!(house.upstream.count(), if reply.status == 503 { 3 } else { 2 }, "{stored}");
    (reply.status, reply.cache())
}

#[tokio::test(start_paused = true)]
async fn other_resources_stand_in_as_rfc_9111_has_it() {
    let lasting = [("cache-control", "max-age=60")];
    let stale = |status| {
        let how = format!("fwd=stale; fwd-status={status}; ttl=-1; detail=stale-if-error");
        (200, format!("verifik-gateway; {how}"))
    };
    for status in [500, 503, 429] {
        let plain = Say::json(status, "{}", &[]);
        assert_eq!(thing("max-age=20", plain, 21).await, stale(status));
        let storable = Say::json(status, "{}", &lasting);
        assert_eq!(thing("max-age=20", storable, 21).await, stale(status), "storable itself");
    }
    for forbids in ["max-age=20, must-revalidate", "s-maxage=20", "max-age=20, proxy-revalidate"] {
        assert_eq!(thing(forbids, outage(), 21).await.0, 503, "{forbids}");
    }
    assert_eq!(thing("max-age=20", Say::json(404, "{}", &lasting), 21).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_be_stored_does_not_stand_in_for_itself() {
    let house = House::with(add_things);
    house.upstream.always(Say::json(503, "{}", &[("cache-control", "max-age=60")]));
    let first = house.client().ask("GET", THING, &[]).await;
    assert_eq!(first.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=503; stored");
    assert_eq!(first.field("age"), None);
    assert!(house.client().ask("GET", THING, &[]).await.is_hit());
    assert_eq!(house.upstream.count(), 1);
}
