//! Settings that are read again by the built binary: on a signal, from files.

use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::certificates::YEARS;
use crate::support::certificates::authority;
use crate::support::certificates::signed;
use crate::support::certificates::written;
use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::running::PATIENCE;
use crate::support::running::Running;
use crate::support::running::asks;
use crate::support::running::kept;
use rustls::ServerConnection;
use rustls::StreamOwned;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// A gateway with a settings file, and who looks at its operators' port.
struct Reloaded {
    running: Running,
    admin: String,
    file: PathBuf,
}

impl Reloaded {
    fn start(upstream: &str, text: &str) -> Self {
        let file = written(&format!("reloading-{}.toml", fastrand::u64(..)), text);
        let mut running = Running::with_files(upstream, &[&file]);
        let admin = running.admin();
        Self { running, admin, file }
    }

    /// Replaces the settings, and sends SIGHUP.
    fn renew(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
        self.running.hang_up();
    }

    /// Asks the operators' port, with a token.
    async fn stats(&self, token: &str) -> Reply {
        let mut client = Client::new(TcpStream::connect(&self.admin).await.unwrap());
        let head = "GET /stats HTTP/1.1\r\nhost: localhost\r\nauthorization:";
        client.write(format!("{head} {token}\r\n\r\n")).await;
        client.reply_to("GET").await.expect("a reply")
    }

    /// Waits for a reload after which this is said, to who has this token.
    async fn is_told(&self, token: &str, words: &str) {
        let began = Instant::now();
        loop {
            let told = self.stats(token).await;
            if told.status == 200 {
                let told: Value = serde_json::from_str(&told.text()).unwrap();
                if told["reload"]["words"].as_str().unwrap().contains(words) {
                    return;
                }
            }
            assert!(began.elapsed() < PATIENCE, "{words}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

fn upstream() -> Upstream {
    Upstream::open(|socket| socket, answer)
}

#[tokio::test]
async fn operators_have_to_say_the_token_that_stands_in_the_file_now() {
    let upstream = upstream();
    let file = written(&format!("token-{}", fastrand::u64(..)), "first-7f3cSECRET");
    let settings = format!("admin.token_file = {file:?}\n");
    let gateway = Reloaded::start(&upstream.url("http"), &settings);
    assert_eq!(gateway.stats("Bearer first-7f3cSECRET").await.status, 200);
    fs::write(&file, "second-7f3cSECRET").unwrap();
    // Two at once are as good as one.
    gateway.running.hang_up();
    gateway.running.hang_up();
    let told = gateway.is_told("Bearer second-7f3cSECRET", "operators have another token");
    // The second signal may have come late enough for a reload of its own.
    let again = gateway.is_told("Bearer second-7f3cSECRET", "nothing has changed");
    tokio::select! { () = told => {}, () = again => {} }
    assert_eq!(gateway.stats("Bearer first-7f3cSECRET").await.status, 401);
    // Without a token in it the file is no good, and the one before stays.
    fs::write(&file, "").unwrap();
    gateway.running.hang_up();
    gateway.is_told("Bearer second-7f3cSECRET", "admin.token_file: the file is empty").await;
}

#[tokio::test]
async fn another_authority_is_trusted_when_another_stands_in_the_file() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let certificate = signed("localhost", YEARS, Some(&ours));
    let upstream = Upstream::open(
        move |socket| {
            let connection = ServerConnection::new(Arc::clone(&certificate)).unwrap();
            StreamOwned::new(connection, socket)
        },
        answer,
    );
    let file = written(&format!("roots-{}.pem", fastrand::u64(..)), &theirs.pem());
    let settings = format!(
        "upstream.ca_file = {file:?}\nupstream.connect_timeout = \"20s\"\nupstream.retries = 0\n"
    );
    let gateway = Reloaded::start(&upstream.url("https"), &settings);
    let mut client = gateway.running.client().await;
    assert_eq!(asks(&mut client).await.unwrap().status, 502);
    fs::write(&file, ours.pem()).unwrap();
    gateway.running.hang_up();
    gateway.is_told("", "other certificates are trusted").await;
    assert_eq!(asks(&mut client).await.unwrap().status, 200);
}

#[tokio::test]
async fn access_lines_begin_and_end_with_a_reload() {
    let upstream = upstream();
    let gateway = Reloaded::start(&upstream.url("http"), "log.access = \"off\"\n");
    let mut client = gateway.running.client().await;
    for (access, requests) in [("all", 2), ("off", 3)] {
        for _ in 0..requests {
            assert_eq!(kept(&mut client).await, (200, true));
        }
        gateway.renew(&format!("log.access = \"{access}\"\n"));
        gateway.is_told("", "in force now: log.access").await;
        // What was said is said again of the next, so something else has to be said between.
        gateway.running.hang_up();
        gateway.is_told("", "nothing has changed").await;
    }
    assert_eq!(kept(&mut client).await, (200, true));
    drop(client);
    gateway.running.terminate();
    let (code, said) = gateway.running.ended().await;
    assert_eq!(code, Some(0), "{said}");
    let lines = said.lines().filter(|line| line.contains("route=")).count();
    assert_eq!(lines, 3, "{said}");
}

#[tokio::test]
async fn what_waits_for_a_restart_is_told_with_its_key_and_what_is_wrong_with_its_place() {
    let upstream = upstream();
    let gateway = Reloaded::start(&upstream.url("http"), "cache.memory = \"64MiB\"\n");
    gateway.renew("cache.memory = \"128MiB\"\n");
    gateway.is_told("", "cache.memory waits for the next start: ").await;
    gateway.renew("cache.memory = \"much\"\n");
    gateway.is_told("", ":1: cache.memory: \"much\" is not a size").await;
    gateway.renew("cache.memory = \"64MiB\"\nlimit.max_wait = \"9s\"\n");
    gateway.is_told("", "in force now: limit.max_wait").await;
}

#[tokio::test]
async fn a_reload_in_the_middle_of_a_drain_does_not_end_it() {
    let upstream = upstream();
    let gateway = Reloaded::start(&upstream.url("http"), "lifecycle.drain_delay = \"1s\"\n");
    let mut client = gateway.running.client().await;
    assert_eq!(kept(&mut client).await, (200, true));
    gateway.running.terminate();
    gateway.renew("lifecycle.drain_delay = \"60s\"\n");
    assert_eq!(kept(&mut client).await, (200, true));
    let (code, said) = gateway.running.ended().await;
    assert_eq!(code, Some(0), "{said}");
}
