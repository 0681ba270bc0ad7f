//! More to remember than there is memory for (threats.md R18): keys without end, each new token a new
//! credential, bodies of every length, some of them read slowly.

use crate::client::Client;
use crate::gateway::gateway;
use crate::gateway::peak_memory;
use crate::slow::Crowd;
use crate::slow::Slow;
use crate::upstream::Upstream;
use std::net::SocketAddr;
use tokio::task::JoinSet;

const MIB: usize = 1024 * 1024;
/// What bodies may take.
const CACHE: usize = 32 * MIB;
/// What everything else may.
const BESIDE: usize = 64 * MIB;

const CLIENTS: usize = 16;
const FILES: usize = 1_000;
/// Keys in the short form.
const FEW: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_what_is_allowed_and_a_little_however_much_there_is() {
    let keys = std::env::var("ENDURANCE_KEYS").ok();
    let keys = keys.map_or(FEW, |keys| keys.parse().expect("a whole number"));
    let upstream = Upstream::open();
    let process = gateway(FILES, &upstream, &[("CACHE__MEMORY", "32MiB")]);
    let address = process.address;
    let slow = [
        "/v2/support-tickets/slow-1000000",
        "/v2/support-tickets/slow1-900000",
        "/v2/support-tickets/slow2-2000000",
        "/v2/files/slow3-2000000",
    ];
    let crowd = Crowd::of(address, 100, &slow.map(Slow::Reader));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(scan(address, client, keys / CLIENTS));
    }
    while let Some(done) = clients.join_next().await {
        done.expect("a client without an error");
    }
    drop(crowd);
    let memory = peak_memory(&process);
    println!("{keys} keys, {} heard upstream: {} MiB at most", upstream.heard(), memory / MIB);
    assert!(upstream.heard() >= keys, "most were no hits");
    assert!(memory < CACHE + BESIDE, "{} MiB", memory / MIB);
    let accounts = process.end().accounts();
    let sum = |names: &[&str]| names.iter().map(|name| accounts[*name]).sum::<u64>();
    let ended = ["stored", "collapsed", "forwarded", "refused", "own", "left"];
    assert_eq!(accounts["requests"], sum(&ended), "{accounts:?}");
    assert_eq!(accounts["upstream"], sum(&["forwarded", "retries", "background"]));
}

async fn scan(gateway: SocketAddr, client: usize, keys: usize) {
    let mut connection = Client::connect(gateway).await;
    for key in 0..keys {
        let length = match key % 200 {
            0 => 2_100_000,
            1 => 900_000,
            2..20 => 20_000,
            _ => 1_000,
        };
        // A credential of its own for every tenth.
        let token = format!("Bearer {client}-{}", key / 10);
        connection.read(&format!("{client}x{key}-{length}"), &token).await;
    }
}
