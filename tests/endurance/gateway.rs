//! The gateway, and what the system says of it.

use crate::process::BINARY;
use crate::process::Process;
use crate::upstream::Upstream;
use std::fs;
use std::process::Command;

/// Starts it in front of an upstream, with so many open files at most.
pub fn gateway(files: usize, upstream: &Upstream, settings: &[(&str, &str)]) -> Process {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\""), BINARY]);
    let url = upstream.url();
    let own = [
        ("UPSTREAM__URL", &*url),
        // A machine with much else to do takes its time over a connection.
        ("UPSTREAM__CONNECT_TIMEOUT", "20s"),
        // Nothing here is about the rate limit, nor about the log.
        ("LIMIT__RATE", "off"),
        ("LOG__ACCESS", "off"),
        // Otherwise only the superuser may see what it has open.
        ("LIFECYCLE__CORE_DUMPS", "true"),
    ];
    Process::start(shell, &own.iter().chain(settings).copied().collect::<Vec<_>>())
}

/// The most memory it has ever had, in bytes; without what is mapped of its own file, which is much
/// where that is built for debugging.
pub fn peak_memory(process: &Process) -> usize {
    (status(process, "VmHWM:") - status(process, "RssFile:")) * 1024
}

fn status(process: &Process, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
