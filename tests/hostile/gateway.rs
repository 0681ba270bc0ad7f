//! The gateway: the built binary, between the cases and the upstream.

use crate::case::Case;
use crate::replies;
use crate::replies::Replies;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// Longer than any reply takes, shorter than the gateway waits for octets that do not come.
const PATIENCE: Duration = Duration::from_secs(8);

/// Shorter than any token that matters.
const PIECE: usize = 5;

/// What is stored stays fresh, and its credential believed in, for as long as this takes.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("VERIFIK_GATEWAY__LIFETIMES__OPEN", "10m"),
    ("VERIFIK_GATEWAY__LIFETIMES__LEASE", "1h"),
    ("VERIFIK_GATEWAY__LOG__FORMAT", "json"),
    ("VERIFIK_GATEWAY__LOG__ACCESS", "off"),
];

pub struct Gateway {
    address: SocketAddr,
    child: Child,
    log: Option<JoinHandle<String>>,
}

impl Gateway {
    /// Starts it in front of an upstream.
    pub fn start(upstream: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_verifik-gateway"))
            .args(["--listen", "127.0.0.1:0", "--upstream", upstream])
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let length = said.len();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it has ended: {said}");
            if let Some((_, address)) = said[length..].split_once("listening on http://") {
                break address.trim_end().parse().unwrap();
            }
        };
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        Self { address, child, log: Some(log) }
    }

    /// Sends a case on a connection of its own, and reads until the connection ends.
    pub fn ask(&self, case: &Case) -> Replies {
        let methods = std::iter::repeat_n("GET", case.before).chain([&*case.judged.method]);
        let piece = if case.in_pieces { PIECE } else { usize::MAX };
        let (octets, ended) = self.exchange(&case.octets(), piece);
        let (list, rest) = replies::read(&octets, methods);
        Replies { list, rest, ended }
    }

    /// What comes of these octets, written in pieces, and whether the connection ended after it.
    pub fn exchange(&self, octets: &[u8], piece: usize) -> (Vec<u8>, bool) {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut read = Vec::new();
        // The gateway may have seen enough before it has all.
        let _ = octets.chunks(piece).try_for_each(|piece| socket.write_all(piece));
        let ended = match socket.read_to_end(&mut read) {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        let _ = socket.shutdown(Shutdown::Both);
        (read, ended)
    }

    /// Ends it; its accounts.
    pub fn ended(mut self) -> BTreeMap<String, usize> {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap();
        assert!(sent.success());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
        let log = self.log.take().unwrap().join().unwrap();
        accounts(&log).unwrap_or_else(|| panic!("no accounts in {log}"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The numbers of the last line that says `accounts`.
fn accounts(log: &str) -> Option<BTreeMap<String, usize>> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut fields = lines.map(|line| line.get("fields").cloned().unwrap_or(line));
    let told = fields.rfind(|fields| fields["message"] == "accounts")?;
    let numbers = told.as_object()?.iter();
    let numbers = numbers.filter_map(|(name, number)| Some((name.clone(), number.as_u64()?)));
    Some(numbers.map(|(name, number)| (name, usize::try_from(number).unwrap())).collect())
}
