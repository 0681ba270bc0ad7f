//! The binary as its users meet it: what it says, on which stream, and how it ends.

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::search::assert_clean;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tokio::net::TcpStream;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn check_prints_what_is_in_force() {
    let golden = fs::read_to_string(format!("{ROOT}/tests/gateway/golden/check.txt")).unwrap();
    let golden = golden.replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(ran(&["check"]), (0, golden, String::new()));
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (arguments, expected) in [
        (&["--help"][..], "Exit codes:"),
        (&["demo", "--help"], "--upstream-only"),
        (&["--version"], concat!("verifik-gateway ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        let (code, said, complaint) = ran(arguments);
        assert_eq!((code, complaint.as_str()), (0, ""), "{arguments:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_broken_file_ends_every_command_with_all_its_mistakes_and_64() {
    let path = format!("{ROOT}/tests/gateway/broken/many_at_once.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mistakes = text.lines().map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>();
    for command in [&["check"][..], &["serve"], &[], &["demo"]] {
        let arguments = [command, &["--config", &path]].concat();
        let (code, said, complaint) = ran(&arguments);
        assert_eq!((code, said.as_str()), (64, ""), "{command:?}: {complaint}");
        let complaint = complaint.replace(&format!("{ROOT}/tests/gateway/broken/"), "");
        for mistake in &mistakes {
            assert!(complaint.contains(mistake), "{command:?} lacks {mistake}:\n{complaint}");
        }
    }
}

#[test]
fn a_wrong_command_line_ends_with_64() {
    for (arguments, expected) in [
        (&["--listne", "x"][..], "unexpected argument '--listne'"),
        (&["--listen", "nowhere"], "--listen: listen.address: \"nowhere\" is not an address"),
        (&["demo", "--upstream-only", "9000"], "--upstream-only is not an address"),
    ] {
        let (code, said, complaint) = ran(arguments);
        assert_eq!((code, said.as_str()), (64, ""), "{arguments:?}");
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_taken_port_is_named_and_ends_with_1() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for (arguments, expected) in [
        (&["--listen", &taken][..], format!("listen.address {taken}: Address already in use")),
        (&["demo", "--listen", &taken], "Try another port, such as with --listen".to_owned()),
        (&["demo", "--upstream-only", &taken], format!("--upstream-only {taken}: Address alr")),
    ] {
        let (code, said, complaint) = ran(arguments);
        assert_eq!((code, said.as_str()), (1, ""), "{arguments:?}");
        assert!(complaint.contains(&expected), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let mut child = binary(&["check"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_demonstration_walks_and_then_serves_until_it_is_told_to_end() {
    let mut process = Process::start(&["demo", "--listen", "127.0.0.1:0"], &[]);
    let mut told = String::new();
    let mut lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
    // The last of what it tells is the target of the last line to try.
    while told.matches("curl -i ").count() < 4 || !told.trim_end().ends_with("_123456789") {
        told += &(lines.next().expect("more to be told").unwrap() + "\n");
    }
    assert!(told.contains("62 requests, 11 upstream calls: 51 calls saved."), "{told}");
    let target = format!("http://{}/v2/support-tickets/support_ticket_123456789", process.address);
    assert!(told.contains(&target), "{told}");
    // The walk's last read of it, by the same credential, was stored.
    let reply = get(process.address, "/v2/support-tickets/support_ticket_123456789").await;
    assert!(reply.is_hit(), "{}", reply.cache());
    process.terminate();
    let (code, complaint) = process.ended();
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{told}");
}

#[tokio::test]
async fn a_demonstration_that_does_not_go_as_told_ends_with_1() {
    let unstored = [("VERIFIK_GATEWAY__LIFETIMES__OPEN", "0s")];
    let process = Process::start(&["demo", "--listen", "127.0.0.1:0"], &unstored);
    let (code, complaint) = process.ended();
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("step 2 did not go as told"), "{complaint}");
}

#[tokio::test]
async fn the_stand_in_serves_alone() {
    let process = Process::start(&["demo", "--upstream-only", "127.0.0.1:0"], &[]);
    let reply = get(process.address, "/v2/support-tickets/support_ticket_123456789").await;
    let sample = fs::read_to_string(format!("{ROOT}/src/app/stand_in_sample.json")).unwrap();
    assert_eq!((reply.status, reply.text()), (200, sample.trim_end().to_owned()));
    assert_eq!(reply.field("cache-status"), None);
    process.terminate();
    assert_eq!(process.ended(), (Some(0), String::new()));
}

/// Runs the binary to its end: exit code, stdout, stderr.
fn ran(arguments: &[&str]) -> (i32, String, String) {
    let output = binary(arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The binary, with nothing of the environment around it.
fn binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verifik-gateway"));
    command.args(arguments).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// GETs a target as `ana`, on a connection of its own.
pub async fn get(address: SocketAddr, target: &str) -> Reply {
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client.ask("GET", target, &[("authorization", "Bearer ana")]).await
}

/// The binary while it serves. It is killed when dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it said before and about that.
    pub begun: String,
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Process {
    /// Starts it and waits until it says where it listens. After that its standard error is not
    /// read before it has ended.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let own = ("VERIFIK_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:0");
        let environment = [own].into_iter().chain(environment.iter().copied());
        let mut child = binary(arguments).envs(environment).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let length = said.len();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it has ended: {said}");
            if let Some((_, address)) = said[length..].split_once("listening on http://") {
                break address.trim_end().parse().unwrap();
            }
        };
        if !arguments.contains(&"--upstream-only") {
            let length = said.len();
            stderr.read_line(&mut said).unwrap();
            assert!(said[length..].contains("admin on http://"), "{said}");
        }
        Self { address, begun: said, child, stderr }
    }

    /// Sends it SIGTERM.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended: its exit code, and what it said on standard error meanwhile.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let code = self.exit_code();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert_clean(&said, "standard error");
        (code, said)
    }

    /// Waits until it has ended, without reading what it says.
    pub fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
