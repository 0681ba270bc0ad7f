//! What two thousand slow connections cost a client that is not: `cargo bench --bench slow_peers`.
//!
//! The gateway as shipped, over loopback. One client reads a stored ticket again and again, on a
//! connection it keeps and on new ones; in turns without a crowd and beside one of slow heads, slow
//! uploads and slow readers. The upstream, the client and the crowd share the machine with the gateway,
//! so what is compared is whole. `--quick` only shows that it works.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it may fail loudly")]
#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time as it passes")]
#![expect(unreachable_pub, reason = "shared with a test; `pub` says who else may use it")]

#[path = "../../tests/common/process.rs"]
#[expect(dead_code, reason = "what operators are told is looked at elsewhere")]
mod process;
#[path = "../../tests/endurance/gateway.rs"]
mod gateway;
#[path = "../../tests/endurance/upstream.rs"]
mod upstream;
#[path = "../../tests/endurance/client.rs"]
mod client;
#[path = "../../tests/endurance/slow.rs"]
mod slow;

use crate::client::Client;
use crate::gateway::gateway;
use crate::gateway::peak_memory;
use crate::process::Process;
use crate::slow::Crowd;
use crate::slow::Slow;
use crate::upstream::Upstream;
use std::time::Duration;
use std::time::Instant;
use tokio::time::sleep;
use verifik_gateway::app::process::open_files;

const ANN: &str = "Bearer ann";
const SLOW: usize = 2_000;
/// Of both ends of the crowd but the gateway's, and what stands behind it.
const FILES: usize = 3 * SLOW;
/// Until what the crowd asks for has come as far as it will: what is measured is that it stays.
const SETTLED: Duration = Duration::from_secs(3);
const KINDS: [Slow; 5] = [
    Slow::Head,
    Slow::Upload,
    Slow::Reader("/v2/support-tickets/long-1000000"),
    Slow::Reader("/v2/support-tickets/longer-4000000"),
    Slow::Reader("/v2/files/long-4000000"),
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, reads, crowd) = if quick { (1, 200, 200) } else { (5, 20_000, SLOW) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(compare(rounds, reads, crowd));
}

async fn compare(rounds: usize, reads: usize, crowd: usize) {
    assert!(open_files(FILES) >= FILES, "the system allows too few open files");
    let upstream = Upstream::open();
    let process = gateway(FILES, &upstream, &[]);
    Client::connect(process.address).await.read("long-1000000", ANN).await;
    println!("{reads} reads, alone and beside {crowd} slow connections; p50, p99, p99.9 in µs");
    for (what, anew) in [("kept connection", false), ("new connections", true)] {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            alone.extend(times(&process, reads / rounds, anew).await);
            let slow = Crowd::of(process.address, crowd, &KINDS);
            while slow.open() < crowd {
                sleep(Duration::from_millis(20)).await;
            }
            sleep(SETTLED).await;
            beside.extend(times(&process, reads / rounds, anew).await);
            drop(slow);
            sleep(Duration::from_secs(1)).await;
        }
        let (alone, beside) = (figures(alone), figures(beside));
        println!("  {what}: {alone:?} alone, {beside:?} beside them");
        println!("  {what}: p99 {:.2} times", beside[1] / alone[1]);
    }
    println!("  memory at most: {} MiB, 64 of them for bodies", peak_memory(&process) >> 20);
    let (heard, accounts) = (upstream.heard(), process.end().accounts());
    let (stored, timed) = (accounts["stored"], 4 * (reads / rounds * rounds));
    assert!(
        stored >= u64::try_from(timed).unwrap(),
        "only {stored} of {timed} were hits, {heard} heard"
    );
}

/// How long reads take that the store answers.
async fn times(process: &Process, reads: usize, anew: bool) -> Vec<Duration> {
    let mut client = Client::connect(process.address).await;
    client.read("hit", ANN).await;
    let mut times = Vec::with_capacity(reads);
    for _ in 0..reads {
        let began = Instant::now();
        if anew {
            client = Client::connect(process.address).await;
        }
        client.read("hit", ANN).await;
        times.push(began.elapsed());
    }
    times
}

/// Three quantiles, in microseconds.
fn figures(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let at = |thousandth: usize| times[(times.len() - 1) * thousandth / 1_000];
    [500, 990, 999].map(|thousandth| (at(thousandth).as_secs_f64() * 1e6).round())
}
