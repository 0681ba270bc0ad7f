//! A client: asks at its pace, on connections that it keeps for a while, and checks what it is told.
//! Nothing is asked twice.

use crate::tally::Tally;
use crate::versions::Versions;
use crate::wire::Connection;
use crate::wire::Message;
use crate::world::CREDENTIALS;
use crate::world::Stamp;
use crate::world::TICKETS;
use crate::world::absent;
use crate::world::id;
use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::timeout;

/// Longer than any answer may take here, a restart with its drain included.
const PATIENCE: Duration = Duration::from_mins(1);

/// One of many clients.
pub struct Client {
    pub versions: Arc<Versions>,
    pub tally: Arc<Tally>,
    pub gateway: SocketAddr,
    pub chance: Rng,
    /// From one request to the next, at least.
    pub pace: Duration,
}

/// What is asked for.
#[derive(Clone, Debug)]
enum Wish {
    Read,
    Absent,
    Elsewhere,
    Write,
    /// Each ticket with what is known of it.
    Batch(Vec<(u64, u64)>),
}

/// A request, and what was known when it was made.
#[derive(Debug)]
struct Request {
    credential: u64,
    ticket: u64,
    /// The version that the answer has to have at least.
    floor: u64,
    wish: Wish,
}

impl Client {
    /// Until enough has been done.
    pub async fn run(mut self) {
        let mut tick = interval(self.pace);
        // What has come late is no reason to hurry.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kept = None;
        while !self.tally.is_over() {
            tick.tick().await;
            let mut connection = match kept.take() {
                Some(connection) => self.still_open(connection).await,
                None => self.connect().await,
            };
            let asked = self.request();
            let reply = timeout(PATIENCE, ask(&mut connection, &asked)).await;
            let reply = reply.unwrap_or_else(|_| panic!("no answer in time to {asked:?}"));
            let reply = reply.unwrap_or_else(|why| panic!("{asked:?} failed: {why}"));
            self.judge(&asked, &reply);
            let last = reply.field("connection") == Some("close");
            if last {
                Tally::add(&self.tally.told_last);
            }
            if !last && self.chance.u8(..8) > 0 {
                kept = Some(connection);
            }
        }
    }

    async fn connect(&self) -> Connection {
        Tally::add(&self.tally.connections);
        Connection::new(TcpStream::connect(self.gateway).await.expect("never refused"))
    }

    /// The kept connection, unless it was closed before anything was written on it.
    async fn still_open(&self, connection: Connection) -> Connection {
        if connection.is_closed() {
            Tally::add(&self.tally.found_closed);
            return self.connect().await;
        }
        connection
    }

    fn request(&mut self) -> Request {
        let (chance, versions) = (&mut self.chance, &self.versions);
        let (credential, ticket) = (chance.u64(..CREDENTIALS), skewed(chance));
        let wish = match chance.u8(..100) {
            0..2 => Wish::Write,
            2..5 => {
                let mut wanted: Vec<u64> = (0..chance.u64(1..9)).map(|_| skewed(chance)).collect();
                wanted.sort_unstable();
                wanted.dedup();
                Wish::Batch(wanted.into_iter().map(|one| (one, versions.floor(one))).collect())
            }
            5..10 => Wish::Elsewhere,
            10..15 => Wish::Absent,
            _ => Wish::Read,
        };
        Request { credential, ticket, floor: versions.floor(ticket), wish }
    }

