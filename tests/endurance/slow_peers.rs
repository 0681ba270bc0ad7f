//! Two thousand slow connections beside one healthy client (threats.md D1 to D3).

use crate::client::Client;
use crate::gateway::gateway;
use crate::gateway::peak_memory;
use crate::slow::Crowd;
use crate::slow::Slow;
use crate::upstream::Upstream;
use std::time::Duration;
use std::time::Instant;
use tokio::time::sleep;
use verifik_gateway::app::process::open_files;

const SLOW: usize = 2_000;
const ANN: &str = "Bearer ann";
const MIB: usize = 1024 * 1024;

/// Nearly as long as anything that is stored; longer; and what passes through.
const STORED: &str = "/v2/support-tickets/long-1000000";
const LONGER: &str = "/v2/support-tickets/longer-4000000";
const PASSING: &str = "/v2/files/long-4000000";

/// Both ends of each client's connection but the gateway's, and what stands behind them.
const FILES: usize = 3 * SLOW;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_connections_harm_no_healthy_client_and_hold_little_memory() {
    assert!(open_files(FILES) >= FILES, "the system allows too few open files to try it");
    let upstream = Upstream::open();
    let process = gateway(FILES, &upstream, &[("CACHE__MEMORY", "64MiB")]);
    Client::connect(process.address).await.read("long-1000000", ANN).await;
    let readers = [STORED, LONGER, PASSING].map(Slow::Reader);
    let kinds = [&[Slow::Head, Slow::Upload][..], &readers].concat();
    let crowd = Crowd::of(process.address, SLOW, &kinds);
    all_are_there(&crowd).await;
    let began = Instant::now();
    let mut kept = Client::connect(process.address).await;
    for number in 0..300 {
        kept.read("hit", ANN).await;
        kept.read(&format!("miss{number}"), ANN).await;
        Client::connect(process.address).await.read("hit", ANN).await;
    }
    println!("900 reads beside {} slow connections took {:.1?}", crowd.open(), began.elapsed());
    assert!(crowd.open() > SLOW * 9 / 10, "only {} were there", crowd.open());
    let memory = peak_memory(&process);
    println!("{} MiB at most", memory / MIB);
    assert!(memory < (64 + 64) * MIB, "{} MiB", memory / MIB);
    drop(crowd);
}

/// With less room than they would take: who is idle makes room for who is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_slow_connections_than_there_is_room_for_keep_nobody_out() {
    assert!(open_files(FILES) >= FILES, "the system allows too few open files to try it");
    let upstream = Upstream::open();
    let process = gateway(FILES, &upstream, &[("LISTEN__MAX_CONNECTIONS", "500")]);
    let crowd = Crowd::of(process.address, SLOW, &[Slow::Head]);
    sleep(Duration::from_secs(1)).await;
    for number in 0..100 {
        let mut client = Client::connect(process.address).await;
        client.read("hit", ANN).await;
        client.read(&format!("miss{number}"), ANN).await;
    }
    drop(crowd);
    assert_eq!(upstream.heard(), 101);
}

async fn all_are_there(crowd: &Crowd) {
    let began = Instant::now();
    while crowd.open() < SLOW {
        assert!(began.elapsed() < Duration::from_secs(30), "only {} connect", crowd.open());
        sleep(Duration::from_millis(20)).await;
    }
}
