//! An operator at the gateway's other port.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::search::assert_clean;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::io::DuplexStream;

pub struct Operator(Client<DuplexStream>);

impl Operator {
    pub fn new(io: DuplexStream) -> Self {
        Self(Client::new(io))
    }

    /// Asks as from this machine.
    pub async fn ask(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(method, path, fields, "").await
    }

    /// The same with a body.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let host = [("host", "localhost:8081")];
        let default = host.into_iter().filter(|_| fields.iter().all(|(name, _)| *name != "host"));
        let length = body.len().to_string();
        let all = default.chain(fields.iter().copied()).chain([("content-length", &*length)]);
        let lines: String = all.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.0.write(format!("{method} {path} HTTP/1.1\r\n{lines}\r\n{body}")).await;
        let reply = self.0.reply_to(method).await.expect("a reply");
        // Clients may be told what they have sent; operators never what anybody has.
        assert_clean(&format!("{}\r\n{}", reply.message.start, reply.text()), path);
        for (name, value) in &reply.message.fields {
            assert_clean(&format!("{name}: {value}"), path);
        }
        reply
    }

    /// Purges, which has to succeed.
    pub async fn purge(&mut self, body: &str) -> String {
        let reply = self.send("POST", "/purge", &[], body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text()
    }

    /// The figures.
    pub async fn stats(&mut self) -> Value {
        serde_json::from_str(&self.ask("GET", "/stats", &[]).await.text()).unwrap()
    }

    /// All samples of the metrics: name and labels as they are written, and the value.
    pub async fn metrics(&mut self) -> BTreeMap<String, f64> {
        let text = self.ask("GET", "/metrics", &[]).await.text();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect()
    }
}
