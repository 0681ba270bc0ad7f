//! A gateway that is killed and started again (threats.md R28).

use crate::cli::Process;
use crate::cli::get;
use crate::sockets::PATIENCE;
use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::sockets::gateway;
use crate::support::client::Client;
use crate::support::client::request;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::time::timeout;

fn ticket(number: usize) -> String {
    format!("/v2/support-tickets/t{number}")
}

/// Asks on until the connection ends. `all` are waited for once it has been answered.
async fn ask_on(address: SocketAddr, number: usize, all: Arc<Barrier>) {
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    let mut asked = 0;
    loop {
        let target = ticket(number * 1_000_000 + asked);
        client.write(request("GET", &target, &[("authorization", "Bearer ana")], "")).await;
        let Some(reply) = client.reply_to("GET").await else { return };
        assert_eq!(reply.status, 200, "{target}");
        if asked == 0 {
            all.wait().await;
        }
        asked += 1;
    }
}

#[tokio::test]
async fn who_is_killed_under_load_serves_again_at_once_and_each_miss_is_asked_for_once() {
    const AT_ONCE: usize = 20;
    let upstream = Upstream::open(|socket| socket, answer);
    let process = gateway(&upstream.url("http"), &[]);
    let (address, all) = (process.address, Arc::new(Barrier::new(AT_ONCE + 1)));
    let asking = |number| tokio::spawn(ask_on(address, number, Arc::clone(&all)));
    let asking: Vec<_> = (0..AT_ONCE).map(asking).collect();
    timeout(PATIENCE, all.wait()).await.unwrap();
    // One with nothing under way is closed in good order, and so holds the port for a minute.
    let mut idle = Client::new(TcpStream::connect(address).await.unwrap());
    assert_eq!(idle.ask("GET", "/_gateway/live", &[]).await.status, 200);
    // By SIGKILL.
    drop(process);
    for asking in asking {
        timeout(PATIENCE, asking).await.unwrap().unwrap();
    }
    assert!(timeout(PATIENCE, idle.is_closed()).await.unwrap());
    drop(idle);
    let upstream = Upstream::open(|socket| socket, answer);
    let (listen, url) = (address.to_string(), upstream.url("http"));
    let process = Process::start(&["--listen", &listen, "--upstream", &url], &[]);
    assert_eq!(process.address, address);
    let storm: Vec<_> = (0..200)
        .map(|number| tokio::spawn(async move { get(address, &ticket(number % AT_ONCE)).await }))
        .collect();
    for reply in storm {
        assert_eq!(timeout(PATIENCE, reply).await.unwrap().unwrap().status, 200);
    }
    assert_eq!(upstream.count(), AT_ONCE);
}
