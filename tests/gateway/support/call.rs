//! Batch calls, and their answers line by line.

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::wire::Message;
use serde_json::Value;
use serde_json::json;

/// Where batches go.
pub const BATCH: &str = "/_gateway/tickets";

/// A call whose answer is being read.
pub struct Call {
    client: Client,
    /// The answer's head.
    pub head: Message,
    unread: Vec<u8>,
}

/// A call that has been answered.
#[derive(Debug)]
pub struct Told {
    /// A line for each id, in the order in which they came.
    pub lines: Vec<Value>,
    /// The last line.
    pub last: Value,
}

impl Call {
    /// Asks for ids as Ann. Returns when the answer has begun.
    pub async fn begin(house: &House, ids: &[String]) -> Self {
        Self::begin_as(house, BATCH, ids, &[("authorization", ANN)]).await
    }

    /// Asks for ids, with a query perhaps and fields of its own.
    pub async fn begin_as(
        house: &House,
        target: &str,
        ids: &[String],
        fields: &[(&str, &str)],
    ) -> Self {
        let body = json!({"ids": ids}).to_string();
        let length = body.len().to_string();
        let fields: Vec<_> = fields.iter().copied().chain([("content-length", &*length)]).collect();
        let mut client = house.client();
        client.write(request("POST", target, &fields, &body)).await;
        let head = client.reader.head().await.expect("an answer");
        assert_eq!(head.start, "HTTP/1.1 200 OK", "{head:?}");
        Self { client, head, unread: Vec::new() }
    }

    /// The next line, as it was on the wire; `None` once the answer has ended.
    pub async fn raw_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8(line).expect("UTF-8"));
            }
            if !self.chunk().await {
                assert!(self.unread.is_empty(), "the answer ends within a line");
                return None;
            }
        }
    }

    /// The next line.
    pub async fn line(&mut self) -> Option<Value> {
        let line = self.raw_line().await?;
        Some(serde_json::from_str(&line).expect("a line of JSON"))
    }

    /// All that is left.
    pub async fn rest(mut self) -> Told {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        let last = lines.pop().expect("a last line");
        assert_eq!(last["done"], true, "{last}");
        Told { lines, last }
    }

    /// Reads a chunk; whether there was one more.
    async fn chunk(&mut self) -> bool {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            assert!(self.client.reader.exactly(1, &mut size).await, "the answer breaks off");
        }
        let size = String::from_utf8(size).expect("a chunk's size");
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        let mut ended = Vec::new();
        let whole = self.client.reader.exactly(size, &mut self.unread).await
            && self.client.reader.exactly(2, &mut ended).await;
        assert!(whole, "the answer breaks off");
        size > 0
    }
}

impl Told {
    /// The ids in the order in which they came.
    pub fn ids(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
    }

    /// How many lines say this.
    pub fn with(&self, name: &str, value: impl Into<Value>) -> usize {
        let value = value.into();
        self.lines.iter().filter(|line| line[name] == value).count()
    }

    /// One of the totals.
    pub fn total(&self, name: &str) -> u64 {
        self.last[name].as_u64().expect("a total")
    }
}

/// Asks for ids as Ann, and reads the whole answer.
pub async fn call(house: &House, ids: &[&str]) -> Told {
    Call::begin(house, &owned(ids)).await.rest().await
}

/// Asks for ids as somebody, with fields.
pub async fn call_with(house: &House, ids: &[&str], fields: &[(&str, &str)]) -> Told {
    Call::begin_as(house, BATCH, &owned(ids), fields).await.rest().await
}

/// As many ids as that: `t0`, `t1` and so on.
pub fn many(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("t{index}")).collect()
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}
