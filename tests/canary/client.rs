//! A client: asks, on connections it keeps for a while, and checks what it is told.

use crate::departure::leave;
use crate::gateway::Places;
use crate::operator::purge;
use crate::oracle::is_own;
use crate::oracle::judge;
use crate::request::Request;
use crate::request::Wish;
use crate::tally::Tally;
use crate::wire::Connection;
use crate::wire::Heard;
use crate::world::World;
use fastrand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer may take here.
const PATIENCE: Duration = Duration::from_mins(1);

/// One of many clients.
pub struct Client {
    world: Arc<World>,
    gateway: Places,
    chance: Rng,
}

impl Client {
    pub fn new(world: Arc<World>, gateway: Places, seed: u64) -> Self {
        Self { world, gateway, chance: Rng::with_seed(seed) }
    }

    /// Until enough has been done.
    pub async fn run(mut self) {
        let mut kept = None;
        while self.world.tally.goes_on() {
            if self.world.tally.lacks_purges() {
                purge(&self.world, self.gateway.admin, &mut self.chance).await;
            }
            let connection = match kept.take() {
                Some(connection) => connection,
                None => self.connect().await,
            };
            if self.world.tally.lacks_cancels() {
                leave(&self.world, connection, &mut self.chance).await;
            } else if self.chance.u8(..20) == 0 {
                kept = self.pipeline(connection).await;
            } else {
                let asked = Request::any(&self.world, &mut self.chance);
                kept = self.ask(connection, vec![asked]).await;
            }
        }
    }

    async fn connect(&self) -> Connection {
        let socket = TcpStream::connect(self.gateway.clients).await.expect("a connection");
        Tally::add(&self.world.tally.connections);
        Connection::new(socket)
    }

    /// Reads by different credentials, all in one write.
    async fn pipeline(&mut self, connection: Connection) -> Option<Connection> {
        let count = self.chance.usize(2..8);
        let asked = (0..count).map(|_| Request::read(&self.world, &mut self.chance)).collect();
        self.ask(connection, asked).await
    }

    /// Asks, and takes the answers in order. The connection, if it can be used again.
    async fn ask(&mut self, mut connection: Connection, asked: Vec<Request>) -> Option<Connection> {
        let bytes: Vec<String> = asked.iter().map(|one| one.bytes(&mut self.chance)).collect();
        let sent = connection.write(bytes.concat().as_bytes()).await;
        assert!(sent, "a kept connection was closed unannounced");
        for one in &asked {
            let bodiless = |start: &str| one.is_head() || start.contains(" 304 ");
            let heard = timeout(PATIENCE, connection.message(bodiless)).await;
            match heard.unwrap_or_else(|_| panic!("no answer in time to {one:?}")) {
                Heard::Whole(reply) => {
                    judge(&self.world, one, &reply);
                    if reply.field("connection") == Some("close") {
                        return None;
                    }
                }
                // Only what passes through is handed on before it is known to be whole.
                Heard::Broken(reply) => {
                    is_own(&format!("{}{}", reply.head, reply.text()), one.credential);
                    let passes =
                        matches!(one.wish, Wish::Elsewhere | Wish::Write(_) | Wish::Anonymous);
                    assert!(passes, "{one:?} broke off: {reply:?}");
                    return None;
                }
                Heard::Ended(rest) => {
                    panic!("{one:?} was not answered, but {}", rest.escape_ascii())
                }
            }
        }
        Some(connection)
    }
}
