//! The gateway as it is built, and its accounts when it ends.

use crate::process::BINARY;
use crate::process::Process;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::process::Command;

/// Everything expires soon and little has room, so that every way of answering is gone; nothing is
/// paced, so that faults do not make the run long.
const SETTINGS: [(&str, &str); 11] = [
    ("ADMIN__ADDRESS", "127.0.0.1:0"),
    ("CACHE__MEMORY", "16MiB"),
    ("LIFETIMES__OPEN", "5s"),
    ("LIFETIMES__STALE_WHILE_REVALIDATE", "1s"),
    ("LIFETIMES__STALE_IF_ERROR", "3s"),
    ("LIFETIMES__LEASE", "10s"),
    ("LIFETIMES__LEASE_GRACE", "2s"),
    ("LIMIT__RATE", "off"),
    ("BREAKER__FAILURES", "0"),
    ("LOG__ACCESS", "off"),
    ("LIFECYCLE__DRAIN_TIMEOUT", "10s"),
];

/// The running gateway. It ends when this is dropped.
pub struct Gateway {
    pub address: SocketAddr,
    process: Process,
}

/// What it says of itself when it ends.
pub struct Accounts(BTreeMap<String, u64>);

impl Gateway {
    pub fn start(upstream: SocketAddr) -> Self {
        let url = format!("http://{upstream}");
        let settings = SETTINGS.into_iter().chain([("UPSTREAM__URL", url.as_str())]);
        let process = Process::start(Command::new(BINARY), &settings.collect::<Vec<_>>());
        Self { address: process.address, process }
    }

    /// Lets it finish, and reads its accounts.
    pub fn end(self) -> Accounts {
        Accounts(self.process.end().accounts())
    }
}

impl Accounts {
    /// Asserts that every request is accounted for once, and everything sent upstream too.
    /// `heard`: requests that reached the upstream.
    pub fn are_even(&self, heard: u64) {
        let sum = |names: &[&str]| names.iter().map(|name| self.0[*name]).sum::<u64>();
        let ways = ["stored", "collapsed", "forwarded", "refused", "own", "left"];
        assert_eq!(sum(&["requests"]), sum(&ways), "{self}");
        assert_eq!(sum(&["upstream"]), sum(&["forwarded", "retries", "background"]), "{self}");
        assert!(heard <= sum(&["upstream"]), "{heard} heard: {self}");
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, number)| write!(f, "{name}={number} "))
    }
}
