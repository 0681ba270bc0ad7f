//! The way to an upstream through a proxy, over real sockets: what the proxy hears, what is excepted,
//! and that nothing a proxy says is ever taken for the upstream's word.

use crate::cli::Process;
use crate::cli::get;
use crate::fetch_run::fetch_with;
use crate::sockets::TICKET;
use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::sockets::gateway;
use crate::support::certificates::YEARS;
use crate::support::certificates::authority;
use crate::support::certificates::signed;
use crate::support::certificates::written;
use crate::support::relay::Does;
use crate::support::relay::Relay;
use rustls::ServerConnection;
use rustls::StreamOwned;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use verifik_gateway::app::check::check;
use verifik_gateway::app::ending::Ending;
use verifik_gateway::settings::sources::Sources;

const CA_FILE: &str = "VERIFIK_GATEWAY__UPSTREAM__CA_FILE";
const CONNECT_TIMEOUT: &str = "VERIFIK_GATEWAY__UPSTREAM__CONNECT_TIMEOUT";

/// An upstream that proves to be `name`, and the authority that says so.
fn upstream(name: &str) -> (Upstream, PathBuf) {
    let authority = authority("ours");
    let certificate = signed(name, YEARS, Some(&authority));
    let shake = move |socket| {
        let connection = ServerConnection::new(Arc::clone(&certificate)).unwrap();
        StreamOwned::new(connection, socket)
    };
    let file = written(&format!("egress-{}.pem", fastrand::u64(..)), &authority.pem());
    (Upstream::open(shake, answer), file)
}

/// A gateway with these variables besides.
fn gateway_with(url: &str, authority: &Path, variables: &[(&str, &str)]) -> Process {
    let own = [
        (CA_FILE, authority.to_str().unwrap()),
        ("VERIFIK_GATEWAY__UPSTREAM__RETRIES", "0"),
        ("VERIFIK_GATEWAY__LOG__LEVEL", "trace"),
        // For a machine that does much else.
        (CONNECT_TIMEOUT, "20s"),
    ];
    gateway(url, &[&own, variables].concat())
}

/// Ends it: all that it has said. What it logs may come before the line that says where it listens, or
/// after.
fn all_told(process: Process) -> String {
    process.terminate();
    process.begun.clone() + &process.ended().1
}

#[tokio::test]
async fn a_proxy_hears_the_upstreams_name_and_what_tls_hides() {
    let (upstream, file) = upstream("localhost");
    let relay = Relay::open(Does::Tunnels);
    let url = upstream.url("https");
    let process = gateway_with(&url, &file, &[("HTTPS_PROXY", &relay.url(""))]);
    for target in [TICKET, "/v2/clients/1", TICKET] {
        assert_eq!(get(process.address, target).await.status, 200, "{target}");
    }
    assert_eq!(upstream.count(), 2);
    assert!(!upstream.heard().contains("proxy"), "{}", upstream.heard());
    let name = url.trim_start_matches("https://");
    let expected = format!("CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n");
    let heads = relay.heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| *head == expected), "{heads:?}");
    let beyond = relay.beyond();
    assert!(!beyond.contains("support-tickets") && !beyond.contains("Bearer"), "{beyond}");
    let told = all_told(process);
    let expected = format!("reaching the upstream through a proxy proxy=\"{}\"", relay.address);
    assert!(told.contains(&expected), "{told}");
}

#[tokio::test]
async fn a_password_goes_to_the_proxy_and_nowhere_else() {
    let (upstream, file) = upstream("localhost");
    let relay = Relay::open(Does::Tunnels);
    let proxy = relay.url("me:hunter2%40@");
    let process = gateway_with(&upstream.url("https"), &file, &[("https_proxy", &proxy)]);
    assert_eq!(get(process.address, TICKET).await.status, 200);
    let heads = relay.heads();
    let expected = "\r\nProxy-Authorization: Basic bWU6aHVudGVyMkA=\r\n\r\n";
    assert!(heads.len() == 1 && heads[0].ends_with(expected), "{heads:?}");
    assert!(!heads[0].contains("Bearer"), "{heads:?}");
    let heard = upstream.heard().to_lowercase();
    assert!(!heard.contains("proxy") && !heard.contains("bwu6"), "{heard}");
    let told = all_told(process);
    assert!(told.contains("through a proxy"), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("bWU6"), "{told}");
}

