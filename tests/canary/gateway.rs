//! The gateway as it is built, and its accounts when it ends.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// Everything expires soon and little has room, so that every way of answering is gone; nothing is
/// paced, so that faults do not make the run long.
const SETTINGS: [(&str, &str); 12] = [
    ("LISTEN__ADDRESS", "127.0.0.1:0"),
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
    process: Child,
    /// The last line of its log that tells of accounts, or of a panic.
    log: Option<JoinHandle<String>>,
}

/// What it says of itself when it ends.
pub struct Accounts(HashMap<String, u64>);

impl Gateway {
    pub fn start(upstream: SocketAddr) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verifik-gateway"));
        command.env_clear().env("VERIFIK_GATEWAY__UPSTREAM__URL", format!("http://{upstream}"));
        command.envs(SETTINGS.map(|(key, value)| (format!("VERIFIK_GATEWAY__{key}"), value)));
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the gateway");
        let log = BufReader::new(process.stderr.take().expect("its log"));
        let mut lines = log.lines().map(|line| line.expect("a line of its log"));
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("listening on http://")?;
            address.trim().parse().ok()
        });
        let tells = |line: &String| line.contains("accounts") || line.contains("panicked");
        // Read to its end: a log that nobody reads loses lines.
        let log = thread::spawn(move || {
            let told: Vec<String> = lines.filter(tells).collect();
            told.join("; ")
        });
        Self { address: address.expect("an address"), process, log: Some(log) }
    }

    /// Lets it finish, and reads its accounts.
    pub fn end(mut self) -> Accounts {
        let id = self.process.id().to_string();
        let kill = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status();
        assert!(kill.unwrap().success());
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        let told = self.log.take().unwrap().join().unwrap();
        assert!(status.success() && !told.contains("panicked"), "{status}: {told}");
        let pairs = told.split_whitespace().filter_map(|word| word.split_once('='));
        let numbers = pairs.filter_map(|(name, number)| Some((name.into(), number.parse().ok()?)));
        Accounts(numbers.collect())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Longer than its drain may take.
const PATIENCE: Duration = Duration::from_secs(20);

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
        let mut pairs: Vec<_> = self.0.iter().collect();
        pairs.sort();
        pairs.iter().try_for_each(|(name, number)| write!(f, "{name}={number} "))
    }
}
