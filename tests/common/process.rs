//! The built binary, started with settings of its own, and what it says of itself.

use std::collections::BTreeMap;
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

/// Longer than its drain may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// The binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_verifik-gateway");

/// The running gateway. It ends when this is dropped.
pub struct Process {
    pub address: SocketAddr,
    /// Where operators ask; `None` if that is a socket of the file system.
    pub admin: Option<SocketAddr>,
    pub child: Child,
    /// The lines of its log. They are read as they come: what nobody reads is dropped.
    log: Option<JoinHandle<Vec<String>>>,
}

/// What it has logged since it was started.
pub struct Log(pub Vec<String>);

impl Process {
    /// Starts it by a command, with keys of the settings as `SECTION__KEY`.
    pub fn start(mut command: Command, settings: &[(&str, &str)]) -> Self {
        let own = [
            ("LISTEN__ADDRESS", "127.0.0.1:0"),
            ("ADMIN__ADDRESS", "127.0.0.1:0"),
            ("LOG__FORMAT", "json"),
            // All that it could ever say is searched when it has ended.
            ("LOG__LEVEL", "trace"),
        ];
        let variables = own.iter().chain(settings);
        let variables = variables.map(|(key, value)| (format!("VERIFIK_GATEWAY__{key}"), *value));
        command.env_clear().envs(variables);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Self::begin(command)
    }

    /// Runs a command until it says where it listens.
    pub fn begin(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // It may hold sockets that were handed on.
        drop(command);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut log = Vec::new();
        let [address, admin] = ["listening on ", "admin on "].map(|heading| {
            loop {
                let line = lines.next().unwrap_or_else(|| panic!("it has not started: {log:?}"));
                if let Some((_, place)) = line.split_once(heading) {
                    let address = place.split_once("://").map(|(_, address)| address.trim());
                    break address.and_then(|address| address.parse().ok());
                }
                log.push(line);
            }
        });
        let address = address.unwrap_or_else(|| panic!("no port of the network: {log:?}"));
        let log = thread::spawn(move || {
            log.extend(lines);
            log
        });
        Self { address, admin, child, log: Some(log) }
    }

    /// Lets it finish, as it has to without a panic and without having told a credential: each that
    /// these tests send begins with the word that is searched.
    pub fn end(mut self) -> Log {
        signal(&self.child, "TERM");
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let log = self.log.take().unwrap().join().unwrap();
        let panicked = log.iter().find(|line| line.contains("a panic"));
        assert!(status.success() && panicked.is_none(), "{status}: {panicked:?}");
        let told = log.iter().find(|line| line.contains("Bearer"));
        assert!(told.is_none(), "a credential is logged: {told:?}");
        Log(log)
    }
}

/// Sends a signal, by its name.
pub fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("sh").args(["-c", "kill -\"$1\" \"$0\"", &id, name]).status();
    assert!(sent.unwrap().success());
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    /// The numbers of the gateway's accounts.
    pub fn accounts(&self) -> BTreeMap<String, u64> {
        let lines = self.0.iter().rev();
        let mut lines = lines.filter_map(|line| serde_json::from_str(line).ok());
        let told = lines.find(|line: &serde_json::Value| line["message"] == "accounts");
        let told = told.unwrap_or_else(|| panic!("no accounts in {:?}", self.0));
        let numbers = told.as_object().unwrap().iter();
        numbers.filter_map(|(name, number)| Some((name.clone(), number.as_u64()?))).collect()
    }
}
