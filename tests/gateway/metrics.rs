//! The metrics: in the formats that Prometheus reads, and exactly what the clients and the upstream
//! have counted themselves.

use crate::support::chance::seeds;
use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;

const GOLDEN: &str = "tests/gateway/golden/metrics.txt";

#[tokio::test(start_paused = true)]
async fn their_names_and_kinds_change_only_on_purpose() {
    let house = House::new();
    let text = house.operator().ask("GET", "/metrics", &[]).await.text();
    let described: String =
        text.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &described).unwrap();
    }
    assert_eq!(
        described,
        std::fs::read_to_string(GOLDEN).unwrap(),
        "UPDATE_GOLDEN=1 writes it anew"
    );
}

#[tokio::test(start_paused = true)]
async fn each_reader_gets_the_format_it_asks_for() {
    let house = House::new();
    let classic = house.operator().ask("GET", "/metrics", &[("accept", "text/plain")]).await;
    assert_eq!(classic.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(classic.text().contains("# TYPE verifik_gateway_requests_total counter\n"));
    let wish = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
    let open = house.operator().ask("GET", "/metrics", &[("accept", wish)]).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.field("content-type"), Some(kind));
    assert!(open.text().contains("# TYPE verifik_gateway_requests counter\n"));
    assert!(open.text().ends_with("# EOF\n"));
}

/// Where Prometheus's own tool is installed; CI installs it.
#[tokio::test(start_paused = true)]
async fn promtool_has_nothing_to_say_about_them() {
    let house = House::new();
    house.upstream.says(|_| Say::ticket("1", "open", &[]));
    house.ticket("1", ANN).await;
    house.ticket("1", ANN).await;
    house.get("/_gateway/none", ANN).await;
    let text = house.operator().ask("GET", "/metrics", &[]).await.text();
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let Ok(mut promtool) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
}

/// What a client has seen of replies, by their own words.
#[derive(Default)]
struct Seen {
    replies: BTreeMap<String, u64>,
    requests: u64,
    refused: u64,
}

impl Seen {
    /// The labels under which a reply has to be counted, from its fields alone.
    fn note(&mut self, reply: &Reply) {
        self.requests += 1;
        let error = reply.field("proxy-status").map(|_| {
            let body: serde_json::Value = serde_json::from_str(&reply.text()).unwrap();
            body["code"].as_str().unwrap().to_owned()
        });
        let status = reply.field("cache-status").map(ToOwned::to_owned);
        let Some(status) = status else {
            self.refused += 1;
            return self.add("none", false, false, "", &error.unwrap_or_default());
        };
        let mut words = status.split("; ").skip(1);
        let first = words.next().unwrap();
        let cache = first.strip_prefix("fwd=").unwrap_or(first);
        let rest: Vec<&str> = words.collect();
        let detail = rest.iter().find_map(|word| word.strip_prefix("detail=")).unwrap_or_default();
        let word = match error.as_deref() {
            Some("GATEWAY_CONNECT_FAILED") => "connect",
            Some("GATEWAY_UPSTREAM_TRUNCATED") => "truncated",
            Some(other) => panic!("{other}"),
            None => "",
        };
        self.add(cache, rest.contains(&"stored"), rest.contains(&"collapsed"), detail, word);
    }

