//! Clients that leave.

use crate::oracle::is_own;
use crate::request::Request;
use crate::tally::Tally;
use crate::wire::Connection;
use crate::world::World;
use fastrand::Rng;
use std::time::Duration;
use tokio::time::sleep;

/// Begins something on a connection and drops it, at any point: within the head or the body, while
/// the answer is waited for, or within the answer. What came until then is nobody else's.
pub async fn leave(world: &World, mut connection: Connection, chance: &mut Rng) {
    let asked = Request::any(world, chance);
    let bytes = asked.bytes(chance).into_bytes();
    let kind = chance.u8(..5);
    // Nobody can say which tickets a list names that breaks off: nothing is stored for a minute.
    let within = kind == 0 && (!asked.is_list() || chance.u16(..1_000) == 0);
    let length = if within { chance.usize(1..bytes.len()) } else { bytes.len() };
    if connection.write(&bytes[..length]).await {
        let moment = Duration::from_micros(chance.u64(..3_000));
        match kind {
            0 | 1 => {}
            2 => sleep(moment).await,
            _ => {
                let glimpsed = connection.glimpse(chance.usize(1..4_000), moment).await;
                is_own(&String::from_utf8_lossy(&glimpsed), asked.credential);
            }
        }
    }
    // Both ways of going: a reset, and an end that the other side has to notice.
    if chance.u8(..4) > 0 {
        connection.reset();
    }
    Tally::add(&world.tally.cancels);
}
