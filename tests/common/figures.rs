//! What the operators' port says of a running gateway.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Longer than what was begun for clients that have left may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than the pause before another try of the upstream.
const PAUSE: Duration = Duration::from_millis(500);

/// Each account in the log, its name in `/stats`, and its metric.
const ACCOUNTS: [(&str, &str, &str); 10] = [
    ("requests", "requests", "requests_total"),
    ("stored", "hits", "request_outcomes_total{outcome=\"stored\"}"),
    ("collapsed", "collapsed", "request_outcomes_total{outcome=\"collapsed\"}"),
    ("forwarded", "forwarded", "request_outcomes_total{outcome=\"forwarded\"}"),
    ("refused", "refused", "request_outcomes_total{outcome=\"refused\"}"),
    ("own", "own", "request_outcomes_total{outcome=\"own\"}"),
    ("left", "left", "request_outcomes_total{outcome=\"left\"}"),
    ("upstream", "upstream_requests", "upstream_requests_total"),
    ("retries", "upstream_retries", "upstream_sendings_total{reason=\"retry\"}"),
    ("background", "upstream_background", "upstream_sendings_total{reason=\"background\"}"),
];

/// The metrics and the figures of a moment at which nothing was under way.
#[derive(Debug)]
pub struct Figures {
    metrics: BTreeMap<String, f64>,
    stats: Value,
    /// Both as they came.
    text: String,
}

impl Figures {
    /// Those of a gateway that is asked for nothing more, once it is done with what it was asked for.
    /// `fields`: lines of the request's head, for a token.
    pub fn settled(admin: SocketAddr, fields: &str) -> Self {
        let (began, mut last) = (Instant::now(), Self::read(admin, fields));
        loop {
            thread::sleep(PAUSE);
            let figures = Self::read(admin, fields);
            if figures.are_at_rest() && figures.accounts() == last.accounts() {
                return figures;
            }
            assert!(began.elapsed() < PATIENCE, "something is under way for ever: {figures:?}");
            last = figures;
        }
    }

    fn read(admin: SocketAddr, fields: &str) -> Self {
        let (metrics, stats) = (ask(admin, "/metrics", fields), ask(admin, "/stats", fields));
        let samples = metrics.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let name = name.strip_prefix("verifik_gateway_").unwrap_or(name);
            (name.to_owned(), value.parse().unwrap())
        });
        Self {
            metrics: samples.collect(),
            stats: serde_json::from_str(&stats).unwrap(),
            text: metrics + &stats,
        }
    }

    fn are_at_rest(&self) -> bool {
        let moving = ["connections_open", "queue_waiting", "queue_under_way"];
        moving.iter().all(|name| self.count(name) == 0)
            && self.count("requests_total") == self.sum("request_outcomes_total")
    }

    /// The value of one sample, without the prefix of all.
    pub fn count(&self, sample: &str) -> u64 {
        let value = self.metrics.get(sample);
        whole(*value.unwrap_or_else(|| panic!("no {sample} in {}", self.text)))
    }

    /// All samples of a metric together.
    pub fn sum(&self, metric: &str) -> u64 {
        self.sum_of(metric, |_| true)
    }

    /// All samples of a metric together whose labels are like this.
    pub fn sum_of(&self, metric: &str, labels: impl Fn(&str) -> bool) -> u64 {
        let named = self.metrics.iter().filter_map(|(name, value)| {
            let labels_of = name.strip_prefix(metric)?.strip_prefix('{')?;
            labels(labels_of).then_some(*value)
        });
        whole(named.sum())
    }

    fn accounts(&self) -> BTreeMap<String, u64> {
        ACCOUNTS.iter().map(|(name, _, metric)| ((*name).to_owned(), self.count(metric))).collect()
    }

    /// Asserts that both say what the accounts in the log say, and agree with one another in the rest.
    pub fn agree_with(&self, logged: &BTreeMap<String, u64>) {
        for (name, in_stats, metric) in ACCOUNTS {
            let told = [self.count(metric), self.stats[in_stats].as_u64().unwrap()];
            assert_eq!(told, [logged[name]; 2], "{name}: {}", self.text);
        }
        let refusals = self.stats["refusals"].as_array().unwrap().iter();
        let refusals: u64 = refusals.map(|reason| reason["count"].as_u64().unwrap()).sum();
        assert_eq!(refusals, self.sum("refusals_total"), "{}", self.text);
        let open = self.stats["connections"]["open"].as_u64();
        assert_eq!((open, self.count("connections_open")), (Some(0), 0), "{}", self.text);
        assert_eq!(self.sum("upstream_sendings_total"), logged["upstream"], "{}", self.text);
        let saved = logged["stored"] + logged["collapsed"];
        assert_eq!(self.count("upstream_calls_saved_total"), saved, "{}", self.text);
        assert_eq!(self.stats["upstream_calls_saved"].as_u64(), Some(saved), "{}", self.text);
    }

    /// Asserts that none of these words is in either.
    pub fn are_without(&self, words: &[&str]) {
        for word in words {
            assert!(!self.text.contains(word), "{word} is told: {}", self.text);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is looked at before"
)]
fn whole(value: f64) -> u64 {
    assert!(value >= 0.0 && value.fract() == 0.0, "{value} counts nothing");
    value as u64
}

/// The body of an answer of the operators' port.
fn ask(admin: SocketAddr, path: &str, fields: &str) -> String {
    let mut socket = TcpStream::connect(admin).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n{fields}\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}
