//! Connections that the upstream closes at the very moment they are chosen for the next request.

use crate::support::chance::seeds;
use crate::support::client::Client;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::upstream::id_of;
use crate::support::wire::End;
use crate::support::wire::Message;
use crate::support::wire::Reader;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;
use tokio::time::timeout;
use tokio::time::timeout_at;

const CLIENTS: usize = 8;

/// How often each request arrived, by the id at its end, answered or not.
type Arrivals = Arc<Mutex<HashMap<String, usize>>>;

async fn some_millis(random: &mut fastrand::Rng) {
    sleep(Duration::from_millis(random.u64(0..=5))).await;
}

/// How long the end of a connection is on its way. What is sent meanwhile is not answered any more.
const TRANSIT: Duration = Duration::from_millis(1);

/// Answers what comes, well or not, and closes the connection 0 to 5 ms after an answer.
async fn serve(mut reader: Reader, arrivals: Arrivals, well: f64, mut random: fastrand::Rng) {
    let note = |request: &Message| {
        let name = format!("{} {}", &request.start[..4], id_of(request));
        *arrivals.lock().unwrap().entry(name).or_default() += 1;
    };
    let mut closes = Instant::now() + Duration::from_mins(1);
    while let Ok(request) = timeout_at(closes, reader.message(|_| End::ByFields)).await {
        let Some(request) = request else { return };
        note(&request);
        let body = format!(r#"{{"data":{{"_id":"{}","status":"open"}}}}"#, id_of(&request));
        let status = if random.f64() < well { "200 OK" } else { "503 Busy" };
        let fields = format!("content-type: application/json\r\ncontent-length: {}", body.len());
        let answer = format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}");
        if reader.io.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        closes = Instant::now() + Duration::from_millis(random.u64(0..=5));
    }
    if let Ok(Some(request)) = timeout(TRANSIT, reader.message(|_| End::ByFields)).await {
        note(&request);
        sleep_until(closes + TRANSIT).await;
    }
}

/// An upstream like that behind a house, which answers so many of its requests `well`.
fn fickle(house: &House, well: f64, mut random: fastrand::Rng) -> Arrivals {
    let arrivals = Arrivals::default();
    let (mut connections, noted) = (house.upstream.by_hand(), Arc::clone(&arrivals));
    tokio::spawn(async move {
        while let Some(connection) = connections.recv().await {
            tokio::spawn(serve(connection, Arc::clone(&noted), well, random.fork()));
        }
    });
    arrivals
}

/// What was not answered as it should be.
#[derive(Default)]
struct Lost {
    gets: Vec<String>,
    posts: usize,
}

/// Asks for one ticket after another, and writes now and then.
async fn ask_on(mut client: Client, name: usize, gets: usize, mut random: fastrand::Rng) -> Lost {
    let mut lost = Lost::default();
    for number in 0..gets {
        let id = format!("{name}-{number}");
        some_millis(&mut random).await;
        let target = format!("/v2/support-tickets/{id}");
        let reply = client.ask("GET", &target, &[("authorization", ANN)]).await;
        if reply.status != 200 || !reply.text().contains(&id) {
            lost.gets.push(format!("{id}: {} {}", reply.status, reply.text()));
        }
        if number.is_multiple_of(10) {
            some_millis(&mut random).await;
            let target = format!("/v2/clients/{id}");
            let reply = client.send("POST", &target, &[("authorization", ANN)], "{}").await;
            lost.posts += usize::from(reply.status != 200);
        }
    }
    lost
}

/// What is lost of so many reads and a tenth as many writes, and how often each was sent.
async fn ask_all(gets: usize, well: f64, seed: u64) -> (Lost, HashMap<String, usize>) {
    // The upstream is not left alone, however ill.
    let house = House::with(|settings| settings.breaker.failures = 0);
    let mut random = fastrand::Rng::with_seed(seed);
    let arrivals = fickle(&house, well, random.fork());
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(ask_on(house.client(), name, gets / CLIENTS, random.fork()));
    }
    let mut lost = Lost::default();
    for Lost { gets, posts } in clients.join_all().await {
        lost.gets.extend(gets);
        lost.posts += posts;
    }
    let arrivals = arrivals.lock().unwrap().clone();
    (lost, arrivals)
}

/// How many requests of a method were sent so often.
fn sent(arrivals: &HashMap<String, usize>, method: &str, times: usize) -> usize {
    arrivals.iter().filter(|(name, n)| name.starts_with(method) && **n == times).count()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_reads_over_connections_that_close_are_answered_and_no_write_is_sent_twice() {
    for seed in seeds(1..2) {
        let (lost, arrivals) = ask_all(10_000, 1.0, seed).await;
        assert_eq!(lost.gets, [""; 0], "seed {seed}");
        let (once, twice) = (sent(&arrivals, "GET", 1), sent(&arrivals, "GET", 2));
        assert_eq!((once + twice, sent(&arrivals, "POST", 1)), (10_000, 1_000), "seed {seed}");
        assert!(twice > 1_000 && lost.posts > 10, "seed {seed}: it came to no race");
    }
}

#[tokio::test(start_paused = true)]
async fn no_read_is_sent_more_than_twice_though_some_are_answered_with_503() {
    for seed in seeds(1..2) {
        let (_, arrivals) = ask_all(2_000, 0.8, seed).await;
        let (once, twice) = (sent(&arrivals, "GET", 1), sent(&arrivals, "GET", 2));
        assert_eq!((once + twice, sent(&arrivals, "POST", 1)), (2_000, 200), "seed {seed}");
    }
}