    fn add(&mut self, cache: &str, stored: bool, collapsed: bool, detail: &str, error: &str) {
        let labels = format!(
            "verifik_gateway_replies_total{{cache=\"{cache}\",stored=\"{stored}\",\
             collapsed=\"{collapsed}\",detail=\"{detail}\",error=\"{error}\"}}"
        );
        *self.replies.entry(labels).or_default() += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_random_run_they_are_what_clients_and_upstream_have_counted() {
    for seed in seeds(0..3) {
        let house = Arc::new(House::with(|settings| settings.breaker.failures = 0));
        let luck = Mutex::new(Rng::with_seed(seed));
        house.upstream.says(move |request| {
            let id = id_of(request).to_owned();
            match luck.lock().unwrap().u8(0..20) {
                0..4 => Say::json(503, r#"{"message":"busy"}"#, &[]).after(1),
                4..7 => Say::not_found(),
                _ => Say::ticket(&id, "open", &[]).after(1),
            }
        });
        let seen = Arc::new(Mutex::new(Seen::default()));
        let clients: Vec<_> = (0..20)
            .map(|number| {
                let luck = Rng::with_seed(seed * 100 + number);
                tokio::spawn(client(Arc::clone(&house), luck, Arc::clone(&seen)))
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        pass(60).await;
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        agree(&house, &seen, seed).await;
    }
}

/// One client's requests of every kind.
async fn client(house: Arc<House>, mut luck: Rng, seen: Arc<Mutex<Seen>>) {
    let mut client = house.client();
    for _ in 0..40 {
        let who = [("authorization", if luck.bool() { ANN } else { BEN })];
        let ticket = format!("/v2/support-tickets/{}", luck.u8(0..6));
        let reply = match luck.u8(0..20) {
            0 => client.ask("GET", "/v2/elsewhere", &who).await,
            1 => client.send("PUT", &ticket, &who, "{}").await,
            2 => client.ask("GET", &ticket, &[]).await,
            3 => client.ask("GET", "/_gateway/none", &who).await,
            4 => {
                pass(luck.u64(0..9)).await;
                client.ask("HEAD", &ticket, &who).await
            }
            5 => client.ask("GET", &ticket, &[who[0], ("cache-control", "no-store")]).await,
            _ => client.ask("GET", &ticket, &who).await,
        };
        seen.lock().unwrap().note(&reply);
        if reply.field("connection") == Some("close") {
            client = house.client();
        }
    }
}

async fn agree(house: &House, told: &Seen, seed: u64) {
    let all = house.operator().metrics().await;
    let count = |name: &str| all.get(&format!("verifik_gateway_{name}")).copied();
    let sum = |name: &str| -> f64 {
        let name = format!("verifik_gateway_{name}{{");
        all.iter().filter(|(key, _)| key.starts_with(&name)).map(|(_, value)| value).sum()
    };
    let as_f64 = |count: u64| Some(f64::from(u32::try_from(count).unwrap()));
    let replies: BTreeMap<_, _> = all
        .iter()
        .filter(|(name, value)| name.starts_with("verifik_gateway_replies_total{") && **value > 0.0)
        .map(|(name, value)| (name.clone(), Some(*value)))
        .collect();
    let expected: BTreeMap<_, _> =
        told.replies.iter().map(|(name, count)| (name.clone(), as_f64(*count))).collect();
    assert_eq!(replies, expected, "SEED={seed}");
    assert_eq!(count("requests_total"), as_f64(told.requests), "SEED={seed}");
    assert_eq!(count("requests_total"), Some(sum("request_outcomes_total")), "SEED={seed}");
    assert_eq!(count("reply_seconds_count{from=\"own\"}"), as_f64(told.refused), "SEED={seed}");
    assert_eq!(Some(sum("reply_seconds_count")), as_f64(told.requests), "SEED={seed}");
    assert_eq!(Some(sum("refusals_total")), as_f64(told.refused), "SEED={seed}");
    let heard = as_f64(u64::try_from(house.upstream.count()).unwrap());
    assert_eq!(count("upstream_requests_total"), heard, "SEED={seed}");
    assert_eq!(Some(sum("upstream_sendings_total")), heard, "SEED={seed}");
    assert_eq!(Some(sum("upstream_answers_total")), heard, "SEED={seed}");
    let stats = house.operator().stats().await;
    for (name, metric) in [
        ("requests", "requests_total"),
        ("hits", "request_outcomes_total{outcome=\"stored\"}"),
        ("upstream_requests", "upstream_requests_total"),
        ("upstream_calls_saved", "upstream_calls_saved_total"),
        ("stored_responses", "stored_responses"),
        ("stored_bytes", "stored_bytes"),
    ] {
        assert_eq!(stats[name].as_f64(), count(metric), "{name} SEED={seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_the_breaker_and_the_leases_do_is_counted() {
    let house = House::with(|settings| {
        settings.upstream.retries = 0;
        settings.breaker.failures = 3;
    });
    house.upstream.says(|request| Say::ticket(id_of(request), "closed", &[]));
    house.ticket("1", ANN).await;
    pass(61).await;
    house.ticket("1", ANN).await;
    house.write("PUT", "/v2/support-tickets/1", ANN, "{}").await;
    house.upstream.always(Say::json(503, r#"{"message":"down"}"#, &[]));
    for id in ["2", "3", "4", "5"] {
        house.ticket(id, ANN).await;
    }
    let metrics = house.operator().metrics().await;
    for (name, expected) in [
        ("lease_probes_total{outcome=\"answered\"}", 1.0),
        ("invalidations_total{scope=\"ticket\"}", 1.0),
        ("marks", 1.0),
        ("leases", 1.0),
        ("breaker_changes_total{to=\"opened\"}", 1.0),
        ("breaker_state{state=\"open\"}", 1.0),
        ("breaker_state{state=\"closed\"}", 0.0),
        ("upstream_answers_total{status=\"5xx\"}", 3.0),
        ("queue_places", 256.0),
        ("memory_bytes", 67_108_864.0),
        ("ready", 0.0),
    ] {
        assert_eq!(metrics.get(&format!("verifik_gateway_{name}")), Some(&expected), "{name}");
    }
    assert!(metrics["verifik_gateway_queue_wait_seconds_count"] >= 4.0);
    assert!(metrics["process_resident_memory_bytes"] > 1e6);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_for_want_of_room_is_counted() {
    let house = House::with(|settings| settings.cache.memory = 100_000);
    house.upstream.says(|request| Say::ticket(id_of(request), "closed", &[]));
    for id in 0..400 {
        house.ticket(&id.to_string(), ANN).await;
    }
    let stats = house.operator().stats().await;
    let (stored, evicted) =
        (stats["stored_responses"].as_u64().unwrap(), stats["evictions"].as_u64().unwrap());
    assert!(stored < 400 && stored > 20, "{stored}");
    assert_eq!(stored + evicted, 400);
    let ages: u64 = stats["stored_ages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["responses"].as_u64().unwrap())
        .sum();
    assert_eq!(ages, stored);
}
