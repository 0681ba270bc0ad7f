//! The operators' port: who may ask, what is answered, and that nothing of it is reachable from the
//! gateway's own (threats.md S4, S5).

use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use verifik_gateway::admin::token::Token;

fn locked(house: &House) {
    house.desk.token.store(Some(Arc::new(Token::new(b"operators-7f3cSECRET"))));
}

const RIGHT: (&str, &str) = ("authorization", "Bearer operators-7f3cSECRET");
const WRONG: (&str, &str) = ("authorization", "Bearer operators-7f3cSECRES");

#[tokio::test(start_paused = true)]
async fn without_the_token_only_liveness_and_readiness_are_told() {
    let house = House::new();
    locked(&house);
    house.ready.send_replace(true);
    for (method, path, open) in [
        ("GET", "/live", true),
        ("HEAD", "/live", true),
        ("GET", "/ready", true),
        ("GET", "/metrics", false),
        ("GET", "/stats", false),
        ("GET", "/", false),
        ("POST", "/purge", false),
        ("GET", "/purge", false),
        ("GET", "/none", false),
    ] {
        for fields in [&[][..], &[WRONG], &[RIGHT, RIGHT], &[("authorization", ANN)]] {
            let reply = house.operator().ask(method, path, fields).await;
            let expected = if open { 200 } else { 401 };
            assert_eq!(reply.status, expected, "{method} {path} {fields:?}");
            assert_eq!(reply.field("www-authenticate"), (!open).then_some("Bearer"), "{path}");
            assert!(!reply.text().contains("uptime_seconds\":"), "{path}");
        }
    }
    for (method, path, expected) in [
        ("GET", "/metrics", 200),
        ("GET", "/stats", 200),
        ("GET", "/", 200),
        ("POST", "/purge", 400),
        ("GET", "/purge", 405),
        ("POST", "/stats", 405),
        ("GET", "/none", 404),
    ] {
        let reply = house.operator().ask(method, path, &[RIGHT]).await;
        assert_eq!(reply.status, expected, "{method} {path}");
        assert_eq!(reply.field("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_yet_to_say_the_token_is_shown_a_page_without_figures() {
    let house = House::new();
    locked(&house);
    let closed = house.operator().ask("GET", "/", &[]).await;
    let open = house.operator().ask("GET", "/", &[RIGHT]).await;
    for page in [&closed, &open] {
        assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.field("content-security-policy").unwrap();
        let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert_eq!(page.text().matches(&format!("nonce=\"{nonce}\"")).count(), 2);
    }
    assert_ne!(closed.text(), open.text(), "the nonce is another each time");
}

#[tokio::test(start_paused = true)]
async fn readiness_is_told_as_it_is() {
    let house = House::new();
    let ready = || async { house.operator().ask("GET", "/ready", &[]).await.status };
    assert_eq!(ready().await, 503);
    house.ready.send_replace(true);
    assert_eq!(ready().await, 200);
    house.ready.send_replace(false);
    assert_eq!(ready().await, 503);
    assert_eq!(house.operator().ask("GET", "/live", &[]).await.status, 200);
}

/// A page that somebody on this machine looks at could ask for them: by an address of ours, or by a
/// name of its own that it makes lead here.
#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_may_not_ask() {
    let house = House::new();
    for (fields, expected) in [
        (&[][..], 200),
        (&[("host", "127.0.0.1:8081")], 200),
        (&[("host", "[::1]:8081")], 200),
        (&[("host", "10.1.2.3:8081")], 200),
        (&[("host", "gateway.localhost:8081")], 200),
        (&[("host", "localhost:8081"), ("origin", "http://localhost:8081")], 200),
        (&[("host", "localhost:8081"), ("origin", "http://evil.example")], 403),
        (&[("host", "localhost:8081"), ("origin", "null")], 403),
        (&[("host", "localhost:8081"), ("origin", "http://localhost:3000")], 403),
        (&[("host", "evil.example:8081")], 403),
        (&[("host", "evil.example:8081"), ("origin", "http://evil.example:8081")], 403),
    ] {
        let reply = house.operator().send("POST", "/purge", fields, r#"{"all":true}"#).await;
        assert_eq!(reply.status, expected, "{fields:?}");
    }
    locked(&house);
    let named = [("host", "gateway.internal:8081"), RIGHT];
    assert_eq!(house.operator().ask("GET", "/stats", &named).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_purged_ticket_is_asked_for_anew_by_everybody_and_no_other_is() {
    let house = House::new();
    house.upstream.says(|_| Say::ticket("1", "closed", &[]));
    for who in [ANN, BEN] {
        house.ticket("1", who).await;
    }
    house.upstream.says(|_| Say::ticket("2", "closed", &[]));
    house.ticket("2", ANN).await;
    house.upstream.says(|_| Say::ticket("1", "closed", &[]));
    let told = house.operator().purge(r#"{"ticket":"1"}"#).await;
    assert!(!house.ticket("1", ANN).await.is_hit());
    assert!(!house.ticket("1", BEN).await.is_hit());
    assert!(house.ticket("2", ANN).await.is_hit());
    assert_eq!(house.operator().purge(r#"{"ticket":"never-seen"}"#).await, told);
}

#[tokio::test(start_paused = true)]
async fn everything_can_be_purged_also_what_is_on_its_way() {
    let house = House::new();
    house.upstream.says(|_| Say::ticket("1", "closed", &[]));
    house.ticket("1", ANN).await;
    house.upstream.says(|_| Say::ticket("2", "closed", &[]).after(2));
    let mut client = house.client();
    let under_way = tokio::spawn(async move {
        client.ask("GET", "/v2/support-tickets/2", &[("authorization", ANN)]).await
    });
    pass(1).await;
    let told = house.operator().purge(r#"{"all":true}"#).await;
    assert_eq!(under_way.await.unwrap().status, 200);
    let asked = house.upstream.count();
    assert!(!house.ticket("2", ANN).await.is_hit(), "it was asked for before");
    house.upstream.says(|_| Say::ticket("1", "closed", &[]));
    assert!(!house.ticket("1", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), asked + 2);
    assert_eq!(house.operator().purge(r#"{"all":true}"#).await, told);
    assert_eq!(house.operator().stats().await["stored_responses"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_clear_purges_nothing_and_says_why() {
    let house = House::new();
    house.upstream.says(|_| Say::ticket("1", "closed", &[]));
    house.ticket("1", ANN).await;
    let long = format!(r#"{{"ticket":"{}"}}"#, "1".repeat(5_000));
    for body in ["", "1", "{}", r#"{"ticket":"a/b"}"#, r#"{"all":false}"#, &long] {
        let reply = house.operator().send("POST", "/purge", &[], body).await;
        assert_eq!(reply.status, 400, "{body}");
        let told: Value = serde_json::from_str(&reply.text()).unwrap();
        assert_eq!(told["code"], "ADMIN_BAD_PURGE", "{body}");
    }
    assert!(house.ticket("1", ANN).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn the_gateways_own_port_knows_nothing_of_it() {
    let house = House::new();
    house.upstream.always(Say::json(404, r#"{"message":"no such page"}"#, &[]));
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/stats"),
        ("GET", "/ready"),
        ("POST", "/purge"),
        ("GET", "/"),
        ("PURGE", "/v2/support-tickets/1"),
    ] {
        let before = house.upstream.count();
        let reply = house.client().ask(method, path, &[]).await;
        assert_eq!((reply.status, house.upstream.count()), (404, before + 1), "{method} {path}");
    }
    let own = house.client().ask("GET", "/_gateway/metrics", &[]).await;
    assert_eq!((own.status, house.upstream.count()), (404, 6));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_goes_on_for_ever_does_not_keep_a_place() {
    let house = House::new();
    let (ours, theirs) = tokio::io::duplex(1_000);
    let port = verifik_gateway::admin::port::Port::new(Arc::clone(&house.desk));
    let served = tokio::spawn(async move { port.serve(theirs).await });
    pass(11).await;
    assert!(served.is_finished());
    drop(ours);
}
