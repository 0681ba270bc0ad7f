//! W3C Trace Context: it goes on as it came, and the access line says which trace an exchange
//! belongs to.

use crate::support::call::BATCH;
use crate::support::call::Call;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::log::Captured;
use crate::support::pages::PAGE;
use crate::support::pages::house_with_pages;
use crate::support::recall::T1;
use serde_json::Value;
use verifik_gateway::settings::model::Access;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const FIELDS: [(&str, &str); 3] =
    [("authorization", ANN), ("traceparent", PARENT), ("tracestate", "a=1,b=2")];

#[tokio::test(start_paused = true)]
async fn what_the_trace_is_goes_on_as_it_came() {
    let house = house_with_pages(|_| {});
    for (method, target) in
        [("GET", T1), ("GET", PAGE), ("GET", "/v2/clients/1"), ("PUT", T1), ("POST", BATCH)]
    {
        if target == BATCH {
            Call::begin_as(&house, target, &["t2".to_owned()], &FIELDS).await.rest().await;
        } else {
            house.client().send(method, target, &FIELDS, "").await;
        }
        let heard = house.upstream.last();
        for (name, value) in &FIELDS[1..] {
            assert_eq!(heard.all(name), [*value], "{method} {target}: {heard:?}");
        }
    }
    assert_eq!(house.upstream.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_trace_goes_on_all_the_same() {
    let house = house_with_pages(|_| {});
    for target in [T1, PAGE, "/v2/clients/1"] {
        let fields = [("authorization", ANN), ("traceparent", "no trace")];
        house.client().ask("GET", target, &fields).await;
        assert_eq!(house.upstream.last().all("traceparent"), ["no trace"], "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_access_line_names_the_trace() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = house_with_pages(|settings| settings.log.access = Access::All);
    let expected = Value::from(TRACE);
    // The second time it is a hit; the last is refused.
    for (target, fields) in [
        (T1, &FIELDS[..]),
        (T1, &FIELDS),
        (PAGE, &FIELDS),
        ("/v2/clients/1", &FIELDS),
        ("/_gateway/live", &FIELDS),
        ("/v2/support-tickets/%2e%2e/t1", &FIELDS),
    ] {
        house.client().ask("GET", target, fields).await;
        let lines = captured.take_access_lines();
        assert_eq!((lines.len(), &lines[0]["trace_id"]), (1, &expected), "{target}: {lines:?}");
    }
    Call::begin_as(&house, BATCH, &["t1".to_owned()], &FIELDS).await.rest().await;
    let lines = captured.take_access_lines();
    assert_eq!((lines.len(), &lines[0]["trace_id"]), (1, &expected), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_single_valid_trace_is_not_logged() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = House::with(|settings| settings.log.access = Access::All);
    let token = PARENT.replace("00-", "ff-");
    for parents in [&[][..], &["eyJ-token"], &[&token], &[PARENT, PARENT], &[PARENT, "other"]] {
        let parents = parents.iter().map(|value| ("traceparent", *value));
        let fields = [("authorization", ANN)].into_iter().chain(parents).collect::<Vec<_>>();
        house.client().ask("GET", T1, &fields).await;
        let lines = captured.take_access_lines();
        assert_eq!(lines.len(), 1, "{fields:?}");
        let line = lines[0].to_string();
        assert!(!line.contains("trace") && !line.contains("token"), "{fields:?}: {line}");
    }
}
