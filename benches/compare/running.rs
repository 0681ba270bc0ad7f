//! A contender that runs: a process of its own, with whatever that starts.

use crate::ask::ask;
use crate::bare;
use crate::contender::Contender;
use crate::contender::Port;
use crate::contender::Role;
use crate::contender::Site;
use crate::contender::Stand;
use crate::interrupt;
use crate::process;
use crate::support::load::Expected;
use crate::support::server::LISTENING;
use crate::support::work::Question;
use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_micros(500);
/// So long what was said last may be on its way.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Where in its directory a contender stores responses, if it does so in files.
const STORE: &str = "store";
/// Of what it says, so much is kept to tell why it did not start.
const SAID: usize = 4_096;
/// Nobody asks for it later.
const FIRST: Question = Question { ticket: 999_999, token: 0 };

/// A running contender. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) contender: &'static Contender,
    pub(crate) address: SocketAddr,
    /// From starting the process to the end of its first answer.
    pub(crate) first_answer: Duration,
    process: Process,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// What it writes goes with it: a store on disk is large.
    directory: PathBuf,
}

impl Running {
    /// Starts it with room for `memory` bytes and waits until it answers.
    pub(crate) fn start(
        contender: &'static Contender,
        stand: &Stand,
        memory: u64,
    ) -> io::Result<Self> {
        let program = contender.program.path(stand).ok_or(io::ErrorKind::NotFound)?;
        let directory = stand.directory.join("run").join(contender.name);
        empty(&directory)?;
        let site = Site {
            program: &program,
            pinning: stand.pinning,
            origin: stand.origin.address,
            port: if contender.port == Port::Given { free_port()? } else { 0 },
            memory,
            directory: &directory,
        };
        let mut command = (contender.command)(&site)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = interrupt::spawn(&mut command)?;
        let mut process = Process { child, directory: directory.clone() };
        let said = Said::by(process.child.stderr.take());
        let address = loop {
            if let Some(address) = said.address(site.port).filter(|address| answers(*address)) {
                break address;
            }
            let ended = process.child.try_wait()?.is_some();
            if ended || began.elapsed() > PATIENCE {
                thread::sleep(LAST_WORDS);
                let (title, said) = (contender.title, said.text());
                return Err(io::Error::other(format!("{title} does not start: {said}")));
            }
            thread::sleep(GLANCE);
        };
        let first_answer = began.elapsed();
        Ok(Self { contender, address, first_answer, process })
    }

    /// Starts several, with room for `memory` bytes each.
    pub(crate) fn start_all(
        contenders: &[&'static Contender],
        stand: &Stand,
        memory: u64,
    ) -> io::Result<Vec<Self>> {
        contenders.iter().map(|contender| Self::start(contender, stand, memory)).collect()
    }

    /// Processor time used so far.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        process::cpu_time(self.process.child.id())
    }

    /// What it takes in bytes: memory, and the files it stores in.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let files = size_of_files(&self.process.directory.join(STORE))?;
        Ok(process::memory(self.process.child.id())? + files)
    }

    /// What its answers must be.
    pub(crate) fn expected(&self) -> Expected {
        let only_ticket = (self.contender.role == Role::Limit).then_some(bare::TICKET);
        Expected { cache_status: "", only_ticket }
    }

    /// An error that says whose it is.
    pub(crate) fn blame(&self, error: &io::Error) -> io::Error {
        io::Error::other(format!("{}: {error}", self.contender.title))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        process::end(&[self.child.id()]);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What a server says on stderr.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    /// Reads on until the server ends: one whose log nobody reads would be slowed by it.
    fn by(stderr: Option<ChildStderr>) -> Self {
        let said = Self::default();
        let kept = said.clone();
        thread::spawn(move || {
            stderr.map(|stderr| kept.read(BufReader::with_capacity(1 << 16, stderr)))
        });
        said
    }

    fn read(&self, mut log: impl BufRead) -> io::Result<u64> {
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 {
            let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&String::from_utf8_lossy(&line));
            if text.len() > SAID || text.contains(LISTENING) {
                break;
            }
            line.clear();
        }
        io::copy(&mut log, &mut io::sink())
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned()
    }

    /// Where it listens: on the port it was given or, if that is 0, where it says so.
    fn address(&self, port: u16) -> Option<SocketAddr> {
        if port != 0 {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let text = self.text();
        let (_, said) = text.split_once(LISTENING)?;
        let end = said.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
        said.get(..end.unwrap_or(said.len()))?.parse().ok()
    }
}

fn answers(server: SocketAddr) -> bool {
    ask(server, FIRST).is_ok_and(|answer| answer.status == "200")
}

/// A port that nobody has at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The directory, with nothing of an earlier run in it.
fn empty(directory: &Path) -> io::Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)
}

/// The space that files take, all the way down.
fn size_of_files(directory: &Path) -> io::Result<u64> {
    if !directory.exists() {
        return Ok(0);
    }
    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        size += match entry.metadata() {
            Ok(found) if found.is_dir() => size_of_files(&entry.path())?,
            Ok(found) => found.blocks() * 512,
            // Dropped from the store in this moment.
            Err(_) => 0,
        };
    }
    Ok(size)
}
