//! What the operating system and a panic may give away of this process's memory, which holds tokens
//! and tickets: nothing (threats.md S2, S3).

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;
use std::io;
use std::io::Write;
use std::panic;
use tracing::error;

/// Keeps other processes of the same user from reading this one's memory, and the system from
/// writing it to a file. To be called before anything secret is read; what the settings say comes
/// later ([`settle`]), and so does whoever could be told of a failure.
pub fn conceal() {
    let _ = set_dumpable(false);
}

/// Does as `lifecycle.core_dumps` says. Where they are not allowed, the limit on their size is zero
/// too, for the systems that heed it alone. Where they are, the limit stays as it was found.
///
/// # Errors
/// What the system refused. The gateway works all the same.
pub fn settle(core_dumps: bool) -> io::Result<()> {
    set_dumpable(core_dumps)?;
    if core_dumps {
        return Ok(());
    }
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// A process that is not dumpable writes no core, and its `/proc` entries and its memory are the
/// superuser's: `prctl(2)`, `PR_SET_DUMPABLE`.
#[cfg(target_os = "linux")]
fn set_dumpable(dumpable: bool) -> io::Result<()> {
    let behavior = if dumpable {
        rustix::process::DumpableBehavior::Dumpable
    } else {
        rustix::process::DumpableBehavior::NotDumpable
    };
    Ok(rustix::process::set_dumpable_behavior(behavior)?)
}

/// Other systems have the limit alone.
#[cfg(not(target_os = "linux"))]
fn set_dumpable(_dumpable: bool) -> io::Result<()> {
    Ok(())
}

/// Has the system give memory by the page, and not by 2 MiB: a gateway that serves one application would
/// take twice the memory, and a ticket that is fetched and stored a tenth more time
/// (`docs/performance.md`). The allocator does not ask for more itself (its feature `no_thp`); this is for
/// systems that give it unasked. To be called before much is allocated.
#[cfg(target_os = "linux")]
pub fn keep_to_small_pages() {
    // Refused, there is only more memory.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Other systems are not known to do so.
#[cfg(not(target_os = "linux"))]
pub fn keep_to_small_pages() {}

/// Has the system allow so many open files, if it will: many allow few at first and more on request.
/// How many it allows now.
pub fn open_files(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: Some(wanted.min(most)), maximum: limit.maximum };
    if limit.current.is_some_and(|current| current < wanted) {
        // Refused, it stays as it was.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(allowed).unwrap_or(usize::MAX)
}

/// From now on a panic tells where it was and not what it said: its words may quote a body or a
/// token. It is told in the log, or on standard error while there is none.
pub fn hush_panics() {
    panic::set_hook(Box::new(|panicked| {
        let (file, line) =
            panicked.location().map_or(("an unknown place", 0), |at| (at.file(), at.line()));
        if tracing::dispatcher::has_been_set() {
            error!(file, line, "a panic, which is a defect of the gateway");
        } else {
            let told =
                format!("verifik-gateway: a panic at {file}:{line}, which is a defect of it");
            // Who does not listen is no reason to panic again.
            let _ = writeln!(io::stderr(), "{told}");
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_does_as_the_settings_say() {
        for (core_dumps, expected) in [
            (true, rustix::process::DumpableBehavior::Dumpable),
            (false, rustix::process::DumpableBehavior::NotDumpable),
        ] {
            let before = getrlimit(Resource::Core);
            settle(core_dumps).unwrap();
            assert_eq!(rustix::process::dumpable_behavior(), Ok(expected), "{core_dumps}");
            let nothing = Rlimit { current: Some(0), maximum: Some(0) };
            let limit = if core_dumps { before } else { nothing };
            assert_eq!(getrlimit(Resource::Core), limit, "{core_dumps}");
        }
    }
}
