//! The binary, started by any command, wherever it listens.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::search::assert_clean;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::timeout;

pub const BINARY: &str = env!("CARGO_BIN_EXE_verifik-gateway");
pub const TICKET: &str = "/v2/support-tickets/t1";
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The gateway while it runs. It is killed when dropped.
pub struct Running {
    /// What it says behind `listening on `.
    pub place: String,
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// The binary with these settings, as `SECTION__KEY`, or other variables, which begin with `+`.
pub fn set(command: &mut Command, settings: &[(&str, &str)]) {
    command.env_clear().env("VERIFIK_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:0");
    for (key, value) in settings {
        match key.strip_prefix('+') {
            Some(variable) => command.env(variable, value),
            None => command.env(format!("VERIFIK_GATEWAY__{key}"), value),
        };
    }
}

impl Running {
    /// The binary alone, on a port of the network.
    pub fn start(upstream: &str, settings: &[(&str, &str)]) -> Self {
        let own = [("LISTEN__ADDRESS", "127.0.0.1:0"), ("UPSTREAM__URL", upstream)];
        let mut command = Command::new(BINARY);
        set(&mut command, &[&own, settings].concat());
        Self::begin(command.stdin(Stdio::null()))
    }

    /// The binary with settings files.
    pub fn with_files(upstream: &str, files: &[&Path]) -> Self {
        let mut command = Command::new(BINARY);
        set(&mut command, &[("LISTEN__ADDRESS", "127.0.0.1:0"), ("UPSTREAM__URL", upstream)]);
        for file in files {
            command.arg("--config").arg(file);
        }
        Self::begin(command.stdin(Stdio::null()))
    }

    /// Runs it until it says where it listens. Its standard error is not read again before its end.
    pub fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let place = loop {
            let length = said.len();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it has ended: {said}");
            if let Some((_, place)) = said[length..].split_once("listening on ") {
                break place.trim_end().to_owned();
            }
        };
        Self { place, child, stderr }
    }

    /// Where its operators' port is: `HOST:PORT`. To be called once.
    pub fn admin(&mut self) -> String {
        let mut said = String::new();
        self.stderr.read_line(&mut said).unwrap();
        let (_, address) = said.trim_end().split_once("admin on http://").expect("both are told");
        address.to_owned()
    }

    /// A client on a connection of its own.
    pub async fn client(&self) -> Client<TcpStream> {
        let (_, address) = self.place.split_once("://").unwrap();
        Client::new(TcpStream::connect(address).await.unwrap())
    }

    /// Sends it SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it SIGHUP.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let arguments = ["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()];
        assert!(Command::new("sh").args(arguments).status().unwrap().success());
    }

    /// Waits until it has ended: its exit code, and what it said.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert_clean(&said, "standard error");
        (code, said)
    }
}

/// Runs it to its end, which comes soon or by force: exit code, and what it says.
pub fn ran(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the ticket: the reply, if there is one.
pub async fn asks<T: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<T>) -> Option<Reply> {
    client.write(request("GET", TICKET, &[("authorization", "Bearer ana")], "")).await;
    timeout(PATIENCE, client.reply_to("GET")).await.expect("a reply or an end")
}

/// Asks for the ticket: the status, and whether the connection goes on.
pub async fn kept<T: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<T>) -> (u16, bool) {
    let reply = asks(client).await.expect("a reply");
    (reply.status, reply.field("connection").is_none())
}
