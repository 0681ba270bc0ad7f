//! Many tickets with one request: the lines of the answer, and the totals at its end.

use crate::support::call::BATCH;
use crate::support::call::Call;
use crate::support::call::call;
use crate::support::call::call_with;
use crate::support::call::many;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::things::say;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

/// Nothing is sent twice, paced or refused on our side.
fn plain(settings: &mut Settings) {
    settings.limit.rate = Rate::Off;
    settings.upstream.retries = 0;
    settings.breaker.failures = 0;
}

#[tokio::test(start_paused = true)]
async fn ids_are_answered_as_they_come_and_hits_before_all_others() {
    let house = House::new();
    house.ticket("stored", ANN).await;
    house.upstream.says(|request| match id_of(request) {
        "slow" => Say::ticket("slow", "open", &[]).after(3),
        "absent" => Say::not_found().after(1),
        id => Say::ticket(id, "open", &[]).after(2),
    });
    let told = call(&house, &["slow", "quick", "stored", "absent"]).await;
    assert_eq!(told.ids(), ["stored", "absent", "quick", "slow"]);
    let ticket = |id| json!({"success": true, "data": {"_id": id, "status": "open"}});
    let stored = json!({"index": 2, "id": "stored", "status": 200, "cache": "hit", "body": ticket("stored")});
    let slow =
        json!({"index": 0, "id": "slow", "status": 200, "cache": "miss", "body": ticket("slow")});
    assert_eq!((&told.lines[0], &told.lines[3]), (&stored, &slow));
    assert_eq!((&told.lines[1]["status"], &told.lines[1]["index"]), (&json!(404), &json!(3)));
    let totals = json!({"done": true, "asked": 4, "answered": 4, "hits": 1, "upstream": 3,
        "failed": 0, "waited_ms": 0});
    assert_eq!(told.last, totals);
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn hits_do_not_wait_for_misses() {
    let house = House::new();
    house.ticket("t70", ANN).await;
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(5));
    let mut call = Call::begin(&house, &[&many(60)[..], &["t70".into()]].concat()).await;
    let (took, line) = timed(call.line()).await;
    assert_eq!((took, &line.unwrap()["id"]), (Duration::ZERO, &json!("t70")));
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_said_to_be_lines_of_json_that_nobody_stores() {
    let house = House::new();
    let mut call = Call::begin(&house, &many(1)).await;
    assert_eq!(call.head.field("content-type"), Some("application/x-ndjson"));
    assert_eq!(call.head.field("cache-control"), Some("no-store"));
    assert_eq!(call.head.field("cache-status"), None);
    let line = call.raw_line().await.unwrap();
    let began = r#"{"index":0,"id":"t0","status":200,"cache":"miss","body":{"success":true,"#;
    assert!(line.starts_with(began), "{line}");
    let last = call.raw_line().await.unwrap();
    assert!(last.starts_with(r#"{"done":true,"asked":1,"answered":1,"#), "{last}");
    assert!(last.ends_with("}\n") && call.raw_line().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn each_line_says_where_its_answer_comes_from() {
    // An answer stored 20 s ago, with and without leave to give it out while it is asked for anew.
    let rows: [(u64, &[(&str, &str)], u16, (u64, &str)); 7] = [
        (30, &[], 200, (200, "stale")),
        (0, &[], 200, (200, "miss")),
        (0, &[], 500, (200, "stale")),
        (0, &[], 404, (404, "miss")),
        (30, &[("cache-control", "no-cache")], 200, (200, "miss")),
        (30, &[("cache-control", "max-age=30")], 200, (200, "miss")),
        (0, &[("cache-control", "only-if-cached")], 200, (504, "refused")),
    ];
    for (while_revalidate, fields, status, expected) in rows {
        let house = House::with(|settings| {
            settings.lifetimes.stale_while_revalidate = Duration::from_secs(while_revalidate);
        });
        house.ticket("t0", ANN).await;
        house.upstream.says(move |_| match status {
            200 => Say::ticket("t0", "open", &[]),
            404 => Say::not_found(),
            _ => Say::json(status, "{}", &[]),
        });
        pass(20).await;
        let fields: Vec<_> = fields.iter().copied().chain([("authorization", ANN)]).collect();
        let told = call_with(&house, &["t0"], &fields).await;
        let line = &told.lines[0];
        let row = format!("{while_revalidate} {fields:?} {status}: {line}");
        assert_eq!(
            (&line["status"], &line["cache"]),
            (&json!(expected.0), &json!(expected.1)),
            "{row}"
        );
        let hits = u64::from(matches!(expected.1, "hit" | "stale"));
        assert_eq!(told.total("hits"), hits, "{row}");
        assert_eq!(told.total("failed"), u64::from(expected.0 == 504), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_are_asking_for_is_shared_with_them() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(5));
    let other = asker(&house, &path("t0"), &[("authorization", ANN)]);
    pass(1).await;
    let told = call(&house, &["t0", "t1"]).await;
    assert_eq!(told.with("cache", "collapsed"), 1);
    assert_eq!((told.total("answered"), told.total("upstream")), (2, 1));
    assert_eq!((other.await.unwrap().status, house.upstream.count()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_stands_there_twice_is_asked_for_once() {
    let house = House::new();
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(1));
    let told = call(&house, &["t0", "t1", "t0", "t0"]).await;
    let mut indexes: Vec<_> = told.lines.iter().map(|line| line["index"].as_u64()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!((told.with("cache", "collapsed"), told.total("upstream")), (2, 2));
    assert_eq!((told.total("answered"), house.upstream.count()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_body_stands_on_its_line_as_it_is_if_it_is_json_and_as_a_string_if_not() {
    let deep = "[".repeat(300) + &"]".repeat(300);
    let rows: [(&[u8], Value); 12] = [
        (b"{\n  \"a\": [\r\n 1 ]\n}\n", json!({"a": [1]})),
        (b"\"line\\nend\"", json!("line\nend")),
        (b" null ", json!(null)),
        (b"0.10", json!(0.1)),
        (b"", json!("")),
        (b"no\njson\r\n", json!("no\njson\r\n")),
        (b"{\"a\":1}{\"b\":2}", json!("{\"a\":1}{\"b\":2}")),
        (b"1,\"index\":7", json!("1,\"index\":7")),
        (b"\"\xff\"", json!("\"\u{fffd}\"")),
        (b"\xef\xbb\xbf{}", json!("\u{feff}{}")),
        (b"\"\\ud800\"", json!("\"\\ud800\"")),
        (deep.as_bytes(), json!(deep)),
    ];
    for (body, expected) in rows {
        let house = House::with(plain);
        house.upstream.always(say(200, &[], body));
        let told = call(&house, &["t0"]).await;
        assert_eq!(told.lines[0]["body"], expected, "{:?}", String::from_utf8_lossy(body));
    }
}

#[tokio::test(start_paused = true)]
async fn the_totals_are_those_of_the_lines_and_of_the_upstream() {
    let house = House::with(plain);
    for id in ["t0", "t1"] {
        house.ticket(id, ANN).await;
    }
    // By the last digit: not found, forbidden, outage, limited, silent, else a ticket.
    house.upstream.says(|request| match id_of(request).chars().last() {
        Some('3') => Say::not_found(),
        Some('4') => Say::json(403, "{}", &[]),
        Some('5') => Say::json(500, "{}", &[]),
        Some('6') => Say::json(503, "{}", &[]),
        Some('7') => Say::json(429, "{}", &[]),
        Some('8') => Say::RawThenClose(b"no HTTP\r\n\r\n".to_vec()),
        Some('9') => Say::Never,
        _ => Say::ticket(id_of(request), "open", &[]),
    });
    let before = house.upstream.count();
    let told = Call::begin(&house, &many(200)).await.rest().await;
    assert_eq!((told.lines.len(), told.total("asked")), (200, 200));
    assert_eq!((told.with("cache", "hit"), told.total("hits")), (2, 2));
    assert_eq!((told.total("answered"), told.total("failed")), (100, 100));
    assert_eq!((told.total("upstream"), house.upstream.count() - before), (198, 198));
    for (status, times) in
        [(200, 60), (404, 20), (403, 20), (500, 20), (503, 20), (429, 20), (502, 20), (504, 20)]
    {
        assert_eq!(told.with("status", status), times, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_upstream_has_not_heard_is_not_counted_as_asked_for() {
    let house = House::with(plain);
    house.reachable.store(false, std::sync::atomic::Ordering::Relaxed);
    let told = call(&house, &["t0", "t1"]).await;
    assert_eq!((told.with("status", 502), told.total("failed")), (2, 2));
    assert_eq!((told.total("upstream"), house.upstream.count()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_query_and_the_fields_of_a_read_go_on_with_each_id() {
    let house = House::new();
    let fields = [
        ("authorization", ANN),
        ("accept-language", "es"),
        ("content-type", "application/json"),
        ("range", "bytes=0-1"),
        ("if-none-match", "*"),
    ];
    let target = format!("{BATCH}?populates=x%20y");
    let told = Call::begin_as(&house, &target, &many(2), &fields).await.rest().await;
    assert_eq!((told.with("status", 200), house.upstream.count()), (2, 2));
    for heard in house.upstream.heard() {
        let id = id_of(&heard);
        assert_eq!(heard.start, format!("GET /v2/support-tickets/{id}?populates=x%20y HTTP/1.1"));
        assert_eq!(heard.field("authorization"), Some(ANN));
        assert_eq!(heard.field("accept-language"), Some("es"));
        for name in ["content-type", "content-length", "range", "if-none-match"] {
            assert_eq!(heard.field(name), None, "{name}");
        }
    }
    // What was stored by the call is found by a GET of the same, and by no other.
    let fields = &fields[..2];
    let same = house.client().ask("GET", &format!("{}?populates=x%20y", path("t0")), fields).await;
    let other = house.client().ask("GET", &path("t0"), fields).await;
    assert_eq!((same.is_hit(), other.is_hit()), (true, false));
}

#[tokio::test(start_paused = true)]
async fn answers_of_one_credential_never_reach_another() {
    let house = House::new();
    house.upstream.says(|request| {
        let of = request.field("authorization").unwrap();
        let body = json!({"data": {"_id": id_of(request), "of": of}}).to_string();
        Say::json(200, &body, &[]).after(1)
    });
    for _ in 0..2 {
        let calls = [ANN, BEN].map(|who| {
            let house = &house;
            async move { call_with(house, &["t0", "t1", "t0"], &[("authorization", who)]).await }
        });
        let [ann, ben] = calls;
        let (ann, ben) = tokio::join!(ann, ben);
        for (who, told) in [(ANN, ann), (BEN, ben)] {
            let own = told.lines.iter().filter(|line| line["body"]["data"]["of"] == who);
            assert_eq!((own.count(), told.with("status", 200)), (3, 3), "{who}");
        }
    }
    assert_eq!(house.upstream.count(), 4, "two tickets for each of two");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_too_long_to_store_stands_on_its_line_up_to_four_times_that_length() {
    for (length, status, word) in [(400, 200, "miss"), (401, 502, "miss"), (100_000, 502, "miss")] {
        let house = House::with(|settings| settings.cache.max_stored_body = 100);
        let body = format!(r#"{{"data":{{"_id":"t0","text":"{}"}}}}"#, "x".repeat(length - 31));
        assert_eq!(body.len(), length);
        house.upstream.always(Say::json(200, &body, &[]));
        let told = call(&house, &["t0", "t0"]).await;
        assert_eq!(told.with("status", status), 2, "{length}: {:?}", told.lines);
        assert_eq!(told.with("cache", word), 2, "{length}: {:?}", told.lines);
        let code = told.lines[0]["body"]["code"].as_str();
        assert_eq!(code, (status == 502).then_some("GATEWAY_ANSWER_TOO_LONG"), "{length}");
        assert_eq!(told.total("upstream"), house.upstream.count() as u64, "{length}");
        assert_eq!(house.door.gateway.cache.queue.load(), (0, 0), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_memory_a_batch_is_answered_all_the_same() {
    let house = House::with(|settings| settings.cache.memory = 0);
    let told = call(&house, &["t0", "t1"]).await;
    assert_eq!((told.with("cache", "miss"), told.total("answered")), (2, 2));
}
