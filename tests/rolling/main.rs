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

#[expect(dead_code, reason = "others ask it for its accounts")]
#[path = "../common/process.rs"]
mod process;
#[path = "../common/versions.rs"]
mod versions;
mod world;
mod tally;
mod wire;
mod upstream;
mod client;
mod gateway;
mod rules;
mod course;
mod certificates;

use crate::certificates::Issuer;
use crate::client::Client;
use crate::course::Course;
use crate::course::KEY;
use crate::gateway::House;
use crate::gateway::value;
use crate::tally::Tally;
use crate::versions::Versions;
use crate::world::TICKETS;
use fastrand::Rng;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

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
    let (versions, tally) = (Arc::new(Versions::new(TICKETS)), Arc::new(Tally::default()));
    let port = upstream::open(Arc::clone(&versions), Arc::clone(&tally)).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rolling");
    fs::create_dir_all(&folder).unwrap();
    let house = House::new(folder.join("gateway.toml"));
    let course = Course { house, port, tally: Arc::clone(&tally), requests, reloads, restarts };
    let gateway = course.house.address;
    let course = tokio::spawn(course.run());
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        let (versions, tally) = (Arc::clone(&versions), Arc::clone(&tally));
        let (chance, pace) = (Rng::with_seed(name.into()), Duration::from_secs(1) * CLIENTS / RATE);
        clients.spawn(Client { versions, tally, gateway, chance, pace }.run());
    }
    let all = async {
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client that saw nothing wrong");
            assert!(tally.is_over(), "a client ends when it is told to");
        }
    };
    // Whatever is seen to be wrong ends the test at once.
    let course = async { course.await.expect("a course without a fault") };
    let (seen, ()) = tokio::join!(course, all);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_replaced_fail_no_handshake() {
    let times = number("ROLLING_CERTIFICATES", 6);
    let issuer = Arc::new(Issuer::new());
    issuer.swap(0);
    let gateway = issuer.start().await;
    let (address, over) = (gateway.address, Arc::new(AtomicBool::new(false)));
    let mut connecting = JoinSet::new();
    for _ in 0..4 {
        let (issuer, over) = (Arc::clone(&issuer), Arc::clone(&over));
        connecting.spawn(async move {
            let mut count = 0_u64;
            while !over.load(Ordering::Relaxed) {
                issuer.connects(address).await;
                count += 1;
                sleep(Duration::from_millis(20)).await;
            }
            count
        });
    }
    let longest = issuer.rotate(times, &gateway).await;
    over.store(true, Ordering::Relaxed);
    let counts: Vec<u64> = connecting.join_all().await;
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let count: u64 = counts.iter().sum();
    println!("rolling: {times} certificates, {count} handshakes, 0 failed, {longest:.1?} at most");
    spawn_blocking(|| gateway.end()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_is_refused_and_what_was_missing_is_in_force_as_soon_as_it_is_there() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rolling-files");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let house = House::new(folder.join("gateway.toml"));
    let (roots, pipe) = (folder.join("roots.pem"), folder.join("pipe"));
    let with = |queue: u64, more: &str| {
        let upstream = format!("[upstream]\nurl = \"http://127.0.0.1:9\"\n{more}\n");
        format!("{upstream}[limit]\nmax_queue = {queue}\n")
    };
    let is = |stats: &Value, queue: u64| value(stats, KEY) == Some(&queue.to_string());
    let says = |stats: &Value, words: &str| stats["reload"]["words"].to_string().contains(words);
    house.write(&with(1_001, ""));
    let gateway = house.start().await;
    let missing = with(1_002, &format!("ca_file = \"{}\"", roots.display()));
    house.write(&missing);
    gateway
        .shows("what is missing", |_, stats| says(stats, "upstream.ca_file") && is(stats, 1_001))
        .await;
    // Nobody says so, and the settings file stays as it is.
    fs::write(&roots, "").unwrap();
    gateway.shows("what has come", |now, stats| now.refused == 1 && is(stats, 1_002)).await;
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &house.file).unwrap();
    gateway.reload();
    gateway.shows("a pipe", |_, stats| says(stats, "is a pipe") && is(stats, 1_002)).await;
    house.write(&with(1_003, ""));
    gateway.shows("a file again", |_, stats| is(stats, 1_003)).await;
    gateway.end().await;
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let told = std::env::var(variable).ok();
    told.map_or(otherwise, |number| number.parse().expect("a whole number"))
}
