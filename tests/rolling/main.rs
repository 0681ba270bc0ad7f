//! The rolling run: a gateway under a mixed load whose settings are replaced again and again, and that
//! is ended and started on the same socket; and one whose certificate is. No client is failed, refused,
//! or told something that is wrong, another's or too old.
//!
//! The gateway is the built binary, and both sides of it are real sockets. The short form is a test
//! like any other; `ROLLING_REQUESTS=1000000 ROLLING_RELOADS=100 ROLLING_RESTARTS=20 cargo test
//! --release --test rolling -- --nocapture` is the long one.
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
mod world;
mod tally;
mod wire;
mod upstream;
mod client;
mod gateway;
mod rules;
mod course;

use crate::client::Client;
use crate::course::Course;
use crate::gateway::House;
use crate::tally::Tally;
use crate::world::World;
use fastrand::Rng;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;

const CLIENTS: u32 = 48;
/// Requests a second, of all clients together, if the machine is fast enough.
const RATE: u32 = 2_000;
/// In the short form.
const FEW: [u64; 3] = [2_000, 20, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_and_restarts_fail_refuse_and_mistake_nobody() {
    let names = ["ROLLING_REQUESTS", "ROLLING_RELOADS", "ROLLING_RESTARTS"];
    let [requests, reloads, restarts] = [0, 1, 2].map(|one| number(names[one], FEW[one]));
    println!("rolling: {requests} requests, {reloads} reloads, {restarts} restarts");
    let began = Instant::now();
    let (world, tally) = (Arc::new(World::new()), Arc::new(Tally::default()));
    let port = upstream::open(Arc::clone(&world), Arc::clone(&tally)).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rolling");
    std::fs::create_dir_all(&folder).unwrap();
    let house = House::new(folder.join("gateway.toml"));
    let course = Course { house, port, tally: Arc::clone(&tally), requests, reloads, restarts };
    let gateway = course.house.address;
    let course = tokio::spawn(course.run());
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        let (world, tally) = (Arc::clone(&world), Arc::clone(&tally));
        let (chance, pace) = (Rng::with_seed(name.into()), Duration::from_secs(1) * CLIENTS / RATE);
        clients.spawn(Client { world, tally, gateway, chance, pace }.run());
    }
    let all = async {
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client that saw nothing wrong");
            assert!(tally.is_over(), "a client ends when it is told to");
        }
    };
    // A client that has seen something wrong ends the test at once.
    let both = async { tokio::join!(all, course).1.expect("a course without a fault") };
    let seen = both.await;
    println!("rolling: {tally}; {seen}; 0 failed, 0 refused, 0 wrong; {:.1?}", began.elapsed());
    for (what, count) in [
        ("hits", &tally.hits),
        ("not found", &tally.absent),
        ("writes", &tally.writes),
        ("passed through", &tally.passed),
        ("batches", &tally.batches),
        ("connections", &tally.connections),
    ] {
        assert!(Tally::read(count) > 0, "no {what}: {tally}");
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let told = std::env::var(variable).ok();
    told.map_or(otherwise, |number| number.parse().expect("a whole number"))
}
