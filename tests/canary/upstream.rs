//! The upstream: knows every credential, gives each its canaries, and sometimes goes wrong.

use crate::fault::Fault;
use crate::fault::message;
use crate::fault::whole;
use crate::tally::Tally;
use crate::wire::Connection;
use crate::wire::Message;
use crate::world::Canary;
use crate::world::World;
use crate::world::ticket;
use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Where it listens.
pub struct Upstream {
    pub address: SocketAddr,
}

impl Upstream {
    /// Listens until the test ends.
    pub async fn open(world: Arc<World>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut chance = Rng::with_seed(seed);
            while let Ok((socket, _)) = listener.accept().await {
                let (world, chance) = (Arc::clone(&world), chance.fork());
                tokio::spawn(Desk { world, chance }.serve(Connection::new(socket)));
            }
        });
        Self { address }
    }
}

/// What answers on one connection.
struct Desk {
    world: Arc<World>,
    chance: Rng,
}

impl Desk {
    async fn serve(mut self, mut connection: Connection) {
        while let Some(asked) = connection.message(|_| false).await.whole() {
            Tally::add(&self.world.tally.heard);
            let (canary, right) = self.answer(&asked);
            let Some(fault) = canary.and_then(|_| self.fault(&asked)) else {
                if !connection.write(right.as_bytes()).await {
                    return;
                }
                continue;
            };
            let bytes = fault.bytes(canary.unwrap(), &right);
            if matches!(fault, Fault::Slow) {
                sleep(Duration::from_millis(self.chance.u64(1..60))).await;
            }
            Tally::add(&self.world.tally.faults);
            if !connection.write(&bytes).await || !matches!(fault, Fault::Slow) {
                if matches!(fault, Fault::Reset) {
                    connection.reset();
                }
                return;
            }
        }
    }

    /// Whether this answer goes wrong, and how. Hardly ever that of a write: what it touched is then
    /// not stored for a minute.
    fn fault(&mut self, asked: &Message) -> Option<Fault> {
        let spared = !asked.start.starts_with("GET") && self.chance.u8(..50) > 0;
        let due = self.world.tally.lacks_faults() && !spared && self.chance.u8(..4) == 0;
        due.then(|| Fault::any(&mut self.chance))
    }

    /// The right answer, and for whom it is. What is asked without a credential is for all.
    fn answer(&self, asked: &Message) -> (Option<Canary>, String) {
        let mut words = asked.start.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        assert_eq!(asked.all("host").len(), 1, "{asked:?}");
        let [authorization] = asked.all("authorization")[..] else {
            return (None, message(401, "application/json", "", r#"{"code":"Unauthorized"}"#));
        };
        let credential = authorization.strip_prefix("Bearer tok_").expect("a token");
        let credential = credential.parse().expect("a credential");
        let (_, last) = target.split('?').next().unwrap().rsplit_once('/').unwrap();
        let named = ticket(last).unwrap_or(0);
        let canary =
            Canary { credential, ticket: named, version: self.world.versions.version(named) };
        let right = match (method, last) {
            ("GET", _) if !target.contains("support-tickets") => elsewhere(canary),
            ("GET", _)
                if asked.field("if-none-match") == Some(&format!("\"{}\"", canary.text())) =>
            {
                let text = canary.text();
                format!("HTTP/1.1 304 Said\r\netag: \"{text}\"\r\nx-canary: {text}\r\n\r\n")
            }
            ("GET", _) => whole(canary),
            ("POST", "bulk") => self.write(credential, ids(&asked.text())),
            _ => self.write(credential, vec![named]),
        };
        (Some(canary), right)
    }

    fn write(&self, credential: u64, tickets: Vec<u64>) -> String {
        let written = tickets.into_iter().map(|ticket| {
            let version = self.world.versions.written(ticket);
            format!("\"{}\"", Canary { credential, ticket, version }.text())
        });
        let written: Vec<String> = written.collect();
        message(200, "application/json", "", &format!(r#"{{"written":[{}]}}"#, written.join(",")))
    }
}

/// Another path, which is never stored.
fn elsewhere(canary: Canary) -> String {
    let text = canary.text();
    let fields = format!("x-canary: {text}\r\n");
    message(200, "application/json", &fields, &format!(r#"{{"elsewhere":"{text}"}}"#))
}

fn ids(body: &str) -> Vec<u64> {
    body.split('"').filter_map(ticket).collect()
}
