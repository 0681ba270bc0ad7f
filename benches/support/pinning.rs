//! Which cores the servers and the load run on.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;
use std::process::Stdio;

const TASKSET: &str = "/usr/bin/taskset";
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// Pinned where the machine has two cores and the tool: a server then has one core to itself, and
/// what the load and the upstream cost does not blur what the server costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pinning {
    /// Server on one core; load and upstream on another.
    Pinned,
    /// Everything wherever the system puts it.
    Unpinned,
}

impl Pinning {
    /// Pins this process, and the threads it will start, if that can be done.
    pub(crate) fn of_this_process() -> Self {
        let own = std::process::id().to_string();
        let possible = succeeds(&["-c", SERVER_CORE, "true"])
            && succeeds(&["--all-tasks", "-pc", LOAD_CORE, &own]);
        if possible { Self::Pinned } else { Self::Unpinned }
    }

    /// The command that runs `program` on the server's core.
    pub(crate) fn server(self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Pinned => {
                // It replaces itself by the program: the process id is the server's.
                let mut command = Command::new(TASKSET);
                command.args(["-c", SERVER_CORE]).arg(program);
                command
            }
            Self::Unpinned => Command::new(program),
        }
    }
}

impl fmt::Display for Pinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => write!(f, "server on core {SERVER_CORE}, load on core {LOAD_CORE}"),
            Self::Unpinned => f.write_str("not pinned: figures will scatter"),
        }
    }
}

fn succeeds(arguments: &[&str]) -> bool {
    let mut command = Command::new(TASKSET);
    let quiet = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
