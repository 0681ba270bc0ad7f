//! Sockets that whoever starts the gateway has opened, and what the service manager is told.

use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::client::Client;
use crate::support::running::BINARY;
use crate::support::running::PATIENCE;
use crate::support::running::Running;
use crate::support::running::asks;
use crate::support::running::kept;
use crate::support::running::ran;
use crate::support::running::set;
use std::env::temp_dir;
use std::fs;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::net::UnixListener;
use std::process;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// The first socket comes as the standard input, and a second one as the standard output: they become
/// the third and the fourth file, as systemd hands them on.
const ONE: &str = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\"";
const TWO: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\"";

/// A gateway on sockets that were opened for it. What its settings say is not opened: it is taken.
fn started(script: &str, sockets: Vec<OwnedFd>, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new("/bin/sh");
    set(&mut command, settings);
    command.args(["-c", script, BINARY]);
    let mut sockets = sockets.into_iter().map(Stdio::from);
    command.stdin(sockets.next().unwrap());
    command.stdout(sockets.next().unwrap_or(Stdio::null()));
    command
}

fn on(socket: &TcpListener, upstream: &Upstream, taken: &str) -> Running {
    let settings = [("LISTEN__ADDRESS", taken), ("UPSTREAM__URL", &upstream.url("http"))];
    let sockets = vec![socket.try_clone().unwrap().into()];
    Running::begin(&mut started(ONE, sockets, &settings))
}

fn upstream() -> Upstream {
    Upstream::open(|socket| socket, answer)
}

/// Asks on and on, with connections that are kept for as long as they may be, or with a new one for
/// each request, until it is told to stop; how often. Not one may fail.
async fn asks_on(address: SocketAddr, keep: bool, stop: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut client = Client::new(TcpStream::connect(address).await.expect("never refused"));
        loop {
            let reply = asks(&mut client).await.expect("never reset");
            assert_eq!(reply.status, 200);
            answered += 1;
            let stopped = stop.load(Ordering::Relaxed);
            if !keep || stopped || reply.field("connection").is_some() {
                break;
            }
        }
        sleep(Duration::from_millis(1)).await;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_goes_on_where_another_ends_and_no_request_is_lost() {
    let upstream = upstream();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Its own settings would lead it to a port that is taken.
    let taken = address.to_string();
    let mut gateway = on(&socket, &upstream, &taken);
    assert_eq!(gateway.place, format!("http://{address}"));
    let stop = Arc::new(AtomicBool::new(false));
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..6 {
        asking.spawn(asks_on(address, client % 2 == 0, Arc::clone(&stop)));
    }
    for _ in 0..2 {
        sleep(Duration::from_millis(200)).await;
        gateway.terminate();
        let (code, said) = gateway.ended().await;
        assert_eq!(code, Some(0), "{said}");
        gateway = on(&socket, &upstream, &taken);
    }
    sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::Relaxed);
    let answered: Vec<usize> = asking.join_all().await;
    assert!(answered.iter().all(|answered| *answered > 3), "{answered:?}");
    gateway.terminate();
    assert_eq!(gateway.ended().await.0, Some(0));
}

#[tokio::test]
async fn of_two_sockets_each_has_its_place_by_name() {
    let upstream = upstream();
    let url = upstream.url("http");
    let path = temp_dir().join(format!("verifik-{}-handed.sock", process::id()));
    let _ = fs::remove_file(&path);
    let network = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = UnixListener::bind(&path).unwrap();
    let place = format!("unix:{}", path.display());
    let sockets = || vec![network.try_clone().unwrap().into(), file.try_clone().unwrap().into()];
    let settings = [("+LISTEN_FDNAMES", "admin:listen"), ("UPSTREAM__URL", &url)];
    // The script's own output is a socket.
    let mut command = started(TWO, sockets(), &settings);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut client = loop {
        // It waits in the socket's queue until somebody serves it.
        let Ok(socket) = UnixStream::connect(&path).await else { continue };
        break Client::new(socket);
    };
    assert_eq!(kept(&mut client).await, (200, true));
    child.kill().unwrap();
    let said = child.wait_with_output().unwrap().stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(&format!("listening on {place}\n")), "{said}");
    assert!(path.exists(), "it is not the gateway's, and stays");
    fs::remove_file(&path).unwrap();
}

#[test]
fn sockets_of_which_nobody_knows_what_they_are_for_are_refused() {
    for (names, expected) in [
        ("listen:listen", "two sockets with the name listen"),
        ("admin:other", "a socket is neither listen nor admin"),
    ] {
        let socket = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let mut command = started(TWO, vec![socket(), socket()], &[("+LISTEN_FDNAMES", names)]);
        let (code, said) = ran(&mut command);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// What the service manager hears next.
fn heard(manager: &UnixDatagram) -> String {
    let mut octets = [0; 512];
    let length = manager.recv(&mut octets).expect("to be told something");
    String::from_utf8(octets[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn the_service_manager_is_told_of_the_beginning_of_life_and_of_the_end() {
    let path = temp_dir().join(format!("verifik-{}-notify.sock", process::id()));
    let _ = fs::remove_file(&path);
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let settings = [("+NOTIFY_SOCKET", path.to_str().unwrap()), ("+WATCHDOG_USEC", "100000")];
    let gateway = Running::start("http://127.0.0.1:9", &settings);
    let mut told = vec![heard(&manager), heard(&manager), heard(&manager), heard(&manager)];
    told.sort();
    told.dedup();
    assert_eq!(told, ["READY=1\n", "WATCHDOG=1\n"]);
    gateway.terminate();
    while heard(&manager) != "STOPPING=1\n" {}
    // From now on nobody listens.
    assert_eq!(gateway.ended().await.0, Some(0));
    fs::remove_file(&path).unwrap();
}
