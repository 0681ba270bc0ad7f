//! A log that nobody reads (threats.md R31, D12): nothing waits for it, and what was lost is told.

use crate::client::Client;
use crate::process::BINARY;
use crate::upstream::Upstream;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// More lines than the queue and the pipe hold.
const READS: usize = 30_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_log_that_nobody_reads_has_lost_is_told_once_somebody_does() {
    let upstream = Upstream::open();
    let mut child = Command::new(BINARY)
        .env_clear()
        .env("VERIFIK_GATEWAY__LISTEN__ADDRESS", "127.0.0.1:0")
        .env("VERIFIK_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:0")
        .env("VERIFIK_GATEWAY__UPSTREAM__URL", upstream.url())
        .env("VERIFIK_GATEWAY__LOG__ACCESS", "all")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it has ended");
        if let Some((_, address)) = line.split_once("listening on http://") {
            break address.trim().parse().unwrap();
        }
    };
    let began = Instant::now();
    let mut client = Client::connect(address).await;
    for _ in 0..READS {
        client.read("t1", "Bearer ann").await;
    }
    let (reads, log_read) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut log = Vec::new();
        while stderr.read_until(b'\n', &mut log).unwrap() > 0 {
            let _ = reads.send(());
        }
        String::from_utf8(log).unwrap()
    });
    // Until all that is queued has been read: then there is room for the last line.
    while log_read.recv_timeout(Duration::from_secs(2)).is_ok() {}
    let id = child.id().to_string();
    assert!(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let log = reader.join().unwrap();
    let written = log.lines().filter(|line| line.contains("access")).count();
    let told = log.lines().find(|line| line.contains("log lines were dropped, in all"));
    let told = told.unwrap_or_else(|| panic!("nothing is told of {} lines", READS - written));
    let lost: usize = told.rsplit_once("lines=").unwrap().1.trim().parse().unwrap();
    // On a slow machine lines that tell of lost lines may be lost as well: one in ten seconds.
    let telling = usize::try_from(began.elapsed().as_secs() / 10).unwrap();
    assert!((READS..=READS + telling).contains(&(written + lost)), "{written} and {told}");
}
