//! Processes and all that descend from them: what they cost, and how they end.

use procfs::CurrentSI;
use procfs::KernelStats;
use procfs::ProcError;
use procfs::process::Process;
use procfs::process::Stat;
use procfs::process::all_processes;
use rustix::process::Pid;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use rustix::process::getrlimit;
use rustix::process::kill_process;
use rustix::process::setrlimit;
use std::io;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How long a server may take to end when it is asked to, and when it is asked again.
const COURTESY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(4);
const GLANCE: Duration = Duration::from_millis(5);

/// Processor time that a process and all that descend from it have used so far, user and system.
pub(crate) fn cpu_time(root: u32) -> io::Result<Duration> {
    let ticks: u64 = family(&[root])?.iter().map(|member| member.utime + member.stime).sum();
    let nanos = ticks.saturating_mul(1_000_000_000) / procfs::ticks_per_second();
    Ok(Duration::from_nanos(nanos))
}

/// Their proportional set size in bytes: what they share is counted once.
pub(crate) fn memory(root: u32) -> io::Result<u64> {
    family(&[root])?.iter().map(proportional_set_size).sum()
}

/// Processor time used so far: by all there is on the machine, and by what is not of this run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    whole: u64,
    others: u64,
}

impl Usage {
    /// Up to now.
    pub(crate) fn now() -> io::Result<Self> {
        let all = KernelStats::current().map_err(io::Error::other)?.total;
        let busy = all.user + all.nice + all.system + all.irq.unwrap_or(0);
        let busy = busy + all.softirq.unwrap_or(0) + all.steal.unwrap_or(0);
        let whole = busy + all.idle + all.iowait.unwrap_or(0);
        let own: u64 = family(&[std::process::id()])?.iter().map(with_the_ended).sum();
        Ok(Self { whole, others: busy.saturating_sub(own) })
    }

    /// The part of the machine that others took since, in percent.
    pub(crate) fn others_since(self, earlier: Self) -> u64 {
        let whole = self.whole.saturating_sub(earlier.whole).max(1);
        self.others.saturating_sub(earlier.others) * 100 / whole
    }
}

/// What a process used, and the children of it that have ended.
fn with_the_ended(member: &Stat) -> u64 {
    let ended = u64::try_from(member.cutime + member.cstime).unwrap_or_default();
    member.utime + member.stime + ended
}

/// The processes this one has started itself and that still run.
pub(crate) fn children_of_this() -> Vec<u32> {
    let this = std::process::id();
    let members = family(&[this]).unwrap_or_default();
    let children = members.iter().filter(|member| u32::try_from(member.ppid) == Ok(this));
    children.filter_map(|member| u32::try_from(member.pid).ok()).collect()
}

/// Asks processes to end and waits until they and all that descend from them have; what is left
/// after a while is killed. Only ids that still belong to what they belonged to are touched.
pub(crate) fn end(roots: &[u32]) {
    let family = family(roots).unwrap_or_default();
    let is_root = |member: &&Stat| u32::try_from(member.pid).is_ok_and(|pid| roots.contains(&pid));
    // The second time the gateway leaves at once, without waiting for its clients to notice.
    for patience in [COURTESY, PATIENCE] {
        for member in family.iter().filter(is_root) {
            send(member, Signal::TERM);
        }
        if all_end_within(patience, &family) {
            return;
        }
    }
    for member in &family {
        send(member, Signal::KILL);
    }
}

fn all_end_within(patience: Duration, family: &[Stat]) -> bool {
    let asked_at = Instant::now();
    while family.iter().any(still_runs) {
        if asked_at.elapsed() > patience {
            return false;
        }
        thread::sleep(GLANCE);
    }
    true
}

/// Five hundred clients, and as many connections behind them, need more than is usual.
pub(crate) fn open_more_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// Those that are there at this moment, parents before their children.
fn family(roots: &[u32]) -> io::Result<Vec<Stat>> {
    let all = all_processes().map_err(io::Error::other)?;
    // One that ends while it is looked at is no longer there.
    let all: Vec<Stat> = all.filter_map(|process| process.ok()?.stat().ok()).collect();
    let roots: Vec<i32> = roots.iter().filter_map(|pid| i32::try_from(*pid).ok()).collect();
    let mut members: Vec<Stat> = Vec::new();
    let mut generation: Vec<Stat> =
        all.iter().filter(|one| roots.contains(&one.pid)).cloned().collect();
    while !generation.is_empty() {
        let parents: Vec<i32> = generation.iter().map(|parent| parent.pid).collect();
        members.append(&mut generation);
        generation = all.iter().filter(|one| parents.contains(&one.ppid)).cloned().collect();
    }
    Ok(members)
}

fn proportional_set_size(member: &Stat) -> io::Result<u64> {
    let rollup = match Process::new(member.pid).and_then(|process| process.smaps_rollup()) {
        Ok(rollup) => rollup,
        Err(ProcError::NotFound(_)) => return Ok(0),
        Err(error) => return Err(io::Error::other(error)),
    };
    let maps = rollup.memory_map_rollup.0;
    Ok(maps.iter().filter_map(|map| map.extension.map.get("Pss")).sum())
}

/// A zombie does not: it only waits for its parent.
fn still_runs(member: &Stat) -> bool {
    let now = Process::new(member.pid).and_then(|process| process.stat());
    now.is_ok_and(|now| now.starttime == member.starttime && now.state != 'Z')
}

fn send(member: &Stat, signal: Signal) {
    if let Some(pid) = Pid::from_raw(member.pid).filter(|_| still_runs(member)) {
        // It may have ended in this very moment.
        let _ = kill_process(pid, signal);
    }
}
