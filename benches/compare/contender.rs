//! What a contender is, and the stand it is started on.

use crate::origin::Origin;
use crate::support::pinning::Pinning;
use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;

/// What each may store where a measure says nothing else, in bytes: the gateway's default.
pub(crate) const MEMORY: u64 = 64 << 20;

/// Where Debian puts servers: not in everybody's path.
const SERVERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// An entry of [`crate::contenders`].
#[derive(Debug)]
pub(crate) struct Contender {
    /// For `--only`, and its directory.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    pub(crate) role: Role,
    pub(crate) program: Program,
    /// Has the program say what it is.
    pub(crate) version: &'static [&'static str],
    pub(crate) port: Port,
    /// The command that serves in the foreground.
    pub(crate) command: fn(&Site<'_>) -> io::Result<Command>,
}

/// What is measured of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Answers without a cache: hits and the start.
    Limit,
    /// Everything.
    Cache,
    /// A cache of the list with another log: its traffic.
    Variant,
}

/// Whose program it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// This bench itself.
    This,
    Gateway,
    /// One that is found on this machine, or not.
    Installed(&'static str),
}

/// How the port is agreed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Port {
    /// It takes port 0 and says on stderr which it got.
    Said,
    /// It is given a number that was free a moment before.
    Given,
}

/// What all are started on.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) pinning: Pinning,
    pub(crate) origin: Origin,
    /// Where all that is written goes.
    pub(crate) directory: PathBuf,
    /// The gateway's binary.
    pub(crate) gateway: PathBuf,
}

/// What one of them is started with.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) program: &'a Path,
    pub(crate) pinning: Pinning,
    pub(crate) origin: SocketAddr,
    /// 0 where it says itself.
    pub(crate) port: u16,
    /// What it may store, in bytes, as it counts them itself.
    pub(crate) memory: u64,
    /// Its own, and empty.
    pub(crate) directory: &'a Path,
}

impl Contender {
    /// The first line it says of itself. Nothing: it is not on this machine.
    pub(crate) fn version(&self, stand: &Stand) -> Option<String> {
        let program = self.program.path(stand)?;
        if self.version.is_empty() {
            return Some("the limit: the same octets from memory, and no cache".to_owned());
        }
        let mut asked = Command::new(program);
        let said = asked.args(self.version).stdin(Stdio::null()).output().ok()?;
        // nginx and Varnish say it on stderr.
        let said = [said.stdout, said.stderr].concat();
        Some(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned())
    }
}

impl Program {
    /// Where it is, if it is there.
    pub(crate) fn path(self, stand: &Stand) -> Option<PathBuf> {
        match self {
            Self::This => env::current_exe().ok(),
            Self::Gateway => Some(stand.gateway.clone()).filter(|path| path.is_file()),
            Self::Installed(name) => {
                let usual = env::var_os("PATH").unwrap_or_default();
                let places = env::split_paths(&usual).chain(SERVERS.map(PathBuf::from));
                places.map(|place| place.join(name)).find(|path| path.is_file())
            }
        }
    }
}

impl Site<'_> {
    /// The program on the server's core.
    pub(crate) fn server(&self) -> Command {
        self.pinning.server(self.program)
    }

    /// One for each core it has.
    pub(crate) fn workers(&self) -> usize {
        match self.pinning {
            Pinning::Pinned => 1,
            Pinning::Unpinned => thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Writes a configuration of this name, with what stands between @ in it filled in.
    pub(crate) fn fill(&self, name: &str, template: &str) -> io::Result<PathBuf> {
        let text = template
            .replace("@DIRECTORY@", &self.directory.display().to_string())
            .replace("@WORKERS@", &self.workers().to_string())
            .replace("@PORT@", &self.port.to_string())
            .replace("@ORIGIN@", &self.origin.to_string())
            .replace("@ORIGIN_PORT@", &self.origin.port().to_string())
            .replace("@MEMORY@", &self.memory.to_string())
            .replace("@MEBIBYTES@", &(self.memory >> 20).to_string());
        let path = self.directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}
