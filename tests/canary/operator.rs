//! An operator, who purges what has changed without the gateway's knowledge.

use crate::gateway::TOKEN;
use crate::tally::Tally;
use crate::wire::Connection;
use crate::world::TICKETS;
use crate::world::World;
use crate::world::id;
use fastrand::Rng;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

/// One in so many purges is of everything.
const ALL: u8 = 20;

/// One ticket, or now and then all of them, changes somewhere else; then it is purged. From the answer
/// on nobody is told of the time before, be it what was stored or what was on its way.
pub async fn purge(world: &World, admin: SocketAddr, chance: &mut Rng) {
    Tally::add(&world.tally.purges);
    let everything = chance.u8(..ALL) == 0;
    let ticket = chance.u64(..TICKETS);
    let touched = if everything { 0..TICKETS } else { ticket..ticket + 1 };
    let changed: Vec<_> = touched.map(|ticket| (ticket, world.versions.written(ticket))).collect();
    let order = if everything {
        r#"{"all":true}"#.to_owned()
    } else {
        format!(r#"{{"ticket":"{}"}}"#, id(ticket))
    };
    let mut connection = Connection::new(TcpStream::connect(admin).await.expect("a connection"));
    let length = order.len();
    let head = format!(
        "POST /purge HTTP/1.1\r\nhost: {admin}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-length: {length}\r\n\r\n{order}"
    );
    assert!(connection.write(head.as_bytes()).await, "the operators' port does not listen");
    let reply = timeout(PATIENCE, connection.message(|_| false)).await.expect("an answer in time");
    let reply = reply.whole().expect("a whole answer");
    assert_eq!((reply.status(), &*reply.text()), (200, r#"{"done":true}"#), "{reply:?}");
    for (ticket, version) in changed {
        world.versions.told(ticket, version);
    }
}