    fn judge(&self, asked: &Request, reply: &Message) {
        let Self { tally, versions, .. } = self;
        let (status, text) = (reply.status(), reply.text());
        let right = if matches!(asked.wish, Wish::Absent) { 404 } else { 200 };
        assert_eq!(status, right, "{asked:?}: {reply:?}");
        let stamps = Stamp::all(&text);
        let foreign = stamps.iter().find(|stamp| stamp.credential != asked.credential);
        assert!(foreign.is_none() && !text.contains("tok_"), "FOREIGN: {asked:?}: {reply:?}");
        let first = *stamps.first().unwrap_or_else(|| panic!("{asked:?}: {reply:?}"));
        match &asked.wish {
            Wish::Batch(wanted) => lines(versions, wanted, &text, asked),
            Wish::Read => {
                assert!(text == first.body(), "{asked:?}: {reply:?}");
                fits(versions, (asked.ticket, asked.floor), first);
            }
            Wish::Write => {
                fits(versions, (asked.ticket, asked.floor + 1), first);
                versions.told(asked.ticket, first.version);
            }
            Wish::Absent | Wish::Elsewhere => assert_eq!(first.ticket, asked.ticket, "{reply:?}"),
        }
        Tally::add(&tally.answered);
        if reply.head.contains("verifik-gateway; hit") {
            Tally::add(&tally.hits);
        }
        match asked.wish {
            Wish::Read => {}
            Wish::Absent => Tally::add(&tally.absent),
            Wish::Elsewhere => Tally::add(&tally.passed),
            Wish::Write => Tally::add(&tally.writes),
            Wish::Batch(_) => Tally::add(&tally.batches),
        }
    }
}

/// Asks once, and reads the answer.
async fn ask(connection: &mut Connection, asked: &Request) -> Result<Message, String> {
    let Request { credential, ticket, wish, .. } = asked;
    let (method, target, body) = match wish {
        Wish::Read => ("GET", format!("/v2/support-tickets/{}", id(*ticket)), String::new()),
        Wish::Absent => ("GET", format!("/v2/support-tickets/{}", absent(*ticket)), String::new()),
        Wish::Elsewhere => ("GET", format!("/v2/clients/c{ticket}"), String::new()),
        Wish::Write => {
            let target = format!("/v2/support-tickets/{}", id(*ticket));
            ("PUT", target, r#"{"status":"open"}"#.to_owned())
        }
        Wish::Batch(wanted) => {
            let ids: Vec<_> = wanted.iter().map(|(one, _)| format!("\"{}\"", id(*one))).collect();
            ("POST", "/_gateway/tickets".to_owned(), format!(r#"{{"ids":[{}]}}"#, ids.join(",")))
        }
    };
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let bytes = format!(
        "{method} {target} HTTP/1.1\r\nhost: gateway\r\n\
         authorization: Bearer tok_{credential:03}\r\n{length}\r\n{body}"
    );
    connection.write(bytes.as_bytes()).await.map_err(|error| format!("not sent: {error}"))?;
    connection.message().await?.ok_or_else(|| "closed without an answer".to_owned())
}

fn fits(versions: &Versions, (ticket, floor): (u64, u64), told: Stamp) {
    assert_eq!(told.ticket, ticket, "another ticket: {told:?}");
    assert!(told.version >= floor, "too old: {told:?}, and {floor} was known");
    assert!(told.version <= versions.version(ticket), "from the future: {told:?}");
}

/// The lines of a batch: every ticket once, each as if it had been asked for alone.
fn lines(versions: &Versions, wanted: &[(u64, u64)], text: &str, asked: &Request) {
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let mut lines: Vec<serde_json::Value> = lines.collect();
    let last = lines.pop().expect("a last line");
    assert!(last["done"] == true && last["stopped"].is_null(), "{asked:?}: {text}");
    lines.sort_by_key(|line| line["index"].as_u64());
    assert_eq!(lines.len(), wanted.len(), "{asked:?}: {text}");
    for (line, known) in lines.iter().zip(wanted) {
        assert!(line["status"] == 200 && line["id"] == id(known.0), "{asked:?}: {line}");
        let first = *Stamp::all(&line["body"].to_string()).first().expect("a stamp");
        fits(versions, *known, first);
    }
}

/// Small numbers far more often.
fn skewed(chance: &mut Rng) -> u64 {
    let most = chance.u64(..TICKETS);
    chance.u64(..=most)
}
