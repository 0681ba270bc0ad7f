//! The gateway as it is built, and its accounts when it ends.

use crate::figures::Figures;
use crate::process::BINARY;
use crate::process::Process;
use crate::world::MARK;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

/// Everything expires soon and little has room, so that every way of answering is gone; nothing is
/// paced, so that faults do not make the run long.
const SETTINGS: [(&str, &str); 11] = [
    ("ADMIN__TOKEN_FILE", TOKEN_FILE),
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

/// What operators say. It begins like every credential here, so that whatever is searched for those is
/// searched for it.
pub const TOKEN: &str = "tok_operators";
const TOKEN_FILE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/canary-operators");

/// The running gateway. It ends when this is dropped.
pub struct Gateway(Process);

/// Where it listens.
#[derive(Clone, Copy)]
pub struct Places {
    pub clients: SocketAddr,
    pub admin: SocketAddr,
}

/// What it says of itself when it ends.
pub struct Accounts(BTreeMap<String, u64>);

impl Gateway {
    pub fn start(upstream: SocketAddr) -> Self {
        let url = format!("http://{upstream}");
        let settings = SETTINGS.into_iter().chain([("UPSTREAM__URL", url.as_str())]);
        fs::write(TOKEN_FILE, TOKEN).unwrap();
        Self(Process::start(Command::new(BINARY), &settings.collect::<Vec<_>>()))
    }

    pub fn places(&self) -> Places {
        Places { clients: self.0.address, admin: self.0.admin.unwrap() }
    }

    /// Lets it finish, and reads its accounts and what operators were told before. They agree, and no
    /// credential is in either.
    pub fn end(self) -> (Accounts, Figures) {
        let token = format!("authorization: Bearer {TOKEN}\r\n");
        let figures = Figures::settled(self.0.admin.unwrap(), &token);
        let log = self.0.end();
        let told = log.0.iter().find(|line| line.contains("tok_") || line.contains(MARK));
        assert!(told.is_none(), "{told:?}");
        figures.are_without(&["tok_", "Bearer", MARK]);
        figures.agree_with(&log.accounts());
        (Accounts(log.accounts()), figures)
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
