//! The gateway as it is built, on sockets that outlive it, and what operators see of it.

use crate::process::BINARY;
use crate::process::Process;
use crate::process::signal;
use crate::wire::Connection;
use serde_json::Value;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio::time::timeout;

/// Longer than anything takes that is asked of the gateway here.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sockets come as the standard input and output: they become the third and the fourth file, as
/// systemd hands them on.
const SCRIPT: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; \
                      LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";

/// Where gateways are reached, one after the other, and their settings.
pub struct House {
    pub address: SocketAddr,
    clients: TcpListener,
    operators: TcpListener,
    pub file: PathBuf,
}

/// One of them.
pub struct Gateway {
    process: Process,
    admin: SocketAddr,
}

/// What has come of reloads until now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reloads {
    pub applied: u64,
    pub refused: u64,
}

impl House {
    pub fn new(file: PathBuf) -> Self {
        let open = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (clients, operators) = (open(), open());
        Self { address: clients.local_addr().unwrap(), clients, operators, file }
    }

    /// Starts one on the sockets. Whoever has connected since the last one ended is served by it.
    pub async fn start(&self) -> Gateway {
        let handed = |socket: &TcpListener| Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", SCRIPT, BINARY]).arg(&self.file);
        command.stdin(handed(&self.clients)).stdout(handed(&self.operators));
        let process = spawn_blocking(|| Process::begin(command)).await.unwrap();
        assert_eq!(process.address, self.address);
        Gateway { process, admin: self.operators.local_addr().unwrap() }
    }

    /// Has these settings in the file, from one moment to the next.
    pub fn write(&self, text: &str) {
        let other = self.file.with_extension("next");
        std::fs::write(&other, text).unwrap();
        std::fs::rename(&other, &self.file).unwrap();
    }
}

impl Gateway {
    /// Has it read its settings again.
    pub fn reload(&self) {
        signal(&self.process.child, "HUP");
    }

    /// Lets it finish, as it has to.
    pub async fn end(self) {
        spawn_blocking(|| self.process.end()).await.unwrap();
    }

    /// Returns as soon as operators see what is looked for.
    pub async fn shows(&self, what: &str, mut seen: impl FnMut(Reloads, &Value) -> bool) {
        let mut last = (Reloads::default(), Value::Null);
        let looked = timeout(PATIENCE, async {
            loop {
                last = (self.reloads().await, self.stats().await);
                if seen(last.0, &last.1) {
                    return;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        let (reloads, stats) = match looked.await {
            Ok(()) => return,
            Err(_) => last,
        };
        panic!("{what} is not seen: {reloads:?} {}", stats["reload"]);
    }

    /// What has come of reloads.
    pub async fn reloads(&self) -> Reloads {
        let metrics = self.page("/metrics").await;
        let count = |outcome: &str| {
            let name = format!("verifik_gateway_reloads_total{{outcome=\"{outcome}\"}} ");
            let mut counts = metrics.lines().filter_map(|line| line.strip_prefix(&name));
            counts.next().expect("a count").parse().expect("a number")
        };
        Reloads { applied: count("applied"), refused: count("refused") }
    }

    async fn stats(&self) -> Value {
        serde_json::from_str(&self.page("/stats").await).expect("JSON")
    }

    async fn page(&self, path: &str) -> String {
        let got = async {
            let mut connection = Connection::new(TcpStream::connect(self.admin).await.unwrap());
            let host = self.admin;
            let asked = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            connection.write(asked.as_bytes()).await.unwrap();
            connection.message().await.unwrap().expect("a page")
        };
        let page = timeout(PATIENCE, got).await.expect("a page in time");
        assert_eq!(page.status(), 200, "{page:?}");
        page.text()
    }
}

/// The value of a key that operators see in force.
pub fn value<'a>(stats: &'a Value, key: &str) -> Option<&'a str> {
    let all = stats["settings"].as_array()?;
    all.iter().find(|one| one["key"] == key)?["value"].as_str()
}