#[tokio::test]
async fn what_no_proxy_names_is_reached_directly() {
    for (host, exceptions, direct) in [
        ("localhost", "localhost", true),
        ("localhost", "x.test, *", true),
        ("localhost", ".example", false),
        ("127.0.0.1", "127.0.0.0/8", true),
        ("127.0.0.1", "10.0.0.0/8,localhost", false),
    ] {
        let (upstream, file) = upstream(host);
        let relay = Relay::open(Does::Tunnels);
        let variables = [("HTTPS_PROXY", &*relay.url("")), ("NO_PROXY", exceptions)];
        let url = upstream.url("https").replace("localhost", host);
        let process = gateway_with(&url, &file, &variables);
        assert_eq!(get(process.address, TICKET).await.status, 200, "{host} {exceptions}");
        let asked = (relay.heads().len(), upstream.count());
        assert_eq!(asked, (usize::from(!direct), 1), "{host} {exceptions}");
    }
}

#[tokio::test]
async fn an_upstream_in_the_clear_is_never_proxied() {
    let upstream = Upstream::open(|socket| socket, answer);
    let relay = Relay::open(Does::Tunnels);
    let url = relay.url("");
    let proxies =
        ["HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, &*url));
    let process = gateway(&upstream.url("http"), &proxies);
    assert_eq!(get(process.address, TICKET).await.status, 200);
    assert_eq!((relay.heads().len(), upstream.count()), (0, 1));
}

#[tokio::test]
async fn whatever_a_proxy_says_is_no_answer() {
    const TICKET_OF_ITS_OWN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
        content-length: 37\r\n\r\n{\"data\":{\"_id\":\"t1\",\"status\":\"proxy\"}}";
    let (refused, late) = ("CONNECT_FAILED", "CONNECT_TIMEOUT");
    for (does, status, code, by_the_proxy) in [
        (Does::Says(b"HTTP/1.1 407 Proxy\r\ncontent-length: 5\r\n\r\nproxy"), 502, refused, true),
        (Does::Says(b"HTTP/1.1 502 Proxy\r\ncontent-length: 5\r\n\r\nproxy"), 502, refused, true),
        (Does::Says(b"HTTP/1.1 302 Proxy\r\nlocation: http://proxy/\r\n\r\n"), 502, refused, true),
        (Does::Says(b"\x16\x03\x01 proxy\r\n\r\n"), 502, refused, true),
        (Does::Says(b""), 502, refused, true),
        (Does::Says(b"HTTP/1.1 200 OK\r\n"), 502, refused, true),
        (Does::SaysAndHangs(b""), 504, late, true),
        (Does::SaysAndHangs(b"HTTP/1.1 200 OK\r\nproxy: "), 504, late, true),
        (Does::SaysAndHangs(b"HTTP/1.1 200 OK\r\n\r\n"), 504, late, false),
        (Does::Says(TICKET_OF_ITS_OWN), 502, "", false),
    ] {
        let (upstream, file) = upstream("localhost");
        let relay = Relay::open(does);
        let proxy = relay.url("");
        let patience = if status == 504 { "300ms" } else { "20s" };
        let variables = [("HTTPS_PROXY", &*proxy), (CONNECT_TIMEOUT, patience)];
        let process = gateway_with(&upstream.url("https"), &file, &variables);
        for target in [TICKET, "/v2/clients/1"] {
            let began = Instant::now();
            let reply = get(process.address, target).await;
            let row = format!("{does:?} {target}: {} {}", reply.status, reply.text());
            assert!(reply.status == status && reply.text().contains(code), "{row}");
            assert!(!reply.text().contains("proxy"), "{row}");
            assert!(began.elapsed() < Duration::from_secs(15), "{row}");
        }
        assert_eq!(upstream.heard(), "", "{does:?}");
        let beyond = relay.beyond();
        assert!(!beyond.contains("support-tickets") && !beyond.contains("Bearer"), "{beyond}");
        let told = all_told(process);
        assert_eq!(told.contains("by the proxy: "), by_the_proxy, "{does:?}: {told}");
    }
}

#[tokio::test]
async fn a_proxy_that_takes_no_connection_is_told_in_the_log() {
    let (upstream, file) = upstream("localhost");
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", holder.local_addr().unwrap());
    drop(holder);
    for proxy in [&*nobody, "http://nowhere.invalid:3128"] {
        let process = gateway_with(&upstream.url("https"), &file, &[("HTTPS_PROXY", proxy)]);
        let reply = get(process.address, TICKET).await;
        // Where the resolver itself is not reached it may take all the time there is.
        let code = if reply.status == 504 { "CONNECT_TIMEOUT" } else { "CONNECT_FAILED" };
        assert!(reply.text().contains(code), "{proxy}: {} {}", reply.status, reply.text());
        let told = all_told(process);
        assert!(reply.status == 504 || told.contains("by the proxy: tunnel error: "), "{told}");
    }
}

#[tokio::test]
async fn the_certificate_is_the_upstreams_with_a_proxy_too() {
    for name in ["127.0.0.1", "elsewhere.test"] {
        let (upstream, file) = upstream(name);
        let relay = Relay::open(Does::Tunnels);
        let variables = [("HTTPS_PROXY", &*relay.url(""))];
        let process = gateway_with(&upstream.url("https"), &file, &variables);
        let reply = get(process.address, TICKET).await;
        assert!(reply.text().contains("GATEWAY_CERTIFICATE_REFUSED"), "{name}: {}", reply.text());
        assert_eq!((relay.heads().len(), upstream.heard().as_str()), (1, ""), "{name}");
    }
}

#[test]
fn a_fetch_without_a_gateway_goes_through_the_proxy() {
    let (upstream, file) = upstream("localhost");
    let relay = Relay::open(Does::Tunnels);
    let url = upstream.url("https");
    let variables = [("HTTPS_PROXY", &*relay.url("")), (CA_FILE, file.to_str().unwrap())];
    let ran = fetch_with("a\nb\n", &["-", "--upstream", &url], &variables).ended();
    assert_eq!(ran.code, 0, "{}", ran.told);
    assert_eq!(ran.said.lines().count(), 2, "{}", ran.said);
    assert_eq!(upstream.count(), 2);
    let heads = relay.heads();
    assert!(
        !heads.is_empty() && heads.iter().all(|head| head.starts_with("CONNECT ")),
        "{heads:?}"
    );
}

#[test]
fn a_proxy_that_cannot_be_meant_is_a_mistake_among_the_others() {
    let checked = |variables: &[(&str, &str)]| {
        let set = variables.iter().map(|(name, value)| (OsString::from(name), value.into()));
        check(&Sources::default(), set.collect::<Vec<_>>())
    };
    for value in ["socks5://me:hunter2@10.0.0.1", "https://hunter2:1", "http://hunter2:x"] {
        let ending = checked(&[("HTTPS_PROXY", value), ("VERIFIK_GATEWAY__LOG__LEVEL", "loud")]);
        let Ending::Misused(told) = &ending else { panic!("{value}: {ending:?}") };
        assert_eq!(ending.code(), 64);
        assert!(told.contains("2 mistakes") && told.contains("log.level"), "{told}");
        assert!(told.contains("environment HTTPS_PROXY: has "), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let Ending::Done(told) = checked(&[("https_proxy", "http://me:hunter2@10.0.0.1:3128")]) else {
        panic!("it is in order");
    };
    let expected = "# through the proxy 10.0.0.1:3128 (environment https_proxy)\n";
    assert!(
        told.contains(expected) && !told.contains("hunter2") && !told.contains("bWU6"),
        "{told}"
    );
}
