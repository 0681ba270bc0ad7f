//! The gateway, and what the system says of it.

use crate::process::BINARY;
use crate::process::Process;
use crate::upstream::Upstream;
use std::fs;
use std::process::Command;

/// Starts it in front of an upstream.
pub fn gateway(upstream: &Upstream, settings: &[(&str, &str)]) -> Process {
    start(Command::new(BINARY), upstream, settings)
}

/// The same, with so many open files at most.
pub fn cramped(files: usize, upstream: &Upstream, settings: &[(&str, &str)]) -> Process {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\""), BINARY]);
    start(shell, upstream, settings)
}

fn start(command: Command, upstream: &Upstream, settings: &[(&str, &str)]) -> Process {
    let url = upstream.url();
    // Nothing here is about the rate limit, and a log that is not read would be about that.
    let own = [("UPSTREAM__URL", &*url), ("LIMIT__RATE", "off"), ("LOG__ACCESS", "off")];
    Process::start(command, &own.iter().chain(settings).copied().collect::<Vec<_>>())
}

/// The most memory it has ever had, in bytes.
pub fn peak_memory(process: &Process) -> usize {
    status(process, "VmHWM:") * 1024
}

fn status(process: &Process, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
