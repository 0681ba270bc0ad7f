//! What every torture goes by: an upstream whose answers say whose they are, how a reply must look
//! whatever went wrong, and what is given back when all is over.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::House;
use crate::support::house::PIPE;
use crate::support::house::pass;
use crate::support::search::unmarked;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use serde_json::Value;
use std::backtrace::Backtrace;
use std::thread::panicking;
use std::time::Duration;
use tokio::io::duplex;
use tokio::task::Id;
use tokio::task::JoinHandle;
use verifik_gateway::serve::exchanges::Exchanges;

/// How the upstream frames its answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    Length,
    Chunked,
}

/// From now on every answer says for whom, of what and the how manieth it is, and comes in three
/// parts: its head, its beginning, the rest. `fields`: of a ticket.
pub fn tells(house: &House, framing: Framing, fields: &'static str) {
    let mut number = 0;
    house.upstream.says(move |asked| {
        number += 1;
        if fields.contains("etag") && asked.field("if-none-match").is_some() {
            return Say::Raw(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes());
        }
        let owner = unmarked(asked.field("authorization").unwrap_or_default());
        let id = id_of(asked);
        let body = format!(r#"{{"data":{{"_id":"{id}","owner":"{owner}","number":{number}}}}}"#);
        in_parts(&body, framing, fields)
    });
}

/// An answer in its three parts.
pub fn in_parts(body: &str, framing: Framing, fields: &str) -> Say {
    let (begun, rest) = body.split_at(9);
    let length = body.len();
    let (framed, begun, rest) = match framing {
        Framing::Length => (format!("content-length: {length}"), begun.to_owned(), rest.to_owned()),
        Framing::Chunked => {
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            let rest = chunk(rest) + "0\r\n\r\n";
            ("transfer-encoding: chunked".to_owned(), chunk(begun), rest)
        }
    };
    let json = "content-type: application/json";
    let head = format!("HTTP/1.1 200 OK\r\n{json}\r\n{fields}{framed}\r\n\r\n");
    let pause = Duration::from_millis(1);
    let parts = [(head, pause), (begun, pause), (rest, Duration::ZERO)];
    Say::Parts(parts.map(|(text, pause)| (text.into_bytes(), pause)).into())
}

/// Someone asks on a connection of its own and waits while the test goes on; `None` if the connection
/// ended without a reply.
pub fn sends(house: &House, text: String) -> JoinHandle<Option<Reply>> {
    let method = text.split(' ').next().unwrap_or_default().to_owned();
    let mut client = house.client();
    tokio::spawn(async move {
        client.write(text).await;
        client.reply_to(&method).await
    })
}

/// A GET of a ticket by somebody.
pub fn get(id: &str, token: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = [("authorization", token)].iter().chain(fields).copied().collect();
    request("GET", &format!("/v2/support-tickets/{id}"), &fields, "")
}

/// What an answer of the upstream's says: the how manieth it is. It must be whole, and the asker's own.
pub fn number(reply: &Reply, id: &str, token: &str) -> u64 {
    let told: Value = serde_json::from_str(&reply.text()).unwrap_or_default();
    let data = &told["data"];
    let seen = (reply.status, reply.message.whole, data["_id"].as_str(), data["owner"].as_str());
    let owner = unmarked(token);
    assert_eq!(seen, (200, true, Some(id), Some(&*owner)), "{reply:?}");
    data["number"].as_u64().expect("a number")
}

/// The code of a word of our own, which must be one as it should be.
pub fn code(reply: &Reply) -> String {
    let told: Value = serde_json::from_str(&reply.text()).unwrap_or_default();
    let code = told["code"].as_str().unwrap_or_default().to_owned();
    assert!(code.starts_with("GATEWAY_") && told["message"].is_string(), "{reply:?}");
    assert!(reply.message.whole && reply.field("content-type") == Some("application/json"));
    assert!(reply.field("proxy-status").is_some(), "{reply:?}");
    format!("{} {code}", reply.status)
}

/// Nobody is under way any more, nothing is held but what is stored, and all is accounted for.
pub async fn all_is_given_back(house: &House, case: &str) {
    all_but_given_back(house, 0, case).await;
}

/// The same, but that so many requests may be missing from the accounts.
pub async fn all_but_given_back(house: &House, astray: u64, case: &str) {
    pass(1).await;
    let cache = &house.door.gateway.cache;
    let under_way = (cache.forwards.under_way(), cache.probes.under_way(), cache.queue.load());
    assert_eq!(under_way, (0, 0, (0, 0)), "{case}: under way");
    let held = || (cache.room.used(), usize::try_from(cache.store.size().1).unwrap());
    // What was replaced in the store is freed when no thread looks at the store any more, those of
    // other tests included.
    let freed = (0..100_000).any(|_| {
        std::thread::yield_now();
        let (used, stored) = held();
        used == stored
    });
    assert!(freed, "{case}: not only what is stored is held: {:?}", held());
    let totals = cache.accounts.totals();
    assert!(totals.astray() <= astray, "{case}: {totals:?}");
    let calls = house.door.gateway.calls.available_permits();
    assert_eq!(calls, verifik_gateway::serve::batch::MOST_CALLS, "{case}: batch calls");
}

/// The next request on a new connection is forwarded and answered.
pub async fn next_is_answered(house: &House, id: &str, token: &str, case: &str) {
    let asked = house.upstream.count();
    let anew = [("cache-control", "no-cache")];
    let reply = sends(house, get(id, token, &anew)).await.unwrap();
    let reply = reply.expect("a reply to the next request");
    number(&reply, id, token);
    assert!(house.upstream.count() > asked, "{case}: {}", reply.cache());
}

/// A client on a new connection, and the task that serves it.
pub fn connects(house: &House) -> (Client, Id) {
    let (ours, theirs) = duplex(PIPE);
    let door = house.door.clone();
    let task = tokio::spawn(async move { door.serve(theirs, Exchanges::default()).await });
    (Client::new(ours), task.id())
}

/// Whether what looks at the clock is giving something back. That is no place to panic: a second panic
/// ends the process, and the clock of a gateway that runs does not.
pub fn is_giving_back() -> bool {
    panicking() || Backtrace::force_capture().to_string().contains("drop_in_place")
}
