//! No more files can be opened (threats.md D11, R20).

use crate::client::Client;
use crate::gateway::gateway;
use crate::process::Process;
use crate::upstream::Upstream;
use rustix::process::Pid;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::prlimit;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANN: &str = "Bearer ann";
const MOST: u64 = 1_000;
/// Within which everything is as before: many times what it takes, for other tests run beside it.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn more_clients_than_files_are_served_and_the_limit_is_told() {
    let upstream = Upstream::open();
    let process = gateway(256, &upstream, &[]);
    let mut crowd = connected(400, process.address).await;
    for number in 0..50 {
        let mut client = Client::connect(process.address).await;
        client.read(&format!("miss{number}"), ANN).await;
        client.read("hit", ANN).await;
    }
    crowd.clear();
    soon_as_before(&process).await;
    let log = process.end();
    let told = log.0.iter().filter(|line| line.contains("but the system allows 256 open files"));
    assert_eq!(told.count(), 1, "{:?}", log.0);
}

#[tokio::test]
async fn when_the_last_file_is_gone_accepting_waits_and_goes_on_by_itself() {
    let upstream = Upstream::open();
    let process = gateway(usize::try_from(MOST).unwrap(), &upstream, &[]);
    let mut kept = Client::connect(process.address).await;
    kept.read("hit", ANN).await;
    allow_files(&process, open(&process) + 2);
    let crowd = connected(400, process.address).await;
    for _ in 0..50 {
        // Kept for a next request, it may have had to make room.
        if kept.try_read("hit", ANN).await.is_err() {
            kept = Client::connect(process.address).await;
            kept.read("hit", ANN).await;
        }
    }
    drop(crowd);
    allow_files(&process, MOST);
    soon_as_before(&process).await;
    let log = process.end();
    let told = log.0.iter().filter(|line| line.contains("could not be accepted")).count();
    assert_eq!(told, 1, "once a minute: {:?}", log.0);
}

/// Connections that ask for nothing.
async fn connected(count: usize, gateway: SocketAddr) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        crowd.push(TcpStream::connect(gateway).await.unwrap());
    }
    crowd
}

async fn soon_as_before(process: &Process) {
    let asked = async {
        let mut client = Client::connect(process.address).await;
        client.read("hit", ANN).await;
        client.read("another", ANN).await;
    };
    timeout(SOON, asked).await.expect("as before");
}

/// How many files it has open.
fn open(process: &Process) -> u64 {
    let files = fs::read_dir(format!("/proc/{}/fd", process.child.id())).unwrap();
    u64::try_from(files.count()).unwrap()
}

/// Allows it so many open files from now on.
fn allow_files(process: &Process, most: u64) {
    let id = Pid::from_raw(i32::try_from(process.child.id()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(MOST) };
    prlimit(id, Resource::Nofile, limit).unwrap();
}
