//! A server under test: a process of its own, so that what it costs can be told apart.

use crate::support::pinning::Pinning;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

/// What a server says on stderr once its port is open, followed by the port's address.
pub(crate) const LISTENING: &str = "listening on http://";

const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    /// The gateway as shipped, in front of `upstream`, with these settings changed.
    pub(crate) fn gateway(
        pinning: Pinning,
        upstream: SocketAddr,
        settings: &[(&str, &str)],
    ) -> io::Result<Self> {
        let command = pinning.server(env!("CARGO_BIN_EXE_verifik-gateway"));
        Self::gateway_by(command, upstream, settings)
    }

    /// A gateway that this command starts.
    pub(crate) fn gateway_by(
        mut command: Command,
        upstream: SocketAddr,
        settings: &[(&str, &str)],
    ) -> io::Result<Self> {
        command
            .env_clear()
            .env("VERIFIK_GATEWAY__LISTEN__ADDRESS", "127.0.0.1:0")
            .env("VERIFIK_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:0")
            .env("VERIFIK_GATEWAY__UPSTREAM__URL", format!("http://{upstream}"));
        for (key, value) in settings {
            command.env(format!("VERIFIK_GATEWAY__{key}"), value);
        }
        Self::start(&mut command)
    }

    /// Runs a command and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = quiet.spawn()?;
        let (found, address) = mpsc::channel();
        let stderr = process.stderr.take().map(|stderr| BufReader::with_capacity(1 << 16, stderr));
        thread::spawn(move || stderr.map(|stderr| read_log(stderr, &found)));
        let address = address.recv_timeout(PATIENCE).map_err(|_| {
            let _ = process.kill();
            io::Error::other(format!("{command:?} did not say where it listens"))
        })?;
        Ok(Self { address, process })
    }

    /// Its process, for `/proc`.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Finds the address, then reads on: a server whose log nobody reads would be slowed by it.
fn read_log(mut log: impl BufRead, found: &Sender<SocketAddr>) -> io::Result<u64> {
    let mut line = String::new();
    while log.read_line(&mut line)? > 0 {
        match address_in(&line) {
            Some(address) => {
                let _ = found.send(address);
                return io::copy(&mut log, &mut io::sink());
            }
            None => eprint!("{line}"),
        }
        line.clear();
    }
    Ok(0)
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, said) = line.split_once(LISTENING)?;
    let end = said.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c));
    said.get(..end.unwrap_or(said.len()))?.parse().ok()
}
