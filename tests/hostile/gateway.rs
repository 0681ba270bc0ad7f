//! The gateway: the built binary, between the cases and the upstream.

use crate::case::CREDENTIAL;
use crate::case::Case;
use crate::figures::Figures;
use crate::process::BINARY;
use crate::process::Process;
use crate::replies;
use crate::replies::Replies;
use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longer than any reply takes, shorter than the gateway waits for octets that do not come.
const PATIENCE: Duration = Duration::from_secs(8);

/// Shorter than any token that matters.
const PIECE: usize = 5;

/// What is stored stays fresh, and its credential believed in, for as long as this takes.
const SETTINGS: [(&str, &str); 3] =
    [("LIFETIMES__OPEN", "10m"), ("LIFETIMES__LEASE", "1h"), ("LOG__ACCESS", "off")];

pub struct Gateway {
    process: Process,
    /// Connections that were opened.
    opened: AtomicU64,
}

impl Gateway {
    /// Starts it in front of an upstream.
    pub fn start(upstream: &str) -> Self {
        let settings = SETTINGS.into_iter().chain([("UPSTREAM__URL", upstream)]);
        let process = Process::start(Command::new(BINARY), &settings.collect::<Vec<_>>());
        Self { process, opened: AtomicU64::default() }
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
        let mut socket = TcpStream::connect(self.process.address).unwrap();
        self.opened.fetch_add(1, Ordering::Relaxed);
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

    /// How many connections were opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Ends it; its accounts, and what operators were told before. They agree, and nothing that was
    /// sent is in what operators are told.
    pub fn ended(self) -> (BTreeMap<String, u64>, Figures) {
        let figures = Figures::settled(self.process.admin.unwrap(), "");
        let accounts = self.process.end().accounts();
        figures.agree_with(&accounts);
        figures.are_without(&[CREDENTIAL, "Bearer", "hostile", "canary"]);
        (accounts, figures)
    }
}
