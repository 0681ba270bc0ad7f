//! TLS to the upstream that goes wrong, and comes right again: nothing is said to who does not prove
//! to be the upstream, and what is stored is served as in any outage (threats.md S8, R8).

use crate::support::certificates::YEARS;
use crate::support::certificates::authority;
use crate::support::certificates::signed;
use crate::support::house::ANN;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::log::Captured;
use crate::support::secured::Meets;
use crate::support::secured::NAME;
use crate::support::secured::Secured;
use crate::support::secured::Trust;
use rustls::ServerConfig;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What is wrong, and what the client is told.
fn faults(trust: &Trust) -> Vec<(&'static str, Meets, u16, &'static str)> {
    let ours = Some(&trust.authority);
    let other = authority("another");
    let refused = |what, config| (what, Meets::Certificate(config), 502, "CERTIFICATE_REFUSED");
    vec![
        refused("expired", signed(NAME, 2019..=2020, ours)),
        refused("not yet valid", signed(NAME, 2090..=2100, ours)),
        refused("of another name", signed("elsewhere.test", YEARS, ours)),
        refused("of a name below", signed("api.verifik.co.elsewhere.test", YEARS, ours)),
        refused("of an address only", signed("127.0.0.1", YEARS, ours)),
        refused("self-signed", signed(NAME, YEARS, None)),
        refused("of an unknown authority", signed(NAME, YEARS, Some(&other))),
        (
            "plain HTTP first",
            Meets::Plainly(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
            502,
            "TLS_FAILED",
        ),
        ("noise", Meets::Plainly(&[0x16, 3, 1, 255, 255, 7, 7, 7, 7]), 502, "TLS_FAILED"),
        ("an alert", Meets::Plainly(&[0x15, 3, 3, 0, 2, 2, 40]), 502, "TLS_FAILED"),
        ("cut", Meets::Cut, 502, ""),
        ("silent", Meets::Silence, 504, "CONNECT_TIMEOUT"),
    ]
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_who_does_not_prove_to_be_the_upstream() {
    let (_, _, trust) = Secured::house(|_| {});
    for (what, _, status, code) in faults(&trust) {
        for target in ["/v2/support-tickets/t1", "/v2/clients/1"] {
            let (house, secured, trust) = Secured::house(once_and_at_once);
            let fault = faults(&trust).into_iter().find(|(name, ..)| *name == what).unwrap().1;
            secured.meets(fault);
            let (took, reply) = timed(house.get(target, ANN)).await;
            assert_eq!(reply.status, status, "{what} {target}: {}", reply.text());
            assert!(reply.text().contains(code), "{what} {target}: {}", reply.text());
            let expected = if status == 504 { Duration::from_secs(2) } else { Duration::ZERO };
            assert!(took >= expected && took < Duration::from_millis(2_100), "{what}: {took:?}");
            assert!(!reply.text().contains("verifik.co"), "{what}: {}", reply.text());
            // Sooner than an idle connection would be closed.
            pass(1).await;
            let said = (secured.upstream.count(), secured.open());
            assert_eq!(said, (0, 0), "{what} {target}: requests heard, connections left");
            let plain = secured.plain();
            assert!(!plain.contains("/v2/") && !plain.contains("Bearer"), "{what}: {plain}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_certificate_is_believed_and_its_connection_kept() {
    let (house, secured, _) = Secured::house(once_and_at_once);
    for id in ["t1", "t2"] {
        assert_eq!(house.ticket(id, ANN).await.status, 200, "{id}");
    }
    assert_eq!((secured.upstream.count(), secured.connections(), secured.open()), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_goes_bad_is_an_outage_until_it_is_good_again() {
    let (house, secured, trust) = Secured::house(once_and_at_once);
    for (what, fault, status, _) in faults(&trust) {
        secured.meets(Meets::Certificate(Arc::clone(&trust.good)));
        let id = what.replace(' ', "-");
        assert_eq!(house.ticket(&id, ANN).await.status, 200, "{what}");
        let heard = secured.upstream.count();
        secured.meets(fault);
        // The connection that was good once is idle for too long, and what is stored stale.
        pass(20).await;
        let stale = house.get(&format!("/v2/support-tickets/{id}"), ANN).await;
        assert_eq!(stale.status, 200, "{what}: {}", stale.cache());
        pass(60).await;
        let stale = house.ticket(&id, ANN).await;
        assert_eq!(stale.status, 200, "{what}: {}", stale.cache());
        assert!(stale.cache().contains("detail=stale-if-error"), "{what}: {}", stale.cache());
        assert_eq!(house.ticket("cold", ANN).await.status, status, "{what}");
        assert_eq!(secured.upstream.count(), heard, "{what}");
        secured.meets(Meets::Certificate(Arc::clone(&trust.good)));
        let fresh = house.ticket(&id, ANN).await;
        assert_eq!((fresh.status, secured.upstream.count()), (200, heard + 1), "{what}");
        assert!(fresh.cache().contains("fwd-status=200"), "{what}: {}", fresh.cache());
        pass(700).await;
    }
}

/// The server has kept the sessions of the time when its certificate was good.
#[tokio::test(start_paused = true)]
async fn a_session_does_not_outlive_its_certificate() {
    let (house, secured, trust) = Secured::house(once_and_at_once);
    assert_eq!(house.ticket("t1", ANN).await.status, 200);
    assert_eq!(house.ticket("t2", ANN).await.status, 200);
    let expired = signed(NAME, 2019..=2020, Some(&trust.authority));
    let mut expired = ServerConfig::clone(&expired);
    expired.session_storage = Arc::clone(&trust.good.session_storage);
    expired.ticketer = Arc::clone(&trust.good.ticketer);
    secured.meets(Meets::Certificate(Arc::new(expired)));
    pass(20).await;
    assert_eq!(house.ticket("t3", ANN).await.status, 502);
    assert_eq!(secured.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_breaker_counts_handshakes_that_fail() {
    let (house, secured, trust) = Secured::house(|_| {});
    let expired = signed(NAME, 2019..=2020, Some(&trust.authority));
    secured.meets(Meets::Certificate(expired));
    let mut statuses = Vec::new();
    for number in 0..12 {
        statuses.push(house.ticket(&format!("t{number}"), ANN).await.status);
    }
    assert_eq!((statuses[0], statuses[11]), (502, 503), "{statuses:?}");
    secured.meets(Meets::Certificate(trust.good));
    pass(3).await;
    assert_eq!(house.ticket("t1", ANN).await.status, 200);
    assert_eq!(secured.upstream.heard().iter().filter(|m| m.start.contains("/t1 ")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_refused_is_told_once_a_minute_and_not_for_each_request() {
    let (captured, _capturing, _idle) = Captured::begin();
    let (house, secured, trust) = Secured::house(once_and_at_once);
    secured.meets(Meets::Certificate(signed(NAME, 2019..=2020, Some(&trust.authority))));
    // After how many seconds, how often, and what is then told.
    for (secs, times, expected) in
        [(0, 50, vec![None]), (59, 30, vec![]), (2, 20, vec![Some(79)]), (61, 1, vec![Some(19)])]
    {
        pass(secs).await;
        for number in 0..times {
            assert_eq!(house.ticket(&format!("t{number}"), ANN).await.status, 502);
        }
        let text = captured.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told: Vec<_> = lines
            .filter(|line| line["message"] == "a read failed upstream")
            .map(|line| (line["failure"].clone(), line["left_out"].as_u64()))
            .collect();
        captured.take_access_lines();
        let expected: Vec<_> = expected.iter().map(|o| ("certificate".into(), *o)).collect();
        assert_eq!(told, expected, "after {secs} s: {text}");
    }
}

/// Its end is that of TLS, if TLS says so (RFC 8446 section 6.1); cut off on the way it is none.
#[tokio::test(start_paused = true)]
async fn an_answer_until_the_end_is_whole_only_if_tls_has_ended() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let body = r#"{"data":{"_id":"t1","status":"open"}}"#;
    for (target, body, ended, whole) in [
        ("/v2/support-tickets/t1", body, true, true),
        ("/v2/support-tickets/t1", body, false, false),
        ("/v2/support-tickets/t1", &body[..20], false, false),
        ("/v2/clients/1", body, true, true),
        ("/v2/clients/1", body, false, false),
        ("/v2/clients/1", &body[..20], false, false),
    ] {
        let (house, secured, trust) = Secured::house(once_and_at_once);
        let said = format!("{head}{body}").into_bytes();
        secured.meets(Meets::Octets(trust.good, said, ended));
        let reply = house.get(target, ANN).await;
        let row = format!("{target} {body} {ended}: {} {}", reply.status, reply.text());
        if whole {
            assert_eq!((reply.status, reply.message.whole), (200, true), "{row}");
            assert_eq!(reply.text(), body, "{row}");
        } else {
            assert!(reply.status == 502 || !reply.message.whole, "{row}");
        }
        assert!(!reply.cache().contains("stored"), "{row}");
        pass(1).await;
        assert_eq!(secured.open(), 0, "{row}");
    }
}
