//! The canary run: many credentials, clients that leave, an upstream that fails, writes in between;
//! and every byte that any client gets is searched for what is another's.
//!
//! The gateway is the built binary, and both sides of it are real sockets. The short form is a test
//! like any other; `CANARY_RESPONSES=1000000 cargo test --release --test canary -- --nocapture` is
//! the long one. `CANARY_SEED` chooses another course.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that goes wrong may say so loudly; it is told its length, and tells its time"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says who else may use it")]

#[path = "../common/process.rs"]
mod process;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/versions.rs"]
mod versions;
mod world;
mod tally;
mod gateway;
mod fault;
mod upstream;
mod wire;
mod oracle;
mod request;
mod operator;
mod departure;
mod client;

use crate::client::Client;
use crate::gateway::Gateway;
use crate::tally::Tally;
use crate::upstream::Upstream;
use crate::world::World;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CLIENTS: u64 = 48;
/// Responses in the short form.
const FEW: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_gets_a_byte_of_anothers() {
    let (responses, seed) = (number("CANARY_RESPONSES", FEW), number("CANARY_SEED", 11));
    println!("canary: {responses} responses, seed {seed}");
    let began = Instant::now();
    let world = Arc::new(World::new(responses));
    let upstream = Upstream::open(Arc::clone(&world), seed).await;
    let gateway = Gateway::start(upstream.address);
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(Client::new(Arc::clone(&world), gateway.places(), seed ^ (name << 32)).run());
    }
    let reporter = tokio::spawn(report(Arc::clone(&world), began));
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client that saw nothing wrong");
    }
    reporter.abort();
    println!("canary: {} in {:.1?}", world.tally, began.elapsed());
    let (accounts, figures) = gateway.end();
    println!("canary: {accounts}");
    world.tally.is_enough(responses);
    accounts.are_even(Tally::read(&world.tally.heard));
    world.tally.agrees_with(&figures);
}

async fn report(world: Arc<World>, began: Instant) {
    loop {
        sleep(Duration::from_secs(5)).await;
        println!("canary: {:4.0?} {}", began.elapsed(), world.tally);
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let told = std::env::var(variable).ok();
    told.map_or(otherwise, |number| number.parse().expect("a whole number"))
}
